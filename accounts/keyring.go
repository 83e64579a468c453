package accounts

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	ringSize    = 10_000           // keys remembered, and as many ids that are no keys
	ringMemory  = 30 * time.Second // a wake from another server may be lost: believe nothing for longer
	ringReaders = 4                // reads of the database at once, however many ids are tried
)

// keyring remembers keys, so that a request costs no read of the database, and ids that are no
// keys, so that trying them costs none either. It forgets everything when keys change.
type keyring struct {
	read    func(context.Context, string) (Key, error)
	readers chan struct{}

	mu      sync.Mutex
	changed <-chan struct{}
	epoch   int // how often everything was forgotten
	keys    memory[Key]
	unknown memory[error]
}

func newKeyring(changed <-chan struct{}, read func(context.Context, string) (Key, error)) *keyring {
	return &keyring{read: read, readers: make(chan struct{}, ringReaders), changed: changed}
}

func (r *keyring) get(ctx context.Context, id string) (Key, error) {
	key, err, found, _ := r.recall(id)
	if found {
		return key, err
	}
	select {
	case r.readers <- struct{}{}:
		defer func() { <-r.readers }()
	case <-ctx.Done():
		return Key{}, ctx.Err()
	}
	key, err, found, epoch := r.recall(id) // somebody may have read it meanwhile
	if found {
		return key, err
	}
	key, err = r.read(ctx, id)
	r.remember(id, key, err, epoch)
	return key, err
}

// recall looks id up in what is remembered, having first forgotten all if keys have changed.
func (r *keyring) recall(id string) (key Key, err error, found bool, epoch int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case <-r.changed:
		r.epoch++
		r.keys, r.unknown = memory[Key]{}, memory[error]{}
	default:
	}
	now := time.Now()
	if key, found = r.keys.get(id, now); !found {
		err, found = r.unknown.get(id, now)
	}
	return key, err, found, r.epoch
}

// remember keeps what was read, unless keys have changed since it was asked for.
func (r *keyring) remember(id string, key Key, err error, epoch int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case epoch != r.epoch:
	case err == nil:
		r.keys.put(id, key, time.Now())
	case errors.Is(err, ErrUnknownKey):
		r.unknown.put(id, err, time.Now())
	}
}

// memory remembers the last ringSize to twice as many things that were put or got, each for
// ringMemory from when it was put.
type memory[V any] struct{ recent, older map[string]remembered[V] }

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
	if m.recent == nil || len(m.recent) == ringSize {
		m.recent, m.older = map[string]remembered[V]{}, m.recent
	}
	m.recent[id] = r
}
