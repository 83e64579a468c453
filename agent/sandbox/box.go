package sandbox

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"slipway/agent/runtimeapi"
	"slipway/engine"
	"slipway/internal/loop"
	"slipway/nodeapi"
)

const (
	clearAgain = time.Second
	endAgain   = time.Second // after an end that failed
	mostPids   = 1024        // processes and threads. Source: Lambda Developer Guide, "Lambda quotas"
	user       = "993:990"   // who functions run as, as on AWS: nobody of the image
	mib        = 1 << 20
	apiPort    = 9001
)

// hostname is as AWS names sandboxes.
const hostname = "169-254-100-6"

// hosts are names by which processes of a sandbox find each other: extensions listen for telemetry at the first.
var hosts = []engine.Host{{Name: "sandbox.localdomain", Address: "127.0.0.1"}, {Name: "sandbox", Address: "127.0.0.1"}, {Name: hostname, Address: "127.0.0.1"}}

// box is one sandbox. It is ready once its container runs, and assigned once.
type box struct {
	nodeapi.Sandbox
	host    *Host
	made    chan struct{} // closed when start is over
	failed  error         // start's
	retired atomic.Bool   // it is being ended
	gone    chan struct{} // closed when it is no more
	held    engine.Held
	image   engine.Image

	mu       sync.Mutex
	assigned *assigned

	live atomic.Pointer[assigned] // once its init phase has gone well
}

// assigned is what a sandbox is from its assignment on.
type assigned struct {
	nodeapi.Assignment
	journal  *journal
	lines    lines
	releases []func() // of code

	// Until the first program runs they are nil; from then on they stay.
	session *runtimeapi.Session
	use     engine.Use

	programs  map[int]program                       // by process ids. Under box.mu
	ended     []engine.ProgramEnd                   // of programs that were not noted yet. Under box.mu
	unstarted atomic.Pointer[nodeapi.FunctionError] // why a program cannot be executed
	init      atomic.Int64                          // nanoseconds of the init phase that no report has told yet
	cpu       atomic.Int64                          // nanoseconds used until the last call's end
	timedOut  atomic.Bool                           // a call has taken too long
	over      atomic.Bool                           // no more calls
	runtime   chan struct{}                         // closed when the runtime has ended
	calls     atomic.Int64                          // that run

	runtimeEnds func()
}

func newBox(h *Host, s nodeapi.Sandbox) *box {
	return &box{Sandbox: s, host: h, made: make(chan struct{}), gone: make(chan struct{})}
}

// start makes its container.
func (b *box) start(ctx context.Context) (err error) {
	b.held, err = b.host.holder.Hold(ctx, engine.HeldSpec{
		ID: b.ID, Image: b.image, User: user, Hostname: hostname, ExtraHosts: hosts,
		Limits: engine.Limits{MemoryLimit: int64(b.Memory) * mib, CPUShares: 1024}, Pids: mostPids, Scratch: int64(b.Disk) * mib,
	})
	return err
}

// ready says that start is over.
func (b *box) ready(err error) {
	b.failed = err
	close(b.made)
}

func (b *box) isReady() bool {
	select {
	case <-b.made:
		return b.failed == nil
	default:
		return false
	}
}

