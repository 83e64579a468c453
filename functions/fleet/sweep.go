package fleet

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// forgotten is after how long without a call, and without a sandbox, nothing is remembered of a function.
const forgotten = time.Hour

// sweep does what is to be done with time.
func (t *tenant) sweep(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stopped {
		return
	}
	t.count.turn(now)
	elapsed := now.Sub(t.swept)
	t.swept = now
	for arn, fn := range t.functions {
		for _, e := range fn.editions {
			t.tend(e, elapsed, now)
		}
		fn.forget(now)
		if len(fn.editions) == 0 && fn.calls == 0 && now.Sub(fn.used) > forgotten {
			delete(t.functions, arn)
		}
	}
	for _, p := range t.pools {
		t.refresh(p, now)
	}
	t.feed(now)
}

// turn begins a new minute of what is measured by minutes.
func (c *counters) turn(now time.Time) {
	if now.Sub(c.minute) >= time.Minute {
		c.before, c.skew, c.minute = c.skew, 0, now
	}
}

// tend looks after the sandboxes of one edition.
func (t *tenant) tend(e *edition, elapsed time.Duration, now time.Time) {
	const halfLife = 10 * time.Minute
	e.recent = e.recent*math.Exp2(-float64(elapsed)/float64(halfLife)) + float64(e.fresh)
	e.fresh = 0
	t.drop(e, now)
	t.expire(e, now)
	t.renew(e, now)
	t.keep(e, now)
}

// expire ends sandboxes that have been idle for longer than they are worth, the one that was used least lately first.
func (t *tenant) expire(e *edition, now time.Time) {
	if len(e.free) == 0 {
		return
	}
	tight := now.Sub(t.tight) < time.Minute
	most := t.fleet.config.Policy.Idle(Use{Recent: e.recent, Alive: e.ready, Memory: e.release.Memory, Tight: tight})
	for _, s := range slices.Clone(e.free) {
		if e.ready > e.provisioned && s.running == 0 && now.Sub(s.used) > most {
			t.dismiss(s)
		}
	}
}

// renew ends sandboxes that are too old. That of a release in use stays until another has taken its place, but not
// for longer than a quarter of its time.
func (t *tenant) renew(e *edition, now time.Time) {
	c := t.fleet.config
	for s := range e.all {
		if s.state != Idle || s.leaving || now.Sub(s.born) <= s.life {
			continue
		}
		inUse := e.recent >= 1 || e.provisioned > 0
		switch {
		case !inUse, s.aged && e.young(now), now.Sub(s.born) > c.MaxAge+c.MaxAge/8:
			t.dismiss(s)
		case !s.aged && e.starting == 0:
			s.aged = true
			t.raiseMore(e, 1, now)
		}
	}
}

// young reports whether a sandbox of the edition has its time before it.
func (e *edition) young(now time.Time) bool {
	for s := range e.all {
		if s.state == Idle && !s.leaving && now.Sub(s.born) <= s.life {
			return true
		}
	}
	return false
}

// lifetime spreads the ages that sandboxes reach, so that those that came together do not go together.
func lifetime(most time.Duration) time.Duration { return most - rand.N(most/8+1) }

// keep has as many sandboxes ready as are always to be.
func (t *tenant) keep(e *edition, now time.Time) {
	if n := e.provisioned - e.ready - e.starting; n > 0 {
		t.raiseMore(e, n, now)
	}
}

// forget drops lines and editions of which nothing is left.
func (fn *function) forget(now time.Time) {
	if len(fn.waiting) > 0 {
		return
	}
	for name, l := range fn.lines {
		if l.swap == nil && len(l.wanted.all) == 0 && len(l.older) == 0 && now.Sub(l.used) > forgotten {
			l.wanted.lines--
			delete(fn.lines, name)
		}
	}
	for id, e := range fn.editions {
		if len(e.all) == 0 && e.starting == 0 && e.lines == 0 && e.provisioned == 0 && now.Sub(e.lastUse()) > forgotten {
			delete(fn.editions, id)
		}
	}
}

func (e *edition) lastUse() time.Time {
	if e.pinned.After(e.used) {
		return e.pinned
	}
	return e.used
}
