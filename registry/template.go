package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"slipway/registry/lifecycle"
	"slipway/store"
)

// Use is what a repository is made for by itself.
type Use string

// The uses.
const (
	UsePullThrough  Use = "PULL_THROUGH_CACHE"
	UseCreateOnPush Use = "CREATE_ON_PUSH"
	UseReplication  Use = "REPLICATION"
)

// Root is the prefix that all repositories have.
const Root = "ROOT"

const (
	maxTemplates           = 100 // of an account
	maxTemplateDescription = 256 // characters
)

// Template says what repositories are like that are made because somebody pushes to them or pulls from
// them: those whose names begin with its prefix and a slash. Of several templates that with the longest
// prefix counts, and Root last.
// Source: Amazon ECR User Guide, "Templates to control repositories created during a pull through cache,
// create on push, or replication action".
type Template struct {
	Account     string
	Prefix      string
	Description string
	Uses        []Use
	Mutability  Mutability
	Labels      map[string]string
	Policy      string // "": none
	Lifecycle   string // "": none
	Role        string // ARN; kept and given back, since Slipway needs none
	KeyID       string // of the customer key that blobs of the repositories are sealed with; "": none
	Created     time.Time
	Updated     time.Time

	sealWith *string // what names the key that is to be looked up; nil: KeyID is
}

// SealWith has the repositories be sealed with a key of the account, as CreateSealed does with one. It is for
// CreateTemplate and the change of ChangeTemplate.
func (t *Template) SealWith(key string) { t.sealWith = &key }

// settleKey finds the key that the template was told of.
func (c *Control) settleKey(tx *store.Tx, t *Template) error {
	if t.sealWith == nil {
		return nil
	}
	k, err := c.usableKey(tx, t.Account, *t.sealWith)
	t.KeyID, t.sealWith = k.ID, nil
	return err
}

// CreateTemplate keeps a template. It returns ErrTemplateExists, ErrTooManyTemplates, ErrTemplate,
// ErrPattern, ErrPolicy, ErrLifecycle, what Label returns, or ErrNoKey, ErrKeyDisabled or ErrKeyPending.
func (c *Control) CreateTemplate(ctx context.Context, t Template) (kept Template, err error) {
	if err := c.checkTemplate(t); err != nil {
		return Template{}, err
	}
	err = c.db.Update(ctx, func(tx *store.Tx) error {
		made := t // this may run again
		if err := c.settleKey(tx, &made); err != nil {
			return err
		}
		made.Created, made.Updated = tx.Now, tx.Now
		if err := insertTemplate(tx, made); err != nil {
			return err
		}
		kept = made
		return countTemplates(tx, t.Account)
	})
	return kept, err
}

// ChangeTemplate lets change make another template of the one with the prefix. It returns ErrNoTemplate or
// what CreateTemplate returns.
func (c *Control) ChangeTemplate(ctx context.Context, account, prefix string, change func(*Template) error) (t Template, err error) {
	err = c.db.Update(ctx, func(tx *store.Tx) error {
		if t, err = findTemplate(tx, account, prefix); err != nil {
			return err
		}
		if err := change(&t); err != nil {
			return err
		}
		if err := c.checkTemplate(t); err != nil {
			return err
		}
		if err := c.settleKey(tx, &t); err != nil {
			return err
		}
		t.Updated = tx.Now
		return updateTemplate(tx, t)
	})
	return t, err
}

// DeleteTemplate forgets a template, and returns it. It returns ErrNoTemplate.
func (c *Control) DeleteTemplate(ctx context.Context, account, prefix string) (gone Template, err error) {
	err = c.db.Update(ctx, func(tx *store.Tx) error {
		if gone, err = findTemplate(tx, account, prefix); err != nil {
			return err
		}
		_, err := tx.Exec(`delete from registry_templates where account = $1 and prefix = $2`, account, prefixKey(prefix))
		return err
	})
	return gone, err
}

// Template finds one. It returns ErrNoTemplate.
func (c *Control) Template(ctx context.Context, account, prefix string) (t Template, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		t, err = findTemplate(tx, account, prefix)
		return err
	})
	return t, err
}

