package functions

import (
	"database/sql"
	"time"

	"slipway/events"
	"slipway/store"
)

// insertCalls writes calls down. Those that have a holder are its own for the lease.
func insertCalls(tx *store.Tx, calls []*call, lease time.Duration) error {
	rows := make([][]any, len(calls))
	for i, c := range calls {
		due := tx.Now
		if c.holder != "" {
			due = due.Add(lease)
		}
		rows[i] = []any{
			c.ID, c.Account, c.Function, c.Qualifier, c.Payload, len(c.Payload), c.Context, c.Trace, c.Depth,
			store.Micros(c.Accepted), store.Micros(due), c.holder,
		}
	}
	_, err := tx.ExecRows(`insert into functions_calls (id, account, function, qualifier, payload, size, context, trace, depth, accepted, due, holder,
		runs, failures, refusals, ended, outcome, reason, response, dead) values`,
		`(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0, 0, '', '', '', 0)`, ``, rows)
	return err
}

// functionsDue lists the functions with calls that are due.
func functionsDue(tx *store.Tx) (due []string, err error) {
	for last := ""; ; {
		var function sql.NullString
		if err := tx.Row(`select min(function) from functions_calls where ended = 0 and function > $1`, last).Scan(&function); err != nil || !function.Valid {
			return due, err
		}
		last = function.String
		var is bool
		if err := tx.Row(`select exists (select 1 from functions_calls where ended = 0 and function = $1 and due <= $2)`, last, store.Micros(tx.Now)).Scan(&is); err != nil {
			return due, err
		}
		if is {
			due = append(due, last)
		}
	}
}

// claimCalls holds the calls of a function that have been due for the longest: at most so many, with at most so many
// bytes of payloads, but for the first.
func claimCalls(tx *store.Tx, function, holder string, most int, bytes int64, lease time.Duration) (calls []*call, err error) {
	var ids []any
	err = tx.Each(`select id, size from functions_calls where ended = 0 and function = $1 and due <= $2 order by due limit $3`,
		[]any{function, store.Micros(tx.Now), most}, func(rows *sql.Rows) error {
			var id string
			var size int64
			err := rows.Scan(&id, &size)
			if bytes -= size; bytes >= 0 || len(ids) == 0 {
				ids = append(ids, id)
			}
			return err
		})
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	args := append([]any{holder, store.Micros(tx.Now.Add(lease))}, ids...)
	err = tx.Each(`update functions_calls set holder = $1, due = $2 where id in `+store.In(3, len(ids))+` returning `+callColumns, args, func(rows *sql.Rows) error {
		c, err := scanCall(rows)
		calls = append(calls, c)
		return err
	})
	return calls, err
}

const callColumns = `id, account, function, qualifier, payload, context, trace, depth, accepted, runs, failures, refusals`

func scanCall(rows *sql.Rows) (*call, error) {
	c := &call{}
	var accepted int64
	err := rows.Scan(&c.ID, &c.Account, &c.Function, &c.Qualifier, &c.Payload, &c.Context, &c.Trace, &c.Depth, &accepted, &c.Runs, &c.Failures, &c.Refusals)
	c.Accepted = store.Time(accepted)
	return c, err
}

// renewCalls holds calls for longer that the holder still holds.
func renewCalls(tx *store.Tx, holder string, ids []string, lease time.Duration) error {
	args := []any{store.Micros(tx.Now.Add(lease)), holder}
	for _, id := range ids {
		args = append(args, id)
	}
	_, err := tx.Exec(`update functions_calls set due = $1 where ended = 0 and holder = $2 and id in `+store.In(3, len(ids)), args...)
	return err
}

// releaseCalls has all calls that anybody holds be due.
func releaseCalls(tx *store.Tx) error {
	_, err := tx.Exec(`update functions_calls set due = $1, holder = '' where ended = 0 and holder <> ''`, store.Micros(tx.Now))
	return err
}

// succeedCalls ends calls well that the holder still holds.
func succeedCalls(tx *store.Tx, holder string, calls []*settlement) error {
	rows := make([][]any, len(calls))
	for i, s := range calls {
		rows[i] = []any{s.call.ID, holder, s.verdict.runs, store.Micros(tx.Now), Success}
	}
	_, err := tx.ExecRows(`update functions_calls set runs = v.column3, ended = v.column4, outcome = v.column5, payload = '', holder = '' from (values`,
		`(cast(? as text), cast(? as text), cast(? as bigint), cast(? as bigint), cast(? as text))`,
		`) as v where id = v.column1 and ended = 0 and holder = v.column2`, rows)
	return err
}

// endCall ends a call that the holder still holds, and reports whether it did.
func endCall(tx *store.Tx, holder string, s *settlement, dead bool) (bool, error) {
	var isDead int
	payload := []byte{}
	if dead {
		isDead, payload = 1, s.call.Payload
	}
	n, err := tx.Exec(`update functions_calls set runs = $3, failures = $4, refusals = $5, ended = $6, outcome = $7, reason = $8, response = $9, payload = $10,
		dead = $11, holder = '' where id = $1 and ended = 0 and holder = $2`,
		s.call.ID, holder, s.verdict.runs, s.verdict.failures, s.verdict.refusals, store.Micros(tx.Now), s.verdict.condition, s.result.reason,
		bounded(s.result.payload), payload, isDead)
	return n == 1, err
}

// giveUpCalls ends calls of an account whoever holds them, at most so many, as dead letters, and returns the events of that.
func giveUpCalls(tx *store.Tx, account, condition, reason string, most int) (facts []events.Fact, err error) {
	err = tx.Each(`update functions_calls set ended = $2, outcome = $3, reason = $4, dead = 1, holder = '' where id in
		(select id from functions_calls where ended = 0 and account = $1 limit $5) returning id, function, runs`,
		[]any{account, store.Micros(tx.Now), condition, reason, most}, func(rows *sql.Rows) error {
			var id, function string
			var runs int
			err := rows.Scan(&id, &function, &runs)
			facts = append(facts, failedEvent(account, function, map[string]any{"request": id, "condition": condition, "invocations": runs, "reason": reason}))
			return err
		})
	return facts, err
}

// putOff has a call made again later that the holder still holds.
func putOff(tx *store.Tx, holder string, s *settlement) error {
	_, err := tx.Exec(`update functions_calls set runs = $3, failures = $4, refusals = $5, due = $6, reason = $7, holder = ''
		where id = $1 and ended = 0 and holder = $2`,
		s.call.ID, holder, s.verdict.runs, s.verdict.failures, s.verdict.refusals, store.Micros(s.verdict.due), s.result.reason)
	return err
}

// countCalls counts the calls that are still to be made.
func countCalls(tx *store.Tx) (functions map[string]int, accounts map[string]depth, err error) {
	functions, accounts = map[string]int{}, map[string]depth{}
	err = tx.Each(`select account, function, count(*), cast(sum(size) as bigint) from functions_calls where ended = 0 group by account, function`, nil, func(rows *sql.Rows) error {
		var account, function string
		var n int
		var size int64
		err := rows.Scan(&account, &function, &n, &size)
		functions[function] = n
		a := accounts[account]
		accounts[account] = depth{a.calls + n, a.bytes + size}
		return err
	})
	return functions, accounts, err
}

// sweepCalls forgets calls that ended before a time, so many at once, and returns how many it forgot.
func sweepCalls(tx *store.Tx, dead int, before time.Time, most int) (int64, error) {
	return tx.Exec(`delete from functions_calls where id in (select id from functions_calls where ended > 0 and dead = $1 and ended < $2 limit $3)`,
		dead, store.Micros(before), most)
}
