package containerd

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"slipway/engine"
	"slipway/engine/enginetest"
	"slipway/engine/enginetest/facts"
)

// What runs in a container when the engine dies ends when there is one again, with its pipes; the container
// goes on.
func TestExecsOfADeadEngineEnd(t *testing.T) {
	m := newMachine(t)
	b := body(t, m, m.start())
	if _, err := b.Engine.Pull(t.Context(), b.Image, engine.Login{}); err != nil {
		t.Fatal(err)
	}
	m.stop()
	task := enginetest.NewTask(t, b)
	spec := &engine.Spec{ID: task.ID + "-main", Task: task.ID, Name: "main", Command: []string{"stubborn"}}
	work := startVictim(t, m, victim{Image: b.Image, Spec: spec, Exec: []string{enginetest.ProgramPath, "fork", "2", "then", "stubborn"}})
	for !strings.Contains(work.out.Text(), "waiting") {
		if !work.out.Scan() {
			t.Fatal("the victim has ended")
		}
	}
	work.kill(t)

	e := m.start()
	task.Use(e)
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		pipes, err := os.ReadDir(e.execsDir())
		running := programsIn(t, e, spec.ID)
		if len(pipes) == 0 && slices.Equal(running, []string{enginetest.ProgramPath + " stubborn "}) {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%d folders of pipes (%v), and these run: %q", len(pipes), err, running)
		}
	}
}

// programsIn tells the arguments of what runs in a container, but for the one that looks.
func programsIn(t *testing.T, e *Engine, id string) []string {
	t.Helper()
	var out bytes.Buffer
	show := []string{enginetest.ProgramPath, "show"}
	if code, err := e.Exec(t.Context(), id, engine.Exec{Args: show, Stdout: &out}); code != 0 || err != nil {
		t.Fatal(code, err)
	}
	var seen facts.Facts
	if err := json.Unmarshal(out.Bytes(), &seen); err != nil {
		t.Fatal(fmt.Errorf("%w: %s", err, &out))
	}
	return slices.DeleteFunc(seen.Processes, func(args string) bool { return strings.HasSuffix(args, " show ") })
}

// BenchmarkExec is a health check that does nothing, and BenchmarkStats one look at what a container uses.
//
//	go test -run - -bench 'Exec|Stats' ./engine/containerd
func BenchmarkExec(b *testing.B) {
	e, id := benchContainer(b)
	for b.Loop() {
		if code, err := e.Exec(b.Context(), id, engine.Exec{Args: []string{enginetest.ProgramPath, "exit", "0"}}); code != 0 || err != nil {
			b.Fatal(code, err)
		}
	}
}

func BenchmarkStats(b *testing.B) {
	e, id := benchContainer(b)
	for b.Loop() {
		if _, err := e.Stats(b.Context(), id); err != nil {
			b.Fatal(err)
		}
	}
}

func benchContainer(b *testing.B) (e *Engine, id string) {
	m := newMachine(b)
	m.options.Log = slog.New(slog.DiscardHandler)
	ref := enginetest.Push(b, enginetest.Registry(b)+"/bench/program:1", enginetest.Image(b))
	e = m.start()
	image, err := e.Pull(b.Context(), ref, engine.Login{})
	if err != nil {
		b.Fatal(err)
	}
	spec := engine.Spec{ID: "bench-main", Task: "bench", Name: "main", Image: image, Command: []string{"stubborn"}}
	if err := errors.Join(e.Create(b.Context(), spec), e.Start(b.Context(), spec.ID)); err != nil {
		b.Fatal(err)
	}
	return e, spec.ID
}
