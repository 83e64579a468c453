package functions

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"slipway/store"
)

// accept writes a call down. When it returns nil the call cannot be lost any more, and is made now if there is room.
func (q *queue) accept(ctx context.Context, c *call) error {
	if err := q.depths.admit(c); err != nil {
		return err
	}
	held := q.takeNew(c)
	if held {
		c.holder = q.me
	}
	if err := q.accepts.do(ctx, c); err != nil {
		q.depths.ended(c)
		if held {
			q.land(c, cutOff)
		}
		return err
	}
	if held {
		go q.fly(c) // it was counted among those that run when it was taken
	}
	return nil
}

func (q *queue) insert(ctx context.Context, calls []*call) error {
	return q.update(ctx, func(tx *store.Tx) error {
		for _, c := range calls {
			c.Accepted = tx.Now
			if c.holder == "" {
				tx.Touch(callsTopic)
			}
		}
		return insertCalls(tx, calls, q.config.Lease)
	})
}

// fly makes a call that was taken, and writes down how it went.
func (q *queue) fly(c *call) {
	r := q.attempt(q.ctx, c)
	q.settle(q.ctx, c, r)
	q.land(c, r.kind)
}

// attempt makes a call once, unless it is too old by now. What the end of this server cuts off is nobody's failure.
func (q *queue) attempt(ctx context.Context, c *call) result {
	if c.rules.MaxAge > 0 && time.Since(c.Accepted) >= c.rules.MaxAge {
		return result{kind: expired, reason: "the call was older than calls of the function may be"}
	}
	r := q.make(ctx, c)
	if ctx.Err() != nil && r.kind != answered {
		return result{kind: cutOff}
	}
	return r
}

// settle writes down what became of a call, and tries to until this server ends: then whoever holds the call next
// makes it again.
func (q *queue) settle(ctx context.Context, c *call, r result) {
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
		err := q.settles.do(ctx, &settlement{call: c, result: r})
		if err == nil {
			return
		}
		slog.Warn("how a call went cannot be written down", "call", c.ID, "function", c.Function, "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// claimAll takes calls that are due, of all functions in turn and as many as there is room for, and makes them.
func (q *queue) claimAll(ctx context.Context) error {
	q.claiming.Lock()
	defer q.claiming.Unlock()
	due, err := q.due(ctx)
	if err != nil {
		return err
	}
	for i, function := range due {
		room, bytes := q.room(function, len(due)-i)
		if room == 0 {
			continue
		}
		if err := q.claim(ctx, function, room, bytes); err != nil {
			return err
		}
	}
	return nil
}

// due lists the functions that have calls that are due, each time beginning with another.
func (q *queue) due(ctx context.Context) (due []string, err error) {
	err = q.db.View(ctx, func(tx *store.Tx) (err error) {
		due, err = functionsDue(tx)
		return err
	})
	if n := len(due); n > 1 {
		q.turn = (q.turn + 1) % n
		due = slices.Concat(due[q.turn:], due[:q.turn])
	}
	return due, err
}

// claim holds calls of a function that are due, at most so many with at most so many bytes of payloads, and makes them.
func (q *queue) claim(ctx context.Context, function string, most int, bytes int64) error {
	var calls []*call
	err := q.update(ctx, func(tx *store.Tx) (err error) {
		calls, err = claimCalls(tx, function, q.me, most, bytes, q.config.Lease)
		if err != nil {
			return err
		}
		return readRules(tx, calls, q.rules)
	})
	if err != nil {
		return err
	}
	for _, c := range calls {
		if q.takeClaimed(c) {
			go q.fly(c)
		}
	}
	q.caughtUp(function, len(calls) < most)
	return nil
}

// ruleReader reads what the owner of a function says of calls of it that are made later.
type ruleReader func(tx *store.Tx, function, qualifier string) (rules, error)

func readRules(tx *store.Tx, calls []*call, read ruleReader) error {
	type of struct{ function, qualifier string }
	known := map[of]rules{}
	for _, c := range calls {
		key := of{c.Function, c.Qualifier}
		r, ok := known[key]
		if !ok {
			var err error
			if r, err = read(tx, c.Function, c.Qualifier); err != nil {
				return err
			}
			known[key] = r
		}
		c.rules = r
	}
	return nil
}

// renew holds the calls that this server makes for longer.
func (q *queue) renew(ctx context.Context) error {
	held := q.flying()
	if len(held) == 0 {
		return nil
	}
	return q.update(ctx, func(tx *store.Tx) error { return renewCalls(tx, q.me, held, q.config.Lease) })
}
