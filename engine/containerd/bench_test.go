package containerd

import (
	"context"
	"io"
	"log/slog"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"slipway/engine"
	"slipway/engine/enginetest"
	"slipway/internal/ids"
)

// BenchmarkTask takes tasks of one container, whose image is here, from nothing to running and back,
// in the way the agent does: the network is attached beside the create. Beside it, ctr-run is
// how long ctr takes to running with the same image, without a network and without a seccomp profile.
//
//	go test -run - -bench Task -benchtime 50x ./engine/containerd
func BenchmarkTask(b *testing.B) {
	m := newMachine(b)
	m.options.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	ref := enginetest.Push(b, enginetest.Registry(b)+"/bench/program:1", enginetest.Image(b))
	e := m.start()
	image, err := e.Pull(b.Context(), ref, engine.Login{})
	if err != nil {
		b.Fatal(err)
	}
	for name, ports := range map[string][]engine.Port{
		"without-ports": nil,
		"with-a-port":   {{Container: 80, Protocol: "tcp"}},
	} {
		b.Run(name, func(b *testing.B) {
			clock := phases{}
			for b.Loop() {
				runOnce(b, e, image, ports, clock)
			}
			clock.report(b)
		})
	}
	b.Run("ctr-run", func(b *testing.B) {
		for b.Loop() {
			ctrRun(b, m, ref)
		}
	})
}

// ctrRun measures the way to running alone.
func ctrRun(b *testing.B, m *machine, ref string) {
	b.Helper()
	id := ids.Hex(16)
	ctr := func(args ...string) {
		b.Helper()
		common := []string{"-a", filepath.Join("/run/slipway", nameOf(m.options.Data), "containerd.sock"), "-n", "slipway"}
		if out, err := exec.Command("ctr", append(common, args...)...).CombinedOutput(); err != nil {
			b.Fatalf("ctr %v: %v: %s", args, err, out)
		}
	}
	ctr("run", "-d", "--null-io", ref, id, enginetest.ProgramPath, "stubborn")
	b.StopTimer()
	ctr("task", "rm", "-f", id)
	ctr("container", "rm", id)
	b.StartTimer()
}

type phases map[string]time.Duration

func (p phases) time(name string, f func() error) func() error {
	return func() error {
		began := time.Now()
		err := f()
		p[name] += time.Since(began)
		return err
	}
}

func (p phases) report(b *testing.B) {
	for name, sum := range p {
		b.ReportMetric(float64(sum.Microseconds())/1000/float64(b.N), "ms-"+name)
	}
}

func runOnce(b *testing.B, e *Engine, image engine.Image, ports []engine.Port, clock phases) {
	ctx, task := context.Background(), ids.Hex(16)
	id := task + "-main"
	spec := engine.Spec{ID: id, Task: task, Name: "main", Image: image, Command: []string{"stubborn"}}
	attach, create := phases{}, phases{} // maps of their own: they run beside each other
	must := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	must(clock.time("to-running", func() error {
		if _, err := e.Pull(ctx, image.Ref, engine.Login{}); err != nil {
			return err
		}
		must(clock.time("prepare", func() (err error) {
			spec.Namespace, err = e.Prepare(ctx, task, engine.Limits{})
			return err
		})())
		var both errgroup.Group
		both.Go(attach.time("attach", func() error { _, err := e.Attach(ctx, task, ports); return err }))
		both.Go(create.time("create", func() error { return e.Create(ctx, spec) }))
		must(both.Wait())
		return clock.time("start", func() error { return e.Start(ctx, id) })()
	})())
	clock["attach"] += attach["attach"]
	clock["create"] += create["create"]
	must(clock.time("delete", func() error { return e.Delete(ctx, id) })())
	must(e.RemoveOutput(id))
	must(clock.time("detach", func() error { return e.Detach(ctx, task) })())
}
