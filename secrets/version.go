package secrets

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"slipway/internal/errs"
	"slipway/store"
)

// Stages that versions have of themselves.
const (
	StageCurrent  = "AWSCURRENT"
	StagePrevious = "AWSPREVIOUS"
)

const (
	maxValue          = 64 << 10 // bytes
	maxSecretVersions = 100
	maxStages         = 20 // of all versions
	keptVersions      = 24 * time.Hour
)

// Value is what a version holds.
type Value struct {
	Bytes  []byte // nil: nothing
	Binary bool   // it is no text
}

// Format satisfies fmt.Formatter: no verb shows the value.
func (v Value) Format(f fmt.State, _ rune) { io.WriteString(f, "value") }

func (v Value) check() error {
	if len(v.Bytes) > maxValue {
		return errs.Say(ErrInput, "The secret value is longer than %d bytes.", maxValue)
	}
	return nil
}

// Version is a version of a secret. One without stages is deprecated.
type Version struct {
	ID       string
	Stages   []string // sorted
	Created  time.Time
	Accessed time.Time // the day that it was read last; zero: never
	Value    Value     // without bytes where it was not asked for

	row    string
	sealed []byte
}

func find(versions []Version, id string) *Version {
	for i := range versions {
		if versions[i].ID == id {
			return &versions[i]
		}
	}
	return nil
}

// staging is the version that has each stage.
type staging map[string]string

func stagingOf(versions []Version) staging {
	s := staging{}
	for _, v := range versions {
		for _, stage := range v.Stages {
			s[stage] = v.ID
		}
	}
	return s
}

// stagesOf are the stages of the versions that have any.
func stagesOf(versions []Version) map[string][]string { return stagingOf(versions).byVersion() }

// move gives a version a stage. The version that was current before another is the previous one.
func (s staging) move(stage, to string) {
	if was := s[StageCurrent]; stage == StageCurrent && was != "" && was != to {
		s[StagePrevious] = was
	}
	s[stage] = to
}

// ReadValue reads a version of a secret with its value: that with an id, that with a stage, or that which has
// both; the current one where both are "". It returns ErrNoSecret or ErrState.
func (c *Control) ReadValue(ctx context.Context, ref SecretRef, id, stage string) (s Secret, v Version, err error) {
	var day time.Time
	err = c.db.View(ctx, func(tx *store.Tx) error {
		day = tx.Now.Truncate(24 * time.Hour)
		if s, err = c.liveSecret(tx, ref); err != nil {
			return err
		}
		versions, err := listSecretVersions(tx, s.id)
		if err == nil {
			v, err = choose(versions, id, stage)
		}
		if err != nil {
			return err
		}
		return readValue(tx, &v)
	})
	if err != nil {
		return s, v, err
	}
	if v.Value.Bytes, err = c.secrets.Open(ctx, v.sealed, v.row); err == nil && v.Accessed.Before(day) {
		c.noteAccess(ctx, s, v, day)
	}
	return s, v, err
}

func choose(versions []Version, id, stage string) (Version, error) {
	if id == "" && stage == "" {
		stage = StageCurrent
	}
	if id == "" {
		if v := find(versions, stagingOf(versions)[stage]); v != nil {
			return *v, nil
		}
		return Version{}, errs.Say(ErrNoSecret, "Secrets Manager can't find the specified secret value for staging label: %s", stage)
	}
	v := find(versions, id)
	switch {
	case v == nil:
		return Version{}, errs.Say(ErrNoSecret, "Secrets Manager can't find the specified secret value for VersionId: %s", id)
	case stage != "" && !slices.Contains(v.Stages, stage):
		return Version{}, errs.Say(ErrState, "You provided a VersionStage that is not associated to the provided VersionId.")
	}
	return *v, nil
}

// noteAccess writes that a version was read on a day, once. A value that is needed is not kept back because
// that cannot be written.
func (c *Control) noteAccess(ctx context.Context, s Secret, v Version, day time.Time) {
	err := c.db.Update(ctx, func(tx *store.Tx) error {
		_, err1 := tx.Exec(`update secrets_secrets set accessed = $1 where id = $2 and accessed < $1`, store.Micros(day), s.id)
		_, err2 := tx.Exec(`update secrets_versions set accessed = $1 where id = $2 and accessed < $1`, store.Micros(day), v.row)
		return errors.Join(err1, err2)
	})
	if err != nil {
		slog.WarnContext(ctx, "that a secret was read is not noted", "secret", s.ARN, "error", err)
	}
}

// PutValue adds a version to a secret and gives it stages, that of the current version if none are named; the
// first version is the current one in any case. Put once more with the same id and value, it is the one that
// is there. It returns ErrNoSecret, ErrState, ErrInput, ErrSecretExists or ErrTooManySecrets.
func (c *Control) PutValue(ctx context.Context, ref SecretRef, n Version) (s Secret, v Version, err error) {
	if err := n.Value.check(); err != nil {
		return s, v, err
	}
	return c.putValue(ctx, ref, n, nil)
}

// ChangeSecret gives a secret another description, a new current version, or both: what is nil, or a value
// without bytes, stays as it is. It returns the id of the new version, or "", and what PutValue does.
func (c *Control) ChangeSecret(ctx context.Context, ref SecretRef, description *string, n Version) (s Secret, id string, err error) {
	if err := n.Value.check(); err != nil {
		return s, "", err
	}
	s, v, err := c.putValue(ctx, ref, n, description)
	return s, v.ID, err
}

