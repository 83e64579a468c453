package seal

import (
	"context"
	"time"

	"slipway/internal/loop"
)

// readPause is the least time between two reads of the keys that unknown ones cause.
const readPause = time.Second

// reader reads the keys when one is not known. However many seals name keys that are not there,
// one at a time reads, once in a readPause, and all who wait share what was read.
type reader struct {
	read  func(context.Context) error
	place chan struct{} // for the one who reads
	last  time.Time     // when a read began; for who has the place
	good  time.Time     // when the last one that went well began
}

func newReader(read func(context.Context) error) *reader {
	return &reader{read: read, place: make(chan struct{}, 1)}
}

// catchUp returns when a read that began after it was called has ended.
func (r *reader) catchUp(ctx context.Context) error {
	called := time.Now()
	select {
	case r.place <- struct{}{}:
		defer func() { <-r.place }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if r.good.After(called) {
		return nil
	}
	if err := loop.Pause(ctx, time.Until(r.last.Add(readPause))); err != nil {
		return err
	}
	r.last = time.Now()
	if err := r.read(ctx); err != nil {
		return err
	}
	r.good = r.last
	return nil
}
