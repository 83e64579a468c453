package fleet

import (
	"cmp"
	"context"
	"errors"
	"time"

	"slipway/nodeapi"
)

// Invoke makes a call: in an idle sandbox, or in one that is made for it, as soon as either is there. A function that
// fails is no error: Result.Error says it. Errors are ErrThrottled, ErrAccount, ErrBusy, ErrNoRoom, ErrNoMachine,
// ErrStopping, ErrRetired and ErrUnfit (as a *Failure, where it is not the init phase that failed) of calls that have
// not begun, those of hosts, and ctx's. When ctx ends the call is given up, unless it has begun and is Kept.
func (f *Fleet) Invoke(ctx context.Context, c Call, w nodeapi.AnswerWriter) (Result, error) {
	t := f.tenant(c.Release.Account)
	asked := time.Now()
	running := ctx
	if c.Kept {
		running = context.WithoutCancel(ctx)
	}
	l, err := t.lease(ctx, &c, asked)
	for last := tries; ; last-- {
		if err != nil {
			return t.refused(&c, asked, l, err)
		}
		c.Invocation.Sandbox = l.sandbox.id
		if c.Began != nil {
			c.Began(l.release)
		}
		out, failure := l.sandbox.machine.host.Invoke(running, c.Invocation, w)
		if !t.finish(ctx, &c, &l, &out, failure, last == 1) {
			return t.result(&c, asked, &l, out, failure), failure
		}
		l, err = t.again(ctx, &c)
	}
}

// tries is how often a call that has not begun is made elsewhere, before somebody is told.
const tries = 5

// lease is a sandbox for one call.
type lease struct {
	fn      *function
	sandbox *sandbox
	release *Release
	began   time.Time
	stale   time.Duration
	cold    *Cold
	err     error // of a waiting call
}

// lease admits a call and finds a sandbox for it, or waits for one.
func (t *tenant) lease(ctx context.Context, c *Call, now time.Time) (lease, error) {
	t.mu.Lock()
	fn := t.function(c.Release.Function)
	if err := t.admit(fn, c.Limit); err != nil {
		t.mu.Unlock()
		return lease{}, err
	}
	t.count.calls++
	return t.find(ctx, fn, c, now)
}

// again finds another sandbox for a call that has not begun in the one it had.
func (t *tenant) again(ctx context.Context, c *Call) (lease, error) {
	t.mu.Lock()
	return t.find(ctx, t.function(c.Release.Function), c, time.Now())
}

// find takes a sandbox that is there, or waits. It is called under the lock and returns without it.
func (t *tenant) find(ctx context.Context, fn *function, c *Call, now time.Time) (lease, error) {
	wish := t.wish(fn, c, now)
	if l, ok := wish.take(t, now); ok {
		t.mu.Unlock()
		return l, nil
	}
	return t.wait(ctx, fn, wish, c.Limit, now)
}

// finish takes a sandbox back and reports whether the call has not begun in it, so that it is to be made elsewhere.
func (t *tenant) finish(ctx context.Context, c *Call, l *lease, out *nodeapi.Outcome, failure error, last bool) (again bool) {
	now := time.Now()
	absent := failure != nil && errors.Is(failure, nodeapi.ErrNoSandbox)
	again = absent && !last
	t.mu.Lock()
	defer t.mu.Unlock()
	s := l.sandbox
	s.running--
	s.used = now
	t.running--
	s.lost = s.lost || absent
	if failure != nil && ctx.Err() == nil && !s.leaving {
		t.tellLost(s, failure.Error())
	}
	if !again {
		t.leave(l.fn, c.Limit)
		s.edition.used = now
		s.edition.fresh++
		s.edition.took(now.Sub(l.began))
	}
	t.putBack(s, failure != nil || out.Over, now)
	return again
}

// putBack has a sandbox take the next call, or go.
func (t *tenant) putBack(s *sandbox, over bool, now time.Time) {
	switch {
	case s.leaving && s.running == 0 && t.sandboxes[s.id] == s:
		t.end(s)
	case s.leaving:
	case over || now.Sub(s.born) > s.life+t.fleet.config.MaxAge/8:
		t.dismiss(s)
		t.feed(now)
	default:
		t.offer(s, now)
	}
}

// result tells how a call that was made ended, and writes it down.
func (t *tenant) result(c *Call, asked time.Time, l *lease, out nodeapi.Outcome, failure error) Result {
	r := Result{
		Outcome: out, Release: l.release, Sandbox: l.sandbox.id, Node: l.sandbox.machine.node,
		Stale: l.stale, Wait: l.began.Sub(asked), Cold: l.cold,
	}
	t.fleet.journal.add(record(c, &r, l.began, failure))
	return r
}

// refused tells of a call that did not begin.
func (t *tenant) refused(c *Call, asked time.Time, l lease, err error) (Result, error) {
	var f *Failure
	if !errors.As(err, &f) || f.Init.Error == nil {
		return Result{}, err
	}
	r := Result{Release: cmp.Or(l.release, c.Release), Unfit: true, Sandbox: f.Sandbox, Node: f.Node, Wait: time.Since(asked), Cold: &Cold{Init: f.Init}}
	r.Error, r.Tail = f.Init.Error, f.Init.Tail
	t.fleet.journal.add(record(c, &r, asked, nil))
	return r, nil
}
