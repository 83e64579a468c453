package containerd

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"slipway/engine"
	"slipway/engine/enginetest"
)

// need skips a test that this machine cannot run, and fails it where all are to be run.
func need(t testing.TB) {
	t.Helper()
	for _, item := range Check() {
		if item.OK {
			continue
		}
		text := fmt.Sprintf("needs %s: %s; %s", item.Name, item.Detail, item.Hint)
		if os.Getenv("SLIPWAY_TEST_ALL") != "" {
			t.Fatal(text)
		}
		t.Skip(text)
	}
}

// machine is a data folder with all that belongs to it, which its engines share one after another.
type machine struct {
	t       testing.TB
	options Options
	present *Engine
	stop    func() // ends the present engine gracefully
}

// newMachine leaves nothing behind when the test ends, and fails it where something is left.
func newMachine(t testing.TB) *machine {
	t.Helper()
	need(t)
	return newMachineAt(t, filepath.Join(t.TempDir(), "data"))
}

// newMachineAt has its data in a new folder.
func newMachineAt(t testing.TB, data string) *machine {
	t.Helper()
	if err := os.Mkdir(data, 0o711); err != nil {
		t.Fatal(err)
	}
	name := nameOf(data)
	m := &machine{t: t, stop: func() {}, options: Options{
		Data:   data,
		Bridge: "sw" + name[:8],
		Subnet: fmt.Sprintf("10.%d.%d.0/24", 100+int(name[0])%100, int(name[1])+int(name[2])%50),
		Log:    slog.New(slog.NewTextHandler(testLog{t}, nil)),
	}}
	t.Cleanup(m.remove)
	return m
}

type testLog struct{ testing.TB }

func (l testLog) Write(line []byte) (int, error) {
	l.Log(string(line))
	return len(line), nil
}

// start opens an engine on the machine, after stopping the one before.
func (m *machine) start() *Engine {
	m.t.Helper()
	m.stop()
	e := m.open()
	m.run(e)
	return e
}

func (m *machine) open() *Engine {
	m.t.Helper()
	e, err := New(m.options)
	if err != nil {
		m.t.Fatal(err)
	}
	return e
}

func (m *machine) run(e *Engine) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := e.Run(ctx); err != nil {
			m.t.Error(err)
		}
	})
	m.stop = func() {
		cancel()
		running.Wait()
		m.stop, m.present = func() {}, nil
	}
	m.present = e
}

// remove deletes all that is on the machine, and wants nothing left.
func (m *machine) remove() {
	if m.present == nil {
		m.start()
	}
	m.clear(m.present)
	m.stop()
	for _, left := range m.leftovers() {
		m.t.Errorf("left behind: %s", left)
	}
}

// clear deletes all, as an agent that wants nothing would: until it sees nothing any more. What an
// engine that was killed had begun may come after the first look.
func (m *machine) clear(e *Engine) {
	m.t.Helper()
	for m.clearOnce(e) {
	}
}

func (m *machine) clearOnce(e *Engine) (found bool) {
	m.t.Helper()
	ctx := context.Background()
	check := func(err error) {
		m.t.Helper()
		if err != nil {
			m.t.Error(err)
		}
	}
	tasks, err := e.Tasks(ctx)
	check(err)
	containers, err := e.List(ctx)
	check(err)
	for _, c := range containers {
		check(e.Delete(ctx, c.ID))
	}
	outputs, err := e.Outputs()
	check(err)
	for _, id := range outputs {
		check(e.RemoveOutput(id))
	}
	for _, id := range tasks {
		check(e.Detach(ctx, id))
	}
	return !m.t.Failed() && len(containers)+len(outputs)+len(tasks) > 0
}

// leftovers names everything of the engine that is on the machine beside the data folder.
func (m *machine) leftovers() []string {
	m.t.Helper()
	name := nameOf(m.options.Data)
	var left []string
	collect := func(what, text string, words ...string) {
		for line := range strings.Lines(text) {
			for _, word := range words {
				if strings.Contains(line, word) {
					left = append(left, what+": "+strings.TrimSpace(line))
				}
			}
		}
	}
	read := func(file string) string {
		data, err := os.ReadFile(file)
		if err != nil {
			m.t.Fatal(err)
		}
		return string(data)
	}
	collect("mount", read("/proc/self/mounts"), name, m.options.Data)
	collect("link", read("/proc/net/dev"), m.options.Bridge)
	for _, table := range []string{"nat", "filter"} {
		rules, err := iptables(context.Background(), table, "-S")
		if err != nil {
			m.t.Fatal(err)
		}
		collect("rule", rules, m.options.Bridge)
	}
	loops, _ := filepath.Glob("/sys/block/loop*/loop/backing_file")
	for _, file := range loops {
		backing, _ := os.ReadFile(file) // they come and go
		collect("loop device", string(backing), m.options.Data)
	}
	processes, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range processes {
		line, _ := os.ReadFile(file)
		collect("process", strings.ReplaceAll(string(line), "\x00", " "), name, m.options.Data)
	}
	for _, pattern := range []string{
		"/run/slipway/" + name,
		"/sys/fs/cgroup/*/slipway-" + name,
		"/sys/fs/cgroup/slipway-" + name,
		filepath.Join(m.options.Data, "containers/*"),
		filepath.Join(m.options.Data, "volumes/tasks/*"),
		filepath.Join(m.options.Data, "disks/*"),
	} {
		files, _ := filepath.Glob(pattern)
		left = append(left, files...)
	}
	return left
}

func TestEngine(t *testing.T) {
	m := newMachine(t)
	ref := enginetest.Registry(t) + "/test/program:latest"
	enginetest.Push(t, ref, enginetest.Image(t))
	again := func(*testing.T) engine.Engine { return m.start() }
	enginetest.Run(t, enginetest.Body{Engine: m.start(), Again: again, Image: ref, Real: true})
}
