package fleet

import (
	"context"
	"time"
)

// sandbox is one of the fleet's.
type sandbox struct {
	id      string
	machine *machine
	hold    Hold
	pool    poolKey
	edition *edition // nil: not assigned
	state   string   // Starting, Warm, Assigning, Idle
	listed  bool     // in edition.free
	leaving bool     // takes no more calls
	lost    bool     // its host does not have it any more
	aged    bool     // another is to take its place

	provisioned bool // it was made to be always ready

	running int
	calls   int64
	born    time.Time
	used    time.Time // when it last began or ended a call, or was made ready
	life    time.Duration
	ended   chan struct{} // closed when its hold is free; nil: nobody waits for that
	cold    *Cold         // until its first call
}

func (s *sandbox) begin() int {
	s.running++
	s.calls++
	return s.running
}

// owned reports whether whoever makes it ready looks after its end, too.
func (s *sandbox) owned() bool { return s.state == Starting || s.state == Assigning }

// How long it may take to end a sandbox, and to give back what it held.
const (
	stopWithin = 30 * time.Second
	hurryUp    = 5 * time.Second // where the fleet itself stops
	freeWithin = 10 * time.Second
)

// dismiss has a sandbox take no more calls, and end when those it runs are over.
func (t *tenant) dismiss(s *sandbox) {
	if s.leaving {
		return
	}
	s.leaving = true
	if s.state == Warm {
		t.pools[s.pool].remove(s)
	}
	if s.edition != nil && s.state == Idle {
		s.edition.unlist(s)
		s.edition.ready--
	}
	if s.running == 0 && !s.owned() {
		t.end(s)
	}
}

// end takes a sandbox out of all that is known and has it stopped beside; then its hold is freed.
func (t *tenant) end(s *sandbox) {
	t.forget(s)
	t.fleet.begin(func() { t.close(s) }) // where the fleet stops, it ends what is in ending
}

func (t *tenant) forget(s *sandbox) {
	delete(t.sandboxes, s.id)
	if s.edition != nil {
		delete(s.edition.all, s)
	}
	t.ending[s] = true
}

// close stops a sandbox and frees its hold: in this order, for what still runs still takes room.
func (t *tenant) close(s *sandbox) {
	t.quit(s)
	t.free(s)
}

func (t *tenant) quit(s *sandbox) {
	t.mu.Lock()
	lost := s.lost
	t.mu.Unlock()
	if lost {
		return
	}
	within := stopWithin
	if t.fleet.ctx.Err() != nil {
		within = hurryUp
	}
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	s.machine.host.Stop(ctx, s.id) // one that cannot be reached ends with its line
}

// free gives back what sandboxes held. What cannot be given back now is found by settle.
func (t *tenant) free(all ...*sandbox) {
	ids := make([]string, 0, len(all))
	for _, s := range all {
		ids = append(ids, s.hold.ID)
	}
	ctx, cancel := context.WithTimeout(context.Background(), freeWithin)
	defer cancel()
	err := t.fleet.config.Room.Free(ctx, ids...)
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range all {
		delete(t.ending, s)
		if s.ended != nil {
			close(s.ended)
		}
	}
	if err == nil {
		t.freed++
	}
	t.feed(time.Now())
}
