package functions

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"slipway/internal/ids"
	"slipway/internal/loop"
	"slipway/store"
)

// callsTopic is touched when there are calls that whoever has time may make.
const callsTopic = "functions.calls"

// CallConfig says how calls are made that are made later than they were accepted. What is zero is as usual.
type CallConfig struct {
	FirstRetry  time.Duration // after a function failed for the first time; 1 minute
	SecondRetry time.Duration // after it failed again; 2 minutes
	Backoff     time.Duration // after a call could not be made, twice as long each time; 1 s
	MaxBackoff  time.Duration // 5 minutes
	Lease       time.Duration // after which the calls of a server that is gone are made by another; 30 s
	Period      time.Duration // between looks at what is due; 1 s
	KeepEnded   time.Duration // how long it is known how a call has ended; 1 hour
	KeepDead    time.Duration // how long calls are kept of whose failure nobody was told; 14 days
	AtOnce      int           // calls that one server makes at a time; 1,024
	MaxWaiting  int           // calls of one function that may wait; 100,000
	MaxAccount  int           // calls of one account that may wait; 500,000
	MaxBytes    int64         // of the payloads of these; 4 GiB
}

func (c CallConfig) filled() CallConfig {
	orDuration(&c.FirstRetry, time.Minute)
	orDuration(&c.SecondRetry, 2*time.Minute)
	orDuration(&c.Backoff, time.Second)
	orDuration(&c.MaxBackoff, 5*time.Minute)
	orDuration(&c.Lease, 30*time.Second)
	orDuration(&c.Period, time.Second)
	orDuration(&c.KeepEnded, time.Hour)
	orDuration(&c.KeepDead, 14*24*time.Hour)
	if c.AtOnce == 0 {
		c.AtOnce = 1024
	}
	if c.MaxWaiting == 0 {
		c.MaxWaiting = 100_000
	}
	if c.MaxAccount == 0 {
		c.MaxAccount = 500_000
	}
	if c.MaxBytes == 0 {
		c.MaxBytes = 4 << 30
	}
	return c
}

func orDuration(d *time.Duration, usual time.Duration) {
	if *d == 0 {
		*d = usual
	}
}

// queue makes calls later than they were accepted. A call is a row before it is accepted; whoever makes it holds the
// row for a while, and holds it anew as long as it does. Only its holder writes how it went, so that a call that two
// servers have made, because one was taken for dead, ends once.
type queue struct {
	db     *store.DB
	config CallConfig
	make   func(context.Context, *call) result // makes a call once
	rules  ruleReader
	update func(context.Context, func(*store.Tx) error) error // db.Update, unless a test cuts it off
	me     string                                             // as holder

	accepts batch[*call]
	settles batch[*settlement]
	depths  depths
	more    chan struct{} // wakes whoever claims: there is room, and there are calls that wait for it

	claiming sync.Mutex
	turn     int // which function comes first next

	mu      sync.Mutex
	open    bool            // calls are made
	ctx     context.Context // of the calls that are made, once it was open
	running sync.WaitGroup
	flights map[string]*call // the calls that this server makes, by their ids
	bytes   int64            // of their payloads
	streams map[string]*stream
	behind  bool // calls are due for which there was no room
}

func newQueue(db *store.DB, config CallConfig, once func(context.Context, *call) result, rules ruleReader) *queue {
	q := &queue{
		db: db, config: config.filled(), make: once, rules: rules, update: db.Update, me: ids.Hex(8), more: make(chan struct{}, 1),
		flights: map[string]*call{}, streams: map[string]*stream{},
	}
	q.accepts = batch[*call]{write: q.insert, most: 256}
	q.settles = batch[*settlement]{write: q.settleAll, most: 256}
	q.depths = depths{config: q.config}
	return q
}

// Run makes calls until ctx ends. Those that are under way then are given up, to be made by whoever comes next.
func (q *queue) Run(ctx context.Context) {
	if err := q.inherit(ctx); err != nil {
		slog.Warn("calls of the server before wait until it is taken for dead", "error", err)
	}
	q.mu.Lock()
	q.open, q.ctx = true, ctx
	q.mu.Unlock()
	var loops sync.WaitGroup
	loops.Go(func() {
		wake, stop := q.db.Watch(callsTopic)
		defer stop()
		loop.Run(ctx, "calls", q.config.Period, wake, q.claimAll)
	})
	loops.Go(func() { loop.Run(ctx, "calls behind", q.config.Period, q.more, q.claimAll) })
	loops.Go(func() { loop.Run(ctx, "calls held", q.config.Lease/3, nil, q.renew) })
	loops.Go(func() { loop.Run(ctx, "calls waiting", 10*time.Second, nil, q.recount) })
	loops.Go(func() { loop.Run(ctx, "calls ended", time.Minute, nil, q.sweep) })
	loops.Wait()
	q.mu.Lock()
	q.open = false
	q.mu.Unlock()
	q.running.Wait()
}

// inherit takes what the server before held, where there is never more than one: it is gone.
func (q *queue) inherit(ctx context.Context) error {
	if q.db.Dialect() != "sqlite" {
		return nil
	}
	return q.update(ctx, releaseCalls)
}

func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
