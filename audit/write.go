package audit

import (
	"sync"
	"time"
)

// Record keeps the record of a call, and returns its id. When it returns, the record survives the
// end of this process; after a second at most it survives a power cut.
//
// It returns ErrEntry for an entry without an account, and ErrUnrecorded when the disk is full or
// too many records wait for the database. A call that cannot be recorded must not be answered with
// what it has found out, nor as if it had been done: see Ready.
//
// Calls of nobody known (PrincipalUnknown) are recorded one by one only up to a number in a
// second, since strangers could fill the disk with them; what is left out is counted in the next.
// Record then returns no id.
func (c *Control) Record(e Entry) (id string, err error) {
	if err := e.settle(); err != nil {
		return "", err
	}
	if e.Principal.Type == PrincipalUnknown && !c.strangers.admit(&e, time.Now()) {
		return "", nil
	}
	return c.append(&e)
}

func (c *Control) append(e *Entry) (string, error) {
	n, err := c.spool.append(e)
	if err != nil {
		return "", err
	}
	return n.String(), nil
}

// Ready says, with ErrUnrecorded, when calls cannot be recorded, or soon could not. It is to be
// asked before a call that changes something is done, so that no change goes unrecorded: calls that
// are under way when it first says so still have room. It costs next to nothing.
func (c *Control) Ready() error { return c.spool.ready() }

const (
	strangersRate  = 10   // records of calls of nobody known in a second
	strangersBurst = 1000 // and at once
)

// strangers bounds what those who are nobody can have written.
type strangers struct {
	mu      sync.Mutex
	used    float64 // of the burst
	at      time.Time
	omitted int64
	last    Entry // of those omitted
}

// admit tells whether a call of nobody known is recorded, and if so, of how many before it too.
func (s *strangers) admit(e *Entry, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.refill(now) {
		s.omitted++
		s.last = *e
		return false
	}
	e.Omitted, s.omitted = s.omitted, 0
	return true
}

func (s *strangers) refill(now time.Time) bool {
	s.used = max(0, s.used-now.Sub(s.at).Seconds()*strangersRate)
	s.at = now
	if s.used+1 > strangersBurst {
		return false
	}
	s.used++
	return true
}

// pending returns the last call that was left out, once there is room for it again.
func (s *strangers) pending(now time.Time) (e Entry, found bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.omitted == 0 || !s.refill(now) {
		return e, false
	}
	e, s.last = s.last, Entry{}
	e.Omitted, s.omitted = s.omitted-1, 0
	return e, true
}

// tellOmitted records the last call of nobody known that was left out, with how many were before it.
func (c *Control) tellOmitted() error {
	e, found := c.strangers.pending(time.Now())
	if !found {
		return nil
	}
	_, err := c.append(&e)
	return err
}