// putValue adds a version if there is a value, and sets the description if there is one.
func (c *Control) putValue(ctx context.Context, ref SecretRef, n Version, description *string) (s Secret, v Version, err error) {
	var there *Version
	s, err = c.changeSecret(ctx, ref, func(tx *store.Tx, s Secret) error {
		there = nil
		if description != nil {
			if _, err := tx.Exec(`update secrets_secrets set description = $1, changed = $2 where id = $3`, *description, store.Micros(tx.Now), s.id); err != nil {
				return err
			}
		}
		if n.Value.Bytes == nil {
			return nil
		}
		versions, err := listSecretVersions(tx, s.id)
		if err != nil {
			return err
		}
		if there = find(versions, n.ID); there != nil {
			return readValue(tx, there)
		}
		v, err = c.addVersion(tx, s, versions, n)
		return err
	})
	if err == nil && there != nil {
		v = *there
		err = c.sameValue(ctx, s, v, n.Value, errs.Say(ErrSecretExists,
			"You can't use ClientRequestToken %s because that value is already in use for a version of secret %s.", n.ID, s.ARN))
	}
	return s, v, err
}

// addVersion adds a version to those that are there, and moves its stages to it.
func (c *Control) addVersion(tx *store.Tx, s Secret, versions []Version, n Version) (Version, error) {
	versions, err := dropDeprecated(tx, versions)
	if err != nil {
		return n, err
	}
	now := stagingOf(versions)
	stages := n.Stages
	if len(stages) == 0 || len(now) == 0 {
		stages = append([]string{StageCurrent}, stages...)
	}
	v := Version{ID: n.ID, Value: n.Value}
	if err := c.insertSecretVersion(tx, s, &v); err != nil {
		return v, err
	}
	for _, stage := range stages {
		now.move(stage, v.ID)
	}
	if len(now) > maxStages {
		return v, errs.Say(ErrTooManySecrets, "A secret can have at most %d staging labels across all of its versions.", maxStages)
	}
	err = setStages(tx, s, append(versions, v), now)
	v.Stages = now.byVersion()[v.ID]
	return v, err
}

// dropDeprecated makes room for a version: the oldest without stages go, but for those of the last day.
func dropDeprecated(tx *store.Tx, versions []Version) (left []Version, err error) {
	drop := len(versions) - maxSecretVersions + 1
	for _, v := range versions {
		if drop <= 0 || len(v.Stages) > 0 || v.Created.After(tx.Now.Add(-keptVersions)) {
			left = append(left, v)
			continue
		}
		if _, err := tx.Exec(`delete from secrets_versions where id = $1`, v.row); err != nil {
			return nil, err
		}
		drop--
	}
	if drop > 0 {
		return nil, errs.Say(ErrTooManySecrets, "You have exceeded the number of versions of this secret: %d. Versions without staging labels are removed after a day.", maxSecretVersions)
	}
	return left, nil
}

// sameValue returns nil where a version has a value, and the error given where it has another.
func (c *Control) sameValue(ctx context.Context, s Secret, v Version, value Value, other error) error {
	have, err := c.secrets.Open(ctx, v.sealed, v.row)
	if err != nil {
		return err
	}
	defer clear(have)
	if v.Value.Binary != value.Binary || subtle.ConstantTimeCompare(have, value.Bytes) == 0 {
		return other
	}
	return nil
}

// MoveStage takes a stage from one version, if that is not "", and gives it to another, if that is not "". It
// returns ErrNoSecret, ErrState, ErrInput or ErrTooManySecrets.
func (c *Control) MoveStage(ctx context.Context, ref SecretRef, stage, from, to string) (Secret, error) {
	return c.changeSecret(ctx, ref, func(tx *store.Tx, s Secret) error {
		versions, err := listSecretVersions(tx, s.id)
		if err != nil {
			return err
		}
		for _, id := range []string{from, to} {
			if id != "" && find(versions, id) == nil {
				return errs.Say(ErrNoSecret, "Secrets Manager can't find the specified secret value for VersionId: %s", id)
			}
		}
		now := stagingOf(versions)
		if err := now.checkMove(stage, from, to); err != nil {
			return err
		}
		if to == "" {
			delete(now, stage)
		} else {
			now.move(stage, to)
		}
		if len(now) > maxStages {
			return errs.Say(ErrTooManySecrets, "A secret can have at most %d staging labels across all of its versions.", maxStages)
		}
		return setStages(tx, s, versions, now)
	})
}

func (s staging) checkMove(stage, from, to string) error {
	has := s[stage]
	switch {
	case from == "" && to == "":
		return errs.Say(ErrInput, "You must specify RemoveFromVersionId, MoveToVersionId, or both.")
	case stage == StageCurrent && to == "":
		return errs.Say(ErrInput, "You can only move staging label %s to a different secret version. It can’t be completely removed.", StageCurrent)
	case has != "" && from == "" && has != to:
		return errs.Say(ErrInput, "The parameter RemoveFromVersionId can't be empty. Staging label %s is currently attached to version %s, so you must explicitly reference that version in RemoveFromVersionId.", stage, has)
	case from != "" && has != from:
		return errs.Say(ErrInput, "Staging label %s is not attached to version %s, which RemoveFromVersionId names.", stage, from)
	}
	return nil
}

// Versions reads at most limit versions of a secret, without their values, after one, the oldest first; those
// without stages only if they are asked for. It returns ErrNoSecret.
func (c *Control) Versions(ctx context.Context, ref SecretRef, deprecated bool, after string, limit int) (s Secret, versions []Version, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		if s, err = c.findSecret(tx, ref); err != nil {
			return err
		}
		versions, err = listSecretVersions(tx, s.id)
		return err
	})
	at := slices.IndexFunc(versions, func(v Version) bool { return v.ID == after })
	versions = slices.DeleteFunc(versions[at+1:], func(v Version) bool { return !deprecated && len(v.Stages) == 0 })
	return s, versions[:min(limit, len(versions))], err
}
