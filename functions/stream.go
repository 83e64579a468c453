package functions

import (
	"maps"
	"slices"
	"time"
)

// stream is the calls of one function that this server makes. It becomes broader while they go well, and half as
// broad each time that one is refused: what a function cannot take now is better left for later.
type stream struct {
	flying int
	width  int       // how many may fly
	rest   time.Time // none begins before
	behind bool      // calls wait in the database, so new ones go there, too
}

const (
	firstWidth = 16
	streamRest = time.Second // of a stream whose only call was refused
	maxFlying  = 64 << 20    // bytes of payloads of the calls that a server makes
)

// takeNew counts a call among those that this server makes, if there is room for it.
func (q *queue) takeNew(c *call) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := q.stream(c.Function)
	if !q.open || s.behind || q.free(s) == 0 || q.bytes+int64(len(c.Payload)) > maxFlying {
		s.behind, q.behind = true, true
		return false
	}
	q.take(s, c)
	return true
}

// takeClaimed counts a call among those that this server makes, unless it makes it already.
func (q *queue) takeClaimed(c *call) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.flights[c.ID] != nil || !q.open {
		return false
	}
	q.take(q.stream(c.Function), c)
	return true
}

func (q *queue) take(s *stream, c *call) {
	q.running.Add(1)
	q.flights[c.ID] = c
	q.bytes += int64(len(c.Payload))
	s.flying++
}

func (q *queue) stream(function string) *stream {
	s := q.streams[function]
	if s == nil {
		s = &stream{width: firstWidth}
		q.streams[function] = s
	}
	return s
}

// free is how many calls of a stream may begin now.
func (q *queue) free(s *stream) int {
	if time.Now().Before(s.rest) {
		return 0
	}
	return max(0, min(s.width-s.flying, q.config.AtOnce-len(q.flights)))
}

// room is how many calls of a function may be claimed, with how many bytes, when so many functions share what is free.
func (q *queue) room(function string, functions int) (calls int, bytes int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	share := (q.config.AtOnce - len(q.flights) + functions - 1) / functions
	calls, bytes = min(q.free(q.stream(function)), share), maxFlying-q.bytes
	if calls <= 0 || bytes <= 0 {
		q.behind = true
		return 0, 0
	}
	return calls, bytes
}

// caughtUp says whether all calls of a function that were due were claimed. Where they were not, there is more to be
// claimed as soon as there is room.
func (q *queue) caughtUp(function string, all bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := q.stream(function)
	if s.behind = !all; s.behind {
		q.behind = true
		signal(q.more)
	}
	q.forgetStream(function, s)
}

// forgetStream forgets a stream of which there is nothing to know.
func (q *queue) forgetStream(function string, s *stream) {
	if s.flying == 0 && !s.behind && time.Now().After(s.rest) {
		delete(q.streams, function)
	}
}

// land ends that a call was made.
func (q *queue) land(c *call, how resultKind) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.flights, c.ID)
	q.bytes -= int64(len(c.Payload))
	s := q.stream(c.Function)
	s.flying--
	s.learn(how, (q.config.AtOnce+1)/2) // no function keeps all others out
	q.forgetStream(c.Function, s)
	if q.behind {
		q.behind = false
		signal(q.more)
	}
	q.running.Done()
}

// learn makes a stream as broad as its function seems to take.
func (s *stream) learn(how resultKind, most int) {
	switch how {
	case answered, failed:
		s.width = min(s.width+1, most)
	case refused:
		if s.width == 1 {
			s.rest = time.Now().Add(streamRest)
		}
		s.width = max(1, s.width/2)
	}
}

// flying lists the ids of the calls that this server makes.
func (q *queue) flying() []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Sorted(maps.Keys(q.flights))
}
