package agent

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"slipway/nodeapi"
)

func TestOutputComesAsItIsPrinted(t *testing.T) {
	story(t, func(m *machine) {
		m.plane.run(taskOf("print one then sleep 10s then print two then wait"))
		m.plane.untilPrinted(taskID+"/a", "one")
		begin := time.Now()
		m.plane.untilPrinted(taskID+"/a", "one", "two", "waiting")
		if took := time.Since(begin); took > 10*time.Second+lookAtOutput {
			m.t.Errorf("the second line took %v, want no more than a look after it is printed", took)
		}
		m.plane.stop(taskID)
		m.plane.untilStatus(taskID, nodeapi.Stopped)
	})
}

func TestTheLastWordsComeBeforeTheEnd(t *testing.T) {
	story(t, func(m *machine) {
		m.plane.run(taskOf("sleep 1m then print bye then exit 0"))
		m.plane.untilStatus(taskID, nodeapi.Stopped)
		if got := m.plane.lines(taskID + "/a"); !slices.Equal(got, []string{"bye"}) {
			m.t.Errorf("printed %q by the time it is told stopped, want bye", got)
		}
	})
}

func TestASlowLogStoreHoldsUpTheEndForSecondsAndLosesNothing(t *testing.T) {
	story(t, func(m *machine) {
		m.plane.run(taskOf("wait 3"))
		m.plane.untilPrinted(taskID+"/a", "waiting")
		m.plane.change(func() {
			m.plane.fault = func(call string) (error, error) {
				if call == "Output" {
					return errAway, nil
				}
				return nil, nil
			}
		})
		m.plane.stop(taskID)
		stopped := m.plane.untilStatus(taskID, nodeapi.Stopped)
		if late := stopped.StoppedAt.Sub(stopped.ExecStoppedAt); late != drainLimit {
			m.t.Errorf("told %v after the exit, want %v", late, drainLimit)
		}
		time.Sleep(time.Second)
		if n := m.called("Detach"); n != 1 {
			m.t.Errorf("detached %d times, want the network given back though output is left", n)
		}
		if outputs, err := m.engine.Outputs(); err != nil || len(outputs) != 1 {
			m.t.Errorf("outputs %v (%v), want the one that is not shipped", outputs, err)
		}
		m.kill() // and a new agent ships it, though nothing else is left
		m.start()
		time.Sleep(time.Hour)
		m.plane.change(func() { m.plane.fault = nil })
		m.plane.untilPrinted(taskID+"/a", "waiting", "got SIGTERM")
		m.empty()
	})
}

func TestOutputOfADeletedLogGroupHoldsUpNothing(t *testing.T) {
	story(t, func(m *machine) {
		m.plane.run(taskOf("print one then sleep 1m then print two then exit 0"))
		m.plane.untilPrinted(taskID+"/a", "one")
		m.plane.change(func() { m.plane.noGroup["group"] = true })
		m.plane.untilStatus(taskID, nodeapi.Stopped)
		m.empty()
	})
}

func TestOutputThatNobodyWantsIsRemoved(t *testing.T) {
	story(t, func(m *machine) {
		task := taskOf("print secret then exit 0")
		task.Containers[0].Log = nil
		m.plane.run(task)
		m.plane.untilStatus(taskID, nodeapi.Stopped)
		m.empty()
		if got := m.plane.lines(taskID + "/a"); got != nil {
			m.t.Errorf("shipped %q, want nothing", got)
		}
	})
}

// printer is a file that a container prints into, and the shipper that reads it.
type printer struct {
	t       *testing.T
	plane   *plane
	shipper *shipper
	source  source
	file    *os.File
}

// printing runs a test of one output in a bubble.
func printing(t *testing.T, tell func(p *printer)) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "output")
	synctest.Test(t, func(t *testing.T) {
		file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		p := &printer{t: t, plane: newPlane(t), file: file, source: source{
			id: "t-c", task: "t", container: "c", path: path, log: &nodeapi.Log{Group: "g", Stream: "s"},
		}}
		p.shipper = newShipper(p.plane, "node")
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); p.shipper.run(ctx) }()
		defer func() { stop(); <-done }()
		if err := p.shipper.open(t.Context(), p.source); err != nil {
			t.Fatal(err)
		}
		tell(p)
	})
}

func (p *printer) print(text string) {
	p.t.Helper()
	if _, err := p.file.WriteString(text); err != nil {
		p.t.Fatal(err)
	}
}

func (p *printer) drain() {
	p.t.Helper()
	if err := p.shipper.drain(p.t.Context(), p.source, settleTime); err != nil {
		p.t.Fatal(err)
	}
}

