package proxy

import (
	"crypto/sha256"
	"encoding/hex"
	"hash/maphash"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// pool is a Group in use.
type pool struct {
	group atomic.Pointer[Group]
	ready atomic.Pointer[[]*target] // those that take requests; never changed, only replaced
	next  atomic.Uint64
	used  atomic.Bool // a listener forwards to it

	mu      sync.Mutex
	targets map[key]*target
}

func newPool() *pool {
	p := &pool{targets: map[key]*target{}}
	p.ready.Store(new([]*target))
	return p
}

// set makes the pool what a plan says. Targets that stay keep their connections and their health.
func (p *pool) set(g *Group, used bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	old := p.group.Swap(g)
	p.used.Store(used)
	anew := old == nil || !sameCheck(old.Check, g.Check)
	wanted := map[key]bool{}
	for _, t := range g.Targets {
		wanted[t.key()] = true
		have := p.targets[t.key()]
		if have == nil {
			have = newTarget(t, g)
			p.targets[t.key()] = have
		}
		switch leaves := !t.Until.IsZero(); {
		case leaves && !have.draining.Load():
			have.drain()
		case !leaves:
			have.draining.Store(false) // it may have been registered again
		}
		p.check(have, used, anew)
	}
	for k, t := range p.targets {
		if !wanted[k] {
			t.stopChecks()
			t.end()
			delete(p.targets, k)
		}
	}
	p.sort()
}

// sort decides anew which targets take requests: the healthy ones or, where none is, all: a check that is wrong
// is then better than no answer at all, as on AWS.
func (p *pool) sort() {
	var healthy, all []*target
	for _, t := range p.targets {
		if t.draining.Load() {
			continue
		}
		all = append(all, t)
		if t.health.Load().health == Healthy {
			healthy = append(healthy, t)
		}
	}
	if len(healthy) > 0 {
		all = healthy
	}
	slices.SortFunc(all, func(a, b *target) int { return compareKeys(a.key(), b.key()) })
	p.ready.Store(&all)
}

// end cuts all that the pool has.
func (p *pool) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for k, t := range p.targets {
		t.stopChecks()
		t.end()
		delete(p.targets, k)
	}
	p.sort()
}

// pick chooses who takes a request: none that was tried. It returns nil when nobody is left.
func (p *pool) pick(tried []*target) *target {
	ready := *p.ready.Load()
	if len(ready) == 0 {
		return nil
	}
	start := int(p.next.Add(1) % uint64(len(ready)))
	if p.group.Load().Least {
		return least(ready, start, tried)
	}
	for i := range ready {
		if t := ready[(start+i)%len(ready)]; !slices.Contains(tried, t) {
			return t
		}
	}
	return nil
}

func least(ready []*target, start int, tried []*target) (best *target) {
	var fewest int64
	for i := range ready {
		t := ready[(start+i)%len(ready)]
		if n := t.running.Load(); (best == nil || n < fewest) && !slices.Contains(tried, t) {
			best, fewest = t, n
		}
	}
	return best
}

// byCookie is the target that a client sticks to, if it still takes requests.
func (p *pool) byCookie(cookie string) *target {
	for _, t := range *p.ready.Load() {
		if t.cookie == cookie {
			return t
		}
	}
	return nil
}

var seed = maphash.MakeSeed()

// bySource is the target of all connections from an address.
func (p *pool) bySource(source netip.Addr) *target {
	ready := *p.ready.Load()
	if len(ready) == 0 {
		return nil
	}
	return ready[maphash.Comparable(seed, source)%uint64(len(ready))]
}

// states are how the targets are.
func (p *pool) states() []State {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []State
	for _, t := range p.targets {
		list = append(list, t.report(p.used.Load()))
	}
	slices.SortFunc(list, func(a, b State) int { return compareKeys(key{id: a.ID, port: a.Port}, key{id: b.ID, port: b.Port}) })
	return list
}

func (p *pool) closeIdle(before time.Time) {
	p.mu.Lock()
	all := make([]*target, 0, len(p.targets))
	for _, t := range p.targets {
		all = append(all, t)
	}
	p.mu.Unlock()
	for _, t := range all {
		t.closeIdle(before)
	}
}

// mark is a name for a target that tells a client nothing.
func mark(group, address string) string {
	sum := sha256.Sum256([]byte(group + " " + address))
	return hex.EncodeToString(sum[:16])
}
