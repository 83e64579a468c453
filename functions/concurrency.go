package functions

import (
	"context"
	"database/sql"

	"slipway/internal/errs"
	"slipway/store"
)

// Concurrency that an account has when nothing else is said, and how much of it has to be left to functions without a
// part of their own. Source: "Lambda quotas"; "Configuring reserved concurrency for a function".
const (
	DefaultConcurrency = 1000
	minUnreserved      = 100
)

// Concurrency is how many calls at a time the functions of an account may be in.
func (c *Control) concurrency() int {
	if c.config.Concurrency > 0 {
		return c.config.Concurrency
	}
	return DefaultConcurrency
}

// Reserve sets a part of its account's concurrency aside for a function, which has no more then: 0 lets nobody call
// it. It returns ErrNoFunction, or ErrInput if the other functions are left with too little, or the function
// with less than is provisioned.
func (c *Control) Reserve(ctx context.Context, r Ref, n int) error {
	if r.Qualifier != "" {
		return errs.Say(ErrInput, "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. Please specify either a function name or an unqualified function ARN.")
	}
	return c.editPlace(ctx, r, func(tx *store.Tx, p place) error {
		left, err := c.unreserved(tx, p.Account, p.id)
		if err != nil {
			return err
		}
		if left-n < minUnreserved && n > 0 {
			return errs.Say(ErrInput, "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [%d].", minUnreserved)
		}
		provisioned, err := p.provisioned(tx)
		if err != nil {
			return err
		}
		if n < provisioned {
			return errs.Say(ErrInput, " ReservedConcurrentExecutions  %d should not be lower than function's total provisioned concurrency [%d].", n, provisioned)
		}
		return p.reserve(tx, n)
	})
}

// Unreserve gives a function's part of the concurrency back. It returns ErrNoFunction.
func (c *Control) Unreserve(ctx context.Context, r Ref) error {
	if r.Qualifier != "" {
		return errs.Say(ErrInput, "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. Please specify either a function name or an unqualified function ARN.")
	}
	return c.editPlace(ctx, r, func(tx *store.Tx, p place) error { return p.reserve(tx, -1) })
}

// Reserved is the part of the concurrency that a function has; -1: none. It returns ErrNoFunction.
func (c *Control) Reserved(ctx context.Context, r Ref) (n int, err error) {
	err = c.viewPlace(ctx, r.Whole(), func(_ *store.Tx, p place) error {
		n = p.reserved
		return nil
	})
	return n, err
}

func (p place) reserve(tx *store.Tx, n int) error {
	_, err := tx.Exec(`update functions_functions set reserved = $2 where id = $1`, p.id, n)
	return err
}

// unreserved is how much of an account's concurrency nobody has a part of, but for one function.
func (c *Control) unreserved(tx *store.Tx, account, but string) (int, error) {
	left := c.concurrency()
	err := tx.Each(`select f.reserved, coalesce((select sum(p.requested) from functions_provisioned p where p.function = f.id), 0)
		from functions_functions f where f.account = $1 and f.id <> $2`, []any{account, but}, func(rows *sql.Rows) error {
		var reserved, provisioned int
		err := rows.Scan(&reserved, &provisioned)
		left -= max(reserved, provisioned) // what is provisioned is part of what is reserved
		return err
	})
	return left, err
}
