package fake

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"slipway/engine"
)

// Exec runs the container's program beside itself, with other arguments.
func (e *Engine) Exec(ctx context.Context, id string, x engine.Exec) (int, error) {
	if err := e.before(ctx, "Exec", id); err != nil {
		return 0, err
	}
	e.mu.Lock()
	c := e.containers[id]
	if c == nil || c.seen.State != engine.Running {
		e.mu.Unlock()
		return 0, fmt.Errorf("%w: %s does not run", engine.ErrNotFound, id)
	}
	process, program, ended := e.newProcess(c, x.Args), c.program, c.ended
	e.mu.Unlock()
	if len(x.Args) == 0 || strings.HasPrefix(x.Args[0], "/missing/") {
		return 0, fmt.Errorf("%w in %s: exec: %q: no such file or directory", engine.ErrStart, id, x.Args)
	}
	process.Env = slices.Concat(process.Env, x.Env)
	process.connect(x)
	return runWithin(ctx, ended, func(ctx context.Context) int { return program(ctx, process) })
}

// connect gives a process the streams of an Exec.
func (p *Process) connect(x engine.Exec) {
	p.Resize = x.Resize
	if x.Stdin != nil {
		p.Stdin = x.Stdin
	}
	if x.Stdout != nil {
		p.Stdout = x.Stdout
	}
	if x.Terminal {
		p.Stderr = p.Stdout
	} else if x.Stderr != nil {
		p.Stderr = x.Stderr
	}
}

// runWithin runs a program no longer than its container, whose end is told by ended.
func runWithin(ctx context.Context, ended <-chan struct{}, program func(context.Context) int) (int, error) {
	live, kill := context.WithCancel(ctx)
	code := make(chan int, 1)
	go func() { code <- program(live) }() // waited for below: every program ends with its context
	var result int
	select {
	case result = <-code:
	case <-ended:
		kill()
		<-code
		result = killed
	}
	kill()
	if ctx.Err() != nil {
		return killed, ctx.Err()
	}
	return result, nil
}

// Stats tells what a running container was given as what it uses: there is nothing to measure.
func (e *Engine) Stats(ctx context.Context, id string) (engine.Stats, error) {
	if err := e.before(ctx, "Stats", id); err != nil {
		return engine.Stats{}, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	c := e.containers[id]
	if c == nil || c.seen.State != engine.Running {
		return engine.Stats{}, fmt.Errorf("%w: %s does not run", engine.ErrNotFound, id)
	}
	const used = 1 << 20 // bytes: every program here is as large
	now := time.Now()
	return engine.Stats{
		Read: now, CPU: now.Sub(c.seen.StartedAt), Pids: 1,
		Memory: used, MemoryPeak: used, MemoryLimit: c.spec.MemoryLimit,
	}, nil
}
