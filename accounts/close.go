package accounts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"slipway/store"
)

// DefaultKeepClosed is how long what a closed account has is kept.
// Source: AWS Account Management Reference Guide, "Close an AWS account", post-closure period.
const DefaultKeepClosed = 90 * 24 * time.Hour

// KeepClosed sets how long the users, roles and policies of a closed account are kept; what it has in
// other rooms goes when they are gone. It is to be called before Run.
func (c *Control) KeepClosed(d time.Duration) { c.keepClosed = d }

// ClosedTopic is touched when an account was closed, and when one is gone.
const ClosedTopic = "accounts.closed"

// CloseAccount closes an account for good: when it returns, none of its keys, sessions and login
// tokens is let in by this server, and soon by no other, nor are sessions elsewhere that somebody of
// the account made. Nothing is deleted before the time that KeepClosed says. It returns
// ErrNoAccount, ErrAccountClosed or ErrManagement.
func (c *Control) CloseAccount(ctx context.Context, id string) error {
	return c.db.Update(ctx, func(tx *store.Tx) error {
		a, err := readAccount(tx, id)
		switch {
		case err != nil:
			return err
		case a.State == StateGone:
			return fmt.Errorf("%w: %s", ErrNoAccount, id)
		case a.State == StateClosed:
			return fmt.Errorf("%w: %s", ErrAccountClosed, id)
		case a.Management:
			return fmt.Errorf("%w: %s", ErrManagement, id)
		}
		if err := closeAccount(tx, id); err != nil {
			return err
		}
		tx.Touch(keysTopic)
		tx.Touch(rightsTopic)
		tx.Touch(ClosedTopic)
		return c.tell(tx, EventClosed, id)
	})
}

// ClosedAccounts lists all accounts that are closed or gone, for those who end what they have elsewhere.
func (c *Control) ClosedAccounts(ctx context.Context) (list []Account, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		list, err = closedAccounts(tx)
		return err
	})
	return list, err
}

// purge deletes the users, roles and policies of the accounts that were closed long enough ago, one
// account in each transaction.
func (c *Control) purge(ctx context.Context) error {
	for {
		var id string
		err := c.db.Update(ctx, func(tx *store.Tx) (err error) {
			if id, err = closedBefore(tx, store.Micros(tx.Now.Add(-c.keepClosed))); err != nil {
				return err
			}
			if err := deleteIdentities(tx, id); err != nil {
				return err
			}
			tx.Touch(rightsTopic)
			tx.Touch(ClosedTopic)
			return c.tell(tx, EventGone, id)
		})
		if errors.Is(err, store.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		slog.InfoContext(ctx, "the users, roles and policies of a closed account are deleted", "account", id)
	}
}
