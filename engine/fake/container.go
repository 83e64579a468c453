package fake

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"slipway/engine"
)

const killed = 137 // the exit code of a process that SIGKILL ended

type container struct {
	spec    engine.Spec
	program Program
	seen    engine.Container
	process *Process // once it has started
	kill    func()   // ends the process at once
	ended   chan struct{}
}

// Create makes a container of an image that Pull has found.
func (e *Engine) Create(ctx context.Context, s engine.Spec) error {
	if err := e.before(ctx, "Create", s.ID); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.containers[s.ID] != nil {
		return nil
	}
	image := e.images[s.Image.Digest]
	if image == nil {
		return fmt.Errorf("%w %s: image %s is not here; pull it first", engine.ErrCreate, s.ID, s.Image.Ref)
	}
	if s.DiskLimit > 0 {
		return fmt.Errorf("%w %s: this machine cannot limit disk use", engine.ErrCreate, s.ID)
	}
	if err := e.makeOutput(s.ID); err != nil {
		return err
	}
	image.told.UsedAt = time.Now()
	e.containers[s.ID] = &container{
		spec:    s,
		program: image.program,
		kill:    func() {},
		ended:   make(chan struct{}),
		seen:    engine.Container{ID: s.ID, Task: s.Task, Name: s.Name, Digest: s.Image.Digest, State: engine.Created},
	}
	return nil
}

func (e *Engine) makeOutput(id string) error {
	f, err := os.OpenFile(e.Output(id), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// Start runs the container's program.
func (e *Engine) Start(ctx context.Context, id string) error {
	if err := e.before(ctx, "Start", id); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	c := e.containers[id]
	switch {
	case c == nil:
		return fmt.Errorf("%w: %s", engine.ErrNotFound, id)
	case c.seen.State != engine.Created:
		return nil
	}
	args := slices.Concat(c.spec.Entrypoint, c.spec.Command)
	if len(args) > 0 && strings.HasPrefix(args[0], "/missing/") {
		return fmt.Errorf("%w %s: exec: %q: no such file or directory", engine.ErrStart, id, args[0])
	}
	return e.run(c, args)
}

// run is called with the lock held. The program's life is the machine's, not the caller's.
func (e *Engine) run(c *container, args []string) error {
	out, err := os.OpenFile(e.Output(c.spec.ID), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	c.kill = cancel
	c.process = e.newProcess(c, args)
	c.process.Stdout, c.process.Stderr = out, out
	e.lastPid++
	c.seen.Pid, c.seen.State, c.seen.StartedAt = e.lastPid, engine.Running, time.Now()
	e.programs.Go(func() {
		defer cancel()
		code := c.program(ctx, c.process)
		if ctx.Err() != nil {
			code = killed
		}
		out.Close()
		e.mu.Lock()
		defer e.mu.Unlock()
		e.exited(c, code)
	})
	e.wake()
	return nil
}

func (e *Engine) newProcess(c *container, args []string) *Process {
	return &Process{
		Spec: c.spec, Args: args, Env: c.spec.Env,
		Stdin: strings.NewReader(""), Stdout: io.Discard, Stderr: io.Discard,
		Signals: make(chan string, 8), Dial: e.dialFrom(c.spec.Task),
	}
}

// exited is called with the lock held.
func (e *Engine) exited(c *container, code int) {
	c.seen.Pid, c.seen.State, c.seen.ExitCode, c.seen.ExitedAt = 0, engine.Exited, code, time.Now()
	c.seen.OOMKilled = c.process != nil && c.process.outOfMemory
	close(c.ended)
	e.wake()
}

// Signal tells the program; SIGKILL it is not asked.
func (e *Engine) Signal(ctx context.Context, id, signal string) error {
	if err := e.before(ctx, "Signal", id); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	c := e.containers[id]
	if c == nil {
		return nil
	}
	if signal == "" {
		signal = c.stopSignal()
	}
	switch {
	case c.seen.State == engine.Running && signal == "SIGKILL":
		c.kill()
	case c.seen.State == engine.Running:
		c.process.deliver(signal)
	case c.seen.State == engine.Created && signal == "SIGKILL":
		e.exited(c, killed)
	}
	return nil
}

func (c *container) stopSignal() string {
	if c.spec.StopSignal != "" {
		return c.spec.StopSignal
	}
	return "SIGTERM"
}

// Delete kills the program and forgets the container.
func (e *Engine) Delete(ctx context.Context, id string) error {
	if err := e.before(ctx, "Delete", id); err != nil {
		return err
	}
	e.mu.Lock()
	c := e.containers[id]
	if c == nil {
		e.mu.Unlock()
		return nil
	}
	c.kill()
	running := c.seen.State == engine.Running
	e.mu.Unlock()
	if running {
		<-c.ended
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.containers[id] == c {
		delete(e.containers, id)
		e.images[c.seen.Digest].told.UsedAt = time.Now()
	}
	e.wake()
	return nil
}

// List tells the containers in the order of their ids.
func (e *Engine) List(ctx context.Context) ([]engine.Container, error) {
	if err := e.before(ctx, "List", ""); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	list := make([]engine.Container, 0, len(e.containers))
	for _, c := range e.containers {
		list = append(list, c.seen)
	}
	slices.SortFunc(list, func(a, b engine.Container) int { return strings.Compare(a.ID, b.ID) })
	return list, nil
}
