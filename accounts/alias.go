package accounts

import (
	"context"
	"errors"

	"slipway/internal/errs"
	"slipway/store"
)

// SetAlias gives an account another name, in place of the one that it has, if any. Aliases are
// everybody's: it returns ErrEntityExists when another account has it.
func (c *Control) SetAlias(ctx context.Context, account, alias string) error {
	return c.db.Update(ctx, func(tx *store.Tx) error {
		n, err := tx.Exec(`delete from account_aliases where account = $1`, account)
		if err == nil {
			n, err = tx.Exec(`insert into account_aliases (account, alias) values ($1, $2) on conflict (alias) do nothing`, account, alias)
		}
		if err == nil && n == 0 {
			return errs.Say(ErrEntityExists, "The account alias %s already exists.", alias)
		}
		return err
	})
}

// DeleteAlias takes an account's alias away. It returns ErrNoEntity if it has another, or none.
func (c *Control) DeleteAlias(ctx context.Context, account, alias string) error {
	return c.db.Update(ctx, func(tx *store.Tx) error {
		n, err := tx.Exec(`delete from account_aliases where account = $1 and alias = $2`, account, alias)
		if err == nil && n == 0 {
			return errs.Say(ErrNoEntity, "The account alias with name %s cannot be found.", alias)
		}
		return err
	})
}

// Alias returns an account's alias, "" if it has none.
func (c *Control) Alias(ctx context.Context, account string) (alias string, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		err := tx.Row(`select alias from account_aliases where account = $1`, account).Scan(&alias)
		if errors.Is(err, store.ErrNoRows) {
			return nil
		}
		return err
	})
	return alias, err
}
