package functions

import (
	"context"
	"database/sql"
	"time"

	"slipway/store"
)

func addCalled(tx *store.Tx, usage []Called) error {
	rows := make([][]any, len(usage))
	for i, u := range usage {
		rows[i] = []any{u.Function, u.account, store.Micros(u.Hour), u.Calls, u.Errors, u.Colds, u.Duration.Microseconds(), u.Billed}
	}
	_, err := tx.ExecRows(`insert into functions_usage (function, account, hour, calls, errors, colds, duration, billed) values`, `(?, ?, ?, ?, ?, ?, ?, ?)`,
		`on conflict (function, hour) do update set calls = functions_usage.calls + excluded.calls, errors = functions_usage.errors + excluded.errors,
		colds = functions_usage.colds + excluded.colds, duration = functions_usage.duration + excluded.duration, billed = functions_usage.billed + excluded.billed`, rows)
	return err
}

// keepCalled is how long usage is kept.
const keepCalled = 400 * 24 * time.Hour

func forgetCalled(tx *store.Tx) error {
	_, err := tx.Exec(`delete from functions_usage where hour < $1`, store.Micros(tx.Now.Add(-keepCalled)))
	return err
}

// Called sums how often each function of an account was called since the beginning of the hour that a time is in. Their
// Hour is that beginning. It is kept for four hundred days, also of functions that are gone.
func (c *Control) Called(ctx context.Context, account string, since time.Time) (all []Called, err error) {
	since = since.UTC().Truncate(time.Hour)
	err = c.db.View(ctx, func(tx *store.Tx) error {
		all = nil
		return tx.Each(`select function, cast(sum(calls) as bigint), cast(sum(errors) as bigint), cast(sum(colds) as bigint), cast(sum(duration) as bigint), cast(sum(billed) as bigint)
			from functions_usage where account = $1 and hour >= $2 group by function order by function`, []any{account, store.Micros(since)}, func(rows *sql.Rows) error {
			u := Called{Hour: since, account: account}
			var micros int64
			err := rows.Scan(&u.Function, &u.Calls, &u.Errors, &u.Colds, &micros, &u.Billed)
			u.Duration = time.Duration(micros) * time.Microsecond
			all = append(all, u)
			return err
		})
	})
	return all, err
}
