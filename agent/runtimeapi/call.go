package runtimeapi

import (
	"context"
	"fmt"
	"sync"
	"time"

	"slipway/nodeapi"
)

// MaxAnswer is how large an answer may be where nothing else is said, in bytes, as on AWS: 6 MiB and a little for what
// is around it.
const MaxAnswer = 6<<20 + 100

// call is one call, from when it was handed to the runtime.
type call struct {
	*nodeapi.Invocation
	began    time.Time
	deadline time.Time
	max      int64         // bytes of an answer
	done     chan struct{} // closed when outcome is there

	// Under the session's lock.
	answering bool                   // a connection is about to answer it
	failure   *nodeapi.FunctionError // a process ended under it

	mu      sync.Mutex
	w       nodeapi.AnswerWriter // nil: the answer is kept
	over    bool                 // nobody wants to know any more
	outcome nodeapi.Outcome
}

// Invoke makes one call: it waits until the runtime and the extensions ask for it, hands it out, and returns what the
// runtime answered, or how it failed. The answer goes to w as it comes, if w is not nil. Of Outcome it sets Payload,
// ContentType, Error, Duration and Over; after Over the processes are to be ended.
//
// ErrOver says that the call has not begun. When ctx ends the call is given up, and so is the session. Invoke does not
// return while w is being written to, so a writer is to end when ctx does. It returns when the runtime has answered: the
// extensions may still be at work, and the next call waits for them; Settled tells when they are done.
func (s *Session) Invoke(ctx context.Context, i *nodeapi.Invocation, w nodeapi.AnswerWriter) (nodeapi.Outcome, error) {
	c := &call{Invocation: i, w: w, max: i.MaxAnswer, done: make(chan struct{})}
	if c.max == 0 {
		c.max = MaxAnswer
	}
	if err := s.begin(ctx, c); err != nil {
		return nodeapi.Outcome{}, err
	}
	timer := time.NewTimer(time.Until(c.deadline))
	defer timer.Stop()
	select {
	case <-c.done:
	case <-timer.C:
		if c.fail(timedOut(c)) {
			s.mu.Lock()
			s.end()
			s.mu.Unlock()
		}
	case <-ctx.Done():
		return s.giveUp(c, ctx.Err())
	case <-s.cut:
		if !s.crashed(c) {
			return s.giveUp(c, ErrCut)
		}
	}
	return s.outcome(c), nil
}

// crashed ends a call under which a process ended.
func (s *Session) crashed(c *call) bool {
	s.mu.Lock()
	f := c.failure
	s.mu.Unlock()
	if f != nil {
		c.fail(f)
	}
	return f != nil
}

// begin hands the call to the runtime as soon as it asks for one.
func (s *Session) begin(ctx context.Context, c *call) error {
	patience, cancel := ctx, context.CancelFunc(nil)
	for {
		s.mu.Lock()
		if !s.idle() && !s.over {
			if cancel == nil {
				patience, cancel = context.WithTimeout(ctx, c.Timeout)
				defer cancel()
			}
			if err := s.wait(patience, func() bool { return s.over || s.idle() }); err != nil {
				return s.tired(ctx)
			}
		}
		if s.over {
			s.mu.Unlock()
			return ErrOver
		}
		poller, events := s.take(c)
		s.mu.Unlock()
		if s.handOut(c, poller, events) {
			return nil
		}
	}
}

// tired ends a session, under the lock, whose processes have not asked for a call for as long as a call may take.
func (s *Session) tired(ctx context.Context) error {
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", ErrOver, err)
	}
	s.end()
	return fmt.Errorf("%w: it did not ask for the next one in time", ErrOver)
}

// take books the call under the lock, and says whom to tell of it.
func (s *Session) take(c *call) (poller *conn, events []*conn) {
	last := len(s.pollers) - 1
	poller = s.pollers[last]
	s.pollers = s.pollers[:last]
	poller.parked = false
	c.began = time.Now()
	c.deadline = c.began.Add(c.Timeout)
	s.calls = append(s.calls, c)
	for _, e := range s.extensions {
		if e.invoke && e.conn != nil {
			events = append(events, e.take())
		}
	}
	return poller, events
}

// handOut sends the call to the runtime and tells the extensions. It is false when the runtime's connection has
// broken, so that the call is to be handed to another.
func (s *Session) handOut(c *call, poller *conn, events []*conn) bool {
	s.telemetry.start(s.cfg, c)
	for _, e := range events {
		e.event(invokeEvent(c), c.deadline)
	}
	if poller.hand(c) == nil {
		return true
	}
	s.forget(c)
	return false
}

// forget takes a call out of the books. It is false if it was not in them any more.
func (s *Session) forget(c *call) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.drop(c)
}

func (s *Session) drop(c *call) bool {
	for i, one := range s.calls {
		if one == c {
			s.calls = append(s.calls[:i], s.calls[i+1:]...)
			return true
		}
	}
	return false
}

// giveUp ends a call that is not waited for any more, and the session, since its processes are still at it.
func (s *Session) giveUp(c *call, why error) (nodeapi.Outcome, error) {
	c.mu.Lock()
	answered := c.over
	c.over = true
	c.mu.Unlock()
	if answered {
		return s.outcome(c), nil
	}
	s.mu.Lock()
	s.end()
	s.mu.Unlock()
	return nodeapi.Outcome{}, why
}

// outcome is that of a call that has ended.
func (s *Session) outcome(c *call) nodeapi.Outcome {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(c)
	c.outcome.Over = s.over
	s.telemetry.done(c, &c.outcome)
	return c.outcome
}

// finish ends the call, once. It is false for what comes later, which is dropped.
func (c *call) finish(o nodeapi.Outcome) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return false
	}
	c.over = true
	o.Duration = time.Since(c.began)
	c.outcome = o
	close(c.done)
	return true
}

// fail ends the call with an error, if it has not ended.
func (c *call) fail(f *nodeapi.FunctionError) bool { return c.finish(nodeapi.Outcome{Error: f}) }
