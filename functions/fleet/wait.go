package fleet

import (
	"context"
	"slices"
	"time"
)

// waiter is a call for which no sandbox was idle.
type waiter struct {
	wish
	since time.Time
	got   chan lease // one, or an error in its place
}

// Sandboxes that are there are given a moment before more are started, where calls are so short that they will be idle
// again: so many short calls at once need few sandboxes. A call that has waited for as long as a start takes counts
// whatever is expected; before that another sandbox would come too late for it, and take cpu from those that are there.
const (
	moment  = 5 * time.Millisecond
	tooLong = 100 * time.Millisecond
)

// wait queues a call until it has a sandbox. It is called under the lock and returns without it.
func (t *tenant) wait(ctx context.Context, fn *function, want wish, limit Limit, now time.Time) (lease, error) {
	if l, err := t.vain(fn, want, now); err != nil {
		t.leave(fn, limit)
		t.count.failed++
		t.mu.Unlock()
		return l, err
	}
	w := &waiter{wish: want, since: now, got: make(chan lease, 1)}
	fn.waiting = append(fn.waiting, w)
	t.hungry[fn] = true
	t.grow(fn, now)
	t.mu.Unlock()
	l, err := t.await(ctx, fn, w)
	if err != nil {
		t.mu.Lock()
		t.leave(fn, limit)
		t.count.failed++
		t.mu.Unlock()
	}
	return l, err
}

// vain says why a call need not wait at all.
func (t *tenant) vain(fn *function, want wish, now time.Time) (lease, error) {
	const alone = 10 * time.Second // machines that lost their line come back within seconds
	e := want.only(now)
	switch {
	case t.stopped:
		return lease{}, t.refusal()
	case len(t.machines) == 0 && now.Sub(t.lonely) >= alone:
		return lease{}, ErrNoMachine
	case len(fn.waiting) >= t.fleet.config.Waiting:
		return lease{}, ErrBusy
	case e != nil && e.hopeless(now):
		return lease{release: e.release}, e.trouble.err
	}
	return lease{}, nil
}

// await returns what a waiting call got, or why it waits no longer.
func (t *tenant) await(ctx context.Context, fn *function, w *waiter) (lease, error) {
	bound := time.NewTimer(t.fleet.config.Wait)
	defer bound.Stop()
	press := time.NewTimer(tooLong)
	defer press.Stop()
	for {
		select {
		case <-press.C:
			t.press(fn)
		case l := <-w.got:
			return l, l.err
		case <-ctx.Done():
			return t.giveUp(fn, w, ctx.Err())
		case <-bound.C:
			if err := t.late(w); err != nil {
				return t.giveUp(fn, w, err)
			}
			bound.Reset(t.fleet.config.Wait)
		}
	}
}

// press has what waits too long counted.
func (t *tenant) press(fn *function) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.grow(fn, time.Now())
}

// late says why a call that has waited for long need not wait longer; nil: something is being started for it, and has room.
func (t *tenant) late(w *waiter) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := w.target(time.Now())
	switch {
	case e.starting > e.placing:
		return nil
	case e.trouble.times > 0:
		return e.trouble.err
	case len(t.machines) == 0:
		return ErrNoMachine
	case e.refusal != nil:
		return e.refusal
	}
	return ErrNoRoom
}

// giveUp takes a call out of the queue. One that has been given a sandbox meanwhile uses it, unless its ctx is over.
func (t *tenant) giveUp(fn *function, w *waiter, why error) (lease, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if i := slices.Index(fn.waiting, w); i >= 0 {
		t.unqueue(fn, i)
		return lease{}, why
	}
	l := <-w.got
	if l.err != nil || noRoom(why) {
		return l, l.err
	}
	l.sandbox.running--
	t.running--
	t.putBack(l.sandbox, false, time.Now())
	return lease{}, why
}

func (t *tenant) unqueue(fn *function, i int) *waiter {
	w := fn.waiting[i]
	fn.waiting = slices.Delete(fn.waiting, i, i+1)
	if len(fn.waiting) == 0 {
		delete(t.hungry, fn)
	}
	return w
}

// offer gives a sandbox to those who wait for it, in their order, or has it wait for calls.
func (t *tenant) offer(s *sandbox, now time.Time) {
	e := s.edition
	for s.running < e.release.concurrency() && t.serve(s, now) {
	}
	if s.running < e.release.concurrency() {
		e.list(s)
	} else {
		e.unlist(s)
	}
}

// serve gives a sandbox to the first call that it may answer, and reports whether there was one.
func (t *tenant) serve(s *sandbox, now time.Time) bool {
	fn := s.edition.function
	for i, w := range fn.waiting {
		stale, ok := w.accepts(s.edition, now)
		if !ok {
			continue
		}
		t.unqueue(fn, i)
		s.begin()
		cold := s.cold
		l := t.leased(s, stale, now)
		l.cold = cold
		if cold != nil {
			t.count.cold++
		}
		w.got <- l
		return true
	}
	return false
}

// fail has calls that can have nothing else know that a release does not start: the first of those who wait, for
// whom it was started, and all where trying again has no sense for now.
func (t *tenant) fail(e *edition, err error, now time.Time) {
	first := e.ready == 0
	for i := 0; i < len(e.function.waiting); {
		w := e.function.waiting[i]
		if w.only(now) != e || !first && !e.hopeless(now) {
			i++
			continue
		}
		first = false
		t.unqueue(e.function, i)
		w.got <- lease{fn: e.function, release: e.release, err: err}
	}
}

// turnAway answers all waiting calls of a function for which pick is true.
func (t *tenant) turnAway(fn *function, err error, pick func(*waiter) bool) {
	for i := 0; i < len(fn.waiting); {
		if !pick(fn.waiting[i]) {
			i++
			continue
		}
		t.unqueue(fn, i).got <- lease{fn: fn, err: err}
	}
}

// feed looks for what can be started by now for calls that wait.
func (t *tenant) feed(now time.Time) {
	for fn := range t.hungry {
		t.grow(fn, now)
	}
}

// grow starts as many sandboxes as the waiting calls of a function need beyond those that are being started.
func (t *tenant) grow(fn *function, now time.Time) {
	for _, w := range fn.waiting {
		e := w.target(now)
		e.asked++
		if now.Sub(w.since) >= tooLong {
			e.pressing++
		}
	}
	for _, w := range fn.waiting {
		e := w.target(now)
		if n := max(e.pressing, e.asked-e.soon()); n > 0 {
			c := e.release.concurrency()
			t.raiseMore(e, (n+c-1)/c-e.starting, now)
		}
		e.asked, e.pressing = 0, 0
	}
}

// soon is how many calls that wait will be served in a moment by the sandboxes that are there.
func (e *edition) soon() int {
	if e.mean == 0 {
		return 0
	}
	return int(time.Duration(e.ready*e.release.concurrency()) * moment / e.mean)
}

// raiseMore starts up to n sandboxes, as many as it is well to start at a time.
func (t *tenant) raiseMore(e *edition, n int, now time.Time) {
	const atOnce = 8 // on each machine: more are slower each, and the first may be free again before the last is ready
	n = min(n, atOnce*max(1, len(t.machines))-e.starting)
	switch {
	case len(t.machines) == 0 || now.Before(e.trouble.until):
		return
	case e.refusedAt == t.freed && now.Sub(e.refused) < time.Second:
		return
	case e.trouble.times > 0:
		n = min(n, 1-e.starting)
	}
	for ; n > 0; n-- {
		t.raise(e)
	}
}
