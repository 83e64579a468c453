package fleet

import (
	"slices"
	"time"
)

// line is what callers name that moves from release to release.
type line struct {
	name   string
	fn     *function
	wanted *edition
	since  time.Time // when the line came to it
	older  []past    // what answers until the wanted one is ready, the newest first
	swap   *swap     // under way
	used   time.Time
}

// past is an edition that was wanted, and is still of use.
type past struct {
	*edition
	superseded time.Time
}

func (p past) age(now time.Time) time.Duration { return max(1, now.Sub(p.superseded)) }

func (fn *function) line(name string) *line {
	l := fn.lines[name]
	if l == nil {
		l = &line{name: name, fn: fn}
		fn.lines[name] = l
	}
	return l
}

// move brings the line to a release, unless it is there or has come further. What was wanted before and is loaded
// somewhere stays of use.
func (t *tenant) move(l *line, r *Release, since time.Time, moves []time.Time, now time.Time) {
	from, left := l.wanted, leftAt(l.since, since, moves)
	switch {
	case from != nil && from.release == r && !since.After(l.since):
		return
	case from != nil && since.Before(l.since):
		return
	}
	l.since = since
	to := l.fn.edition(r)
	if to == from {
		return
	}
	l.wanted = to
	to.lines++
	l.halt()
	l.older = slices.DeleteFunc(l.older, func(p past) bool {
		if p.edition == to {
			p.lines--
		}
		return p.edition == to
	})
	switch {
	case from == nil:
	case from.ready > 0:
		l.older = slices.Insert(l.older, 0, past{from, left})
	default:
		from.lines--
		t.drop(from, now)
	}
}

// leftAt is when a line that had come to a release at one time, and now is known to have come to another at a later one,
// left it: it may have moved more than once between.
func leftAt(came, since time.Time, moves []time.Time) time.Time {
	for _, m := range moves {
		if m.After(came) && m.Before(since) {
			return m
		}
	}
	return since
}

// settleOn has the line answer by nothing but what is wanted.
func (t *tenant) settleOn(l *line, now time.Time) {
	older := l.older
	l.older = nil
	for _, p := range older {
		p.lines--
		t.drop(p.edition, now)
	}
}

// halt gives up a swap: the line wants something else by now.
func (l *line) halt() {
	if l.swap != nil {
		l.swap.cancel()
		l.swap = nil
	}
}

// drop ends the sandboxes of an edition that nobody may call any more.
func (t *tenant) drop(e *edition, now time.Time) {
	if !e.superfluous(now) {
		return
	}
	for s := range e.all {
		if s.state == Idle {
			t.dismiss(s)
		}
	}
}

// wish is what a call may be answered by: one edition, or those of a line.
type wish struct {
	edition *edition // nil where there is a line
	line    *line
	stale   Staleness
}

// wish reads what a call wants, and moves its line where the call tells of a newer release.
func (t *tenant) wish(fn *function, c *Call, now time.Time) wish {
	fn.used = now
	if c.Line == "" {
		e := fn.edition(c.Release)
		e.pinned = now
		return wish{edition: e}
	}
	l := fn.line(c.Line)
	l.used = now
	t.move(l, c.Release, c.Since, c.Moves, now)
	if len(l.older) > 0 {
		t.kick(l, now)
	}
	return wish{line: l, stale: c.Stale}
}

// take finds a sandbox that is idle: of the newest release that has one.
func (w wish) take(t *tenant, now time.Time) (lease, bool) {
	if w.line == nil {
		return t.grant(w.edition, 0, now)
	}
	l, ok := t.grant(w.line.wanted, 0, now)
	for i := 0; !ok && i < len(w.line.older); i++ {
		if p := w.line.older[i]; w.stale.allows(p.age(now)) {
			l, ok = t.grant(p.edition, p.age(now), now)
		}
	}
	return l, ok
}

// accepts reports whether an edition may answer, and for how long it has been superseded.
func (w wish) accepts(e *edition, now time.Time) (stale time.Duration, ok bool) {
	switch {
	case w.line == nil:
		return 0, e == w.edition
	case e == w.line.wanted:
		return 0, true
	}
	for _, p := range w.line.older {
		if p.edition == e {
			return p.age(now), w.stale.allows(p.age(now))
		}
	}
	return 0, false
}

// only is the edition without which there is no answer, or nil where an older one would do.
func (w wish) only(now time.Time) *edition {
	if w.line == nil {
		return w.edition
	}
	for _, p := range w.line.older {
		if w.stale.allows(p.age(now)) {
			return nil
		}
	}
	return w.line.wanted
}

// target is the edition to start for a call that waits: an older one until the wanted one has shown that it starts.
func (w wish) target(now time.Time) *edition {
	if w.line == nil {
		return w.edition
	}
	if w.line.wanted.ready > 0 {
		return w.line.wanted
	}
	for _, p := range w.line.older {
		if w.stale.allows(p.age(now)) && p.trouble.times == 0 {
			return p.edition
		}
	}
	return w.line.wanted
}

// grant gives a call the sandbox of an edition that was used last.
func (t *tenant) grant(e *edition, stale time.Duration, now time.Time) (lease, bool) {
	s := e.take()
	if s == nil {
		return lease{}, false
	}
	return t.leased(s, stale, now), true
}

func (t *tenant) leased(s *sandbox, stale time.Duration, now time.Time) lease {
	s.used = now
	s.cold = nil
	t.running++
	if stale > 0 {
		t.count.stale++
		t.count.skew = max(t.count.skew, stale)
	}
	return lease{fn: s.edition.function, sandbox: s, release: s.edition.release, began: now, stale: stale}
}
