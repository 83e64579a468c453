package fleettest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"slipway/functions/fleet"
)

// Room is books in memory: machines, and how much memory each has left.
type Room struct {
	mu    sync.Mutex
	size  map[string]int // MiB, by node
	holds map[string]fleet.Hold
	given int
	fail  error
}

// NewRoom makes books without machines.
func NewRoom() *Room { return &Room{size: map[string]int{}, holds: map[string]fleet.Hold{}} }

// Add writes a machine into the books; again: changes how much it has. A machine of 0 MiB has room for nothing.
func (r *Room) Add(node string, memory int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.size[node] = memory
}

// Remove takes a machine out, with what was held of it.
func (r *Room) Remove(node string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.size, node)
	maps.DeleteFunc(r.holds, func(_ string, h fleet.Hold) bool { return h.Node == node })
}

// Break makes every call fail; nil mends it.
func (r *Room) Break(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fail = err
}

// Left is how much memory a machine has left.
func (r *Room) Left(node string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.left(node)
}

// Count is how many holds there are.
func (r *Room) Count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.holds)
}

func (r *Room) left(node string) int {
	left := r.size[node]
	for _, h := range r.holds {
		if h.Node == node {
			left -= h.Memory
		}
	}
	return left
}

// Hold is of fleet.Room. It takes the machine that has most left.
func (r *Room) Hold(ctx context.Context, account string, n fleet.Need, node string, avoid []string) (fleet.Hold, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fail != nil {
		return fleet.Hold{}, r.fail
	}
	best := ""
	for _, one := range slices.Sorted(maps.Keys(r.size)) {
		if node != "" && node != one || slices.Contains(avoid, one) || r.left(one) < n.Memory {
			continue
		}
		if best == "" || r.left(one) > r.left(best) {
			best = one
		}
	}
	if best == "" {
		return fleet.Hold{}, fleet.ErrNoRoom
	}
	r.given++
	h := fleet.Hold{ID: fmt.Sprintf("hold-%d", r.given), Account: account, Node: best, Need: n, CPU: n.Memory}
	r.holds[h.ID] = h
	return h, nil
}

// Grow is of fleet.Room.
func (r *Room) Grow(ctx context.Context, id string, n fleet.Need) (fleet.Hold, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	h, there := r.holds[id]
	switch {
	case r.fail != nil:
		return fleet.Hold{}, r.fail
	case !there:
		return fleet.Hold{}, fmt.Errorf("hold %s is not there", id)
	case r.left(h.Node)+h.Memory < n.Memory:
		return fleet.Hold{}, fleet.ErrNoRoom
	}
	h.Need, h.CPU = n, n.Memory
	r.holds[id] = h
	return h, nil
}

// Free is of fleet.Room.
func (r *Room) Free(ctx context.Context, ids ...string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fail != nil {
		return r.fail
	}
	for _, id := range ids {
		delete(r.holds, id)
	}
	return nil
}

// Holds is of fleet.Room.
func (r *Room) Holds(ctx context.Context) ([]fleet.Hold, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fail != nil {
		return nil, r.fail
	}
	return slices.Collect(maps.Values(r.holds)), nil
}
