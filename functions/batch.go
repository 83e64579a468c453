package functions

import (
	"context"
	"sync"
)

// batch has callers that come at the same time share one write: the first writes for itself, and whoever comes
// while it does is written together with all others that came, by one of them.
type batch[T any] struct {
	write func(context.Context, []T) error
	most  int // items in one write

	mu      sync.Mutex
	busy    bool
	waiting []*part[T]
}

// part is what one caller has.
type part[T any] struct {
	item T
	err  error
	lead chan bool // true: this caller writes now; false: it was written
}

// do writes an item and returns when it was written, or not. The end of ctx does not cut it off, for others may be
// written with it.
func (b *batch[T]) do(ctx context.Context, item T) error {
	p := &part[T]{item: item, lead: make(chan bool, 1)}
	b.mu.Lock()
	b.waiting = append(b.waiting, p)
	leads := !b.busy
	b.busy = true
	b.mu.Unlock()
	if !leads && !<-p.lead {
		return p.err
	}
	return b.writeSome(context.WithoutCancel(ctx))
}

// writeSome writes what waits, the caller's own first, and hands over to one of those that came meanwhile.
func (b *batch[T]) writeSome(ctx context.Context) error {
	b.mu.Lock()
	n := min(len(b.waiting), b.most)
	some := b.waiting[:n:n]
	b.waiting = b.waiting[n:]
	b.mu.Unlock()
	b.writeParts(ctx, some)
	for _, p := range some[1:] {
		p.lead <- false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.busy = len(b.waiting) > 0; b.busy {
		b.waiting[0].lead <- true
	}
	return some[0].err
}

// writeParts writes parts together, and where that fails one by one: what one of them cannot be written for is no harm to
// the others. When three in a row fail it is not their fault, and the rest has failed, too.
func (b *batch[T]) writeParts(ctx context.Context, parts []*part[T]) {
	items := make([]T, len(parts))
	for i, p := range parts {
		items[i] = p.item
	}
	err := b.write(ctx, items)
	inRow := 0
	for i, p := range parts {
		p.err = err
		if err != nil && len(parts) > 1 && inRow < 3 {
			p.err = b.write(ctx, items[i:i+1:i+1])
		}
		if inRow++; p.err == nil {
			inRow = 0
		}
	}
}
