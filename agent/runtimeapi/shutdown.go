package runtimeapi

import (
	"context"
	"encoding/json"
	"time"
)

// Why a sandbox is shut down, as its extensions are told.
const (
	Spindown = "spindown" // it is not needed any more
	Timeout  = "timeout"  // a call took too long
	Failure  = "failure"  // a process of it ended, or failed
)

// How long the shutdown phase may take (AWS Lambda, "Lambda runtime environment lifecycle").
const (
	shutdownExternal = 2 * time.Second
	shutdownInternal = 500 * time.Millisecond
)

// shutdown is the end of a session.
type shutdown struct {
	event []byte
	told  map[*extension]bool
}

// ShutdownTime is how long Shutdown may take: with external extensions, with internal ones alone, or without. While it
// is not zero, the runtime is to be sent SIGTERM when Shutdown is called.
func (s *Session) ShutdownTime() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shutdownTime()
}

func (s *Session) shutdownTime() (limit time.Duration) {
	for _, e := range s.extensions {
		switch {
		case e.id == "":
		case e.external:
			limit = shutdownExternal
		default:
			limit = max(limit, shutdownInternal)
		}
	}
	return limit
}

// Shutdown takes no more calls, cuts those that run, tells the extensions that it is the end and why, and waits until
// their processes have ended by themselves, as Exited tells, or their time is up, or ctx ends. Then everything is to be
// killed.
func (s *Session) Shutdown(ctx context.Context, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end()
	if s.stop != nil {
		return
	}
	limit := s.shutdownTime()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	s.stop = &shutdown{event: shutdownEvent(reason, time.Now().Add(limit)), told: map[*extension]bool{}}
	s.telemetry.flush()
	s.tell(time.Now().Add(limit))
	_ = s.wait(ctx, s.gone) // time that is up is no error
}

func shutdownEvent(reason string, deadline time.Time) []byte {
	event, _ := json.Marshal(map[string]any{"eventType": "SHUTDOWN", "shutdownReason": reason, "deadlineMs": deadline.UnixMilli()})
	return event
}

// tell sends the last event to the extensions that wait for one; it lets go of the lock meanwhile. The others are told
// when they ask.
func (s *Session) tell(deadline time.Time) {
	var waiting []*conn
	for _, e := range s.extensions {
		if e.shutdown && e.conn != nil {
			s.stop.told[e] = true
			waiting = append(waiting, e.take())
		}
	}
	s.mu.Unlock()
	defer s.mu.Lock()
	for _, c := range waiting {
		c.event(s.stop.event, deadline)
	}
}

// gone tells whether all have ended that are waited for: external extensions that wanted to know of the end, and the
// runtime where an extension lives in it.
func (s *Session) gone() bool {
	for _, e := range s.extensions {
		switch {
		case e.id == "":
		case e.external && e.shutdown && !s.exited[e.name]:
			return false
		case !e.external && !s.exited[""]:
			return false
		}
	}
	return true
}
