package functions

import "sync"

// remembered is what was read of the database in an epoch and is asked for often. Its zero value has nothing.
type remembered[K comparable, V any] struct {
	mu    sync.RWMutex
	epoch uint64
	known map[K]V
}

// mostRemembered bounds what strangers can fill memory with by asking.
const mostRemembered = 10_000

// get is what is known of a key in an epoch, or what read says, which is known from then on. What fails is not
// remembered. The epoch is to be the one from before the call was accepted.
func (m *remembered[K, V]) get(epoch uint64, key K, read func() (V, error)) (V, error) {
	m.mu.RLock()
	value, ok := m.known[key]
	ok = ok && m.epoch == epoch
	m.mu.RUnlock()
	if ok {
		return value, nil
	}
	value, err := read()
	if err == nil {
		m.put(epoch, key, value)
	}
	return value, err
}

// put remembers a value, unless a later epoch has begun.
func (m *remembered[K, V]) put(epoch uint64, key K, value V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.epoch > epoch {
		return
	}
	if m.epoch < epoch || m.known == nil || len(m.known) >= mostRemembered {
		m.epoch, m.known = epoch, map[K]V{}
	}
	m.known[key] = value
}
