package hooks

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"slipway/store"
)

// Letter is an event that could not be delivered.
type Letter struct {
	Hook    string          `json:"hook"`
	Event   string          `json:"event"` // its number
	Kind    string          `json:"kind"`
	Body    json.RawMessage `json:"body"`
	Tries   int             `json:"tries"`
	Failure string          `json:"failure"` // of the last try
	Dead    time.Time       `json:"dead"`    // when it was given up
}

// Dead letters are kept for so long, and so many of a hook.
const (
	deadLife = 30 * 24 * time.Hour
	maxDead  = 1000
)

// Dead lists at most limit letters that were given up, the last first, those of one hook or of all ("").
// They are kept for thirty days, and the last thousand of each hook.
func (c *Control) Dead(ctx context.Context, hook string, limit int) (all []Letter, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		all = nil
		return tx.Each(`select hook, seq, kind, body, tries, failure, dead from hooks_letters
			where dead > 0 and (hook = $1 or $1 = '') order by dead desc, seq desc limit $2`, []any{hook, limit}, func(rows *sql.Rows) error {
			var l Letter
			var seq, dead int64
			var text string
			err := rows.Scan(&l.Hook, &seq, &l.Kind, &text, &l.Tries, &l.Failure, &dead)
			l.Event, l.Body, l.Dead = strconv.FormatInt(seq, 10), json.RawMessage(text), store.Time(dead)
			all = append(all, l)
			return err
		})
	})
	return all, err
}

// Redeliver has a dead letter of a hook sent again, or all of them (event ""), tried as often as new ones,
// and returns how many there are. They are what they were: who took one before knows it by the number of
// its event. It returns ErrNoHook, ErrStopped or ErrNoLetter.
func (c *Control) Redeliver(ctx context.Context, hook, event string) (n int64, err error) {
	err = c.db.Update(ctx, func(tx *store.Tx) error {
		if err := checkGoing(tx, hook); err != nil {
			return err
		}
		if n, err = revive(tx, hook, event); err != nil {
			return err
		}
		if n == 0 && event != "" {
			return fmt.Errorf("%w: %q", ErrNoLetter, event)
		}
		tx.Touch(letters)
		return nil
	})
	return n, err
}

func revive(tx *store.Tx, hook, event string) (int64, error) {
	if event == "" {
		return tx.Exec(`update hooks_letters set tries = 0, dead = 0, due = $2 where hook = $1 and dead > 0`, hook, store.Micros(tx.Now))
	}
	seq, err := strconv.ParseInt(event, 10, 64)
	if err != nil {
		return 0, nil // no event has such a number
	}
	return tx.Exec(`update hooks_letters set tries = 0, dead = 0, due = $3 where hook = $1 and seq = $2 and dead > 0`, hook, seq, store.Micros(tx.Now))
}

// forgetMostDead keeps the last dead letters of a hook, so many as there may be.
func forgetMostDead(tx *store.Tx, hook string, most int) error {
	_, err := tx.Exec(`delete from hooks_letters where hook = $1 and dead > 0 and seq in (
		select seq from hooks_letters where hook = $1 and dead > 0 order by dead desc, seq desc limit 1000 offset $2)`, hook, most)
	return err
}

func (c *Control) forgetDead(ctx context.Context) error {
	return c.db.Update(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(`delete from hooks_letters where dead > 0 and dead < $1`, store.Micros(tx.Now.Add(-deadLife)))
		return err
	})
}
