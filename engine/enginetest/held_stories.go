package enginetest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"testing"

	"slipway/engine"
	"slipway/internal/ids"
)

// Held is a held container under test.
type Held struct {
	engine.Held
	t *testing.T
}

// hold has a container ready that runs nothing yet.
func hold(t *testing.T, b *Body) *Held {
	t.Helper()
	holder, is := b.Engine.(engine.Holder)
	if !is {
		t.Fatal("the engine holds no containers")
	}
	image := must(b.Engine.Pull(t.Context(), b.Image, b.Login))(t)
	h := must(holder.Hold(t.Context(), engine.HeldSpec{
		ID: "held-" + ids.Hex(16), Image: image, User: "993:990", Limits: engine.Limits{MemoryLimit: 64 << 20}, Pids: 100, Scratch: 16 << 20,
	}))(t)
	t.Cleanup(func() {
		if err := h.End(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return &Held{h, t}
}

func (h *Held) run(p engine.Program) (pid int) {
	h.t.Helper()
	return must(h.Run(h.t.Context(), p))(h.t)
}

// ends runs the test program and gives how it ended.
func (h *Held) ends(words ...string) engine.ProgramEnd {
	h.t.Helper()
	pid := h.run(engine.Program{Command: words})
	end := <-h.Ended()
	want(h.t, "process", end.Pid, pid)
	return end
}

func (h *Held) printed() string {
	h.t.Helper()
	return string(must(os.ReadFile(h.Output()))(h.t))
}

func heldPrograms(t *testing.T, b *Body) {
	h := hold(t, b)
	want(t, "end", h.ends("print", "first").Code, 0)
	want(t, "end", h.ends("print", "second", "then", "exit", "3").Code, 3)
	want(t, "output", h.printed(), "first\nsecond\n")
	pid := h.run(engine.Program{Command: []string{"print", "third"}, Aside: true})
	want(t, "process", (<-h.Ended()).Pid, pid)
	want(t, "output", h.printed(), "first\nsecond\n")
	want(t, "output aside", string(must(os.ReadFile(h.Aside()))(t)), "third\n")
	pid = h.run(engine.Program{Entrypoint: []string{"/missing/program"}})
	if end := <-h.Ended(); end.Pid != pid || !errors.Is(end.Err, engine.ErrStart) {
		t.Errorf("what is not there ended with %+v", end)
	}
	one, two := h.run(engine.Program{Command: []string{"stubborn"}}), h.run(engine.Program{Command: []string{"stubborn"}})
	for _, pid := range []int{two, one} {
		if err := h.Signal(pid, "SIGKILL"); err != nil {
			t.Fatal(err)
		}
		if end := <-h.Ended(); end.Pid != pid || end.Signal != "killed" || end.Code != 137 {
			t.Errorf("what was killed ended with %+v", end)
		}
	}
}

func heldEnds(t *testing.T, b *Body) {
	h := hold(t, b)
	h.run(engine.Program{Command: []string{"stubborn"}})
	for range 2 {
		if err := h.End(t.Context()); err != nil {
			t.Error(err)
		}
	}
	for range h.Ended() {
	}
	if _, err := h.Run(t.Context(), engine.Program{Command: []string{"exit", "0"}}); err == nil {
		t.Error("what has ended runs a program")
	}
	for _, file := range []string{h.Output(), h.Aside()} {
		if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("its output: %v", err)
		}
	}
}

func heldListens(t *testing.T, b *Body) {
	h, other := hold(t, b), hold(t, b)
	for n, one := range []*Held{h, other} {
		l := must(one.Listen(t.Context(), 9001))(t)
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "host ", n) })}
		done := make(chan struct{})
		go func() { defer close(done); server.Serve(l) }()
		t.Cleanup(func() { server.Close(); <-done })
	}
	for n, one := range []*Held{h, other} {
		want(t, "end", one.ends("get", "http://127.0.0.1:9001/").Code, 0)
		want(t, "answer", one.printed(), fmt.Sprintf("host %d\n", n))
	}
	if h.Address() == other.Address() {
		t.Errorf("both have the address %s", h.Address())
	}
}

func heldIsNoTask(t *testing.T, b *Body) {
	h := hold(t, b)
	tasks := must(b.Engine.Tasks(t.Context()))(t)
	if slices.ContainsFunc(tasks, func(id string) bool { return len(id) > 5 && id[:5] == "held-" }) {
		t.Errorf("tasks are %q", tasks)
	}
	inUse := func() bool {
		return slices.ContainsFunc(must(b.Engine.Images(t.Context()))(t), func(i engine.StoredImage) bool { return i.InUse })
	}
	want(t, "image in use", inUse(), true)
	if err := b.Engine.(engine.Holder).DropHeld(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range h.Ended() {
	}
}
