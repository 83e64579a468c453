package sandbox

import (
	"context"
	"sync"

	"slipway/nodeapi"
)

// watcher is told of what has changed.
type watcher struct {
	mu    sync.Mutex
	news  []nodeapi.SandboxState
	woken chan struct{}
}

// Watch tells all sandboxes at first, and then each that has changed.
func (h *Host) Watch(ctx context.Context, tell func([]nodeapi.SandboxState)) error {
	w := &watcher{woken: make(chan struct{}, 1)}
	h.mu.Lock()
	h.watchers[w] = true
	all := make([]nodeapi.SandboxState, 0, len(h.boxes))
	for _, b := range h.boxes {
		if b.isReady() && !b.retired.Load() {
			all = append(all, b.state())
		}
	}
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.watchers, w)
	}()
	tell(all)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-w.woken:
			tell(w.take())
		}
	}
}

func (w *watcher) take() []nodeapi.SandboxState {
	w.mu.Lock()
	defer w.mu.Unlock()
	news := w.news
	w.news = nil
	return news
}

// changed tells all watchers of a sandbox.
func (h *Host) changed(s nodeapi.SandboxState) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for w := range h.watchers {
		w.mu.Lock()
		w.news = append(w.news, s)
		w.mu.Unlock()
		select {
		case w.woken <- struct{}{}:
		default: // it will look
		}
	}
}
