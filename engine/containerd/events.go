package containerd

import (
	"context"
	"fmt"
	"sync"
	"time"

	apievents "github.com/containerd/containerd/api/events"
	"github.com/containerd/containerd/v2/core/events"
	"github.com/containerd/typeurl/v2"

	"slipway/internal/loop"
)

// listeners are those who wait for exits.
type listeners struct {
	mu    sync.Mutex
	wakes map[chan struct{}]bool
}

// Exits wakes at the end of any container, and when events may have been missed. Other
// events come of our own calls: to List again after each would ask every shim twice for every start.
func (e *Engine) Exits(ctx context.Context) <-chan struct{} {
	return e.listeners.add(ctx)
}

func (l *listeners) add(ctx context.Context) <-chan struct{} {
	wake := make(chan struct{}, 1)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.wakes == nil {
		l.wakes = map[chan struct{}]bool{}
	}
	l.wakes[wake] = true
	context.AfterFunc(ctx, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.wakes, wake)
		close(wake)
	})
	return wake
}

func (l *listeners) wake() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for wake := range l.wakes {
		select {
		case wake <- struct{}{}:
		default: // one is waiting there already
		}
	}
}

// followEvents passes containerd's events on until ctx ends, from one containerd to the next.
func (e *Engine) followEvents(ctx context.Context) {
	for ctx.Err() == nil {
		e.followOne(ctx)
		e.listeners.wake()
		loop.Pause(ctx, 50*time.Millisecond)
	}
}

// followOne follows one subscription to its end. containerd does not say when a subscription
// stands, so a young one wakes by itself, for the events that came just before.
func (e *Engine) followOne(ctx context.Context) {
	ctx, cancel := context.WithCancel(e.context(ctx))
	defer cancel()
	exits, failed := e.client.EventService().Subscribe(ctx, fmt.Sprintf(`topic=="/tasks/exit",namespace==%q`, e.options.Namespace))
	young := time.NewTimer(time.Second)
	defer young.Stop()
	for {
		select {
		case event := <-exits:
			if isExecs(event) {
				continue
			}
		case <-young.C:
		case <-failed:
			return
		}
		e.listeners.wake()
	}
}

// isExecs tells the end of what Exec ran from that of a container. Health checks end all the time.
func isExecs(e *events.Envelope) bool {
	if e == nil {
		return false
	}
	var exit apievents.TaskExit
	return typeurl.UnmarshalTo(e.Event, &exit) == nil && exit.ID != exit.ContainerID
}
