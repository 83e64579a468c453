package accounts

import (
	"context"
	"errors"

	"slipway/internal/errs"
	"slipway/store"
)

// ManagedPolicy is a policy that users, groups and roles are given by its ARN. It belongs to an
// account, or to AWS, whose policies every account has and nobody changes.
type ManagedPolicy struct {
	Entity
	Default  int // number of the version in force
	Attached int // to how many users, groups and roles of the account that asks
	Bounds   int // of how many of its users and roles it is the permissions boundary
	Tags     []Tag
}

// NewPolicy is what a managed policy is made of.
type NewPolicy struct {
	Name, Path, Description string
	Document                string
	Tags                    []Tag
}

// awsOwner is the account of AWS's own policies, as their ARNs have it.
const awsOwner = "aws"

// CreatePolicy makes a managed policy, whose first version is in force. It returns ErrName,
// ErrMalformed, ErrInput, ErrQuota or ErrEntityExists.
func (c *Control) CreatePolicy(ctx context.Context, account string, n NewPolicy) (ManagedPolicy, error) {
	if err := checkManaged(n.Document); err != nil {
		return ManagedPolicy{}, err
	}
	id := KindPolicy.newID()
	var p ManagedPolicy
	err := c.db.Update(ctx, func(tx *store.Tx) error {
		e := Entity{ID: id, Account: account, Kind: KindPolicy, Name: n.Name, Path: n.Path, Description: n.Description}
		if err := addEntity(tx, &e); err != nil {
			return err
		}
		p = ManagedPolicy{Entity: e, Default: 1, Tags: n.Tags}
		if _, err := addVersion(tx, e, n.Document, true); err != nil {
			return err
		}
		return addTags(tx, e, n.Tags)
	})
	return p, err
}

// Policy returns a managed policy of an account, or of AWS, as the account sees it. It returns
// ErrNoEntity or ErrInput.
func (c *Control) Policy(ctx context.Context, account, arn string) (p ManagedPolicy, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		e, err := findPolicy(tx, account, arn)
		if err != nil {
			return err
		}
		p = ManagedPolicy{Entity: e}
		if p.Tags, err = allTags(tx, e.ID); err != nil {
			return err
		}
		if p.Default, err = defaultNumber(tx, e); err != nil {
			return err
		}
		p.Attached, p.Bounds, err = countUses(tx, account, arn)
		return err
	})
	return p, err
}

// DeletePolicy takes away a managed policy that nobody has and that has no version but the one in
// force. It returns ErrNoEntity, ErrInUse, ErrInput or ErrOfAWS.
func (c *Control) DeletePolicy(ctx context.Context, account, arn string) error {
	return c.db.Update(ctx, func(tx *store.Tx) error {
		p, err := ownPolicy(tx, account, arn)
		if err != nil {
			return err
		}
		if err := checkUnused(tx, p); err != nil {
			return err
		}
		if err := deleteVersions(tx, p.ID); err != nil {
			return err
		}
		tx.Touch(rightsTopic)
		return deleteEntity(tx, p.ID)
	})
}

func checkUnused(tx *store.Tx, p Entity) error {
	attached, bounds, err := countUses(tx, p.Account, p.ARN())
	if err != nil {
		return err
	}
	if attached+bounds > 0 {
		return errs.Say(ErrInUse, "Cannot delete a policy attached to entities.")
	}
	versions, err := countVersions(tx, p.ID)
	if err == nil && versions > 1 {
		return errs.Say(ErrInUse, "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.")
	}
	return err
}

// findPolicy finds a managed policy that an account has: its own, or one of AWS's.
func findPolicy(tx *store.Tx, account, arn string) (Entity, error) {
	if p := awsPolicies()[arn]; p != nil {
		return p.Entity, nil
	}
	return readPolicy(tx, account, arn)
}

// ownPolicy finds a managed policy that an account may change.
func ownPolicy(tx *store.Tx, account, arn string) (Entity, error) {
	if awsPolicies()[arn] != nil {
		return Entity{}, errs.Say(ErrOfAWS, "Policy %s belongs to AWS and can not be changed.", arn)
	}
	return readPolicy(tx, account, arn)
}

// readPolicy finds an account's own managed policy by its ARN. One of another account is found no
// more than one that is not there.
func readPolicy(tx *store.Tx, account, arn string) (Entity, error) {
	owner, kind, _, name, ok := parseEntityARN(arn)
	if !ok || kind != KindPolicy {
		return Entity{}, errs.Say(ErrInput, "ARN %s is not valid.", arn)
	}
	if owner != account {
		return Entity{}, noPolicy(arn)
	}
	p, err := readEntity(tx, account, KindPolicy, name)
	if errors.Is(err, ErrNoEntity) || err == nil && p.ARN() != arn { // the path and the case count
		return Entity{}, noPolicy(arn)
	}
	return p, err
}

// noPolicy is ErrNoEntity for the ARN of a managed policy.
func noPolicy(arn string) error { return noEntity(KindPolicy, arn) }
