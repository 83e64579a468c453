package store

import "sync"

// Watch returns a channel that receives after a transaction that touched any of the
// topics was committed, here or on another server, and a function that ends the watch.
// Wakes that nobody has taken yet are one wake.
func (db *DB) Watch(topics ...string) (wake <-chan struct{}, stop func()) {
	return db.watch.add(topics)
}

type watchers struct {
	mu      sync.Mutex
	byTopic map[string]map[chan struct{}]struct{}
}

func (w *watchers) add(topics []string) (<-chan struct{}, func()) {
	ch := make(chan struct{}, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.byTopic == nil {
		w.byTopic = map[string]map[chan struct{}]struct{}{}
	}
	for _, topic := range topics {
		if w.byTopic[topic] == nil {
			w.byTopic[topic] = map[chan struct{}]struct{}{}
		}
		w.byTopic[topic][ch] = struct{}{}
	}
	return ch, func() { w.remove(topics, ch) }
}

func (w *watchers) remove(topics []string, ch chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, topic := range topics {
		delete(w.byTopic[topic], ch)
		if len(w.byTopic[topic]) == 0 {
			delete(w.byTopic, topic)
		}
	}
}

func (w *watchers) wake(topics ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, topic := range topics {
		for ch := range w.byTopic[topic] {
			wake(ch)
		}
	}
}

// wakeAll is for when it is not known what was missed.
func (w *watchers) wakeAll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, chans := range w.byTopic {
		for ch := range chans {
			wake(ch)
		}
	}
}

func wake(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
