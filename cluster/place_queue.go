package cluster

import (
	"context"
	"sync"
	"time"
)

// queue is where calls wait whose transactions would meet: the placing of tasks and the reports of their ends write
// the same rows. One of those who wait leads. It takes many of them at once, does their work in one transaction, and
// goes on until its own work is done.
type queue struct {
	mu      sync.Mutex
	waiting []*work
	leading bool
}

// work is what a call waits for: tasks to be placed, a report to be written down, or room to be held or given back.
type work struct {
	bid    *bid
	report *reported
	room   *roomWork

	lead chan struct{} // it is on this call to lead
	done chan struct{} // closed with err and what else came of it
	err  error
}

// The bounds of a queue. Beyond maxWaiting calls, whoever comes is told to come again.
const (
	maxWaiting = 20_000
	maxBatch   = 2_000 // tasks that are placed or reported in one transaction
	batchLimit = time.Minute
)

func newWork() *work { return &work{lead: make(chan struct{}, 1), done: make(chan struct{})} }

// weight is how much of a batch the work takes.
func (w *work) weight() int {
	switch {
	case w.bid != nil:
		return 1 + w.bid.count()
	case w.room != nil:
		return 1 + len(w.room.free)
	}
	return 1 + len(w.report.tasks)
}

// wants is the account of whose machines room is wanted; "": none is.
func (w *work) wants() string {
	switch {
	case w.bid != nil:
		return w.bid.order.model.Account
	case w.room != nil:
		return w.room.account
	}
	return ""
}

// do has work done by whoever leads, which may be the caller. Where ctx ends before, the work may be done nevertheless.
func (c *Control) do(ctx context.Context, w *work) error {
	if !c.queue.enter(w) {
		return ErrBusy
	}
	for {
		select {
		case <-w.done:
			return w.err
		case <-w.lead:
			c.leadUntil(ctx, w)
		case <-ctx.Done():
			if c.queue.leave(w) {
				return ctx.Err()
			}
			select { // it is taken: as a rule it is done at once
			case <-w.done:
				return w.err
			case <-w.lead:
				c.queue.pass()
			default:
			}
			return ctx.Err()
		}
	}
}

// enter queues work, whose caller leads if nobody does.
func (q *queue) enter(w *work) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) >= maxWaiting {
		return false
	}
	q.waiting = append(q.waiting, w)
	if !q.leading {
		q.leading = true
		w.lead <- struct{}{}
	}
	return true
}

// leave takes work back that nobody has begun, and tells whether it could.
func (q *queue) leave(w *work) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i, other := range q.waiting {
		if other != w {
			continue
		}
		q.waiting = append(q.waiting[:i:i], q.waiting[i+1:]...)
		select {
		case <-w.lead:
			q.next()
		default:
		}
		return true
	}
	return false
}

// next has the first that waits lead, if there is one. The caller holds the lock.
func (q *queue) next() {
	if q.leading = len(q.waiting) > 0; q.leading {
		q.waiting[0].lead <- struct{}{}
	}
}

func (q *queue) pass() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.next()
}

// take removes the next batch from the queue: the first that wait, but no two of which the second is to find what came
// of the first.
func (q *queue) take() (batch []*work) {
	q.mu.Lock()
	defer q.mu.Unlock()
	room, taken := maxBatch, map[string]bool{}
	rest := q.waiting[:0:0]
	for i, w := range q.waiting {
		if room < w.weight() && len(batch) > 0 {
			rest = append(rest, q.waiting[i:]...)
			break
		}
		if name := w.onlyOne(); name != "" {
			if taken[name] {
				rest = append(rest, w)
				continue
			}
			taken[name] = true
		}
		batch, room = append(batch, w), room-w.weight()
	}
	q.waiting = rest
	return batch
}

// onlyOne names what there may be only one of in a batch: a request with a token, or one whose guard looks at what
// there is of its group.
func (w *work) onlyOne() string {
	switch {
	case w.bid == nil:
		return ""
	case w.bid.order.guard != nil:
		return "group " + w.bid.order.model.Account + " " + w.bid.order.model.Cluster + " " + w.bid.order.model.Group
	case w.bid.order.run.Token != "":
		return "token " + w.bid.order.model.Account + " " + w.bid.order.run.Token
	}
	return ""
}

// leadUntil works through the queue until w is done, and then has another lead.
func (c *Control) leadUntil(ctx context.Context, w *work) {
	ctx = context.WithoutCancel(ctx) // the others' work is not to end with this call
	for {
		select {
		case <-w.done:
			c.queue.pass()
			return
		default:
			c.work(ctx, c.queue.take())
		}
	}
}

// work does what a batch waits for. Where it fails as a whole, each is tried by itself, so that nobody fails for
// another; after three in a row it is taken that the fault is nobody's own.
func (c *Control) work(ctx context.Context, batch []*work) {
	err := c.workAtOnce(ctx, batch)
	failed := 0
	for _, w := range batch {
		if err != nil {
			if w.err = err; len(batch) > 1 && failed < 3 {
				w.err = c.workAtOnce(ctx, []*work{w})
			}
			if failed++; w.err == nil {
				failed = 0
			}
		}
		close(w.done)
	}
}

func (c *Control) workAtOnce(ctx context.Context, works []*work) error {
	ctx, cancel := context.WithTimeout(ctx, batchLimit)
	defer cancel()
	c.books.mu.Lock()
	defer c.books.mu.Unlock()
	b := &batch{c: c, works: works}
	if err := b.open(ctx); err != nil {
		return err
	}
	err := c.db.UpdateInTurn(ctx, "placement", b.run)
	b.close(err == nil)
	return err
}
