package functions

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"slipway/internal/errs"
	"slipway/store"
)

// DeadCall is a call that was accepted, and given up without anybody being told. It is kept for fourteen days.
type DeadCall struct {
	ID        string
	Function  string // ARN, as it was called
	Condition string // RetriesExhausted, EventAgeExceeded, FunctionNotFound
	Reason    string // of the last failure
	Runs      int    // how often it was made
	Accepted  time.Time
	Ended     time.Time
	Size      int64  // of the payload, bytes
	Payload   []byte // of one that is shown alone
	Response  []byte // what the function answered at last, its first 64 KiB; of one that is shown alone
}

// ErrNoDeadCall says that no call was given up that has an id.
var ErrNoDeadCall = errs.New(errs.NotFound, "no such dead letter")

const deadColumns = `id, function, qualifier, outcome, reason, runs, accepted, ended, size`

func scanDead(scan func(...any) error, more ...any) (d DeadCall, err error) {
	var qualifier string
	var accepted, ended int64
	err = scan(append([]any{&d.ID, &d.Function, &qualifier, &d.Condition, &d.Reason, &d.Runs, &accepted, &ended, &d.Size}, more...)...)
	if qualifier != "" {
		d.Function += ":" + qualifier
	}
	d.Accepted, d.Ended = store.Time(accepted), store.Time(ended)
	return d, err
}

// DeadCalls lists at most limit calls of an account's function (ARN without a qualifier; "": of all) that were given
// up, the last first, those that ended before a time (zero: all).
func (c *Control) DeadCalls(ctx context.Context, account, function string, before time.Time, limit int) (all []DeadCall, err error) {
	until := store.Micros(before)
	err = c.db.View(ctx, func(tx *store.Tx) error {
		all = nil
		return tx.Each(`select `+deadColumns+` from functions_calls where dead = 1 and account = $1 and (function = $2 or $2 = '') and (ended < $3 or $3 = 0)
			order by ended desc, id limit $4`, []any{account, function, until, limit}, func(rows *sql.Rows) error {
			d, err := scanDead(rows.Scan)
			all = append(all, d)
			return err
		})
	})
	return all, err
}

// DeadCall is a call that was given up, with its payload and what its function answered. It returns ErrNoDeadCall.
func (c *Control) DeadCall(ctx context.Context, account, id string) (d DeadCall, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		row := tx.Row(`select `+deadColumns+`, payload, response from functions_calls where dead = 1 and account = $1 and id = $2`, account, id)
		var payload, response []byte
		d, err = scanDead(row.Scan, &payload, &response)
		d.Payload, d.Response = payload, response
		return noDead(err, id)
	})
	return d, err
}

func noDead(err error, id string) error {
	if errors.Is(err, store.ErrNoRows) {
		return fmt.Errorf("%w: %s", ErrNoDeadCall, id)
	}
	return err
}

// Replay has calls that were given up made again, as if they had been accepted now: the one with an id, or all of a
// function (ARN without a qualifier) where the id is "". They keep their ids. It returns how many there are, or ErrNoDeadCall.
func (c *Control) Replay(ctx context.Context, account, function, id string) (n int64, err error) {
	err = c.db.Update(ctx, func(tx *store.Tx) error {
		n, err = tx.Exec(`update functions_calls set accepted = $4, due = $4, runs = 0, failures = 0, refusals = 0, depth = 0, ended = 0, outcome = '', reason = '', response = '', dead = 0
			where dead = 1 and account = $1 and (function = $2 or $2 = '') and (id = $3 or $3 = '')`, account, function, id, store.Micros(tx.Now))
		if err == nil && n == 0 && id != "" {
			err = noDead(store.ErrNoRows, id)
		}
		tx.Touch(callsTopic)
		return err
	})
	return n, err
}

// forgetCalls takes away all calls of an account.
func forgetCalls(tx *store.Tx, account string) error {
	if _, err := tx.Exec(`delete from functions_calls where account = $1`, account); err != nil {
		return err
	}
	_, err := tx.Exec(`delete from functions_usage where account = $1`, account)
	return err
}