// disk is what the file takes of the disk, in bytes.
func (p *printer) disk() int64 {
	p.t.Helper()
	info, err := p.file.Stat()
	if err != nil {
		p.t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Blocks * 512
}

func TestAnUnfinishedLineIsShippedWhenItIsQuiet(t *testing.T) {
	printing(t, func(p *printer) {
		p.print("Password: ")
		begin := time.Now()
		p.plane.untilPrinted("t/c", "Password: ")
		if took := time.Since(begin); took < quietTime || took > quietTime+3*lookAtOutput {
			p.t.Errorf("shipped after %v, want it after %v of quiet", took, quietTime)
		}
		p.print("\nWelcome\n")
		p.plane.untilPrinted("t/c", "Password: ", "Welcome")
	})
}

func TestShippedOutputIsFreed(t *testing.T) {
	printing(t, func(p *printer) {
		line := strings.Repeat("x", 1023) + "\n"
		var most int64
		for range 64 {
			p.print(strings.Repeat(line, 1024))
			time.Sleep(time.Second)
			most = max(most, p.disk())
		}
		p.drain()
		if n := len(p.plane.lines("t/c")); n != 64*1024 {
			p.t.Errorf("%d lines shipped, want %d", n, 64*1024)
		}
		if most > 4<<20 {
			p.t.Errorf("64 MiB of output took %d bytes of disk at a time, want a few pieces", most)
		}
	})
}

func TestFreeingKeepsTheEndOfALine(t *testing.T) {
	printing(t, func(p *printer) {
		p.print(strings.Repeat("1234567\n", freeStep/8))
		p.drain()
		p.print("\n") // an empty line, and not the end of one
		p.drain()
		if lines := p.plane.lines("t/c"); len(lines) != freeStep/8+1 || lines[len(lines)-1] != "" {
			p.t.Errorf("%d lines shipped, the last %q, want %d and an empty one", len(lines), lines[len(lines)-1], freeStep/8+1)
		}
	})
}

func TestTooMuchOutputIsDroppedAndToldOf(t *testing.T) {
	printing(t, func(p *printer) {
		p.plane.change(func() { p.plane.fault = func(string) (error, error) { return errAway, nil } })
		if err := p.file.Truncate(2 * maxBehind); err != nil { // as if so much had been printed
			p.t.Fatal(err)
		}
		p.print("\nlast\n")
		time.Sleep(time.Minute)
		p.plane.change(func() { p.plane.fault = nil })
		p.drain()
		lines := p.plane.lines("t/c")
		if len(lines) < 2 || !strings.HasPrefix(lines[0], "[slipway dropped ") || lines[len(lines)-1] != "last" {
			p.t.Errorf("shipped %d lines, from %.60q, want what was dropped told first and the last line kept", len(lines), lines)
		}
	})
}

// A store that hangs takes nothing for ten minutes, in which containers print megabytes: nobody waits, the disk
// is not filled, and each byte is there in the end, or said to be dropped.
func TestAStoreThatHangsCostsOutputAndNothingElse(t *testing.T) {
	printing(t, func(p *printer) {
		const line, lines = "0123456789012345678901234567890123456789012345678901234567890\n", 600 * 256
		hang := make(chan struct{})
		p.shipper.cp, p.shipper.behind = hangingPlane{p.plane, hang}, 1<<20
		p.shipper.forget(p.source.id) // opened anew it has the limit
		p.shipper.follow(p.source, 0)
		most := int64(0)
		for range lines / 256 {
			p.print(strings.Repeat(line, 256))
			time.Sleep(time.Second)
			most = max(most, p.disk())
		}
		if limit := int64(3 << 20); most > limit {
			p.t.Errorf("%d bytes of the disk were taken, want no more than %d", most, limit)
		}
		close(hang)
		p.drain()
		bytes, dropped := 0, 0
		for _, l := range p.plane.lines("t/c") {
			n := 0
			if _, err := fmt.Sscanf(l, "[slipway dropped %d bytes", &n); err == nil {
				dropped += n
			} else {
				bytes += len(l) + 1
			}
		}
		if dropped == 0 || bytes < 1<<19 || bytes+dropped != lines*len(line) {
			p.t.Errorf("%d bytes are there and %d told to be dropped, want together the %d that were printed", bytes, dropped, lines*len(line))
		}
	})
}

// hangingPlane answers no output until it is let go.
type hangingPlane struct {
	*plane
	until chan struct{}
}

func (h hangingPlane) Output(ctx context.Context, node string, o nodeapi.Output) (nodeapi.OutputAck, error) {
	select {
	case <-h.until:
		return h.plane.Output(ctx, node, o)
	case <-ctx.Done():
		return nodeapi.OutputAck{}, ctx.Err()
	}
}

func TestAContainerThatPrintsWhileItsLogIsSlowIsNotBlocked(t *testing.T) {
	printing(t, func(p *printer) {
		slow := make(chan struct{})
		p.plane.change(func() {
			p.plane.fault = func(string) (error, error) { return nil, nil }
		})
		p.shipper.cp = slowPlane{p.plane, slow}
		for i := range 100 {
			p.print(fmt.Sprintln(i))
			time.Sleep(time.Second)
		}
		close(slow)
		p.drain()
		if n := len(p.plane.lines("t/c")); n != 100 {
			p.t.Errorf("%d lines shipped, want 100", n)
		}
	})
}

type slowPlane struct {
	*plane
	until chan struct{}
}

func (s slowPlane) Output(ctx context.Context, node string, o nodeapi.Output) (nodeapi.OutputAck, error) {
	<-s.until
	return s.plane.Output(ctx, node, o)
}

func TestManyContainersShareFewSlots(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		count := &counting{plane: newPlane(t)}
		s := newShipper(count, "node")
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); s.run(ctx) }()
		for i := range 300 {
			name := fmt.Sprintf("c%d", i)
			from := source{id: "t-" + name, task: "t", container: name, path: filepath.Join(dir, name), log: &nodeapi.Log{}}
			if err := os.WriteFile(from.path, []byte(name+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			s.follow(from, 0)
		}
		count.plane.until("all have printed", func() bool { return len(count.plane.logs) == 300 })
		stop()
		<-done
		if count.most > shipLimit {
			t.Errorf("%d pieces were under way at a time, want at most %d", count.most, shipLimit)
		}
	})
}

