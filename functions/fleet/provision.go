package fleet

import "time"

// Provision has n sandboxes of the release always ready, from now on; 0 ends that. It is not remembered beyond the
// fleet's life.
func (f *Fleet) Provision(r *Release, n int) {
	t := f.tenant(r.Account)
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	fn := t.function(r.Function)
	fn.used = now
	e := fn.edition(r)
	e.provisioned, e.used = max(0, n), now
	if !t.stopped {
		t.keep(e, now)
	}
}

// lacksProvisioned says that fewer sandboxes were made to be always ready than are always to be.
func (e *edition) lacksProvisioned() bool {
	made := 0
	for s := range e.all {
		if s.provisioned && !s.leaving && !s.aged {
			made++
		}
	}
	return made < e.provisioned
}

// Provisioned tells how far Provision is.
func (f *Fleet) Provisioned(r *Release) Provisioned {
	t := f.tenant(r.Account)
	t.mu.Lock()
	defer t.mu.Unlock()
	fn := t.functions[r.Function]
	if fn == nil || fn.editions[r.ID] == nil {
		return Provisioned{}
	}
	e := fn.editions[r.ID]
	p := Provisioned{
		Wanted: e.provisioned, Ready: min(e.ready, e.provisioned), Allocated: min(e.ready+e.starting, e.provisioned),
	}
	switch {
	case p.Ready == p.Wanted:
	case e.trouble.times > 0:
		p.Err = e.trouble.err
	case len(t.machines) == 0:
		p.Err = ErrNoMachine
	case !e.refused.IsZero() && time.Since(e.refused) < time.Minute:
		p.Err = e.refusal
	}
	return p
}
