package secrets

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"slipway/internal/arn"
	"slipway/internal/errs"
	"slipway/internal/ids"
	"slipway/internal/lazyregexp"
	"slipway/store"
)

// Secret is what there is to know of a secret but its value.
type Secret struct {
	Account     string
	Name        string
	ARN         string
	Description string
	Tags        map[string]string
	Policy      string // who else may read it; "": nobody
	Created     time.Time
	Changed     time.Time
	Accessed    time.Time           // the day that its value was read last; zero: never
	Due         time.Time           // when it goes; zero: it stays
	Stages      map[string][]string // of its versions, by their ids

	id     string
	suffix string
}

// SecretRef names a secret.
type SecretRef struct {
	Account string
	Name    string // "" is that of none
	ARN     string // as it was given; "": by name
}

const (
	secretPrefix = "secret:"
	anySuffix    = "-??????" // stands for the suffix of a secret that is not there
)

// SecretRef reads what names a secret: its name, which is the account's, its ARN, or its ARN without the
// suffix. An ARN of another region, or of what is no secret, names none.
func (c *Control) SecretRef(account, text string) SecretRef {
	if !arn.Is(text) {
		return SecretRef{Account: account, Name: text}
	}
	a, err := arn.Parse(text)
	name, isSecret := strings.CutPrefix(a.Resource, secretPrefix)
	if err != nil || !isSecret || a.Service != "secretsmanager" || a.Region != c.region {
		return SecretRef{Account: account, ARN: text}
	}
	return SecretRef{Account: a.Account, Name: name, ARN: text}
}

// secretARN is what a secret is called in policies.
func (c *Control) secretARN(account, name, suffix string) string {
	return arn.ARN{Service: "secretsmanager", Region: c.region, Account: account, Resource: secretPrefix + name + suffix}.String()
}

// NewSecretARN stands for the ARN of a secret that is not there yet: policies that know its name match it.
func (c *Control) NewSecretARN(account, name string) string {
	return c.secretARN(account, name, anySuffix)
}

// cutSuffix takes what may be a suffix from the name in an ARN.
func cutSuffix(name string) (base, suffix string, ok bool) {
	at := len(name) - suffixSize - 1
	if at < 1 || name[at] != '-' {
		return name, "", false
	}
	return name[:at], name[at+1:], true
}

const (
	notFound      = "Secrets Manager can't find the specified secret."
	markedDeleted = "You can't perform this operation on the secret because it was marked for deletion."
	plannedName   = "You can't create this secret because a secret with this name is already scheduled for deletion."
	nameForm      = "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!"
	bothValues    = "You can't specify both a binary secret value and a string secret value in the same secret."
)

var secretForm = lazyregexp.New(`^[A-Za-z0-9/_+=.@!-]{1,512}$`)

// maxSecrets is how many an account may have. AWS lets it have 500,000.
const maxSecrets = 50_000

// findSecret reads a secret that a reference names, whether it is to go or not.
func (c *Control) findSecret(tx *store.Tx, ref SecretRef) (Secret, error) {
	if base, suffix, ok := cutSuffix(ref.Name); ok && ref.ARN != "" {
		s, err := c.readSecret(tx, ref.Account, base)
		if err == nil && s.suffix == suffix || err != nil && !errors.Is(err, ErrNoSecret) {
			return s, err
		}
	}
	return c.readSecret(tx, ref.Account, ref.Name)
}

// liveSecret is findSecret for what is not to be done to a secret that is to go.
func (c *Control) liveSecret(tx *store.Tx, ref SecretRef) (Secret, error) {
	s, err := c.findSecret(tx, ref)
	if err == nil && !s.Due.IsZero() {
		err = errs.Say(ErrState, markedDeleted)
	}
	return s, err
}

// Deciding reads what decides who may do what to a secret: its ARN, tags and policy. One that is not there has
// an ARN that policies which know its name match, and else nothing.
func (c *Control) Deciding(ctx context.Context, ref SecretRef) (s Secret, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		s, err = c.findSecret(tx, ref)
		return err
	})
	if errors.Is(err, ErrNoSecret) {
		return Secret{Account: ref.Account, ARN: c.guess(ref)}, nil
	}
	return s, err
}

// guess is the ARN of a secret that is not there.
func (c *Control) guess(ref SecretRef) string {
	if _, _, whole := cutSuffix(ref.Name); ref.ARN != "" && (whole || ref.Name == "") {
		return ref.ARN
	}
	return c.NewSecretARN(ref.Account, ref.Name)
}

// NewSecret is a secret that is to be made.
type NewSecret struct {
	Account     string
	Name        string
	Description string
	Tags        map[string]string
	Value       Value
	Version     string // id of its first version; "": one at random
}

// Format satisfies fmt.Formatter: no verb shows the value.
func (n NewSecret) Format(f fmt.State, _ rune) { io.WriteString(f, "secret "+n.Name) }

// CreateSecret makes a secret, with a first version if there is a value. Made once more with the same version
// and value, it is the one that is there. It returns ErrName, ErrInput, ErrSecretExists, ErrState or
// ErrTooManySecrets.
func (c *Control) CreateSecret(ctx context.Context, n NewSecret) (s Secret, version string, err error) {
	if !secretForm.MatchString(n.Name) {
		return s, "", errs.Say(ErrName, nameForm)
	}
	tags, err := tagged(nil, n.Tags, nil, tooManySecretTags)
	if err == nil {
		err = n.Value.check()
	}
	if err != nil {
		return s, "", err
	}
	var there *Version
	err = c.db.Update(ctx, func(tx *store.Tx) error {
		there = nil
		found, err := c.readSecret(tx, n.Account, n.Name)
		if errors.Is(err, ErrNoSecret) {
			s, version, err = c.makeSecret(tx, n, tags)
			return err
		}
		if err != nil {
			return err
		}
		s = found
		there, err = c.sameSecret(tx, s, n)
		return err
	})
	if err == nil && there != nil {
		version, err = there.ID, c.sameValue(ctx, s, *there, n.Value, errs.Say(ErrSecretExists, "The operation failed because the secret %s already exists.", n.Name))
	}
	return s, version, err
}