// Templates lists at most limit of an account's by prefix, from after the given one.
func (c *Control) Templates(ctx context.Context, account, after string, limit int) (found []Template, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		found, err = listTemplates(tx, account, prefixKey(after), limit)
		return err
	})
	return found, err
}

func (c *Control) checkTemplate(t Template) error {
	if utf8.RuneCountInString(t.Description) > maxTemplateDescription {
		return fmt.Errorf("%w: its description is longer than %d characters", ErrTemplate, maxTemplateDescription)
	}
	if len(t.Uses) == 0 {
		return fmt.Errorf("%w: it is for no use", ErrTemplate)
	}
	if err := t.Mutability.check(); err != nil {
		return err
	}
	for name, value := range t.Labels {
		if err := checkLabel(name, value); err != nil {
			return err
		}
	}
	if len(t.Labels) > maxLabels {
		return fmt.Errorf("%w: %d, at most %d are kept", ErrTooManyLabels, len(t.Labels), maxLabels)
	}
	if t.Lifecycle != "" {
		if _, err := lifecycle.Parse(t.Lifecycle); err != nil {
			return err
		}
	}
	if t.Policy == "" {
		return nil
	}
	return c.CheckPolicy(t.Policy)
}

// prefixKey is what a prefix is known by: a slash at its end says nothing that is not meant without it.
func prefixKey(prefix string) string { return strings.TrimSuffix(prefix, "/") }

// prefixesOf are the prefixes that a repository name has, the longest first and Root last.
func prefixesOf(name string) []string {
	var found []string
	for at := strings.LastIndexByte(name, '/'); at > 0; at = strings.LastIndexByte(name[:at], '/') {
		found = append(found, name[:at])
	}
	return append(found, Root)
}

// HasTemplate reports whether a repository would be made by itself for the use, and what more than making a
// repository that takes.
func (c *Control) HasTemplate(ctx context.Context, account, name string, use Use) (t Template, found bool, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		t, found, err = templateFor(tx, account, name, use)
		return err
	})
	return t, found, err
}

// templateFor finds the template that counts for a repository.
func templateFor(tx *store.Tx, account, name string, use Use) (Template, bool, error) {
	found, err := findTemplates(tx, account, prefixesOf(name))
	if err != nil {
		return Template{}, false, err
	}
	for _, prefix := range prefixesOf(name) {
		if t, ok := found[prefix]; ok && slices.Contains(t.Uses, use) {
			return t, true, nil
		}
	}
	return Template{}, false, nil
}

// Provide returns the repository with the name; one that is not there it makes as the template for it says,
// or for UsePullThrough without one as repositories are by default. It returns ErrName,
// ErrNoRepository where there is no template, ErrQuota, or ErrNoKey, ErrKeyDisabled or ErrKeyPending.
func (c *Control) Provide(ctx context.Context, account, name string, use Use) (repo Repository, err error) {
	if err := CheckName(name); err != nil {
		return Repository{}, err
	}
	err = c.db.Update(ctx, func(tx *store.Tx) error {
		repo, err = findRepository(tx, account, name)
		if !errors.Is(err, ErrNoRepository) {
			return err
		}
		t, found, lookup := templateFor(tx, account, name, use)
		if lookup != nil || !found && use != UsePullThrough {
			return errors.Join(lookup, err)
		}
		repo, err = c.fromTemplate(tx, account, name, t)
		return err
	})
	return repo, err
}

// fromTemplate makes a repository that is not there.
func (c *Control) fromTemplate(tx *store.Tx, account, name string, t Template) (Repository, error) {
	made := Repository{Account: account, Name: name, Mutability: t.Mutability, KeyID: t.KeyID, Created: tx.Now}
	if err := c.checkKey(tx, made); err != nil {
		return Repository{}, err
	}
	if err := c.makeRepository(tx, &made, t.Labels); err != nil {
		return Repository{}, err
	}
	if t.Policy != "" {
		if err := setPolicy(tx, made, t.Policy); err != nil {
			return Repository{}, err
		}
	}
	if t.Lifecycle != "" {
		if err := setLifecycle(tx, made, t.Lifecycle); err != nil {
			return Repository{}, err
		}
	}
	return made, nil
}
