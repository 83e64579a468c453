package fleet

// Yield gives an account up, which another fleet has from now on, and does not wait. Machines' Joins and calls that have
// not begun end with ErrYielded; the account is begun with anew by whoever names it next. What sandboxes held is freed;
// they themselves end with the lines to their machines.
func (f *Fleet) Yield(account string) {
	f.mu.Lock()
	t := f.tenants[account]
	delete(f.tenants, account)
	f.mu.Unlock()
	if t != nil {
		t.yield()
	}
}

func (t *tenant) yield() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stopped, t.yielded = true, true
	for _, fn := range t.functions {
		for _, l := range fn.lines {
			if l.swap != nil {
				l.swap.err = ErrYielded
				l.halt()
			}
		}
		t.turnAway(fn, ErrYielded, func(*waiter) bool { return true })
	}
	for node, m := range t.machines {
		delete(t.machines, node) // so that nothing that is under way finds it
		m.cancel(ErrYielded)
		t.abandon(m, ErrYielded)
	}
}

// refusal is what those are told who come when nothing begins any more.
func (t *tenant) refusal() error {
	if t.yielded {
		return ErrYielded
	}
	return ErrStopping
}
