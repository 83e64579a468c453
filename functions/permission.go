package functions

import (
	"context"
	"errors"

	"slipway/internal/errs"
	"slipway/internal/ids"
	"slipway/store"
)

// checkPolicy fails with ErrInput if no decisions can be made by a policy. None, "", is fine.
func (c *Control) checkPolicy(policy string) error {
	if policy == "" {
		return nil
	}
	if c.config.CheckPolicy == nil {
		return errs.Say(ErrInput, "Nobody here reads policies.")
	}
	if err := c.config.CheckPolicy(policy); err != nil {
		return errs.Say(ErrInput, "The statement cannot be part of a policy: %v", err)
	}
	return nil
}

// AddPermission adds a statement to the policy of a function, or of a version or alias of it, and returns it. The
// function, version or alias has another revision then. It returns ErrNoFunction, ErrNoAlias, ErrInput, ErrThere,
// ErrPolicyLength, or ErrPrecondition if revision is not "" and not its revision.
func (c *Control) AddPermission(ctx context.Context, r Ref, p Permission, revision string) (statement string, err error) {
	switch {
	case r.Qualifier == Latest:
		return "", errs.Say(ErrInput, "We currently do not support adding policies for $LATEST.")
	case p.URLAuth != "" && p.Action != "lambda:InvokeFunctionUrl":
		return "", errs.Say(ErrInput, "FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action")
	}
	if statement, err = p.statement(c.ARN(r)); err != nil {
		return "", err
	}
	return statement, c.editPolicy(ctx, r, revision, func(policy string) (string, error) { return p.with(policy, statement) })
}

// RemovePermission takes a statement out of a policy. It returns ErrNoFunction, ErrNoAlias, ErrNoSetting or
// ErrPrecondition.
func (c *Control) RemovePermission(ctx context.Context, r Ref, id, revision string) error {
	err := c.editPolicy(ctx, r, revision, func(policy string) (string, error) { return without(policy, id) })
	if errors.Is(err, ErrNoFunction) && r.Qualifier == "" {
		return errs.Say(ErrNoFunction, "No policy found for: %s", c.ARN(r))
	}
	return err
}

func (c *Control) editPolicy(ctx context.Context, r Ref, revision string, edit func(string) (string, error)) error {
	return c.editPlace(ctx, r, func(tx *store.Tx, p place) error {
		policy, _, err := p.setting(tx, kindPolicy)
		if err == nil {
			policy, err = edit(policy)
		}
		if err == nil {
			err = c.checkPolicy(policy)
		}
		if err == nil {
			err = p.revise(tx, revision)
		}
		if err == nil {
			err = p.set(tx, kindPolicy, policy)
		}
		return err
	})
}

// Policy reads the policy of a function, a version or an alias, and the revision of what it belongs to. It returns
// ErrNoFunction, ErrNoAlias, or ErrNoSetting if it has none.
func (c *Control) Policy(ctx context.Context, r Ref) (policy, revision string, err error) {
	err = c.viewPlace(ctx, r, func(tx *store.Tx, p place) error {
		if policy, _, err = p.setting(tx, kindPolicy); err != nil {
			return err
		}
		if policy == "" {
			return errs.Say(ErrNoSetting, "The resource you requested does not exist.")
		}
		revision, err = p.revision(tx)
		return err
	})
	return policy, revision, err
}

// DecidingPolicy is the policy for who decides: "" if there is none, or nothing that it could be of. It reads the
// database only where what it remembers may have changed.
func (c *Control) DecidingPolicy(ctx context.Context, r Ref) (string, error) {
	return c.policies.get(c.known.epoch.Load(), r, func() (string, error) {
		policy, _, err := c.Policy(ctx, r)
		if errs.KindOf(err) == errs.NotFound {
			return "", nil
		}
		return policy, err
	})
}

// revision reads the revision of a version or alias.
func (p place) revision(tx *store.Tx) (revision string, err error) {
	table, key, value := p.row()
	err = tx.Row(`select revision from `+table+` where function = $1 and `+key+` = $2`, p.id, value).Scan(&revision)
	return revision, err
}

// revise gives a version or alias a new revision, if it has the one that is expected, or none is.
func (p place) revise(tx *store.Tx, expected string) error {
	now, err := p.revision(tx)
	if err != nil {
		return err
	}
	if expected != "" && expected != now {
		return errs.Say(ErrPrecondition, "%s", ErrPrecondition.Error())
	}
	table, key, value := p.row()
	_, err = tx.Exec(`update `+table+` set revision = $3 where function = $1 and `+key+` = $2`, p.id, value, ids.UUID())
	return err
}

// row is where the revision of the place is kept.
func (p place) row() (table, key string, value any) {
	if p.Qualifier == "" || isNumber(p.Qualifier) {
		return "functions_versions", "version", p.version
	}
	return "functions_aliases", "name", []byte(p.Qualifier)
}

// setting reads what is set beside a place, and since when; "" is nothing.
func (p place) setting(tx *store.Tx, kind string) (settings string, modified int64, err error) {
	err = tx.Row(`select settings, modified from functions_beside where function = $1 and qualifier = $2 and kind = $3`, p.id, []byte(p.Qualifier), kind).Scan(&settings, &modified)
	if errors.Is(err, store.ErrNoRows) {
		err = nil
	}
	return settings, modified, err
}

// set sets something beside a place; "" takes it away.
func (p place) set(tx *store.Tx, kind, settings string) error {
	if settings == "" {
		_, err := tx.Exec(`delete from functions_beside where function = $1 and qualifier = $2 and kind = $3`, p.id, []byte(p.Qualifier), kind)
		return err
	}
	_, err := tx.Exec(`insert into functions_beside (function, qualifier, kind, settings, modified) values ($1, $2, $3, $4, $5)
		on conflict (function, qualifier, kind) do update set settings = excluded.settings, modified = excluded.modified`,
		p.id, []byte(p.Qualifier), kind, settings, store.Micros(tx.Now))
	return err
}
