package logs

import (
	"context"
	"errors"
	"slices"
	"sync"

	"slipway/internal/errs"
	"slipway/store"
)

const (
	batchWeight = 4 << 20 // of events in one transaction
	batchWrites = 256     // in one transaction
	foldWeight  = 16 << 10
)

func isNoGroup(err error) bool { return errors.Is(err, ErrNoGroup) }

// write is a piece of events on its way into the database.
type write struct {
	weight int64
	apply  func(*store.Tx) error // may run several times; a declared cause is this write's alone
	err    error
	done   chan struct{}
}

// queue puts writes that come at the same time into one transaction: a commit costs far more than
// a row. The first to come commits for all that came while the commit before was under way.
type queue struct {
	leading chan struct{} // held by who commits
	mu      sync.Mutex
	waiting []*write
}

func newQueue() queue { return queue{leading: make(chan struct{}, 1)} }

// write runs w in a transaction, in the order of arrival, and returns when it is on disk. When ctx
// ends before its turn has come, it is not run.
func (c *Control) write(ctx context.Context, w *write) error {
	w.done = make(chan struct{})
	c.queue.push(w)
	for {
		select {
		case <-w.done:
			return w.err
		case <-ctx.Done():
			if c.queue.drop(w) {
				return ctx.Err()
			}
			<-w.done
		case c.queue.leading <- struct{}{}:
			c.commit(context.WithoutCancel(ctx), c.queue.pop()) // others' writes are in it
			<-c.queue.leading
		}
	}
}

func (q *queue) push(w *write) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, w)
}

// drop takes w out again, unless somebody is committing it already.
func (q *queue) drop(w *write) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := slices.Index(q.waiting, w)
	if i < 0 {
		return false
	}
	q.waiting = slices.Delete(q.waiting, i, i+1)
	return true
}

// pop takes as many of the waiting writes as one transaction may have.
func (q *queue) pop() []*write {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := 0
	for size := int64(0); n < len(q.waiting) && n < batchWrites && (n == 0 || size < batchWeight); n++ {
		size += q.waiting[n].weight
	}
	batch := q.waiting[:n:n]
	q.waiting = slices.Clone(q.waiting[n:])
	return batch
}

// commit runs a batch in one transaction and tells every writer how it went.
func (c *Control) commit(ctx context.Context, batch []*write) {
	if len(batch) == 0 {
		return
	}
	err := c.db.Update(ctx, func(tx *store.Tx) error {
		for _, w := range batch {
			if w.err = w.apply(tx); w.err != nil && errs.KindOf(w.err) == errs.Internal {
				return w.err
			}
		}
		return nil
	})
	for _, w := range batch {
		if err != nil {
			w.err = err
		}
		close(w.done)
	}
}

// add puts blocks behind what a stream has, and writes the stream's row. It must be the last thing
// that a write does, and only it may change t.
func (c *Control) add(tx *store.Tx, t *target, blocks []block) error {
	if len(blocks) == 0 {
		return nil
	}
	now := tx.Now.UnixMilli()
	for i, b := range blocks {
		k := b.at(t, now)
		if i == 0 {
			folded, err := c.fold(tx, t, b, k)
			if err != nil {
				return err
			}
			k = folded
		}
		if err := putChunk(tx, k); err != nil {
			return err
		}
		t.grow(k)
	}
	for _, b := range blocks {
		t.seq += int64(len(b.records))
		t.size += b.size
	}
	t.ingested = store.Micros(tx.Now)
	tx.Touch(t.topic())
	return updateStream(tx, t)
}

// at gives a block its place behind the events of a stream.
func (b block) at(t *target, now int64) chunk {
	first, last := b.records[0], b.records[len(b.records)-1]
	return chunk{group: t.group, stream: t.stream, firstTime: first.time, firstSeq: t.seq + first.seq,
		lastTime: last.time, ingested: now, size: b.size, data: b.data}
}

// fold joins k, the chunk of b, with the chunk written before it when both are small, so that a
// stream of single lines does not become a chunk for each.
func (c *Control) fold(tx *store.Tx, t *target, b block, k chunk) (chunk, error) {
	if t.tail.size == 0 || t.tail.size > foldWeight || b.size > foldWeight {
		return k, nil
	}
	tail, err := readChunk(tx, t.tail)
	if errors.Is(err, store.ErrNoRows) { // past its retention
		return k, nil
	}
	if err != nil {
		return k, err
	}
	if max(tail.lastTime, k.lastTime)-min(tail.firstTime, k.firstTime) > chunkSpan {
		return k, nil
	}
	records, err := c.codec.decode(tail)
	if err != nil {
		return k, nil // it stays as it is, and readers will say so
	}
	for _, r := range b.records {
		r.stream, r.seq, r.ingested = t.stream, r.seq+t.seq, k.ingested
		records = append(records, r)
	}
	slices.SortFunc(records, compareRecords)
	joined := c.chunkOf(records, t.group, tail.size+k.size)
	if joined.firstTime == tail.firstTime && joined.firstSeq == tail.firstSeq {
		return joined, nil // and is written over it
	}
	return joined, deleteChunk(tx, tail)
}

func (c *Control) chunkOf(records []record, group, size int64) chunk {
	first, last := records[0], records[len(records)-1]
	return chunk{group: group, stream: first.stream, firstTime: first.time, firstSeq: first.seq,
		lastTime: last.time, ingested: first.ingested, size: size, data: c.codec.encode(records)}
}

// grow makes k the tail of the stream.
func (t *target) grow(k chunk) {
	if t.firstTime == 0 || k.firstTime < t.firstTime {
		t.firstTime = k.firstTime
	}
	t.lastTime = max(t.lastTime, k.lastTime)
	t.tail = k
}