// wait waits for start.
func (b *box) wait(ctx context.Context) error {
	select {
	case <-b.made:
		return b.failed
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (b *box) state() nodeapi.SandboxState {
	s := nodeapi.SandboxState{ID: b.ID, Leaving: b.host.closed.Load()}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.assigned != nil {
		s.Release = b.assigned.Release
	}
	return s
}

// take makes it a function's, once.
func (b *box) take(a nodeapi.Assignment) (*assigned, error) {
	journal, err := openJournal(b.held.Output())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", nodeapi.ErrNoSandbox, err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.assigned != nil || b.retired.Load() {
		journal.close()
		return nil, fmt.Errorf("%w: %s", ErrAssigned, b.ID)
	}
	b.assigned = &assigned{Assignment: a, journal: journal, programs: map[int]program{}, runtime: make(chan struct{})}
	b.assigned.runtimeEnds = sync.OnceFunc(func() { close(b.assigned.runtime) })
	b.assigned.lines = lines{json: a.JSONLog, release: &b.assigned.Assignment, image: b.image.Digest, instance: b.ID}
	b.host.ship.follow(&source{sandbox: b.ID, account: b.Account, log: a.Log, journal: journal})
	return b.assigned, nil
}

// follow tells the session of processes that have ended, until none is left.
func (b *box) follow() {
	for end := range b.held.Ended() {
		b.mu.Lock()
		a := b.assigned
		p, known := program{}, false
		if a != nil {
			if p, known = a.programs[end.Pid]; !known {
				if len(a.ended) < mostPids { // its start may not have been noted yet
					a.ended = append(a.ended, end)
				}
			}
		}
		b.mu.Unlock()
		if known {
			b.exited(a, p, end)
		}
	}
	b.mu.Lock()
	a := b.assigned
	b.mu.Unlock()
	if a != nil && a.session != nil {
		a.session.Exited(runtimeapi.Exit{Code: killedCode, Signal: "killed", OutOfMemory: a.use.OOMKills() > 0})
	}
}

const killedCode = 137

// runs notes the process of a program, which may have ended already.
func (b *box) runs(a *assigned, pid int, p program) {
	b.mu.Lock()
	a.programs[pid] = p
	var early *engine.ProgramEnd
	for _, end := range a.ended {
		if end.Pid == pid {
			early = &end
		}
	}
	b.mu.Unlock()
	if early != nil {
		b.exited(a, p, *early)
	}
}

// exited tells the session how a process ended. Without its runtime the sandbox is of no use, once the calls that run
// are told.
func (b *box) exited(a *assigned, p program, end engine.ProgramEnd) {
	exit := runtimeapi.Exit{Extension: p.extension, Code: end.Code, Signal: end.Signal}
	if end.Signal == "killed" {
		exit.OutOfMemory = a.use.OOMKills() > 0
	}
	if end.Err != nil {
		a.unstarted.CompareAndSwap(nil, p.failure(end.Err))
	}
	if p.extension == "" {
		a.over.Store(true)
		a.runtimeEnds()
	}
	a.session.Exited(exit)
	if a.over.Load() && a.calls.Load() == 0 && b.live.Load() != nil {
		b.host.end(b, "its runtime ended")
	}
}

// end ends its processes, and takes it away. What it has logged is still shipped.
func (b *box) end(ctx context.Context, reason string) {
	if b.failed != nil || b.held == nil {
		return
	}
	b.mu.Lock()
	a := b.assigned
	b.mu.Unlock()
	if a != nil && a.session != nil {
		b.shutdown(ctx, a)
	}
	if b.host.config.Drop != nil {
		b.host.config.Drop(b.ID)
	}
	for b.endHeld(ctx) != nil { // until the machine lets it go
		loop.Pause(ctx, endAgain)
	}
	if a == nil {
		return
	}
	if a.session != nil {
		a.session.Close()
	}
	a.journal.say(false) // its output is gone from the machine, but still open here
	b.host.ship.leave(b.ID)
	if a.use != nil {
		a.use.Close()
	}
	for _, release := range a.releases {
		release()
	}
	slog.Debug("a sandbox is gone", "sandbox", b.ID, "function", a.Function, "reason", reason)
}

// endHeld kills what runs and takes the container away.
func (b *box) endHeld(ctx context.Context) error {
	err := b.held.End(ctx)
	if err != nil {
		slog.Warn("a sandbox is not ended; it is tried again", "sandbox", b.ID, "error", err)
	}
	return err
}

// shutdown lets extensions do what they have to.
func (b *box) shutdown(ctx context.Context, a *assigned) {
	if a.session.ShutdownTime() > 0 {
		b.signal(a, "SIGTERM")
	}
	a.session.Shutdown(ctx, a.shutdownReason())
}

// signal sends a signal to the runtime, which may have ended.
func (b *box) signal(a *assigned, signal string) {
	b.mu.Lock()
	pid := 0
	for id, p := range a.programs {
		if p.extension == "" {
			pid = id
		}
	}
	b.mu.Unlock()
	if err := b.held.Signal(pid, signal); err != nil {
		slog.Debug("a runtime gets no signal", "sandbox", b.ID, "error", err)
	}
}

// killTime is how long a runtime may take to end that is killed, before its call is told to be over.
const killTime = time.Second

// kill ends the runtime of a call that has taken too long, so that it prints nothing more.
func (b *box) kill(a *assigned) {
	b.signal(a, "SIGKILL")
	late := time.NewTimer(killTime)
	defer late.Stop()
	select {
	case <-a.runtime:
	case <-late.C:
	}
}
