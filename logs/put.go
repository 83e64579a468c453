package logs

import (
	"context"
	"fmt"

	"slipway/store"
)

// Limits of one Put. Source: Amazon CloudWatch Logs API Reference, PutLogEvents.
const (
	MaxPut     = 1 << 20 // bytes of messages and 26 for each
	tooOldDays = 14
	tooNew     = 2 * 60 * 60 * 1000 // milliseconds from now
)

// Rejected tells which events of a Put were not kept: those up to an index, and from one.
type Rejected struct {
	TooOld  int // events before this index are more than 14 days old
	Expired int // events before this index are past the retention of their group
	TooNew  int // events from this index on are more than 2 hours ahead; the number of events if none is
}

// kept are the events that were not rejected, as a range of indices.
func (r Rejected) kept() (from, to int) {
	from = max(r.TooOld, r.Expired)
	return from, max(r.TooNew, from)
}

// Put adds events to a stream that is there. They must be in the order of their times, span at
// most 24 hours and be no more than MaxPut bytes; of those, the ones that are too old or too new
// are left out and told. It returns ErrNoGroup, ErrNoStream, ErrOrder, ErrSpan or ErrTooLarge.
func (c *Control) Put(ctx context.Context, account, group, stream string, events []Event) (rejected Rejected, err error) {
	if err := checkPut(events); err != nil {
		return Rejected{}, err
	}
	blocks := c.codec.cut(events)
	err = c.write(ctx, &write{weight: totalWeight(events), apply: func(tx *store.Tx) error {
		t, err := findStream(tx, account, group, stream)
		if err != nil {
			return err
		}
		now := tx.Now.UnixMilli()
		rejected = reject(events, t.cutoff(now), now)
		kept := blocks
		if from, to := rejected.kept(); to-from < len(events) {
			kept = c.codec.cut(events[from:to])
		}
		return c.add(tx, &t, kept)
	}})
	return rejected, err
}

func checkPut(events []Event) error {
	if err := checkEvents(events); err != nil {
		return err
	}
	for i := 1; i < len(events); i++ {
		if events[i].Time < events[i-1].Time {
			return fmt.Errorf("%w: event %d is of %d, the one before of %d", ErrOrder, i, events[i].Time, events[i-1].Time)
		}
	}
	if n := len(events); n > 0 && events[n-1].Time-events[0].Time > day {
		return fmt.Errorf("%w: from %d to %d", ErrSpan, events[0].Time, events[n-1].Time)
	}
	if size := totalWeight(events); size > MaxPut {
		return fmt.Errorf("%w: %d bytes exceeds limit of %d", ErrTooLarge, size, MaxPut)
	}
	return nil
}

func checkEvents(events []Event) error {
	for i, e := range events {
		if e.Time < 0 || e.Time > maxTime {
			return fmt.Errorf("%w: the time of event %d is %d, not milliseconds since 1970", ErrEvent, i, e.Time)
		}
	}
	return nil
}

func totalWeight(events []Event) (size int64) {
	for _, e := range events {
		size += weight(e.Message)
	}
	return size
}

// reject tells which events, ordered by time, are too old, past the cutoff or too new.
func reject(events []Event, cutoff, now int64) Rejected {
	r := Rejected{TooNew: len(events)}
	for i, e := range events {
		switch {
		case e.Time < now-tooOldDays*day:
			r.TooOld = i + 1
		case e.Time < cutoff:
			r.Expired = i + 1
		case e.Time > now+tooNew:
			r.TooNew = i
			return r
		}
	}
	return r
}