// sameSecret is the version of a secret that is there already, which the new one may be.
func (c *Control) sameSecret(tx *store.Tx, s Secret, n NewSecret) (*Version, error) {
	if !s.Due.IsZero() {
		return nil, errs.Say(ErrState, plannedName)
	}
	versions, err := listSecretVersions(tx, s.id)
	if v := find(versions, n.Version); v != nil {
		return v, readValue(tx, v)
	}
	if err == nil {
		err = errs.Say(ErrSecretExists, "The operation failed because the secret %s already exists.", n.Name)
	}
	return nil, err
}

func (c *Control) makeSecret(tx *store.Tx, n NewSecret, tags map[string]string) (s Secret, version string, err error) {
	count := 0
	if err := tx.Row(`select count(*) from secrets_secrets where account = $1`, n.Account).Scan(&count); err != nil {
		return s, "", err
	}
	if count >= maxSecrets {
		return s, "", errs.Say(ErrTooManySecrets, "You have exceeded the number of secrets for this AWS account: %d.", maxSecrets)
	}
	s = Secret{
		Account: n.Account, Name: n.Name, Description: n.Description, Tags: tags, Created: tx.Now, Changed: tx.Now,
		id: ids.Hex(16), suffix: suffix(),
	}
	s.ARN = c.secretARN(s.Account, s.Name, "-"+s.suffix)
	if err := insertSecret(tx, s); err != nil || n.Value.Bytes == nil {
		return s, "", err
	}
	v := Version{ID: n.Version, Stages: []string{StageCurrent}, Value: n.Value}
	err = c.insertSecretVersion(tx, s, &v)
	return s, v.ID, err
}

// Secret reads all of a secret but its value, whether it is to go or not. It returns ErrNoSecret.
func (c *Control) Secret(ctx context.Context, ref SecretRef) (s Secret, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		if s, err = c.findSecret(tx, ref); err != nil {
			return err
		}
		versions, err := listSecretVersions(tx, s.id)
		s.Stages = stagesOf(versions)
		return err
	})
	return s, err
}

// changeSecret calls do with a secret that is not to go.
func (c *Control) changeSecret(ctx context.Context, ref SecretRef, do func(*store.Tx, Secret) error) (s Secret, err error) {
	err = c.db.Update(ctx, func(tx *store.Tx) error {
		if s, err = c.liveSecret(tx, ref); err != nil {
			return err
		}
		return do(tx, s)
	})
	return s, err
}

var tooManySecretTags = errs.Say(ErrInput, "You can't have more than %d tags on a secret.", maxTags)

// TagSecret adds tags to a secret, over those of the same key, and takes others away. It returns ErrNoSecret,
// ErrState or ErrInput.
func (c *Control) TagSecret(ctx context.Context, ref SecretRef, add map[string]string, remove []string) error {
	_, err := c.changeSecret(ctx, ref, func(tx *store.Tx, s Secret) error {
		tags, err := tagged(s.Tags, add, remove, tooManySecretTags)
		if err != nil {
			return err
		}
		_, err = tx.Exec(`update secrets_secrets set tags = $1, changed = $2 where id = $3`, jsonText(tags), store.Micros(tx.Now), s.id)
		return err
	})
	return err
}

// Days that a deleted secret can be restored.
const (
	MinRecovery     = 7
	MaxRecovery     = 30
	DefaultRecovery = 30
)

// DeleteSecret has a secret go in some days, or at once where days is 0, and returns when. One that is to go
// at once may be to go already. It returns ErrNoSecret, ErrInput or ErrState.
func (c *Control) DeleteSecret(ctx context.Context, ref SecretRef, days int) (s Secret, err error) {
	if days != 0 && (days < MinRecovery || days > MaxRecovery) {
		return s, errs.Say(ErrInput, "The RecoveryWindowInDays value must be between %d and %d days (inclusive).", MinRecovery, MaxRecovery)
	}
	err = c.db.Update(ctx, func(tx *store.Tx) error {
		if s, err = c.findSecret(tx, ref); err != nil {
			return err
		}
		if days == 0 {
			s.Due = tx.Now
			_, err := tx.Exec(`delete from secrets_secrets where id = $1`, s.id)
			return err
		}
		if !s.Due.IsZero() {
			return errs.Say(ErrState, markedDeleted)
		}
		s.Due = tx.Now.AddDate(0, 0, days)
		return setDue(tx, s)
	})
	return s, err
}

// RestoreSecret has a secret stay that was to go. It returns ErrNoSecret.
func (c *Control) RestoreSecret(ctx context.Context, ref SecretRef) (s Secret, err error) {
	err = c.db.Update(ctx, func(tx *store.Tx) error {
		if s, err = c.findSecret(tx, ref); err != nil {
			return err
		}
		s.Due = time.Time{}
		return setDue(tx, s)
	})
	return s, err
}

func setDue(tx *store.Tx, s Secret) error {
	_, err := tx.Exec(`update secrets_secrets set due = $1, changed = $2 where id = $3`, store.Micros(s.Due), store.Micros(tx.Now), s.id)
	return err
}
