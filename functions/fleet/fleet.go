package fleet

import (
	"context"
	"sync"
	"time"
)

// Fleet is the sandboxes of all accounts of one control plane. Its methods may be called at the same time.
type Fleet struct {
	config  Config
	journal *journal
	ctx     context.Context // of all that is under way, but for the ending of sandboxes
	cancel  context.CancelCauseFunc
	holding holding

	mu       sync.RWMutex
	tenants  map[string]*tenant
	stopping bool
	work     sync.WaitGroup // begun under mu, while not stopping
}

// New makes a fleet without machines.
func New(c Config) *Fleet {
	c = c.filled()
	ctx, cancel := context.WithCancelCause(context.Background())
	return &Fleet{
		config: c, journal: newJournal(c), ctx: ctx, cancel: cancel,
		tenants: map[string]*tenant{},
	}
}

// Run looks after the fleet until ctx ends: frees what a fleet before it held, fills pools, ends what is idle for too
// long, hands over records. Then calls are refused, what waits is answered, sandboxes are stopped, and it returns.
// Machines and calls may come before; call it once.
func (f *Fleet) Run(ctx context.Context) {
	var loops sync.WaitGroup
	beside, cancel := context.WithCancel(context.WithoutCancel(ctx))
	loops.Go(func() { f.journal.run(beside) })
	f.look(ctx)
	f.stop()
	cancel()
	loops.Wait()
}

// look is the loop of all that happens with time.
func (f *Fleet) look(ctx context.Context) {
	const period = time.Second
	tick := time.NewTicker(period)
	defer tick.Stop()
	books := time.Now()
	for {
		if now := time.Now(); !now.Before(books) && f.settle(ctx) {
			books = now.Add(time.Minute)
		}
		for _, t := range f.all() {
			t.sweep(time.Now())
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// stop refuses what comes, ends what there is, and returns when all is still.
func (f *Fleet) stop() {
	f.mu.Lock()
	f.stopping = true
	f.mu.Unlock()
	f.cancel(ErrStopping)
	f.work.Wait() // what was begun is over, or on its way out, and nothing more begins
	var all sync.WaitGroup
	for _, t := range f.all() {
		all.Go(t.stop)
	}
	all.Wait()
}

// tenant finds or makes what is known of an account.
func (f *Fleet) tenant(account string) *tenant {
	f.mu.RLock()
	t := f.tenants[account]
	f.mu.RUnlock()
	if t != nil {
		return t
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if t = f.tenants[account]; t == nil {
		t = newTenant(f, account)
		f.tenants[account] = t
	}
	return t
}

func (f *Fleet) all() []*tenant {
	f.mu.RLock()
	defer f.mu.RUnlock()
	all := make([]*tenant, 0, len(f.tenants))
	for _, t := range f.tenants {
		all = append(all, t)
	}
	return all
}

// begin runs work beside, for which a stop waits; it reports false where the fleet is stopping.
func (f *Fleet) begin(work func()) bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.stopping {
		return false
	}
	f.work.Go(work)
	return true
}
