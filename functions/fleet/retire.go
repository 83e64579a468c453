package fleet

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// Retire ends sandboxes that nobody may call any more: of one release of a function, or of all where release is "".
// Running calls finish; waiting ones get ErrRetired.
func (f *Fleet) Retire(account, function, release string) {
	t := f.tenant(account)
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	fn := t.functions[function]
	if fn == nil {
		return
	}
	for id, e := range fn.editions {
		if release == "" || id == release {
			t.retire(fn, e, now)
		}
	}
}

// retire takes an edition out of its function. The lines that wanted it begin anew.
func (t *tenant) retire(fn *function, e *edition, now time.Time) {
	e.retired, e.provisioned = true, 0
	for name, l := range fn.lines {
		if l.wanted == e {
			l.halt()
			t.turnAway(fn, ErrRetired, func(w *waiter) bool { return w.line == l })
			t.settleOn(l, now)
			e.lines--
			delete(fn.lines, name)
		}
		l.older = slices.DeleteFunc(l.older, func(p past) bool { return p.edition == e })
	}
	t.turnAway(fn, ErrRetired, func(w *waiter) bool { return w.edition == e })
	t.drop(e, now)
	delete(fn.editions, e.release.ID)
}

// stop answers who waits, and ends all sandboxes. Nothing of the tenant is under way beside, except calls.
func (t *tenant) stop() {
	t.mu.Lock()
	t.stopped = true
	for _, fn := range slices.Collect(maps.Values(t.functions)) {
		t.turnAway(fn, ErrStopping, func(*waiter) bool { return true })
	}
	for _, s := range t.sandboxes {
		t.unuse(s)
		s.leaving = true
		t.forget(s)
	}
	all := slices.Collect(maps.Keys(t.ending))
	machines := slices.Collect(maps.Values(t.machines))
	t.mu.Unlock()
	t.halt(all)
	for _, m := range machines {
		m.cancel(ErrStopping)
	}
}

// halt stops sandboxes, all at the same time, and frees what they held.
func (t *tenant) halt(all []*sandbox) {
	var under sync.WaitGroup
	for _, s := range all {
		under.Go(func() { t.quit(s) })
	}
	under.Wait()
	if len(all) > 0 {
		t.free(all...)
	}
}
