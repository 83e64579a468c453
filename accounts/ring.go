package accounts

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	ringMemory  = 30 * time.Second // a wake from another server may be lost: believe nothing for longer
	ringReaders = 4                // reads of the database at once, however many ids are tried
)

// ring remembers what was read under an id, so that a request costs no read of the database, and
// the ids that nothing is under, so that trying them costs none either. It forgets everything when
// what it read may have changed. However many ask for the same at once, it is read once.
type ring[V any] struct {
	missing error // what a read fails with when nothing is under an id
	readers chan struct{}

	mu      sync.Mutex
	changed <-chan struct{}
	epoch   int // how often everything was forgotten
	known   memory[V]
	unknown memory[error]
	reading map[string]*reading[V]
}

// reading is one read of the database, and all who wait for it.
type reading[V any] struct {
	epoch int
	done  chan struct{} // closed when value and err are there
	value V
	err   error
}

// newRing makes a ring that remembers size to twice as much, each thing counting as weigh says;
// nil: as 1.
func newRing[V any](changed <-chan struct{}, missing error, size int, weigh func(V) int) *ring[V] {
	return &ring[V]{
		missing: missing,
		readers: make(chan struct{}, ringReaders),
		changed: changed,
		known:   memory[V]{size: size, weigh: weigh},
		unknown: memory[error]{size: ringUnknown},
		reading: map[string]*reading[V]{},
	}
}

// ringUnknown is how many ids that nothing is under a ring remembers.
const ringUnknown = 10_000

// get returns what is under an id, which read reads if it is not remembered.
func (r *ring[V]) get(ctx context.Context, id string, read func(context.Context, string) (V, error)) (V, error) {
	for {
		value, err, now, first := r.recall(id)
		if now == nil {
			return value, err
		}
		if first {
			r.read(ctx, id, now, read)
		}
		select {
		case <-now.done:
		case <-ctx.Done():
			return value, ctx.Err()
		}
		if first || ctx.Err() != nil || !isContextError(now.err) {
			return now.value, now.err
		}
		// Whoever read for all of us went away. We did not: again.
	}
}

func isContextError(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// recall looks id up in what is remembered, having first forgotten all if it may have changed. What
// is not remembered is being read: first says that it is for the caller to do so.
func (r *ring[V]) recall(id string) (value V, err error, now *reading[V], first bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forget()
	at := time.Now()
	if value, found := r.known.get(id, at); found {
		return value, nil, nil, false
	}
	if err, found := r.unknown.get(id, at); found {
		return value, err, nil, false
	}
	// What is read since before a change is not for those who come after it.
	if now = r.reading[id]; now == nil || now.epoch != r.epoch {
		now, first = &reading[V]{epoch: r.epoch, done: make(chan struct{})}, true
		r.reading[id] = now
	}
	return value, nil, now, first
}

func (r *ring[V]) forget() {
	select {
	case <-r.changed:
		r.epoch++
		r.known.clear()
		r.unknown.clear()
	default:
	}
}

// read reads what is under an id for all who wait for it.
func (r *ring[V]) read(ctx context.Context, id string, now *reading[V], read func(context.Context, string) (V, error)) {
	now.err = errUnread
	defer r.settle(id, now)
	select {
	case r.readers <- struct{}{}:
		defer func() { <-r.readers }()
		now.value, now.err = read(ctx, id)
	case <-ctx.Done():
		now.err = ctx.Err()
	}
}

// errUnread is what others learn of a read that panicked.
var errUnread = errors.New("the read was broken off")

// settle ends a read. What it read is kept, unless it may have changed since it was asked for.
func (r *ring[V]) settle(id string, now *reading[V]) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.reading[id] == now {
		delete(r.reading, id)
	}
	close(now.done)
	r.forget()
	switch {
	case now.epoch != r.epoch:
	case now.err == nil:
		r.known.put(id, now.value, time.Now())
	case errors.Is(now.err, r.missing):
		r.unknown.put(id, now.err, time.Now())
	}
}

// memory remembers the last things that were put or got, as many as weigh size to twice that, each
// for ringMemory from when it was put.
type memory[V any] struct {
	size   int
	weigh  func(V) int // nil: all weigh 1
	weight int         // of what is recent
	recent map[string]remembered[V]
	older  map[string]remembered[V]
}

type remembered[V any] struct {
	value V
	until time.Time
}

func (m *memory[V]) get(id string, now time.Time) (value V, found bool) {
	r, found := m.recent[id]
	if !found {
		if r, found = m.older[id]; found {
			m.keep(id, r)
		}
	}
	return r.value, found && now.Before(r.until)
}

func (m *memory[V]) put(id string, value V, now time.Time) {
	m.keep(id, remembered[V]{value, now.Add(ringMemory)})
}

func (m *memory[V]) keep(id string, r remembered[V]) {
	if m.recent == nil || m.weight >= m.size {
		m.recent, m.older, m.weight = map[string]remembered[V]{}, m.recent, 0
	}
	m.recent[id] = r
	if m.weigh == nil {
		m.weight++
	} else {
		m.weight += m.weigh(r.value)
	}
}

func (m *memory[V]) clear() { m.recent, m.older, m.weight = nil, nil, 0 }
