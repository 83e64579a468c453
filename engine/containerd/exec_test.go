package containerd

import (
	"bytes"
	"encoding/json"
	"fmt"
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
