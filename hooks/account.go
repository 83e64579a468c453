package hooks

import (
	"context"
	"errors"
	"fmt"

	"slipway/store"
)

// StopAccount ends the letters to an account's hooks for good: those on their way become dead ones. The
// hooks themselves stay to be looked at. Hooks for all accounts are nobody's, and go on.
func (c *Control) StopAccount(ctx context.Context, account string) error {
	return c.db.Update(ctx, func(tx *store.Tx) error {
		n, err := tx.Exec(`update hooks_hooks set stopped = $2 where account = $1 and stopped = 0`, account, store.Micros(tx.Now))
		if err != nil || n == 0 {
			return err
		}
		_, err = tx.Exec(`update hooks_letters set dead = $2, failure = $3 where dead = 0 and hook in (select id from hooks_hooks where account = $1)`,
			account, store.Micros(tx.Now), ErrStopped.Error())
		return err
	})
}

// ForgetAccount deletes an account's hooks and their letters.
func (c *Control) ForgetAccount(ctx context.Context, account string) error {
	return c.db.Update(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(`delete from hooks_hooks where account = $1`, account)
		return err
	})
}

// checkGoing returns ErrNoHook or ErrStopped where a hook sends no letters.
func checkGoing(tx *store.Tx, hook string) error {
	var stopped int64
	err := tx.Row(`select stopped from hooks_hooks where id = $1`, hook).Scan(&stopped)
	switch {
	case errors.Is(err, store.ErrNoRows):
		return fmt.Errorf("%w: %q", ErrNoHook, hook)
	case err == nil && stopped > 0:
		return ErrStopped
	}
	return err
}
