package agent

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"slipway/engine"
	"slipway/internal/loop"
	"slipway/nodeapi"
)

// How many images are fetched ahead at a time, and how soon one that failed is tried again.
const (
	prefetchesAtOnce = 2
	prefetchAgain    = time.Minute
)

// prefetcher has the images here that the control plane wants here ahead of tasks. What is to be here is told
// whole in every session, so nothing of it is kept on disk.
type prefetcher struct {
	mu     sync.Mutex
	images map[string]*prefetched
	wake   chan struct{}
}

// prefetched is one of them.
type prefetched struct {
	want   nodeapi.Prefetch
	state  nodeapi.PrefetchReport
	told   nodeapi.PrefetchReport
	again  time.Time          // not before
	cancel context.CancelFunc // of its pull; nil: none is under way
}

func newPrefetcher() *prefetcher {
	return &prefetcher{images: map[string]*prefetched{}, wake: make(chan struct{}, 1)}
}

// take takes what is wanted from now on. What is here already is looked for anew, which costs nothing where it is.
func (p *prefetcher) take(all *nodeapi.Prefetches) {
	if all == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	named := map[string]bool{}
	for _, want := range all.Images {
		named[want.ID] = true
		had := p.images[want.ID]
		if had == nil {
			had = &prefetched{state: nodeapi.PrefetchReport{ID: want.ID, State: nodeapi.PrefetchWaiting}}
			p.images[want.ID] = had
		}
		had.want, had.again, had.told = want, time.Time{}, nodeapi.PrefetchReport{}
		if had.cancel == nil {
			had.state.State = nodeapi.PrefetchWaiting
		}
	}
	maps.DeleteFunc(p.images, func(id string, i *prefetched) bool {
		if !named[id] && i.cancel != nil {
			i.cancel()
		}
		return !named[id]
	})
	wakes(p.wake)
}

// needs adds the images that are to stay.
func (p *prefetcher) needs(all map[string]bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, i := range p.images {
		if digest := cmp.Or(i.state.Digest, i.want.Digest); digest != "" {
			all[digest] = true
		} else {
			all[cmp.Or(i.want.Ref, i.want.Image)] = true
		}
	}
}

// next is the image to fetch now, if there is one, and when to look again.
func (p *prefetcher) next(now time.Time) (id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	under := 0
	for _, i := range p.images {
		if i.cancel != nil {
			under++
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.images)) {
		i := p.images[name]
		waits := i.state.State != nodeapi.PrefetchReady && i.cancel == nil && !now.Before(i.again)
		if waits && under < prefetchesAtOnce {
			return name
		}
	}
	return ""
}

// begin marks an image as being fetched, and returns what it is.
func (p *prefetcher) begin(id string, cancel context.CancelFunc) nodeapi.Prefetch {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := p.images[id]
	if i == nil {
		return nodeapi.Prefetch{}
	}
	i.cancel, i.state = cancel, nodeapi.PrefetchReport{ID: id, State: nodeapi.PrefetchPulling}
	return i.want
}

// change changes what is known of an image, if it is still wanted.
func (p *prefetcher) change(id string, f func(*prefetched)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := p.images[id]; i != nil {
		f(i)
		wakes(p.wake)
	}
}

// news is what the control plane has not been told.
func (p *prefetcher) news() (all []nodeapi.PrefetchReport) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(p.images)) {
		if i := p.images[id]; i.state != i.told {
			all = append(all, i.state)
		}
	}
	return all
}

func (p *prefetcher) heard(all []nodeapi.PrefetchReport) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range all {
		if i := p.images[r.ID]; i != nil {
			i.told = r
		}
	}
}

// keepPrefetching fetches what is wanted ahead, and tells how far that is, until ctx ends.
func (a *Agent) keepPrefetching(ctx context.Context) {
	var pulls sync.WaitGroup
	defer pulls.Wait()
	loop.Run(ctx, "fetch images ahead", prefetchAgain, a.ahead.wake, func(ctx context.Context) error {
		for id := a.ahead.next(time.Now()); id != ""; id = a.ahead.next(time.Now()) {
			ctx, cancel := context.WithCancel(ctx)
			want := a.ahead.begin(id, cancel)
			pulls.Go(func() {
				defer cancel()
				if want.ID != "" {
					a.prefetch(ctx, want)
				}
			})
		}
		news := a.ahead.news()
		if len(news) == 0 {
			return nil
		}
		_, err := a.config.ControlPlane.Report(ctx, nodeapi.Report{Node: a.hello.Node, Prefetches: news})
		if err == nil {
			a.ahead.heard(news)
		}
		return err
	})
}

// prefetch fetches one image.
func (a *Agent) prefetch(ctx context.Context, want nodeapi.Prefetch) {
	ref := cmp.Or(want.Ref, want.Image)
	if want.Digest != "" && !strings.Contains(ref, "@") {
		ref += "@" + want.Digest
	}
	var login engine.Login
	if l := want.Login; l != nil {
		login = engine.Login{Username: l.Username, Password: l.Password, PlainHTTP: l.PlainHTTP, Transport: a.toRegistry(ref)}
	}
	var last arrived
	ctx = engine.WithProgress(ctx, func(done, all int64) {
		if last.worthTelling(done, all) {
			last = arrived{done, all}
			a.ahead.change(want.ID, func(i *prefetched) { i.state.Pulled, i.state.Size = done, all })
		}
	})
	image, err := a.config.Engine.Pull(ctx, ref, login)
	a.ahead.change(want.ID, func(i *prefetched) {
		i.cancel = nil
		switch {
		case err == nil:
			i.state = nodeapi.PrefetchReport{ID: want.ID, State: nodeapi.PrefetchReady, Digest: image.Digest, Pulled: image.Size, Size: image.Size}
		case ctx.Err() == nil:
			slog.Warn("an image is not fetched ahead yet", "image", want.Image, "error", err)
			i.state = nodeapi.PrefetchReport{ID: want.ID, State: nodeapi.PrefetchFailed, Reason: err.Error()}
			i.again = time.Now().Add(prefetchAgain)
		}
	})
}
