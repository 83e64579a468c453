package functions

import (
	"context"
	"errors"
	"maps"
	"slices"

	"slipway/internal/errs"
	"slipway/internal/ids"
	"slipway/store"
)

// Precondition is what must be so for a change to be made; "" is not asked for.
type Precondition struct {
	Revision string // of what is changed
	Code     string // CodeSha256 of $LATEST
}

// check returns ErrPrecondition or ErrInput.
func (p Precondition) check(latest Version) error {
	if p.Revision != "" && p.Revision != latest.Revision {
		return ErrPrecondition
	}
	if has := latest.CodeSha256(); p.Code != "" && p.Code != has {
		return errs.Say(ErrInput, "CodeSHA256 (%s) is different from current CodeSHA256 in $LATEST (%s). Please try again with the CodeSHA256 in $LATEST.", p.Code, has)
	}
	return nil
}

// NewCode is other code for a function.
type NewCode struct {
	Code         Code
	Architecture string // "": as it is
	Publish      bool
	DryRun       bool // the answer is as if it were done, and it is not
}

// UpdateCode gives a function other code. Its update is InProgress then, and Successful or Failed soon after; which
// of them answers meanwhile is said by its staleness policy. What is published is the answer, if that is wanted. It
// returns ErrNoFunction, ErrPrecondition, ErrBusy and what CreateFunction does.
func (c *Control) UpdateCode(ctx context.Context, r Ref, n NewCode, must Precondition) (Version, error) {
	before, err := c.Version(ctx, r.Whole())
	if err != nil {
		return before, err
	}
	if err := errors.Join(must.check(before), n.fits(before.Settings)); err != nil {
		return before, err
	}
	s := before.Settings
	if n.Architecture != "" {
		s.Architecture = n.Architecture
	}
	if !s.Packaged && s.Architecture != before.Settings.Architecture {
		if _, err := c.config.Images.Runtime(ctx, r.Account, s.Runtime, s.Architecture); err != nil {
			return before, err
		}
	}
	code, err := c.take(ctx, r.Account, n.Code, &s)
	if err != nil {
		return before, err
	}
	do := func(tx *store.Tx, f *function, v *Version) error {
		if err := checkStorage(tx, r.Account, code.size-v.Size); err != nil {
			return err
		}
		v.Code, v.Size, v.Image = code.code, code.size, code.image
		v.Settings.Architecture, v.Settings.ImageURI = s.Architecture, s.ImageURI
		return nil
	}
	if n.DryRun {
		return c.rehearse(ctx, r, must, do)
	}
	return c.change(ctx, r, must, n.Publish, do)
}

// fits returns ErrInput where the code is not of the kind that the function has.
func (n NewCode) fits(s Settings) error {
	switch {
	case s.Packaged && n.Code.Image == "":
		return errs.Say(ErrInput, "Please provide ImageUri when updating a function with packageType Image.")
	case !s.Packaged && n.Code.Image != "":
		return errs.Say(ErrInput, "Please don't provide ImageUri when updating a function with packageType Zip.")
	case !s.Packaged && n.Code.Zip == nil && n.Code.Object == (Object{}):
		return errs.Say(ErrInput, "Please provide a source for function code.")
	}
	return nil
}

// NewSettings are other settings for a function. What is nil stays as it is.
type NewSettings struct {
	Edit   func(*Settings) // changes those of what is already there
	Layers *[]string       // ARNs
	Env    *Environment
}

// UpdateSettings gives a function other settings, as UpdateCode gives it other code.
func (c *Control) UpdateSettings(ctx context.Context, r Ref, n NewSettings, must Precondition) (Version, error) {
	before, err := c.Version(ctx, r.Whole())
	if err != nil {
		return before, err
	}
	if err := must.check(before); err != nil {
		return before, err
	}
	wanted := before
	n.Edit(&wanted.Settings)
	wanted.Settings.fill(r.Name)
	if n.Env != nil {
		wanted.Env = *n.Env
	}
	if err := c.checkNew(ctx, &wanted); err != nil {
		return before, err
	}
	return c.change(ctx, r, must, false, func(tx *store.Tx, f *function, v *Version) error {
		n.Edit(&v.Settings)
		v.Settings.fill(v.Name)
		if err := errors.Join(v.Settings.check(), c.relayer(tx, v, n.Layers)); err != nil {
			return err
		}
		if n.Env == nil || maps.Equal(*n.Env, before.Env) && v.environment == before.environment {
			return nil
		}
		v.Env = *n.Env
		return c.keepEnvironment(tx, v)
	})
}

// relayer gives a version other layers. Those that it has may be gone meanwhile, and stay where they are.
func (c *Control) relayer(tx *store.Tx, v *Version, layers *[]string) error {
	if layers == nil || slices.Equal(*layers, v.layerARNs()) {
		return nil
	}
	uses, err := c.useLayers(tx, v.Account, *layers)
	v.Settings.Layers = uses
	return err
}

