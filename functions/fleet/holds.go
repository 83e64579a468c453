package fleet

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// holding counts room that is just being taken, so that what the books say can be compared with what is known here.
type holding struct {
	mu       sync.Mutex
	underWay int
	begun    int // ever
}

// take takes room. What it returns without an error is to be made known.
func (h *holding) take(ctx context.Context, r Room, account string, n Need, node string, avoid []string) (Hold, error) {
	h.mu.Lock()
	h.underWay++
	h.begun++
	h.mu.Unlock()
	one, err := r.Hold(ctx, account, n, node, avoid)
	if err != nil {
		h.known()
	}
	return one, err
}

// known says that what was taken is written down here, or was given back.
func (h *holding) known() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.underWay--
}

func (h *holding) state() (underWay, begun int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.underWay, h.begun
}

// settle frees what the books hold for sandboxes that are not there: of a server that was killed, or where freeing
// failed. It reports false if it could not tell, for room was being taken meanwhile, or the books could not be read.
func (f *Fleet) settle(ctx context.Context) bool {
	busy, before := f.holding.state()
	if busy > 0 {
		return false
	}
	all, err := f.config.Room.Holds(ctx)
	if err != nil {
		if ctx.Err() == nil {
			slog.Warn("holds of sandboxes cannot be read", "error", err)
		}
		return false
	}
	known := f.held()
	if _, after := f.holding.state(); after != before {
		return false
	}
	var lost []string
	for _, h := range all {
		if !known[h.ID] {
			lost = append(lost, h.ID)
		}
	}
	if len(lost) == 0 {
		return true
	}
	if err := f.config.Room.Free(ctx, lost...); err != nil {
		slog.Warn("holds of sandboxes that are gone cannot be freed", "holds", len(lost), "error", err)
		return false
	}
	slog.Info("holds of sandboxes that are gone were freed", "holds", len(lost))
	f.roomCame()
	return true
}

// roomCame has calls that wait for room try again.
func (f *Fleet) roomCame() {
	for _, t := range f.all() {
		t.mu.Lock()
		t.freed++
		t.feed(time.Now())
		t.mu.Unlock()
	}
}

// held is what is known here to be held.
func (f *Fleet) held() map[string]bool {
	known := map[string]bool{}
	for _, t := range f.all() {
		t.mu.Lock()
		for _, s := range t.sandboxes {
			known[s.hold.ID] = true
		}
		for s := range t.ending {
			known[s.hold.ID] = true
		}
		t.mu.Unlock()
	}
	return known
}
