package agent

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"slipway/engine"
	"slipway/nodeapi"
)

// wantAhead has the plane want images ahead of tasks, whose names are also their ids.
func (p *plane) wantAhead(images ...string) {
	all := &nodeapi.Prefetches{}
	for _, name := range images {
		all.Images = append(all.Images, nodeapi.Prefetch{ID: name, Image: "example.com/" + name})
	}
	p.change(func() { p.ahead = all })
}

func (p *plane) untilFetched(id, state string) nodeapi.PrefetchReport {
	p.t.Helper()
	p.until(fmt.Sprintf("image %s is %s", id, state), func() bool { return p.fetched[id].State == state })
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fetched[id]
}

func TestImagesAreFetchedAhead(t *testing.T) {
	story(t, func(m *machine) {
		var now, most atomic.Int64
		m.intercept(func(_ context.Context, call, about string) error {
			if call != "Pull" {
				return nil
			}
			most.Store(max(most.Load(), now.Add(1)))
			defer now.Add(-1)
			time.Sleep(time.Minute)
			return nil
		})
		m.plane.wantAhead("a", "b", "c", "d", "e")
		m.plane.until("it is told how far one is", func() bool {
			f := m.plane.fetched["a"]
			return f.State == nodeapi.PrefetchPulling && f.Pulled > 0 && f.Pulled < f.Size
		})
		for _, id := range []string{"a", "b", "c", "d", "e"} {
			if f := m.plane.untilFetched(id, nodeapi.PrefetchReady); !strings.HasPrefix(f.Digest, "sha256:") || f.Pulled != f.Size {
				t.Errorf("fetched %+v", f)
			}
		}
		if n := most.Load(); n != prefetchesAtOnce {
			t.Errorf("%d were fetched at a time, want %d", n, prefetchesAtOnce)
		}
		m.plane.change(func() { clear(m.plane.fetched) })
		m.kill()
		m.start()
		m.plane.untilFetched("e", nodeapi.PrefetchReady) // a new agent tells it anew
	})
}

func TestAnImageThatCannotBeFetchedAheadIsTriedAgain(t *testing.T) {
	story(t, func(m *machine) {
		m.intercept(func(_ context.Context, call, _ string) error {
			if call == "Pull" {
				return fmt.Errorf("%w: manifest unknown", engine.ErrPull)
			}
			return nil
		})
		m.plane.wantAhead("a")
		if f := m.plane.untilFetched("a", nodeapi.PrefetchFailed); !strings.Contains(f.Reason, "manifest unknown") {
			t.Errorf("failed as %+v", f)
		}
		m.intercept(nil)
		m.plane.untilFetched("a", nodeapi.PrefetchReady)
	})
}

func TestAnImageThatIsNotWantedAnyMoreIsGivenUp(t *testing.T) {
	story(t, func(m *machine) {
		began, gone := make(chan struct{}), make(chan struct{})
		m.intercept(func(ctx context.Context, call, _ string) error {
			if call != "Pull" {
				return nil
			}
			close(began)
			<-ctx.Done()
			close(gone)
			return ctx.Err()
		})
		m.plane.wantAhead("a")
		<-began
		m.plane.wantAhead()
		<-gone
	})
}

func TestWhatWasFetchedAheadStaysWhileItIsWanted(t *testing.T) {
	story(t, func(m *machine) {
		m.kill()
		m.disk = func() (float64, error) { return 0.9, nil }
		m.start()
		m.plane.wantAhead("a")
		m.plane.untilFetched("a", nodeapi.PrefetchReady)
		time.Sleep(time.Hour)
		if n := m.called("RemoveImage"); n > 0 {
			t.Errorf("removed %d times for room", n)
		}
		m.plane.wantAhead()
		time.Sleep(time.Hour)
		if n := m.called("RemoveImage"); n == 0 {
			t.Error("it stays for good")
		}
	})
}

func TestAPullOfATaskTellsHowFarItIs(t *testing.T) {
	story(t, func(m *machine) {
		m.intercept(func(ctx context.Context, call, _ string) error {
			if call == "Pull" {
				time.Sleep(time.Minute)
			}
			return nil
		})
		m.plane.run(taskOf("sleep 1m"))
		m.plane.until("it is told how far the pull is", func() bool {
			seen := m.plane.seen[taskID].Containers
			return len(seen) == 1 && seen[0].Pulled > 0 && seen[0].Pulled < seen[0].PullSize
		})
		if c := m.plane.untilStatus(taskID, nodeapi.Running).Containers[0]; c.Pulled != 0 {
			t.Errorf("told %+v once it runs", c)
		}
	})
}