func (v Version) layerARNs() (arns []string) {
	for _, l := range v.Settings.Layers {
		arns = append(arns, l.ARN)
	}
	return arns
}

// errRehearsed ends a transaction whose effect is not wanted.
var errRehearsed = errors.New("rehearsed")

// rehearse is change without effect.
func (c *Control) rehearse(ctx context.Context, r Ref, must Precondition, do func(*store.Tx, *function, *Version) error) (v Version, err error) {
	err = c.db.Update(ctx, func(tx *store.Tx) error {
		f, err := c.readFunction(tx, r.Whole())
		if err == nil {
			v, err = c.latest(tx, &f, must)
		}
		if err == nil {
			err = do(tx, &f, &v)
		}
		if err == nil {
			err = errRehearsed
		}
		return err
	})
	if errors.Is(err, errRehearsed) {
		return v, c.open(ctx, &v)
	}
	return v, err
}

// latest reads the $LATEST of a function that is to be changed. It returns ErrPrecondition, ErrInput or ErrBusy.
func (c *Control) latest(tx *store.Tx, f *function, must Precondition) (Version, error) {
	v, err := readVersion(tx, f, 0)
	if err == nil {
		err = errors.Join(must.check(v), c.settled(v))
	}
	return v, err
}

// settled returns ErrBusy as long as it is not known what becomes of the last change.
func (c *Control) settled(v Version) error {
	switch {
	case v.State.State == Pending:
		return errs.Say(ErrBusy, "The operation cannot be performed at this time. The function is currently in the following state: %s", Pending)
	case v.Update.State == InProgress:
		return errs.Say(ErrBusy, "The operation cannot be performed at this time. An update is in progress for resource: %s", c.ARN(Ref{Account: v.Account, Name: v.Name}))
	}
	return nil
}

// change changes $LATEST, and publishes it if that is wanted.
func (c *Control) change(ctx context.Context, r Ref, must Precondition, andPublish bool, do func(*store.Tx, *function, *Version) error) (answer Version, err error) {
	err = c.edit(ctx, r.Whole(), func(tx *store.Tx, f *function) error {
		v, err := c.latest(tx, f, must)
		if err != nil {
			return err
		}
		was := v
		if err := do(tx, f, &v); err != nil {
			return err
		}
		if err := v.checkUnpacked(tx); err != nil {
			return err
		}
		v.begin(tx)
		if v.Release = v.releaseID(); v.Release != was.Release {
			v.Since, v.moves = tx.Now, v.moves.with(tx.Now)
			err = keepGood(tx, was)
		}
		if err == nil {
			err = updateVersion(tx, &v)
		}
		answer = v
		if err == nil && andPublish {
			err = publish(tx, f, &answer, nil)
		}
		tx.Touch(pendingTopic)
		if err == nil {
			err = c.tell(tx, "function.updated", v)
		}
		return err
	})
	if err != nil {
		return answer, err
	}
	return answer, c.open(ctx, &answer)
}

// begin gives a version the states of one that is changed.
func (v *Version) begin(tx *store.Tx) {
	v.Revision, v.Modified = ids.UUID(), tx.Now
	v.Update = Status{InProgress, creating.Code, creating.Reason}
	if v.State.State == Failed { // what could not be made is made anew
		v.State = Status{Pending, creating.Code, creating.Reason}
	}
}

func updateVersion(tx *store.Tx, v *Version) error {
	_, err := tx.Exec(`update functions_versions set settings = $2, environment = $3, code = $4, size = $5, image = $6, release = $7, since = $8, moves = $9, revision = $10,
		state = $11, state_code = $12, state_reason = $13, update_state = $14, update_code = $15, update_reason = $16, modified = $17 where id = $1`,
		v.id, text(v.Settings), v.environment, v.Code, v.Size, v.Image, v.Release, store.Micros(v.Since), text(v.moves), v.Revision,
		v.State.State, v.State.Code, v.State.Reason, v.Update.State, v.Update.Code, v.Update.Reason, store.Micros(v.Modified))
	if err != nil {
		return err
	}
	return noteUse(tx, v)
}

// goodNumber is the version that remembers what $LATEST was before an update that is not known to start.
const goodNumber = -1

// keepGood remembers what $LATEST was, if that is known to start.
func keepGood(tx *store.Tx, was Version) error {
	if was.State.State != Active || was.Update.State == UpdateFailed {
		return nil // what was good before that is still remembered, if there was anything
	}
	if err := dropGood(tx, was.function); err != nil {
		return err
	}
	was.Number = goodNumber
	return insertVersion(tx, &was, "")
}

func dropGood(tx *store.Tx, function string) error {
	_, err := tx.Exec(`delete from functions_versions where function = $1 and version = $2`, function, goodNumber)
	return err
}
