package containerd

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
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
	stop    func() // ends the present engine gracefully
}

// newMachine leaves nothing behind when the test ends, and fails it where something is left.
func newMachine(t testing.TB) *machine {
	t.Helper()
	need(t)
	data := filepath.Join(t.TempDir(), "data")
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
	e, err := New(m.options)
	if err != nil {
		m.t.Fatal(err)
	}
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
		m.stop = func() {}
	}
	return e
}

func (m *machine) remove() {
	e := m.start()
	ctx := context.Background()
	tasks, err := e.Tasks(ctx)
	if err != nil {
		m.t.Fatal(err)
	}
	containers, err := e.List(ctx)
	if err != nil {
		m.t.Fatal(err)
	}
	for _, c := range containers {
		if err := e.Delete(ctx, c.ID); err != nil {
			m.t.Error(err)
		}
	}
	for _, id := range tasks {
		if err := e.Detach(ctx, id); err != nil {
			m.t.Error(err)
		}
	}
	m.stop()
}

func TestEngine(t *testing.T) {
	m := newMachine(t)
	ref := enginetest.Registry(t) + "/test/program:latest"
	enginetest.Push(t, ref, enginetest.Image(t))
	again := func(*testing.T) engine.Engine { return m.start() }
	enginetest.Run(t, enginetest.Body{Engine: m.start(), Again: again, Image: ref, Real: true})
}
