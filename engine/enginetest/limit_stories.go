package enginetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"slipway/engine"
)

func limits(t *testing.T, b *Body) {
	task := NewTask(t, b)
	spec := task.Spec("forks", "fork", "50")
	spec.PidsLimit = 20 // the threads of a Go program count too
	c := task.RunSpec(spec)
	c.Exit(0)
	var forked int
	if _, err := fmt.Sscanf(c.Printed(), "forked %d", &forked); err != nil || forked >= 20 {
		t.Errorf("forked %d times with a limit of 20 (%v)", forked, err)
	}

	together := NewTask(t, b)
	namespace, err := b.Engine.Prepare(together.ctx(), together.ID, engine.Group{Limits: engine.Limits{MemoryLimit: 64 << 20, CPUQuota: 100_000}})
	together.check(err)
	spec = together.Spec("greedy", "eat", "200")
	spec.Namespace = namespace
	greedy := together.RunSpec(spec)
	want(t, "killed for memory by the task's limit", greedy.Exit(137).OOMKilled, true)
}

func hogDiesAlone(t *testing.T, b *Body) {
	task, other := NewTask(t, b), NewTask(t, b)
	neighbour, stranger := task.Run("neighbour", "wait", "5"), other.Run("stranger", "wait", "6")
	neighbour.Prints("waiting")
	stranger.Prints("waiting")
	for i := range 3 {
		spec := task.Spec(fmt.Sprint("hog", i), "eat", "200")
		spec.MemoryLimit = 32 << 20
		want(t, "killed for memory", task.RunSpec(spec).Exit(137).OOMKilled, true)
	}
	task.check(b.Engine.Signal(task.ctx(), neighbour.id, "SIGTERM"))
	task.check(b.Engine.Signal(task.ctx(), stranger.id, "SIGTERM"))
	want(t, "its neighbour was killed", neighbour.Exit(5).OOMKilled, false)
	want(t, "a stranger was killed", stranger.Exit(6).OOMKilled, false)
}

// cpuShared: two that want all there is of a cpu get it as their shares are. That is a ratio, looked at over
// and over: whatever else runs on the machine can stop one of them for a while.
func cpuShared(t *testing.T, b *Body) {
	task := NewTask(t, b)
	_, err := b.Engine.Prepare(task.ctx(), task.ID, engine.Group{Limits: engine.Limits{CPUShares: 8192}}) // beside the rest of the machine
	task.check(err)
	burner := func(name string, shares uint64) *Container {
		spec := task.Spec(name, "burn")
		spec.CPUShares = shares
		spec.Env = append(spec.Env, "GODEBUG=asyncpreemptoff=1") // or Go takes it off its core, and it waits for a thread on another
		c := task.RunSpec(spec)
		c.Prints("burning")
		return c
	}
	small, large := burner("small", 256), burner("large", 768)
	used := func(c *Container) time.Duration { return must(b.Engine.Stats(task.ctx(), c.id))(t).CPU }
	fromSmall, fromLarge := used(small), used(large)
	const looks, window = 9, 150 * time.Millisecond
	var ratios []float64
	eventually(t, func() error {
		s, l := used(small)-fromSmall, used(large)-fromLarge
		if s+l < window {
			return fmt.Errorf("they used only %v and %v after %d looks", s, l, len(ratios))
		}
		fromSmall, fromLarge = fromSmall+s, fromLarge+l
		ratios = append(ratios, float64(l)/float64(max(s, 1)))
		latest := slices.Sorted(slices.Values(ratios[max(0, len(ratios)-looks):]))
		if middle := latest[len(latest)/2]; len(latest) < looks || middle < 2.7 || middle > 3.3 {
			return fmt.Errorf("shares of 256 and 768 got 1:%.2f", latest)
		}
		return nil
	})
}

func bombContained(t *testing.T, b *Body) {
	task := NewTask(t, b)
	const most = 30
	spec := task.Spec("bomb", "bomb")
	spec.PidsLimit = most
	bomb := task.RunSpec(spec)
	eventually(t, func() error {
		stats, err := b.Engine.Stats(task.ctx(), bomb.id)
		if err == nil && stats.Pids > most {
			t.Fatalf("%d processes and threads, with a limit of %d", stats.Pids, most)
		}
		if err == nil && stats.Pids < most-5 {
			err = fmt.Errorf("only %d processes and threads", stats.Pids)
		}
		if bomb.See().State == engine.Exited {
			return nil // a Go program that gets no thread gives up
		}
		return err
	})
	neighbour := task.Run("neighbour", "fork", "10")
	neighbour.Exit(0)
	want(t, "beside it", neighbour.Printed(), "forked 10\n")
	task.check(b.Engine.Delete(task.ctx(), bomb.id))
}

func filesBound(t *testing.T, b *Body) {
	task := NewTask(t, b)
	spec := task.Spec("main", "open", "200")
	spec.Ulimits = []engine.Ulimit{{Name: "nofile", Soft: 128, Hard: 128}}
	out := task.says(spec)
	want(t, "opening 200 files with a limit of 128", strings.Contains(out, "too many open files"), true)
}

// DiskBound wants the containers of a task to write no more than they may together, or not to be made.
func DiskBound(t *testing.T, b *Body) {
	task := NewTask(t, b)
	info, err := b.Engine.Info(task.ctx())
	task.check(err)
	const limit = 24 << 20
	bound := func(name string, command ...string) engine.Spec {
		s := task.Spec(name, command...)
		s.DiskLimit, s.Mounts = limit, []engine.Mount{{Kind: engine.TaskVolume, Source: "data", Path: "/data"}}
		return s
	}
	first := bound("first", "fill", "/tmp/file", "8", "then", "fill", "/dev/shm/other", "16")
	if !info.DiskLimits {
		wantError(t, b.Engine.Create(task.ctx(), first), engine.ErrCreate, "disk")
		return
	}
	stays := task.RunAs(first) // what it has written does, as long as it is not deleted
	stays.Exit(0)
	task.Use(b.Again(t))
	want(t, "into the volume", task.says(bound("second", "fill", "/data/file", "6")), "filled 6\n")
	out := task.says(bound("third", "fill", "/home/file", "24"))
	var more int // MiB; the file system itself takes a little
	if _, err := fmt.Sscanf(out, "full after %d", &more); err != nil || more < 4 || more > 10 {
		t.Errorf("with %d bytes for all: %s", limit, out)
	}
	want(t, "what is no disk", stays.Printed(), "filled 8\nfilled 16\n") // and it is gone
	want(t, "then", task.says(bound("fourth", "fill", "/home/file", "12")), "filled 12\n")
	want(t, "another writes", task.says(task.Spec("free", "fill", "/tmp/file", "32")), "filled 32\n")
}
