package containerd

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"slipway/engine"
	"slipway/engine/enginetest"
	"slipway/internal/ids"
)

// BenchmarkTask takes a task of one container with a published port, whose image is here, from
// nothing to running and back, in the way the agent does: the network is attached beside the create.
// Turn by turn with it, ctr and runc start the same program, without a network, without ports and
// without compiling a seccomp profile. The figures are medians in milliseconds.
//
//	go test -run - -bench Task -benchtime 50x ./engine/containerd
func BenchmarkTask(b *testing.B) {
	m := newMachine(b)
	m.options.Log = slog.New(slog.DiscardHandler)
	ref := enginetest.Push(b, enginetest.Registry(b)+"/bench/program:1", enginetest.Image(b))
	e := m.start()
	image, err := e.Pull(b.Context(), ref, engine.Login{})
	if err != nil {
		b.Fatal(err)
	}
	bundle := runcBundle(b, e, image)
	clock := phases{}
	for b.Loop() {
		runOnce(b, e, image, clock)
		ctrRun(b, m, ref, clock)
		runcRun(b, bundle, clock)
	}
	clock.report(b)
}

// BenchmarkReady is the time from New to the first answer of a containerd of our own.
func BenchmarkReady(b *testing.B) {
	m := newMachine(b)
	m.options.Log = slog.New(slog.DiscardHandler)
	for b.Loop() {
		if _, err := m.start().List(b.Context()); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		m.stop()
		b.StartTimer()
	}
}

type phases map[string][]time.Duration

func (p phases) time(name string, f func() error) func() error {
	return func() error {
		began := time.Now()
		err := f()
		p[name] = append(p[name], time.Since(began))
		return err
	}
}

func (p phases) report(b *testing.B) {
	for name, times := range p {
		slices.Sort(times)
		b.ReportMetric(float64(times[len(times)/2].Microseconds())/1000, name)
	}
}

func runOnce(b *testing.B, e *Engine, image engine.Image, clock phases) {
	b.Helper()
	ctx, task := context.Background(), ids.Hex(16)
	id := task + "-main"
	spec := engine.Spec{ID: id, Task: task, Name: "main", Image: image, Command: []string{"stubborn"}}
	attach, create := phases{}, phases{} // maps of their own: they run beside each other
	must := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	must(clock.time("slipway-running", func() error {
		if _, err := e.Pull(ctx, image.Ref, engine.Login{}); err != nil {
			return err
		}
		var err error
		if spec.Namespace, err = e.Prepare(ctx, task, engine.Group{}); err != nil {
			return err
		}
		var both errgroup.Group
		both.Go(attach.time("attach", func() error {
			_, err := e.Attach(ctx, task, []engine.Port{{Container: 80, Protocol: "tcp"}})
			return err
		}))
		both.Go(create.time("create", func() error { return e.Create(ctx, spec) }))
		if err := both.Wait(); err != nil {
			return err
		}
		return clock.time("start", func() error { return e.Start(ctx, id) })()
	})())
	clock["attach"] = append(clock["attach"], attach["attach"]...)
	clock["create"] = append(clock["create"], create["create"]...)
	must(clock.time("delete", func() error { return e.Delete(ctx, id) })())
	must(e.RemoveOutput(id))
	must(clock.time("detach", func() error { return e.Detach(ctx, task) })())
}

func ctrRun(b *testing.B, m *machine, ref string, clock phases) {
	b.Helper()
	id := ids.Hex(16)
	ctr := func(args ...string) error {
		common := []string{"-a", filepath.Join("/run/slipway", nameOf(m.options.Data), "containerd.sock"), "-n", "slipway"}
		out, err := exec.Command("ctr", append(common, args...)...).CombinedOutput()
		if err != nil {
			b.Fatalf("ctr %v: %v: %s", args, err, out)
		}
		return nil
	}
	clock.time("ctr-running", func() error {
		return ctr("run", "-d", "--null-io", ref, id, enginetest.ProgramPath, "stubborn")
	})()
	ctr("task", "rm", "-f", id)
	ctr("container", "rm", id)
}

// runcBundle lays the image's files and runc's own default configuration out in a folder.
func runcBundle(b *testing.B, e *Engine, image engine.Image) string {
	b.Helper()
	dir := b.TempDir()
	ctx := e.context(b.Context())
	img, err := e.imageOf(ctx, image)
	if err != nil {
		b.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "rootfs"), 0o755); err != nil {
		b.Fatal(err)
	}
	err = e.withRootfs(ctx, img, func(root string) error {
		return exec.Command("cp", "-a", root+"/.", filepath.Join(dir, "rootfs")).Run()
	})
	if err != nil {
		b.Fatal(err)
	}
	runc := func(args ...string) {
		cmd := exec.Command("runc", args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("runc %v: %v: %s", args, err, out)
		}
	}
	runc("spec")
	config, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if err != nil {
		b.Fatal(err)
	}
	text := strings.Replace(string(config), `"terminal": true`, `"terminal": false`, 1)
	text = strings.Replace(text, `"sh"`, `"`+enginetest.ProgramPath+`", "stubborn"`, 1)
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(text), 0o644); err != nil {
		b.Fatal(err)
	}
	return dir
}

func runcRun(b *testing.B, bundle string, clock phases) {
	b.Helper()
	id := ids.Hex(16)
	err := clock.time("runc-running", func() error {
		return exec.Command("runc", "run", "-d", "--bundle", bundle, id).Run() // its output goes nowhere
	})()
	if err != nil {
		b.Fatal(err)
	}
	if out, err := exec.Command("runc", "delete", "-f", id).CombinedOutput(); err != nil {
		b.Fatalf("runc delete: %v: %s", err, out)
	}
}
