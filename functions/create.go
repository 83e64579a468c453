package functions

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"

	"slipway/events"
	"slipway/internal/errs"
	"slipway/internal/ids"
	"slipway/store"
)

// NewFunction is a function that is to be made.
type NewFunction struct {
	Account  string
	Name     string
	Settings Settings
	Layers   []string // ARNs of versions of layers
	Env      Environment
	Code     Code
	Tags     map[string]string
	Publish  bool // its first version is published at once
}

// CreateFunction makes a function. It is Pending at first, and Active or Failed soon after. It returns ErrInput,
// ErrForm, ErrRole, ErrRuntime, ErrImage, ErrNoLayer, ErrTooLarge, ErrStorage, ErrThere, or what archives are refused
// with.
func (c *Control) CreateFunction(ctx context.Context, n NewFunction) (Version, error) {
	if len(n.Name) > maxName {
		return Version{}, errs.Say(ErrInput, "1 validation error detected: Value '%s' at 'functionName' failed to satisfy constraint: Member must have length less than or equal to %d", n.Name, maxName)
	}
	if err := checkTags(n.Tags); err != nil {
		return Version{}, err
	}
	v := Version{
		Account: n.Account, Name: n.Name, Settings: n.Settings, Env: n.Env, Revision: ids.UUID(),
		State: Status{Pending, creating.Code, creating.Reason},
	}
	v.Settings.fill(n.Name)
	if err := c.checkNew(ctx, &v); err != nil {
		return v, err
	}
	code, err := c.take(ctx, n.Account, n.Code, &v.Settings)
	if err != nil {
		return v, err
	}
	v.Code, v.Size, v.Image = code.code, code.size, code.image
	return v, c.write(ctx, func(tx *store.Tx) error { return c.create(tx, &v, n) })
}

// checkNew checks all of a version but its code and its layers.
func (c *Control) checkNew(ctx context.Context, v *Version) error {
	s := &v.Settings
	if err := errors.Join(s.check(), v.Env.check()); err != nil {
		return err
	}
	if err := c.config.Roles.Check(ctx, v.Account, s.Role); err != nil {
		return err
	}
	if !s.Packaged {
		if _, err := c.config.Images.Runtime(ctx, v.Account, s.Runtime, s.Architecture); err != nil {
			return err
		}
	}
	return nil
}

func (c *Control) create(tx *store.Tx, v *Version, n NewFunction) error {
	there := 0
	if err := tx.Row(`select count(*) from functions_functions where account = $1 and name = $2`, n.Account, []byte(n.Name)).Scan(&there); err != nil {
		return err
	}
	if there > 0 {
		return errs.Say(ErrThere, "Function already exist: %s", n.Name)
	}
	if err := checkStorage(tx, n.Account, v.Size); err != nil {
		return err
	}
	uses, err := c.useLayers(tx, n.Account, n.Layers)
	if err != nil {
		return err
	}
	f := function{id: ids.Hex(16), account: n.Account, name: n.Name, next: 1, reserved: -1, tags: n.Tags, created: tx.Now}
	if err := insertFunction(tx, f); err != nil {
		return err
	}
	v.function, v.Modified, v.Since, v.Settings.Layers = f.id, tx.Now, tx.Now, uses
	if err := errors.Join(v.checkUnpacked(tx), c.keepEnvironment(tx, v)); err != nil {
		return err
	}
	v.Release = v.releaseID()
	if err := insertVersion(tx, v, ""); err != nil {
		return err
	}
	tx.Touch(pendingTopic)
	if n.Publish {
		if err := publish(tx, &f, v, nil); err != nil {
			return err
		}
	}
	return c.tell(tx, "function.created", *v)
}

// releaseID is what code and configuration together are called: another one wherever a sandbox would be another. What
// is only told, as a description, is not in it.
func (v *Version) releaseID() string {
	s := v.Settings
	s.Description, s.ImageURI = "", ""
	return hashOf(v.function, v.Qualifier(), v.Code, v.Image, v.environment, text(s))
}

// origin is all that a version is published with: as long as it is the same, nothing has changed.
func (v *Version) origin() string {
	return hashOf(v.Code, v.Image, v.environment, text(v.Settings))
}

func hashOf(parts ...string) string {
	h := sha256.New()
	h.Write([]byte(text(parts)))
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// fact is what events tell of a version.
type fact struct {
	Function string `json:"function"`
	Version  string `json:"version"`
	Release  string `json:"release"`
	Code     string `json:"codeSha256"`
	Reason   string `json:"reason,omitempty"`
}

// tell writes an event about a version. Call it last in a transaction.
func (c *Control) tell(tx *store.Tx, kind string, v Version) error {
	return events.Append(tx, v.Account, kind, c.ARN(Ref{Account: v.Account, Name: v.Name}), fact{
		Function: v.Name, Version: v.Qualifier(), Release: v.Release, Code: v.CodeSha256(), Reason: v.reason(),
	})
}

func (v Version) reason() string {
	if v.State.State == Failed {
		return v.State.Reason
	}
	if v.Update.State == UpdateFailed {
		return v.Update.Reason
	}
	return ""
}
