package functions

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"slipway/events"
	"slipway/internal/errs"
	"slipway/internal/page"
	"slipway/store"
)

// DeadCall is a call that was accepted, and given up without anybody being told. It is kept for fourteen days.
type DeadCall struct {
	ID        string
	Function  string // ARN, as it was called
	Condition string // RetriesExhausted, EventAgeExceeded, FunctionNotFound, AccountClosed
	Reason    string // of the last failure
	Runs      int    // how often it was made
	Accepted  time.Time
	Ended     time.Time
	Size      int64  // of the payload, bytes
	Payload   []byte // of one that is shown alone
	Response  []byte // what the function answered at last, its first 64 KiB; of one that is shown alone
}

var (
	// ErrNoDeadCall says that no call was given up that has an id.
	ErrNoDeadCall = errs.New(errs.NotFound, "no such dead letter")
	// ErrToken is a token that the listing has not given out.
	ErrToken = errs.New(errs.Invalid, "invalid next token")
)

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

// DeadCalls lists at most limit calls of an account that were given up, the last first, from a token on: those of a
// function (Ref without a qualifier; no name: of all). It returns ErrToken.
func (c *Control) DeadCalls(ctx context.Context, r Ref, token string, limit int) (all []DeadCall, next string, err error) {
	list := "dead calls " + r.Account + "/" + r.Name
	key, err := page.Key(list, token)
	if err != nil {
		return nil, "", fmt.Errorf("%w: %w", ErrToken, err)
	}
	ended, id := deadAfter(key)
	err = c.db.View(ctx, func(tx *store.Tx) error {
		all = nil
		return tx.Each(`select `+deadColumns+` from functions_calls where dead = 1 and account = $1 and (function = $2 or $2 = '')
			and ended <= $3 and (ended < $3 or id > $4) order by ended desc, id limit $5`, []any{r.Account, c.deadFunction(r), ended, id, limit + 1}, func(rows *sql.Rows) error {
			d, err := scanDead(rows.Scan)
			all = append(all, d)
			return err
		})
	})
	all, key = page.Cut(all, limit, func(d DeadCall) string { return fmt.Sprintf("%d/%s", store.Micros(d.Ended), d.ID) })
	return all, page.Token(list, key), err
}

// deadFunction is the ARN of a function, "" if none is named.
func (c *Control) deadFunction(r Ref) string {
	if r.Name == "" {
		return ""
	}
	return c.ARN(r.Whole())
}

// deadAfter reads the key of a page; without one it is the first page.
func deadAfter(key string) (ended int64, id string) {
	at, id, _ := strings.Cut(key, "/")
	if ended, err := strconv.ParseInt(at, 10, 64); err == nil {
		return ended, id
	}
	return math.MaxInt64, ""
}

// DeadCall is a call of an account that was given up, with its payload and what its function answered. It returns
// ErrNoDeadCall.
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
// function (Ref without a qualifier; no name: of all) where the id is "". They keep their ids. It returns how many
// there are, or ErrNoDeadCall.
func (c *Control) Replay(ctx context.Context, r Ref, id string) (n int64, err error) {
	err = c.db.Update(ctx, func(tx *store.Tx) error {
		n, err = tx.Exec(`update functions_calls set accepted = $4, due = $4, runs = 0, failures = 0, refusals = 0, depth = 0,
			ended = 0, outcome = '', reason = '', response = '', dead = 0
			where dead = 1 and account = $1 and (function = $2 or $2 = '') and (id = $3 or $3 = '')`, r.Account, c.deadFunction(r), id, store.Micros(tx.Now))
		if err == nil && n == 0 && id != "" {
			err = noDead(store.ErrNoRows, id)
		}
		tx.Touch(callsTopic)
		return err
	})
	return n, err
}

// StopAccount gives up all calls of an account that are still to be made, or are being made: it was closed. They are dead
// letters then.
func (c *Control) StopAccount(ctx context.Context, account string) error {
	for more := true; more; {
		err := c.calls.update(ctx, func(tx *store.Tx) error {
			facts, err := giveUpCalls(tx, account, AccountClosed, "the account was closed", sweepAtOnce)
			more = len(facts) == sweepAtOnce
			return errors.Join(err, events.AppendAll(tx, facts))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// forgetCalls takes away all calls of an account, and how often its functions were called.
func forgetCalls(tx *store.Tx, account string) error {
	if _, err := tx.Exec(`delete from functions_calls where account = $1`, account); err != nil {
		return err
	}
	_, err := tx.Exec(`delete from functions_usage where account = $1`, account)
	return err
}
