package fleet

import (
	"context"
	"errors"
	"fmt"
	"time"

	"slipway/nodeapi"
)

// machine is a host that is connected.
type machine struct {
	node   string
	host   nodeapi.SandboxHost
	cancel context.CancelCauseFunc
	times  int       // that it was in trouble, in a row
	until  time.Time // it is avoided
}

func (m *machine) avoided(now time.Time) bool { return now.Before(m.until) }

// blame has a machine be avoided for a while.
func (m *machine) blame(now time.Time) {
	m.times++
	m.until = now.Add(min(30*time.Second, 500*time.Millisecond<<min(m.times, 10)))
}

func (m *machine) praise() { m.times, m.until = 0, time.Time{} }

// Join lets the fleet use a machine of an account until ctx ends, its host stops telling, or the same machine joins
// anew (ErrReplaced). Then its sandboxes are given up, their holds are freed, and calls that had not begun there are made elsewhere.
func (f *Fleet) Join(ctx context.Context, account, node string, h nodeapi.SandboxHost) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	t := f.tenant(account)
	m := &machine{node: node, host: h, cancel: cancel}
	if !t.join(m) {
		return ErrStopping
	}
	err := h.Watch(ctx, func(all []nodeapi.SandboxState) { t.told(m, all) })
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	t.part(m, err)
	return err
}

// machine finds one that is connected.
func (t *tenant) machine(node string) *machine {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.machines[node]
}

func (t *tenant) join(m *machine) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stopped {
		return false
	}
	before := t.machines[m.node]
	t.machines[m.node] = m
	if before != nil {
		before.cancel(ErrReplaced)
		t.abandon(before, ErrReplaced)
	}
	t.freed++
	t.tight = time.Time{}
	t.feed(time.Now())
	return true
}

// part takes a machine out.
func (t *tenant) part(m *machine, why error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.remove(m)
	if !t.stopped {
		t.abandon(m, why)
	}
}

// remove has nothing be started on a machine any more, unless it has come anew.
func (t *tenant) remove(m *machine) {
	if t.machines[m.node] != m {
		return
	}
	delete(t.machines, m.node)
	if len(t.machines) == 0 {
		t.lonely = time.Now()
	}
}

// retreat leaves a machine that ends: its sandboxes take no more calls, and those under way finish there.
func (t *tenant) retreat(m *machine) {
	t.remove(m)
	for _, s := range t.sandboxes {
		if s.machine == m {
			t.dismiss(s)
		}
	}
}

// abandon gives up all sandboxes of a machine. Those that somebody is making ready are that one's to end.
func (t *tenant) abandon(m *machine, why error) {
	var gone []*sandbox
	for _, s := range t.sandboxes {
		if s.machine != m {
			continue
		}
		if s.owned() {
			s.leaving = true
			continue
		}
		t.unuse(s)
		s.lost, s.leaving = true, true
		t.forget(s)
		gone = append(gone, s)
	}
	if len(gone) == 0 {
		return
	}
	if !errors.Is(why, ErrReplaced) {
		t.fleet.journal.tell(Happening{
			Kind: MachineLost, Account: t.account, Node: m.node,
			Reason: fmt.Sprintf("the line to it has ended, and with it %d sandboxes", len(gone)),
		})
	}
	t.fleet.begin(func() { t.free(gone...) })
}

// unuse takes a sandbox out of where calls and pools find it.
func (t *tenant) unuse(s *sandbox) {
	switch {
	case s.leaving && s.state == Idle: // dismiss did it, and calls are still running
	case s.state == Warm:
		t.pools[s.pool].remove(s)
	case s.state == Idle:
		s.edition.unlist(s)
		s.edition.ready--
	}
}

// told takes what a host tells of its sandboxes.
func (t *tenant) told(m *machine, all []nodeapi.SandboxState) {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, one := range all {
		if one.Leaving && t.machines[m.node] == m {
			t.retreat(m)
		}
		s := t.sandboxes[one.ID]
		switch {
		case s != nil && s.machine == m && one.Gone:
			t.missed(s, one.Reason, now)
		case s == nil && !one.Gone && !t.isEnding(one.ID):
			t.fleet.begin(func() { t.stray(m, one.ID) })
		}
	}
}

// missed takes out a sandbox that went without having been asked to.
func (t *tenant) missed(s *sandbox, reason string, now time.Time) {
	s.lost = true
	if s.owned() || s.leaving {
		s.leaving = true
		return
	}
	t.tellLost(s, reason)
	t.dismiss(s)
	t.feed(now)
}

func (t *tenant) tellLost(s *sandbox, reason string) {
	h := Happening{Kind: SandboxLost, Account: t.account, Sandbox: s.id, Node: s.machine.node, Reason: reason}
	if e := s.edition; e != nil {
		h.Function, h.Version, h.Release = e.function.arn, e.release.Version, e.release.ID
	}
	t.fleet.journal.tell(h)
}

func (t *tenant) isEnding(id string) bool {
	for s := range t.ending {
		if s.id == id {
			return true
		}
	}
	return false
}

// stray ends a sandbox of a former life.
func (t *tenant) stray(m *machine, id string) {
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	m.host.Stop(ctx, id) // what cannot be reached ends with its line
}

func contextWithin(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, d, errSlow)
}
