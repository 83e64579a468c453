package agent

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"slipway/nodeapi"
)

func TestHowMuchOfTheMachineIsInUse(t *testing.T) {
	dir := t.TempDir()
	tell := func(stat, meminfo string) {
		t.Helper()
		for name, text := range map[string]string{"stat": stat, "meminfo": meminfo} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	const memory = "MemTotal:  1000 kB\nMemFree: 10 kB\nMemAvailable:    750 kB\n"
	tell("cpu  100 0 0 900 0 0 0 0 0 0\ncpu0 1 2\n", memory)
	m := newMeter(dir)
	for _, c := range []struct {
		stat string
		want *nodeapi.Load
	}{
		{"cpu  100 0 0 910 0 0 0 0 0 0", nil}, // too soon
		{"cpu  130 10 5 950 50 5 5 45 7 7", &nodeapi.Load{CPU: 0.5, Memory: 0.25}},
		{"cpu  230 10 5 950 50 5 5 45 7 7", &nodeapi.Load{CPU: 0.75, Memory: 0.25}}, // by half what it was before
		{"cpu  231 10 5 950 50 5 5 45 7 7", &nodeapi.Load{CPU: 0.75, Memory: 0.25}},
	} {
		tell(c.stat+"\n", memory)
		got, err := m.read()
		if err != nil || (got == nil) != (c.want == nil) || got != nil && *got != *c.want {
			t.Errorf("%s: %+v, %v, want %+v", c.stat, got, err, c.want)
		}
	}
	for _, c := range [][2]string{{"", memory}, {"cpu 1 2 3\n", memory}, {"cpu x 0 0 900 0 0 0 0 0 0\n", memory}, {"cpu  900 0 0 900 0 0 0 0 0 0\n", "MemTotal: 5 kB\nMemAvailable: 6 kB\n"}, {"cpu  900 0 0 900 0 0 0 0 0 0\n", ""}} {
		tell(c[0], c[1])
		if _, err := m.read(); !errors.Is(err, errMeter) {
			t.Errorf("%q: error %v, want one that says that the load cannot be read", c, err)
		}
	}
	if m := newMeter("/proc"); m.last.all == 0 {
		t.Error("this machine tells nothing")
	}
}

func TestTheLoadIsToldWhenItHasChanged(t *testing.T) {
	story(t, func(m *machine) {
		m.kill()
		var load atomic.Pointer[nodeapi.Load]
		m.load = func() (*nodeapi.Load, error) { return load.Load(), nil }
		told := func() int64 { synctest.Wait(); return m.plane.condition().Number }
		m.start()
		time.Sleep(time.Minute)
		if c := m.plane.condition(); c.Load != nil || c.Session != planeSession {
			t.Errorf("told %+v, before anything is known", c)
		}
		load.Store(&nodeapi.Load{CPU: 0.2, Memory: 0.1})
		m.plane.until("the load is told", func() bool { return m.plane.machine.Load != nil && *m.plane.machine.Load == *load.Load() })
		before := told()
		load.Store(&nodeapi.Load{CPU: 0.22, Memory: 0.09})
		time.Sleep(time.Minute)
		if n := told(); n != before {
			t.Errorf("told %d times again what has hardly changed", n-before)
		}
		load.Store(&nodeapi.Load{CPU: 0.2, Memory: 0.2})
		m.plane.until("the memory is told", func() bool { return m.plane.machine.Load.Memory == 0.2 })

		m.plane.change(func() { m.plane.fault = func(call string) (error, error) { return errAway, nil } })
		load.Store(&nodeapi.Load{CPU: 0.9, Memory: 0.2})
		time.Sleep(time.Minute)
		m.plane.change(func() { m.plane.fault = nil })
		m.plane.until("it is told once the control plane is back", func() bool { return m.plane.machine.Load.CPU == 0.9 })
	})
}

func TestAnEngineThatDoesNotAnswerIsTold(t *testing.T) {
	story(t, func(m *machine) {
		m.plane.until("all is well", func() bool { return m.plane.machine.Number == 1 && m.plane.machine.Trouble == "" })
		hangs := func(ctx context.Context, call, _ string) error {
			if call != "Info" {
				return nil
			}
			<-ctx.Done()
			return ctx.Err()
		}
		broken := errors.New("containerd has ended")
		for _, c := range []struct {
			fail func(context.Context, string, string) error
			want string
		}{{hangs, "deadline"}, {func(_ context.Context, call, _ string) error {
			if call == "Info" {
				return broken
			}
			return nil
		}, broken.Error()}} {
			m.intercept(c.fail)
			m.plane.until("the trouble is told", func() bool { return strings.Contains(m.plane.machine.Trouble, c.want) })
			m.intercept(nil)
			m.plane.until("it is told that it is over", func() bool { return m.plane.machine.Trouble == "" })
		}
	})
}
