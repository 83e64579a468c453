package registry

import (
	"context"
	"time"

	"slipway/registry/lifecycle"
	"slipway/store"
)

// lifecycleTopic is touched when a lifecycle policy or a preview waits to be evaluated.
const lifecycleTopic = "registry.lifecycle"

// LifecyclePolicy is what lets images of a repository go by themselves.
type LifecyclePolicy struct {
	Text      string
	Evaluated time.Time // when it was last applied; zero: not yet
}

// PutLifecyclePolicy gives a repository its lifecycle policy, in place of the one that it has. It is
// applied soon, and each day. It returns ErrLifecycle or ErrNoRepository.
func (c *Control) PutLifecyclePolicy(ctx context.Context, account, repository, text string) error {
	if _, err := lifecycle.Parse(text); err != nil {
		return err
	}
	return c.update(ctx, account, repository, func(tx *store.Tx, repo Repository) error {
		return setLifecycle(tx, repo, text)
	})
}

func setLifecycle(tx *store.Tx, repo Repository, text string) error {
	tx.Touch(lifecycleTopic)
	_, err := tx.Exec(`insert into registry_lifecycles (repository, document, evaluated) values ($1, $2, 0)
		on conflict (repository) do update set document = excluded.document, evaluated = 0`, repo.id, text)
	return err
}

// LifecyclePolicy returns the lifecycle policy of a repository. It returns ErrNoRepository or ErrNoLifecycle.
func (c *Control) LifecyclePolicy(ctx context.Context, account, repository string) (p LifecyclePolicy, err error) {
	err = c.view(ctx, account, repository, func(tx *store.Tx, repo Repository) error {
		p, err = readLifecycle(tx, repo)
		return err
	})
	return p, err
}

// DeleteLifecyclePolicy takes the lifecycle policy of a repository away, and returns what it was. It returns
// ErrNoRepository or ErrNoLifecycle.
func (c *Control) DeleteLifecyclePolicy(ctx context.Context, account, repository string) (p LifecyclePolicy, err error) {
	err = c.update(ctx, account, repository, func(tx *store.Tx, repo Repository) error {
		if p, err = readLifecycle(tx, repo); err != nil {
			return err
		}
		_, err := tx.Exec(`delete from registry_lifecycles where repository = $1`, repo.id)
		return err
	})
	return p, err
}

func readLifecycle(tx *store.Tx, repo Repository) (p LifecyclePolicy, err error) {
	var evaluated int64
	err = tx.Row(`select document, evaluated from registry_lifecycles where repository = $1`, repo.id).Scan(&p.Text, &evaluated)
	p.Evaluated = store.Time(evaluated)
	if noRows(err) {
		err = &Error{Cause: ErrNoLifecycle, Account: repo.Account, Repository: repo.Name}
	}
	return p, err
}
