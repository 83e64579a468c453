package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"slipway/internal/errs"
)

// swap brings a line's wanted release into service beside the older ones, on the machines where these are.
type swap struct {
	line   *line
	to     *edition
	cancel context.CancelFunc
	done   chan struct{}
	err    error // read after done
}

// beside is how many sandboxes one machine is to have of the newer release.
type beside struct {
	machine *machine
	n       int
}

// Prepare moves a line to a release, as the first Call of that Since and those Moves does, and waits: its code is fetched and its
// sandboxes are started beside those of the releases before it, on the same machines. It returns nil once calls go to
// it, or if nothing of the line was running. A *Failure says why the release cannot start; the one before stays in
// service then, as far as callers' staleness allows, and the release is tried again, not too often, when it is called.
// ErrNoRoom and errors of hosts say the same of the machines. Without a line nothing moves; the release's pool is filled.
func (f *Fleet) Prepare(ctx context.Context, name string, r *Release, since time.Time, moves []time.Time) error {
	sw := f.tenant(r.Account).prepare(name, r, since, moves)
	if sw == nil {
		return nil
	}
	select {
	case <-sw.done:
		return sw.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t *tenant) prepare(name string, r *Release, since time.Time, moves []time.Time) *swap {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if !r.Packaged {
		t.fill(t.pool(poolOf(r), r.Runtime, now), 0, now)
	}
	if name == "" {
		return nil
	}
	fn := t.function(r.Function)
	fn.used = now
	l := fn.line(name)
	l.used = now
	t.move(l, r, since, moves, now)
	if l.wanted.release.ID == r.ID && len(l.older) > 0 && l.swap == nil {
		t.begin(l, now)
	}
	if l.wanted.release.ID != r.ID {
		return nil
	}
	return l.swap
}

// kick begins a swap for a call that found the line on its way, unless the release failed not long ago.
func (t *tenant) kick(l *line, now time.Time) {
	to := l.wanted
	if l.swap == nil && !now.Before(to.trouble.until) && !t.stopped {
		t.begin(l, now)
	}
}

// begin starts the swap of a line. The sandboxes that it is to start count as being started from now on.
func (t *tenant) begin(l *line, now time.Time) {
	plan := l.plan(now)
	if len(plan) == 0 && l.wanted.trouble.times > 0 {
		plan = t.trial()
	}
	if len(plan) == 0 {
		t.flip(l, now)
		return
	}
	ctx, cancel := context.WithCancel(t.fleet.ctx)
	sw := &swap{line: l, to: l.wanted, cancel: cancel, done: make(chan struct{})}
	l.swap = sw
	for _, p := range plan {
		sw.to.starting += p.n
	}
	begun := t.fleet.begin(func() {
		defer cancel()
		t.swapped(sw, t.run(ctx, sw, plan))
	})
	if !begun {
		cancel()
		l.swap = nil
	}
}

// plan says where the wanted release is to start: on each machine that has older ones, as many as were in use lately.
func (l *line) plan(now time.Time) (plan []beside) {
	const lately = 10 * time.Second
	n := map[*machine]int{}
	for _, p := range l.older {
		for s := range p.all {
			if s.state != Idle || s.leaving {
				continue
			}
			if _, known := n[s.machine]; !known {
				n[s.machine] = 0
			}
			if s.running > 0 || now.Sub(s.used) < lately && s.calls > 0 {
				n[s.machine]++
			}
		}
	}
	for m, k := range n {
		if k = max(1, k) - l.wanted.readyOn(m); k > 0 {
			plan = append(plan, beside{m, k})
		}
	}
	return plan
}

// trial is a plan for a release that has failed, where no older one is loaded: that it starts is to be seen first.
func (t *tenant) trial() []beside {
	for _, m := range t.machines {
		return []beside{{m, 1}}
	}
	return nil
}

func (e *edition) readyOn(m *machine) (n int) {
	for s := range e.all {
		if s.machine == m && s.state == Idle && !s.leaving {
			n++
		}
	}
	return n
}

// run brings the newer release to all machines at the same time, and returns why it could not, if none has it then.
func (t *tenant) run(ctx context.Context, sw *swap, plan []beside) error {
	var mu sync.Mutex
	var all sync.WaitGroup
	var failure error
	ready := 0
	for _, p := range plan {
		all.Go(func() {
			n, err := t.runOn(ctx, sw, p)
			mu.Lock()
			defer mu.Unlock()
			ready += n
			failure = worse(failure, err)
		})
	}
	all.Wait()
	if ready > 0 {
		return nil
	}
	return failure
}

// worse prefers what says that the release is at fault.
func worse(a, b error) error {
	if a == nil || errors.Is(b, ErrUnfit) {
		return b
	}
	return a
}

// runOn fetches the code to one machine and starts sandboxes there; for each that is ready one of the older goes. Once
// one is ready, the older have so long until they all go: Config.Swap.
func (t *tenant) runOn(ctx context.Context, sw *swap, p beside) (ready int, err error) {
	if err := t.fetch(ctx, sw, p); err != nil {
		t.mu.Lock()
		sw.to.starting -= p.n
		t.mu.Unlock()
		return 0, err
	}
	over := make(chan error, p.n)
	for range p.n {
		go t.raiseBeside(ctx, sw, p.machine.node, over)
	}
	var late <-chan time.Time
	for left := p.n; left > 0; {
		select {
		case one := <-over:
			left--
			if err = worse(err, one); one != nil {
				continue
			}
			if ready++; ready == 1 {
				timer := time.NewTimer(t.fleet.config.Swap)
				defer timer.Stop()
				late = timer.C
			}
		case <-late:
			t.relieve(sw.line, p.machine, true)
		}
	}
	if ready > 0 {
		t.relieve(sw.line, p.machine, true)
	}
	return ready, err
}

// fetch has the newer code on the machine while the older answers.
func (t *tenant) fetch(ctx context.Context, sw *swap, p beside) error {
	ctx, cancel := contextWithin(ctx, t.fleet.config.Start)
	defer cancel()
	t.mu.Lock()
	code := sw.to.release.Assignment.Code
	t.mu.Unlock()
	if len(code) == 0 {
		return nil
	}
	err := p.machine.host.Fetch(ctx, t.account, code)
	if err == nil || ctx.Err() != nil || errs.KindOf(err) == errs.Unavailable {
		return err
	}
	return &Failure{Err: fmt.Errorf("fetch its code: %w", err)}
}

// raiseBeside makes one sandbox of the newer release ready, and lets one of the older go.
func (t *tenant) raiseBeside(ctx context.Context, sw *swap, node string, over chan<- error) {
	t.mu.Lock()
	o := &order{edition: sw.to, release: sw.to.release, node: node, line: sw.line}
	o.seek(true)
	t.mu.Unlock()
	s, err := t.make(ctx, o)
	t.raised(o, s, err)
	if err == nil {
		t.relieve(sw.line, s.machine, false)
	}
	over <- err
}

// relieve lets one sandbox of the older releases on a machine go, or all of them: those that nobody else needs.
func (t *tenant) relieve(l *line, m *machine, all bool) {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if l.swap == nil {
		return
	}
	for s := t.oldest(l, m.node, now); s != nil; s = t.oldest(l, m.node, now) {
		t.dismiss(s)
		if !all {
			return
		}
	}
}

// swapped ends a swap: calls go to the newer release from now on, or it stays out for a while.
func (t *tenant) swapped(sw *swap, err error) {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	defer close(sw.done)
	l := sw.line
	if l.swap != sw {
		return // the line wants something else by now
	}
	l.swap = nil
	switch {
	case err == nil, sw.to.ready > 0, noneReady(l.older) && !errors.Is(err, ErrUnfit):
		t.flip(l, now)
	case t.stopped || errors.Is(err, ErrStopping):
		sw.err = ErrStopping
	default:
		sw.err = err
		t.broken(sw.to, err, now)
	}
	t.feed(now)
}

func noneReady(older []past) bool {
	return !slices.ContainsFunc(older, func(p past) bool { return p.ready > 0 })
}

// flip has all calls of a line go to what is wanted; what is running in older ones finishes.
func (t *tenant) flip(l *line, now time.Time) {
	t.settleOn(l, now)
	e := l.wanted
	t.fleet.journal.tell(Happening{
		Kind: ReleaseReady, Account: t.account, Function: l.fn.arn, Version: e.release.Version, Release: e.release.ID, Line: l.name,
	})
	t.feed(now)
}
