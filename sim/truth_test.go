package sim

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"slipway/engine"
	"slipway/engine/fake"
)

// truth is what really happened on the machines, whoever knows of it.
type truth struct {
	mu         sync.Mutex
	containers map[string]*life // by id: "<task>-<name>"
	wrong      []string
}

// life is that of one container.
type life struct {
	node    string
	account string
	starts  int   // of its program
	codes   []int // with which it ended, as the engine had it when the container was deleted
	wiped   bool  // its machine lost it once
	final   int   // how often it was started when it must not be any more; 0: it may be
	printed bytes.Buffer
}

func (t *truth) fail(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.wrong = append(t.wrong, fmt.Sprintf(format, args...))
}

func (t *truth) failures() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.wrong)
}

func (t *truth) of(container string) life {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l := t.containers[container]; l != nil {
		return *l
	}
	return life{}
}

// program is what every container of a machine runs: its script, and the truth takes note.
func (t *truth) program(m *machine) fake.Program {
	return func(ctx context.Context, p *fake.Process) int {
		if !slices.Equal(p.Args, slices.Concat(p.Spec.Entrypoint, p.Spec.Command)) {
			return fake.Script(ctx, p) // a health check
		}
		p.Stdout = io.MultiWriter(p.Stdout, t.begins(m, p.Spec.ID))
		return fake.Script(ctx, p)
	}
}

// begins notes that a program begins, and takes what it prints.
func (t *truth) begins(m *machine, id string) io.Writer {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.containers[id]
	if l == nil {
		l = &life{node: m.node, account: m.account}
		t.containers[id] = l
	}
	if l.node != m.node {
		t.wrong = append(t.wrong, fmt.Sprintf("container %s runs on %s and on %s", id, l.node, m.node))
	}
	l.starts++
	return printer{t, l}
}

type printer struct {
	t *truth
	l *life
}

func (p printer) Write(b []byte) (int, error) {
	p.t.mu.Lock()
	defer p.t.mu.Unlock()
	return p.l.printed.Write(b)
}

// deletes notes how a container ended that is about to be deleted.
func (t *truth) deletes(e *fake.Engine, id string) {
	list, err := e.List(context.Background())
	at := slices.IndexFunc(list, func(c engine.Container) bool { return c.ID == id })
	if err != nil || at < 0 {
		return
	}
	switch c := list[at]; {
	case c.State == engine.Running:
		t.fail("container %s is deleted while it runs", id)
	case c.State == engine.Exited && !c.StartedAt.IsZero():
		t.mu.Lock()
		defer t.mu.Unlock()
		t.containers[id].codes = append(t.containers[id].codes, c.ExitCode)
	}
}

// wiped notes that a machine has lost what it had, and of which tasks it was known that they ran.
func (t *truth) wiped(e *fake.Engine, known map[string]bool) error {
	list, err := e.List(context.Background())
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range list {
		l := t.containers[c.ID]
		if l == nil {
			continue // its program never ran
		}
		l.wiped, l.codes = true, append(l.codes, c.ExitCode)
		if known[c.Task] {
			l.final = l.starts
		}
	}
	return err
}

// tasks names the tasks of which programs ran.
func (t *truth) tasks() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []string
	for id := range t.containers {
		task, _, _ := strings.Cut(id, "-")
		all = append(all, task)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// names are the ids of the containers of which programs ran.
func (t *truth) names() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return sortedKeys(t.containers)
}
