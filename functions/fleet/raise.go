package fleet

import (
	"context"
	"errors"
	"fmt"
	"time"

	"slipway/internal/errs"
	"slipway/internal/ids"
	"slipway/nodeapi"
)

// order is a sandbox that is to be made ready.
type order struct {
	edition *edition
	release *Release
	node    string // where it should be, if there is a way; "": anywhere
	line    *line  // in whose swap, if in one: sandboxes of the older releases may give way
	avoid   []string
	cold    Cold
	placing bool // there is no room for it yet: counted in its edition
}

// seek notes whether an order, if there is one, still looks for room. It is called under the lock.
func (o *order) seek(is bool) {
	if o == nil || o.placing == is {
		return
	}
	o.placing = is
	if is {
		o.edition.placing++
	} else {
		o.edition.placing--
	}
}

// raise makes a sandbox ready, beside. It is called under the lock.
func (t *tenant) raise(e *edition) {
	e.starting++
	o := &order{edition: e, release: e.release}
	o.seek(true)
	begun := t.fleet.begin(func() {
		s, err := t.make(t.fleet.ctx, o)
		t.raised(o, s, err)
	})
	if !begun {
		o.seek(false)
		e.starting--
	}
}

// raised takes a sandbox that is ready into service, or tells those who waited for it why it is not.
func (t *tenant) raised(o *order, s *sandbox, err error) {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	e := o.edition
	e.starting--
	o.seek(false)
	switch {
	case err == nil:
		s.cold = &o.cold
		t.enlist(s, now)
	case noRoom(err):
		e.refuse(err, t.freed, now)
		t.tight = now
	case o.line == nil && !errors.Is(err, ErrStopping):
		t.broken(e, err, now)
	}
	t.refill(o, now)
	t.feed(now)
}

// refill replaces what was taken of a pool. It waits for the sandbox to be ready, or it would slow that down.
func (t *tenant) refill(o *order, now time.Time) {
	p := t.pools[poolOf(o.release)]
	switch {
	case p == nil || o.release.Packaged:
	case o.cold.Pooled:
		t.fill(p, t.fleet.config.Refill, now)
	default:
		t.fill(p, 0, now)
	}
}

// enlist has a sandbox that is ready take calls, if there may be any.
func (t *tenant) enlist(s *sandbox, now time.Time) {
	e := s.edition
	s.state, s.used = Idle, now
	e.trouble = trouble{}
	s.machine.praise()
	e.ready++
	if s.leaving {
		s.leaving = false // so that it is counted out as it was counted in
		t.dismiss(s)
		return
	}
	t.offer(s, now)
	t.drop(e, now)
}

// broken writes down that a release does not start.
func (t *tenant) broken(e *edition, err error, now time.Time) {
	beside := e.beside()
	e.failed(err, now, beside != "")
	t.fleet.journal.tell(Happening{
		Kind: ReleaseFailed, Account: t.account, Function: e.function.arn, Version: e.release.Version, Release: e.release.ID,
		Line: beside, Reason: err.Error(), Again: e.trouble.until.Sub(now),
	})
	t.fail(e, err, now)
}

// beside names the line that wants the edition and has an older one in service.
func (e *edition) beside() string {
	for _, l := range e.function.lines {
		if l.wanted == e && len(l.older) > 0 {
			return l.name
		}
	}
	return ""
}

// make has a sandbox made ready, on another machine where one is in trouble.
func (t *tenant) make(ctx context.Context, o *order) (*sandbox, error) {
	const attempts = 4
	ctx, cancel := contextWithin(ctx, t.fleet.config.Start)
	env := askEnv(ctx, o.release)
	defer func() { cancel(); <-env.done }()
	for try := 1; ; try++ {
		s, err := t.obtain(ctx, o)
		if err == nil {
			err = t.assign(ctx, s, o, env)
		}
		if err == nil {
			return s, nil
		}
		if s != nil {
			t.spoiled(s, o, err)
		}
		if try == attempts || ctx.Err() != nil || !elsewhere(err) {
			return nil, reason(ctx, err)
		}
	}
}

// errSlow is a sandbox that was not ready in time.
var errSlow = errs.New(errs.Unavailable, "the sandbox was not ready in time")

// reason words why there is no sandbox: as the release's failure, unless it is none.
func reason(ctx context.Context, err error) error {
	var f *Failure
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &f), noRoom(err), errs.KindOf(err) == errs.Unavailable:
		return err
	}
	return &Failure{Err: err}
}

// elsewhere reports whether what went wrong is the machine's, so that another may do.
func elsewhere(err error) bool {
	return errors.Is(err, nodeapi.ErrNoSandbox) || errs.KindOf(err) == errs.Unavailable && !noRoom(err)
}

// spoiled ends a sandbox that was not made ready. Where it is the machine that is in trouble, that is avoided.
func (t *tenant) spoiled(s *sandbox, o *order, err error) {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if errs.KindOf(err) == errs.Unavailable {
		s.machine.blame(now)
		if o != nil {
			o.avoid = append(o.avoid, s.machine.node)
		}
	}
	s.lost = s.lost || errors.Is(err, nodeapi.ErrNoSandbox)
	s.leaving = true
	t.end(s)
	o.seek(true)
}

