package fleet

import (
	"slices"
	"time"
)

// poolKey names what makes sandboxes alike before they are assigned.
type poolKey struct {
	image string // digest
	disk  int
}

func poolOf(r *Release) poolKey { return poolKey{r.Runtime.Digest, r.Disk} }

// pool is sandboxes that wait to be assigned: the warming pool of an image.
type pool struct {
	key      poolKey
	image    Image
	warm     []*sandbox // in the order in which they came
	starting int
	used     time.Time // when one was wanted last
	taken    time.Time // when one was taken last
	times    int       // that starting one failed, in a row
	until    time.Time // not before
}

func (p *pool) remove(s *sandbox) {
	if i := slices.Index(p.warm, s); i >= 0 {
		p.warm = slices.Delete(p.warm, i, i+1)
	}
}

// Warm has a pool of sandboxes of an image ready, before anybody calls a function that needs it.
func (f *Fleet) Warm(account string, i Image, disk int) {
	t := f.tenant(account)
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.fill(t.pool(poolKey{i.Digest, disk}, i, now), 0, now)
}

func (t *tenant) pool(key poolKey, i Image, now time.Time) *pool {
	p := t.pools[key]
	if p == nil {
		p = &pool{key: key, taken: now}
		t.pools[key] = p
	}
	p.image, p.used = i, now
	return p
}

// draw takes the sandbox that has waited longest out of the pool: on the node of the order if it names one, and not on
// one that is in trouble. It is not handed to a call before its host has shown that it is well by assigning it.
func (t *tenant) draw(o *order) *sandbox {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.pool(poolOf(o.release), o.release.Runtime, now)
	for _, s := range p.warm {
		m := s.machine
		if o.node != "" && m.node != o.node || m.avoided(now) || slices.Contains(o.avoid, m.node) {
			continue
		}
		p.remove(s)
		p.taken = now
		s.state = Assigning
		return s
	}
	return nil
}

// giveBack returns a sandbox that was drawn, and was not used, to its pool.
func (t *tenant) giveBack(s *sandbox) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s.state = Warm
	if s.leaving {
		t.end(s)
		return
	}
	p := t.pools[s.pool]
	p.warm = slices.Insert(p.warm, 0, s)
}

// fill starts what a pool lacks, and as many beyond as its refill adds for each that was taken.
func (t *tenant) fill(p *pool, extra int, now time.Time) {
	c := t.fleet.config
	want := max(0, c.Warm)
	if extra > 0 && want > 0 {
		want = max(want, min(len(p.warm)+p.starting+extra, want+c.Refill-1))
	}
	const rest = 10 * time.Second // after room was refused: it is for calls
	if t.stopped || len(t.machines) == 0 || now.Before(p.until) || now.Sub(t.tight) < rest {
		return
	}
	for range want - len(p.warm) - p.starting {
		p.starting++
		if !t.fleet.begin(func() { t.warmUp(p) }) {
			p.starting--
			return
		}
	}
}

// warmUp starts a sandbox for a pool.
func (t *tenant) warmUp(p *pool) {
	t.mu.Lock()
	image := p.image
	t.mu.Unlock()
	s, err := t.start(p.key, image)
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	p.starting--
	if err != nil {
		if noRoom(err) {
			t.tight = now
		}
		p.times++
		p.until = now.Add(backoff(p.times, true))
		return
	}
	p.times = 0
	s.state, s.used = Warm, now
	if s.leaving {
		t.end(s)
		return
	}
	s.machine.praise()
	p.warm = append(p.warm, s)
}

func (t *tenant) start(key poolKey, i Image) (*sandbox, error) {
	ctx, cancel := contextWithin(t.fleet.ctx, t.fleet.config.Start)
	defer cancel()
	h, m, err := t.hold(ctx, Need{Memory: t.fleet.config.WarmMemory, Disk: key.disk}, "", nil)
	if err != nil {
		return nil, err
	}
	s := t.adopt(h, m, key, nil)
	if err := t.launch(ctx, s, i); err != nil {
		t.spoiled(s, nil, err)
		return nil, err
	}
	return s, nil
}

// refresh has a pool be as it should: full, fresh, and gone when nobody has wanted it for long.
func (t *tenant) refresh(p *pool, now time.Time) {
	const unused = time.Hour
	c := t.fleet.config
	for _, s := range slices.Clone(p.warm) {
		if now.Sub(s.born) > s.life || now.Sub(p.used) > unused {
			t.dismiss(s)
		}
	}
	if len(p.warm) > max(0, c.Warm) && now.Sub(p.taken) > time.Minute {
		t.dismiss(p.warm[0])
	}
	switch {
	case now.Sub(p.used) <= unused:
		t.fill(p, 0, now)
	case len(p.warm) == 0 && p.starting == 0:
		delete(t.pools, p.key)
	}
}
