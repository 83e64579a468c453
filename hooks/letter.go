package hooks

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"slipway/events"
	"slipway/store"
)

// body is what is posted.
type body struct {
	ID      string          `json:"id"` // number of the event: letters with the same one are the same
	Kind    string          `json:"kind"`
	Time    time.Time       `json:"time"`
	Account string          `json:"account,omitempty"`
	Subject string          `json:"subject"` // ARN
	Data    json.RawMessage `json:"data"`
}

const (
	eventsAtOnce = 200
	maxTries     = 8
	maxWaiting   = 10_000      // letters to one hook
	claim        = time.Minute // how long a try may take before another server makes it
)

// write makes letters of the events that hooks want. Where there are no hooks it writes nothing.
func (c *Control) write(ctx context.Context) error {
	for {
		pending := false
		err := c.db.View(ctx, func(tx *store.Tx) error {
			return tx.Row(`select exists (select 1 from hooks_hooks)
				and (select coalesce(max(seq), 0) from events) > (select coalesce(max(seq), 0) from hooks_cursor)`).Scan(&pending)
		})
		if err != nil || !pending {
			return err
		}
		if err := c.db.Update(ctx, c.writeSome); err != nil {
			return err
		}
	}
}

func (c *Control) writeSome(tx *store.Tx) error {
	after, err := cursor(tx)
	if err != nil {
		return err
	}
	some, err := events.Read(tx, after, eventsAtOnce)
	if err != nil || len(some) == 0 {
		return err
	}
	hooks, err := listHooks(tx)
	if err != nil {
		return err
	}
	for _, e := range some {
		for _, h := range hooks {
			if h.wants(e) {
				if err := c.writeLetter(tx, h, e); err != nil {
					return err
				}
			}
		}
	}
	tx.Touch(letters)
	return setCursor(tx, some[len(some)-1].Seq)
}

// writeLetter writes a letter to a hook. Where too many wait already it is a dead one from the beginning.
func (c *Control) writeLetter(tx *store.Tx, h Hook, e events.Event) error {
	text, err := json.Marshal(body{strconv.FormatInt(e.Seq, 10), e.Type, e.Time.UTC(), e.Account, e.Subject, e.Data})
	if err != nil {
		return err
	}
	var waiting int
	err = tx.Row(`select count(*) from (select 1 from hooks_letters where hook = $1 and dead = 0 limit $2) waiting`, h.ID, c.maxWaiting).Scan(&waiting)
	if err != nil {
		return err
	}
	failure, dead := "", int64(0)
	if waiting == c.maxWaiting {
		failure, dead = errWaiting.Error(), store.Micros(tx.Now)
	}
	_, err = tx.Exec(`insert into hooks_letters (hook, seq, kind, body, tries, due, failure, dead) values ($1, $2, $3, $4, 0, $5, $6, $7)`,
		h.ID, e.Seq, e.Type, string(text), store.Micros(tx.Now), failure, dead)
	if err != nil || dead == 0 {
		return err
	}
	return forgetMostDead(tx, h.ID, c.maxDead)
}

// sending is a letter that is being tried.
type sending struct {
	hook   string
	seq    int64
	kind   string
	body   string
	tries  int
	url    string
	local  bool
	sealed []byte
}

// next claims the next letter of a hook, or returns nil when none is due.
func (c *Control) next(ctx context.Context, hook string) (l *sending, err error) {
	err = c.db.Update(ctx, func(tx *store.Tx) error {
		l = &sending{hook: hook}
		var local int64
		err := tx.Row(`select l.seq, l.kind, l.body, l.tries, h.url, h.local, h.sealed from hooks_letters l join hooks_hooks h on h.id = l.hook
			where l.hook = $1 and h.stopped = 0 and l.dead = 0 and l.due <= $2 order by l.due, l.seq limit 1`, hook, store.Micros(tx.Now)).
			Scan(&l.seq, &l.kind, &l.body, &l.tries, &l.url, &local, &l.sealed)
		if errors.Is(err, store.ErrNoRows) {
			l = nil
			return nil
		}
		if err != nil {
			return err
		}
		l.local = local == 1
		_, err = tx.Exec(`update hooks_letters set due = $3 where hook = $1 and seq = $2`, hook, l.seq, store.Micros(tx.Now.Add(claim)))
		return err
	})
	return l, err
}

// done writes down how a try ended.
func (c *Control) done(ctx context.Context, l *sending, failure error) error {
	return c.db.Update(ctx, func(tx *store.Tx) error {
		if failure == nil {
			_, err := tx.Exec(`delete from hooks_letters where hook = $1 and seq = $2`, l.hook, l.seq)
			return err
		}
		tries, dead := l.tries+1, int64(0)
		if tries >= maxTries {
			dead = store.Micros(tx.Now)
		}
		due := tx.Now.Add(c.firstPause << l.tries)
		_, err := tx.Exec(`update hooks_letters set tries = $3, due = $4, failure = $5, dead = $6 where hook = $1 and seq = $2 and dead = 0`,
			l.hook, l.seq, tries, store.Micros(due), failure.Error(), dead)
		if err != nil || dead == 0 {
			return err
		}
		return forgetMostDead(tx, l.hook, c.maxDead)
	})
}