// obtain takes a sandbox from the pool, or makes one. It belongs to the caller then.
func (t *tenant) obtain(ctx context.Context, o *order) (*sandbox, error) {
	if !o.release.Packaged {
		if s := t.draw(o); s != nil && t.fit(ctx, s, o) {
			return s, nil
		}
	}
	begun := time.Now()
	h, m, err := t.place(ctx, o)
	o.cold.Place += time.Since(begun)
	if err != nil {
		return nil, err
	}
	begun = time.Now()
	s := t.adopt(h, m, poolOf(o.release), o)
	err = t.launch(ctx, s, o.release.Runtime)
	o.cold.Start += time.Since(begun)
	o.cold.Pooled = false
	return s, err
}

// fit changes what a sandbox of the pool holds into what the release needs; false: that cannot be.
func (t *tenant) fit(ctx context.Context, s *sandbox, o *order) bool {
	o.cold.Pooled = true
	n := needOf(o.release)
	if s.hold.Need == n {
		t.mu.Lock()
		defer t.mu.Unlock()
		o.seek(false)
		return true
	}
	begun := time.Now()
	h, err := t.fleet.config.Room.Grow(ctx, s.hold.ID, n)
	o.cold.Place += time.Since(begun)
	switch {
	case noRoom(err):
		t.giveBack(s)
		return false
	case err != nil:
		t.spoiled(s, o, nodeapi.ErrNoSandbox)
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	s.hold = h
	o.seek(false)
	return true
}

func needOf(r *Release) Need { return Need{Memory: r.Memory, Disk: r.Disk} }

// adopt makes a sandbox known before its host hears of it, so that what the host tells of it is understood.
func (t *tenant) adopt(h Hold, m *machine, key poolKey, o *order) *sandbox {
	now := time.Now()
	s := &sandbox{id: "sb-" + ids.Hex(16), machine: m, hold: h, pool: key, state: Starting, born: now, used: now}
	s.life = lifetime(t.fleet.config.MaxAge)
	t.mu.Lock()
	defer t.mu.Unlock()
	defer t.fleet.holding.known()
	o.seek(false)
	t.sandboxes[s.id] = s
	s.leaving = t.machines[m.node] != m
	return s
}

// launch has the host start the container of a sandbox.
func (t *tenant) launch(ctx context.Context, s *sandbox, i Image) error {
	w := nodeapi.Sandbox{
		ID: s.id, Account: t.account, Image: i.Name, Digest: i.Digest,
		Memory: s.hold.Memory, Disk: s.hold.Disk,
	}
	if i.Login != nil {
		login, err := i.Login(ctx)
		if err != nil {
			return fmt.Errorf("log in to pull %s: %w", i.Name, err)
		}
		w.Login = login
	}
	return s.machine.host.Start(ctx, w)
}

// assign gives a sandbox its release.
func (t *tenant) assign(ctx context.Context, s *sandbox, o *order, env *environment) error {
	<-env.done
	if env.err != nil {
		return &Failure{Err: env.err}
	}
	o.cold.Env = env.took
	t.mark(s, o.edition)
	begun := time.Now()
	init, err := s.machine.host.Assign(ctx, assignment(o.release, s, env.all, t.fleet.config.HardCPU, begun))
	o.cold.Assign += time.Since(begun)
	o.cold.Init = init
	if err == nil && init.Error != nil {
		err = &Failure{Init: init, Sandbox: s.id, Node: s.machine.node}
	}
	return err
}

// mark writes down what a sandbox is being assigned, and whether it is one of those that are always to be ready.
func (t *tenant) mark(s *sandbox, e *edition) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s.state, s.edition, s.provisioned = Assigning, e, e.lacksProvisioned()
	e.all[s] = true
}

func assignment(r *Release, s *sandbox, env []string, hard bool, now time.Time) nodeapi.Assignment {
	a := r.Assignment
	a.Sandbox, a.Release, a.Function, a.Name, a.Version = s.id, r.ID, r.Function, r.Name, r.Version
	a.Env, a.Memory, a.CPU, a.HardCPU = env, r.Memory, s.hold.CPU, hard
	a.Timeout, a.Concurrency, a.Provisioned = r.Timeout, r.concurrency(), s.provisioned
	a.Log.Stream = fmt.Sprintf("%s/[%s]%s", now.UTC().Format("2006/01/02"), r.Version, s.id[len("sb-"):])
	return a
}

// environment is what a release's runtime is given, once it is done.
type environment struct {
	done chan struct{}
	all  []string
	err  error
	took time.Duration
}

// askEnv asks for credentials while room and a container are looked for.
func askEnv(ctx context.Context, r *Release) *environment {
	e := &environment{done: make(chan struct{})}
	go func() {
		defer close(e.done)
		if r.Env == nil {
			return
		}
		begun := time.Now()
		e.all, e.err = r.Env(ctx)
		e.took = time.Since(begun)
	}()
	return e
}
