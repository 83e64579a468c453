package accounts

import (
	"context"
	"errors"
	"strings"

	"slipway/internal/errs"
	"slipway/store"
)

// PolicyRef names a managed policy.
type PolicyRef struct{ ARN, Name string }

// MaxAttached is how many managed policies a user, group or role may have.
// Source: IAM User Guide, "IAM and AWS STS quotas": managed policies per role, user and group.
const MaxAttached = 10

// servicePath is where AWS keeps the policies of service-linked roles, which nobody else may have.
const servicePath = "/aws-service-role/"

// AttachPolicy gives a managed policy to a user, group or role, which may have it already. It
// returns ErrNoEntity, ErrNotAttachable, ErrQuota, ErrUnmodifiable or ErrInput.
func (c *Control) AttachPolicy(ctx context.Context, account string, kind Kind, name, arn string) error {
	return c.db.Update(ctx, func(tx *store.Tx) error {
		e, err := modifiable(tx, account, kind, name)
		if err != nil {
			return err
		}
		p, err := attachable(tx, account, arn)
		if err != nil {
			return err
		}
		if err := insertAttachment(tx, e.ID, p.ARN()); err != nil {
			return err
		}
		tx.Touch(rightsTopic)
		n, err := countAttachments(tx, e.ID)
		if err == nil && n > MaxAttached {
			return overQuota("PoliciesPer"+kinds[kind].word, MaxAttached)
		}
		return err
	})
}

// attachable finds a policy that users, groups and roles of an account may have.
func attachable(tx *store.Tx, account, arn string) (Entity, error) {
	p, err := findPolicy(tx, account, arn)
	switch {
	case errors.Is(err, ErrNoEntity):
		return p, errs.Say(ErrNoEntity, "Policy %s does not exist or is not attachable.", arn)
	case err == nil && p.Account == awsOwner && strings.HasPrefix(p.Path, servicePath):
		return p, errs.Say(ErrNotAttachable, "Cannot attach a Service Role Policy to a Customer Role.")
	}
	return p, err
}

// DetachPolicy takes a managed policy away from a user, group or role. It returns ErrNoEntity, also
// when it does not have it, ErrUnmodifiable or ErrInput.
func (c *Control) DetachPolicy(ctx context.Context, account string, kind Kind, name, arn string) error {
	return c.db.Update(ctx, func(tx *store.Tx) error {
		e, err := modifiable(tx, account, kind, name)
		if err != nil {
			return err
		}
		deleted, err := deleteAttachment(tx, e.ID, arn)
		if err == nil && !deleted {
			return noPolicy(arn)
		}
		tx.Touch(rightsTopic)
		return err
	})
}

// AttachedPolicies lists the managed policies of a user, group or role whose path begins with
// prefix, and the marker of the next page if there is one. It returns ErrNoEntity or ErrToken.
func (c *Control) AttachedPolicies(ctx context.Context, account string, kind Kind, name, prefix string, p Page) (list []PolicyRef, next string, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		e, err := readEntity(tx, account, kind, name)
		if err != nil {
			return err
		}
		all, err := readAttachments(tx, e.ID)
		if err != nil {
			return err
		}
		refs := refsUnder(prefix, all)
		list, next, err = pageOf("attached to "+e.ID+" under "+prefix, p, refs, func(r PolicyRef) string { return r.ARN })
		return err
	})
	return list, next, err
}

// refsUnder names the policies whose path begins with prefix.
func refsUnder(prefix string, arns []string) (refs []PolicyRef) {
	for _, arn := range arns {
		_, _, path, name, _ := parseEntityARN(arn)
		if strings.HasPrefix(path, prefix) {
			refs = append(refs, PolicyRef{arn, name})
		}
	}
	return refs
}

// HolderQuery says which of those who have a policy are wanted.
type HolderQuery struct {
	Kind   Kind // "": all of them
	Usage  Usage
	Prefix string // of their paths
}

// PolicyHolders lists the users, groups and roles of an account that have a managed policy or whose
// permissions boundary it is, and the marker of the next page if there is one. It returns
// ErrNoEntity, ErrToken or ErrInput.
func (c *Control) PolicyHolders(ctx context.Context, account, arn string, q HolderQuery, p Page) (list []Entity, next string, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		if _, err := findPolicy(tx, account, arn); err != nil {
			return err
		}
		list, next, err = page("holders of "+arn+" in "+account+" under "+q.Prefix, p, func(after string, limit int) ([]Entity, error) {
			return readHolders(tx, account, arn, q, after, limit)
		}, holderKey)
		return err
	})
	return list, next, err
}

// holderKey orders entities by kind and name, as readHolders does.
func holderKey(e Entity) string { return string(e.Kind) + "/" + e.folded() }
