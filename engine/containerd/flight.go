package containerd

import (
	"context"
	"sync"
)

// flights lets those who want the same thing at the same time have it done once. The work goes on
// as long as anybody waits for it, whoever began it.
type flights struct {
	mu    sync.Mutex
	flown map[string]*flight
}

type flight struct {
	waiting int
	cancel  context.CancelFunc
	done    chan struct{}
	img     *image
	err     error
}

// do waits for the work of key. A failure of work that another has begun, perhaps with a login that
// is not ours, is tried again as our own.
func (f *flights) do(ctx context.Context, key string, work func(context.Context) (*image, error)) (*image, error) {
	for {
		flown, mine := f.board(ctx, key, work)
		select {
		case <-ctx.Done():
			if last := f.leave(key, flown); last {
				<-flown.done
			}
			return nil, ctx.Err()
		case <-flown.done:
		}
		f.leave(key, flown)
		if flown.err == nil || mine || ctx.Err() != nil {
			return flown.img, flown.err
		}
	}
}

func (f *flights) board(ctx context.Context, key string, work func(context.Context) (*image, error)) (flown *flight, mine bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if flown = f.flown[key]; flown != nil {
		flown.waiting++
		return flown, false
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	flown = &flight{waiting: 1, cancel: cancel, done: make(chan struct{})}
	if f.flown == nil {
		f.flown = map[string]*flight{}
	}
	f.flown[key] = flown
	go func() { // whoever leaves last has waited for its end
		defer cancel()
		flown.img, flown.err = work(ctx)
		f.mu.Lock()
		if f.flown[key] == flown {
			delete(f.flown, key)
		}
		f.mu.Unlock()
		close(flown.done)
	}()
	return flown, true
}

// leave ends the work when nobody is left.
func (f *flights) leave(key string, flown *flight) (last bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if flown.waiting--; flown.waiting > 0 {
		return false
	}
	flown.cancel()
	if f.flown[key] == flown {
		delete(f.flown, key) // who comes now begins anew
	}
	return true
}
