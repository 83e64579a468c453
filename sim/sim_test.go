package sim

import (
	"flag"
	"io"
	"log/slog"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

var (
	simNodes   = flag.Int("sim.nodes", 50, "how many machines there are")
	simMinutes = flag.Int("sim.minutes", 3, "for how many minutes of the machines' time things happen to them")
	simSeed    = flag.Uint64("sim.seed", 0, "what happens; 0: something new each time")
	simLog     = flag.Bool("sim.log", false, "print what agents and control plane log")
)

// Whatever happens to machines, lines and servers: every task that was acknowledged runs, once, and what
// became of it is known; what is wanted and what runs come to agree; nothing is left behind.
func TestManyMachines(t *testing.T) {
	if !*simLog {
		usual := slog.Default()
		slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, nil)))
		t.Cleanup(func() { slog.SetDefault(usual) })
	}
	seed := *simSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("again: go test ./sim -run TestManyMachines -sim.nodes %d -sim.minutes %d -sim.seed %d", *simNodes, *simMinutes, seed)
	dir := memory(t)
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, dir, seed)
		if err := w.populate(*simNodes); err != nil {
			t.Fatal(err)
		}
		defer w.close()
		w.story(time.Duration(*simMinutes) * time.Minute)
		for i, wrong := range w.truth.failures() {
			if t.Error(wrong); i == 20 {
				t.Fatal("and so on")
			}
		}
	})
}

// story is two storms, each with a calm after it, and the end.
func (w *world) story(long time.Duration) {
	for range 2 {
		w.storm(long / 2)
		if err := w.quiet(); err != nil {
			w.t.Error(err)
			return // nothing that follows can be right
		}
	}
	if err := w.end(); err != nil {
		w.t.Error(err)
		return
	}
	if err := w.judge(); err != nil {
		w.t.Error(err)
	}
	w.tell()
}

// memory is a folder for the test, in memory where there is such: nothing here is about power cuts, and
// most of the time would go into waiting for the disk.
func memory(t testing.TB) string {
	dir, err := os.MkdirTemp("/dev/shm", "slipway-sim-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}
