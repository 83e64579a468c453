package accounts

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"slipway/internal/errs"
	"slipway/store"
)

// PolicyVersion is one text of a managed policy.
type PolicyVersion struct {
	Number   int // 1 for "v1", ...; never used twice
	Document string
	Default  bool // the one in force
	Created  time.Time
}

// ID is what the version is called: "v1".
func (v PolicyVersion) ID() string { return VersionID(v.Number) }

// VersionID is what a version is called by its number.
func VersionID(number int) string { return "v" + strconv.Itoa(number) }

// MaxVersions is how many versions of a managed policy are kept.
const MaxVersions = 5

// CreatePolicyVersion gives a managed policy another text, which is in force from now on if
// setDefault says so. It returns ErrNoEntity, ErrMalformed, ErrQuota, ErrInput or ErrOfAWS.
func (c *Control) CreatePolicyVersion(ctx context.Context, account, arn, document string, setDefault bool) (v PolicyVersion, err error) {
	if err := checkManaged(document); err != nil {
		return v, err
	}
	err = c.db.Update(ctx, func(tx *store.Tx) error {
		p, err := ownPolicy(tx, account, arn)
		if err != nil {
			return err
		}
		n, err := countVersions(tx, p.ID)
		if err != nil {
			return err
		}
		if n >= MaxVersions {
			return errs.Say(ErrQuota, "A managed policy can have up to %d versions. Before you create a new version, you must delete an existing version.", MaxVersions)
		}
		v, err = addVersion(tx, p, document, setDefault)
		return err
	})
	return v, err
}

// PolicyVersion returns a version of a managed policy by its id. It returns ErrNoEntity or ErrInput.
func (c *Control) PolicyVersion(ctx context.Context, account, arn, version string) (v PolicyVersion, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		v, err = findVersion(tx, account, arn, version)
		return err
	})
	return v, err
}

// PolicyVersions lists the versions of a managed policy, the newest first, and the marker of the
// next page if there is one. It returns ErrNoEntity, ErrToken or ErrInput.
func (c *Control) PolicyVersions(ctx context.Context, account, arn string, p Page) (list []PolicyVersion, next string, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		e, err := findPolicy(tx, account, arn)
		if err != nil {
			return err
		}
		all, err := versionsOf(tx, e)
		if err != nil {
			return err
		}
		list, next, err = pageOf("versions of "+arn, p, all, func(v PolicyVersion) string { return fmt.Sprintf("%09d", 1e9-1-v.Number) })
		return err
	})
	return list, next, err
}

// SetDefaultVersion puts a version of a managed policy in force. It returns ErrNoEntity, ErrInput or
// ErrOfAWS.
func (c *Control) SetDefaultVersion(ctx context.Context, account, arn, version string) error {
	return c.changeVersion(ctx, account, arn, version, func(tx *store.Tx, p Entity, v PolicyVersion) error {
		return setDefault(tx, p.ID, v.Number)
	})
}

// DeletePolicyVersion takes away a version that is not in force. It returns ErrNoEntity, ErrInUse,
// ErrInput or ErrOfAWS.
func (c *Control) DeletePolicyVersion(ctx context.Context, account, arn, version string) error {
	return c.changeVersion(ctx, account, arn, version, func(tx *store.Tx, p Entity, v PolicyVersion) error {
		if v.Default {
			return errs.Say(ErrInUse, "Cannot delete the default version of a policy.")
		}
		return deleteVersion(tx, p.ID, v.Number)
	})
}

func (c *Control) changeVersion(ctx context.Context, account, arn, version string, change func(*store.Tx, Entity, PolicyVersion) error) error {
	return c.db.Update(ctx, func(tx *store.Tx) error {
		p, err := ownPolicy(tx, account, arn)
		if err != nil {
			return err
		}
		v, err := findVersion(tx, account, arn, version)
		if err != nil {
			return err
		}
		tx.Touch(rightsTopic)
		if err := change(tx, p, v); err != nil {
			return err
		}
		return updateEntity(tx, p)
	})
}

// addVersion gives a policy its next version.
func addVersion(tx *store.Tx, p Entity, document string, inForce bool) (PolicyVersion, error) {
	n, err := nextVersion(tx, p.ID)
	if err != nil {
		return PolicyVersion{}, err
	}
	v := PolicyVersion{Number: n, Document: document, Default: inForce, Created: tx.Now}
	if err := insertVersion(tx, p.ID, v); err != nil || !inForce {
		return v, err
	}
	tx.Touch(rightsTopic)
	return v, setDefault(tx, p.ID, n)
}

func findVersion(tx *store.Tx, account, arn, version string) (PolicyVersion, error) {
	p, err := findPolicy(tx, account, arn)
	if err != nil {
		return PolicyVersion{}, err
	}
	all, err := versionsOf(tx, p)
	if err != nil {
		return PolicyVersion{}, err
	}
	for _, v := range all {
		if v.ID() == version {
			return v, nil
		}
	}
	return PolicyVersion{}, errs.Say(ErrNoEntity, "Policy %s version %s does not exist or is not attachable.", arn, version)
}

// versionsOf returns the versions of a policy, the newest first. Of AWS's there is the one in force.
func versionsOf(tx *store.Tx, p Entity) ([]PolicyVersion, error) {
	if p.Account == awsOwner {
		return []PolicyVersion{awsPolicies()[p.ARN()].version}, nil
	}
	return readVersions(tx, p.ID)
}

// defaultNumber is the number of the version of a policy that is in force.
func defaultNumber(tx *store.Tx, p Entity) (int, error) {
	all, err := versionsOf(tx, p)
	for _, v := range all {
		if v.Default {
			return v.Number, err
		}
	}
	return 0, err
}