// counting counts how many pieces it is given at a time.
type counting struct {
	*plane
	mu        sync.Mutex
	now, most int
}

func (c *counting) Output(ctx context.Context, node string, o nodeapi.Output) (nodeapi.OutputAck, error) {
	c.mu.Lock()
	c.now++
	c.most = max(c.most, c.now)
	c.mu.Unlock()
	time.Sleep(10 * time.Millisecond)
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.now--
	}()
	return c.plane.Output(ctx, node, o)
}

func TestTheTimeOfAStreamDoesNotGoBack(t *testing.T) {
	printing(t, func(p *printer) {
		tail := p.shipper.follow(p.source, 0)
		tail.clock = time.Now().Add(time.Hour).UnixMilli() // the machine's clock was set back since
		p.print("x\n")
		p.drain()
		if got := p.plane.logs["t/c"].times; !slices.Equal(got, []int64{tail.clock}) {
			p.t.Errorf("events at %v, want %d", got, tail.clock)
		}
	})
}

// Whatever fails and whoever dies, each line is there once and in order.
func TestOutputIsShippedExactlyOnce(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		path := filepath.Join(dir, "output")
		if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
			rt.Fatal(err)
		}
		plan := drawShipping(rt)
		var got []string
		synctest.Test(t, func(t *testing.T) { got = plan.ship(t, path) })
		if text := strings.Join(got, ""); text != plan.text() {
			rt.Fatalf("shipped %d bytes in %d messages, want %d", len(text), len(got), len(plan.text()))
		}
	})
}

// shipping is a container's life of printing, and what goes wrong meanwhile.
type shipping struct {
	prints []string // without line feeds when put together, so that they tell nothing of messages
	kills  []bool   // whether the agent is killed after the print
	faults []int    // of the calls in turn: 0 none, 1 before, 2 after its effect
}

func drawShipping(t *rapid.T) shipping {
	text := rapid.OneOf(rapid.StringMatching(`[a-z]{0,9}\n?`), rapid.StringMatching(`([a-z]{1,4}\n){1,30}`),
		rapid.Just(strings.Repeat("w", maxMessage+3)), rapid.Just(strings.Repeat("é\n", 15_000)))
	n := rapid.IntRange(1, 8).Draw(t, "prints")
	return shipping{
		prints: rapid.SliceOfN(text, n, n).Draw(t, "text"),
		kills:  rapid.SliceOfN(rapid.Bool(), n, n).Draw(t, "kill"),
		faults: rapid.SliceOfN(rapid.IntRange(0, 2), 0, 12).Draw(t, "faults"),
	}
}

func (s shipping) text() string {
	return strings.ReplaceAll(strings.Join(s.prints, ""), "\n", "")
}

func (s shipping) ship(t *testing.T, path string) []string {
	plane := newPlane(t)
	call := 0
	plane.fault = func(string) (before, after error) {
		if call++; call <= len(s.faults) {
			return []error{nil, errAway, nil}[s.faults[call-1]], []error{nil, nil, errBroken}[s.faults[call-1]]
		}
		return nil, nil
	}
	from := source{id: "t-c", task: "t", container: "c", path: path, log: &nodeapi.Log{}}
	start := func() (ship *shipper, kill func()) {
		ctx, stop := context.WithCancel(t.Context())
		ship, done := newShipper(plane, "node"), make(chan struct{})
		go func() { defer close(done); ship.run(ctx) }()
		for ship.open(ctx, from) != nil {
			time.Sleep(time.Second)
		}
		return ship, func() { stop(); <-done }
	}
	ship, kill := start()
	for i, text := range s.prints {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
		f.Close()
		time.Sleep(lookAtOutput)
		if s.kills[i] {
			kill()
			ship, kill = start()
		}
	}
	if err := ship.drain(t.Context(), from, settleTime); err != nil {
		t.Fatal(err)
	}
	kill()
	return plane.lines("t/c")
}
