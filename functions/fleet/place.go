package fleet

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"
)

// place takes room for a sandbox. Where there is none, sandboxes that nobody needs now give way.
func (t *tenant) place(ctx context.Context, o *order) (Hold, *machine, error) {
	need := needOf(o.release)
	h, m, err := t.hold(ctx, need, o.node, o.avoid)
	if !errors.Is(err, ErrNoRoom) {
		return h, m, err
	}
	if node, ok := t.clear(need, o); ok {
		if h, m, err = t.hold(ctx, need, node, o.avoid); !errors.Is(err, ErrNoRoom) {
			return h, m, err
		}
	}
	if o.node == "" {
		return h, m, err
	}
	if h, m, err = t.hold(ctx, need, "", o.avoid); !errors.Is(err, ErrNoRoom) || o.line == nil {
		return h, m, err
	}
	if !t.giveWay(ctx, o) {
		return h, m, err
	}
	return t.hold(ctx, need, o.node, o.avoid)
}

// hold takes room on a machine that is connected and not in trouble.
func (t *tenant) hold(ctx context.Context, n Need, node string, avoid []string) (Hold, *machine, error) {
	const strangers = 16 // machines that the books know and that are not connected here
	avoid, err := t.troubled(avoid)
	if err != nil {
		return Hold{}, nil, err
	}
	if node != "" && slices.Contains(avoid, node) {
		return Hold{}, nil, ErrNoRoom
	}
	for range strangers {
		h, err := t.fleet.holding.take(ctx, t.fleet.config.Room, t.account, n, node, avoid)
		if err != nil {
			return Hold{}, nil, err
		}
		if m := t.machine(h.Node); m != nil {
			return h, m, nil
		}
		t.fleet.config.Room.Free(context.WithoutCancel(ctx), h.ID) // what fails here is found by settle
		t.fleet.holding.known()
		if avoid = append(avoid, h.Node); node != "" {
			break
		}
	}
	return Hold{}, nil, ErrNoRoom
}

// troubled adds the machines that are in trouble to those that are avoided.
func (t *tenant) troubled(avoid []string) ([]string, error) {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.machines) == 0 {
		return nil, ErrNoMachine
	}
	avoid = slices.Clone(avoid)
	for _, m := range t.machines {
		if m.avoided(now) && !slices.Contains(avoid, m.node) {
			avoid = append(avoid, m.node)
		}
	}
	return avoid, nil
}

// clear ends sandboxes that wait for calls or to be assigned, so that one machine has the room that is needed, and
// names the machine; false: nothing may go.
func (t *tenant) clear(n Need, o *order) (node string, ok bool) {
	t.mu.Lock()
	t.tight = time.Now()
	victims := t.victims(n, o)
	for _, s := range victims {
		t.unuse(s)
		s.leaving = true
		t.forget(s)
	}
	t.mu.Unlock()
	for _, s := range victims {
		t.close(s)
		node = s.machine.node
	}
	return node, len(victims) > 0
}

// victims picks the machine on which the fewest sandboxes have to go, and those: first of the pools, then those that
// have been idle for longest.
func (t *tenant) victims(n Need, o *order) []*sandbox {
	now := time.Now()
	byMachine := map[*machine][]*sandbox{}
	for _, s := range t.sandboxes {
		m := s.machine
		if t.dispensable(s, o, now) && (o.node == "" || o.node == m.node) && !m.avoided(now) && !slices.Contains(o.avoid, m.node) {
			byMachine[m] = append(byMachine[m], s)
		}
	}
	var best []*sandbox
	enough := false
	for _, all := range byMachine {
		some, does := until(all, n.Memory)
		if best == nil || does && !enough || does == enough && (len(some) < len(best)) == does {
			best, enough = some, does
		}
	}
	return best
}

// until takes sandboxes in the order in which they may go, until they free so much memory.
func until(all []*sandbox, memory int) (some []*sandbox, enough bool) {
	slices.SortFunc(all, func(a, b *sandbox) int {
		if w := cmp.Compare(b.state, a.state); w != 0 { // Warm, Idle
			return w
		}
		return a.used.Compare(b.used)
	})
	for i, s := range all {
		if memory -= s.hold.Memory; memory <= 0 {
			return all[:i+1], true
		}
	}
	return all, false
}

// dispensable reports whether a sandbox may go for want of room.
func (t *tenant) dispensable(s *sandbox, o *order, now time.Time) bool {
	e := s.edition
	switch {
	case s.leaving || s.running > 0:
		return false
	case s.state == Warm:
		return true
	case s.state != Idle || e == o.edition || e.ready <= e.provisioned:
		return false
	}
	return o.line == nil || !o.line.answersBy(e)
}

func (l *line) answersBy(e *edition) bool {
	return slices.ContainsFunc(l.older, func(p past) bool { return p.edition == e })
}

// giveWay has a sandbox of an older release end, once its calls are over, where there is no room beside it.
func (t *tenant) giveWay(ctx context.Context, o *order) bool {
	t.mu.Lock()
	s := t.oldest(o.line, o.node, time.Now())
	if s == nil {
		t.mu.Unlock()
		return false
	}
	s.ended = make(chan struct{})
	t.dismiss(s)
	t.mu.Unlock()
	select {
	case <-s.ended:
		return true
	case <-ctx.Done():
		return false
	}
}

// oldest finds a sandbox of a line's older releases on a node that nobody else needs: an idle one, if there is one.
func (t *tenant) oldest(l *line, node string, now time.Time) (found *sandbox) {
	for _, p := range l.older {
		if p.neededBeside(now) {
			continue
		}
		for s := range p.all {
			if s.state != Idle || s.leaving || s.machine.node != node {
				continue
			}
			if s.running == 0 {
				return s
			}
			found = s
		}
	}
	return found
}

// neededBeside reports whether others than the one line that answers by the edition need it.
func (e *edition) neededBeside(now time.Time) bool {
	return e.lines > 1 || e.provisioned > 0 || now.Sub(e.pinned) <= pinnedFor
}
