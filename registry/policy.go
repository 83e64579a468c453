package registry

import (
	"context"
	"errors"
	"fmt"

	"slipway/store"
)

// A policy says who else may do what to a repository: an IAM policy document, which is kept as it was
// given. The registry does not read it; the doors hand it to who decides.

// Option is something that New can be told.
type Option func(*Control)

// CheckPolicies has every policy checked before it is kept. Without it no policy is taken: one that
// nobody can read would decide nothing.
func CheckPolicies(check func(text string) error) Option {
	return func(c *Control) { c.checkPolicy = check }
}

func uncheckedPolicy(string) error { return errors.New("nobody here reads policies") }

// CheckPolicy returns an ErrPolicy that says what is wrong with a policy.
func (c *Control) CheckPolicy(text string) error {
	if err := c.checkPolicy(text); err != nil {
		return fmt.Errorf("%w: %w", ErrPolicy, err)
	}
	return nil
}

// SetPolicy gives a repository its policy, in place of the one that it has. It returns ErrPolicy or
// ErrNoRepository.
func (c *Control) SetPolicy(ctx context.Context, account, name, text string) error {
	if err := c.CheckPolicy(text); err != nil {
		return err
	}
	return c.update(ctx, account, name, func(tx *store.Tx, repo Repository) error {
		return setPolicy(tx, repo, text)
	})
}

func setPolicy(tx *store.Tx, repo Repository, text string) error {
	_, err := tx.Exec(`insert into registry_policies (repository, document) values ($1, $2)
		on conflict (repository) do update set document = excluded.document`, repo.id, text)
	return err
}

// Policy returns the policy of a repository. It returns ErrNoRepository or ErrNoPolicy.
func (c *Control) Policy(ctx context.Context, account, name string) (text string, err error) {
	err = c.view(ctx, account, name, func(tx *store.Tx, repo Repository) error {
		text, err = readPolicy(tx, repo)
		return err
	})
	return text, err
}

// DeletePolicy takes the policy of a repository away, and returns what it was. It returns
// ErrNoRepository or ErrNoPolicy.
func (c *Control) DeletePolicy(ctx context.Context, account, name string) (text string, err error) {
	err = c.update(ctx, account, name, func(tx *store.Tx, repo Repository) error {
		if text, err = readPolicy(tx, repo); err != nil {
			return err
		}
		_, err := tx.Exec(`delete from registry_policies where repository = $1`, repo.id)
		return err
	})
	return text, err
}

func readPolicy(tx *store.Tx, repo Repository) (text string, err error) {
	err = tx.Row(`select document from registry_policies where repository = $1`, repo.id).Scan(&text)
	if errors.Is(err, store.ErrNoRows) {
		return "", &Error{Cause: ErrNoPolicy, Account: repo.Account, Repository: repo.Name}
	}
	return text, err
}

// DecidingLabels is Labels for who decides: a repository that is not there has none.
func (c *Control) DecidingLabels(ctx context.Context, account, name string) (map[string]string, error) {
	labels, err := c.Labels(ctx, account, name)
	if errors.Is(err, ErrNoRepository) {
		return nil, nil
	}
	return labels, err
}
