package accounts

import (
	"context"
	"errors"

	"slipway/internal/errs"
	"slipway/store"
)

// SetBoundary makes a managed policy the permissions boundary of a user or role: it may do no more
// than that. It returns ErrNoEntity, ErrUnmodifiable or ErrInput.
func (c *Control) SetBoundary(ctx context.Context, account string, kind Kind, name, arn string) error {
	return c.change(ctx, account, kind, name, func(tx *store.Tx, e *Entity) error {
		e.Boundary = arn
		return checkBoundary(tx, account, arn)
	})
}

// DeleteBoundary takes the permissions boundary of a user or role away, which may have none. It
// returns ErrNoEntity or ErrUnmodifiable.
func (c *Control) DeleteBoundary(ctx context.Context, account string, kind Kind, name string) error {
	return c.change(ctx, account, kind, name, func(tx *store.Tx, e *Entity) error {
		e.Boundary = ""
		return nil
	})
}

// checkBoundary refuses what can not be a permissions boundary in an account; "" is none, and fine.
func checkBoundary(tx *store.Tx, account, arn string) error {
	if arn == "" {
		return nil
	}
	_, err := findPolicy(tx, account, arn)
	if errors.Is(err, ErrNoEntity) {
		return errs.Say(ErrNoEntity, "Scope ARN: %s does not exist or is not attachable.", arn)
	}
	return err
}
