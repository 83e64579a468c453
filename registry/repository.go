package registry

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"slipway/events"
	"slipway/internal/lazyregexp"
	"slipway/store"
)

// Repository is a named set of images of one account.
type Repository struct {
	Account    string
	Name       string
	Mutability Mutability
	KeyID      string // of the customer key that its blobs are sealed with; "": none
	Created    time.Time

	id     int64
	pushed time.Time // when a push was last at work in it, to a quarter of a lease
}

// Mutability says which tags may be moved to another image.
type Mutability struct {
	Immutable bool
	Except    []string // patterns of tags for which the opposite holds; * stands for any characters
}

// Movable reports whether the tag may be moved.
func (m Mutability) Movable(tag string) bool {
	excepted := slices.ContainsFunc(m.Except, func(pattern string) bool { return matches(pattern, tag) })
	return m.Immutable == excepted
}

// matches reports whether s has the form of pattern, where * stands for any characters, none included.
func matches(pattern, s string) bool {
	head, rest, found := strings.Cut(pattern, "*")
	if !found {
		return pattern == s
	}
	if s, found = strings.CutPrefix(s, head); !found {
		return false
	}
	for i := 0; i <= len(s); i++ {
		if matches(rest, s[i:]) {
			return true
		}
	}
	return false
}

const maxExceptions = 5

var patternForm = lazyregexp.New(`^[0-9a-zA-Z._*-]{1,128}$`)

func (m Mutability) check() error {
	if len(m.Except) > maxExceptions {
		return fmt.Errorf("%w: %d exceptions, at most %d are taken", ErrPattern, len(m.Except), maxExceptions)
	}
	for _, p := range m.Except {
		if !patternForm.MatchString(p) || strings.Count(p, "*") > 2 {
			return fmt.Errorf("%w: %q, want at most 128 letters, digits and ._- with at most two *", ErrPattern, p)
		}
	}
	return nil
}

var nameForm = lazyregexp.New(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)

// CheckName returns an ErrName if no repository can have that name.
func CheckName(name string) error {
	if len(name) < 2 || len(name) > 256 || !nameForm.MatchString(name) {
		return fmt.Errorf("%w: %q, want 2 to 256 characters: lower-case letters and digits, in parts separated by one of . _ __ - /", ErrName, name)
	}
	return nil
}

// CreateRepository makes an empty repository. It returns ErrName, ErrRepositoryExists, ErrQuota, ErrPattern
// or what Label returns.
func (c *Control) CreateRepository(ctx context.Context, account, name string, m Mutability, labels map[string]string) (Repository, error) {
	return c.createRepository(ctx, Repository{Account: account, Name: name, Mutability: m}, labels, nil)
}

// CreateSealed is CreateRepository for one whose blobs are sealed with a key of the account, which is named
// by its id, its ARN or an alias; "" is the account's default key, which is made when it is first asked for.
// It also returns ErrNoKey, for a key of another account as well, ErrKeyDisabled or ErrKeyPending.
func (c *Control) CreateSealed(ctx context.Context, account, name string, m Mutability, labels map[string]string, key string) (Repository, error) {
	return c.createRepository(ctx, Repository{Account: account, Name: name, Mutability: m}, labels, &key)
}

func (c *Control) createRepository(ctx context.Context, made Repository, labels map[string]string, key *string) (Repository, error) {
	if err := CheckName(made.Name); err != nil {
		return Repository{}, err
	}
	if err := made.Mutability.check(); err != nil {
		return Repository{}, err
	}
	err := c.db.Update(ctx, func(tx *store.Tx) error {
		if key != nil {
			k, err := c.usableKey(tx, made.Account, *key)
			if err != nil {
				return err
			}
			made.KeyID = k.ID
		}
		return c.makeRepository(tx, &made, labels)
	})
	return made, err
}

// makeRepository fills in what a new repository has of its own.
func (c *Control) makeRepository(tx *store.Tx, made *Repository, labels map[string]string) (err error) {
	made.Created = tx.Now
	if made.id, err = tx.Next(); err != nil {
		return err
	}
	if err := insertRepository(tx, *made); err != nil {
		return err
	}
	if err := checkRepositories(tx, *made); err != nil {
		return err
	}
	if err := setLabels(tx, *made, labels); err != nil {
		return err
	}
	return events.Append(tx, made.Account, "repository.created", c.ARN(made.Account, made.Name), repositoryEvent{made.Name})
}

type repositoryEvent struct {
	Repository string `json:"repository"`
}

// Repository finds one, or returns ErrNoRepository.
func (c *Control) Repository(ctx context.Context, account, name string) (found Repository, err error) {
	err = c.view(ctx, account, name, func(_ *store.Tx, repo Repository) error {
		found = repo
		return nil
	})
	return found, err
}

// Repositories lists at most limit of an account's repositories by name, from after the given one.
func (c *Control) Repositories(ctx context.Context, account, after string, limit int) (found []Repository, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		found, err = listRepositories(tx, account, after, limit)
		return err
	})
	return found, err
}

// SetMutability changes which tags may be moved from now on. It returns ErrNoRepository or ErrPattern.
func (c *Control) SetMutability(ctx context.Context, account, name string, m Mutability) error {
	if err := m.check(); err != nil {
		return err
	}
	return c.update(ctx, account, name, func(tx *store.Tx, repo Repository) error {
		return updateMutability(tx, repo.id, m)
	})
}

// DeleteRepository removes a repository with all that is in it. One that has images is ErrNotEmpty,
// unless it is forced. Uploads on their way into it fail, and their bytes go when they are stale.
func (c *Control) DeleteRepository(ctx context.Context, account, name string, force bool) (gone Repository, err error) {
	err = c.update(ctx, account, name, func(tx *store.Tx, repo Repository) error {
		gone = repo
		used, err := hasManifests(tx, repo.id)
		if err != nil {
			return err
		}
		if used && !force {
			return &Error{Cause: ErrNotEmpty, Account: account, Repository: name}
		}
		if err := deleteRepository(tx, repo); err != nil {
			return err
		}
		return events.Append(tx, account, "repository.deleted", c.ARN(account, name), repositoryEvent{name})
	})
	return gone, err
}

// view runs f on a repository, or returns ErrNoRepository.
func (c *Control) view(ctx context.Context, account, name string, f func(*store.Tx, Repository) error) error {
	return c.db.View(ctx, on(account, name, f))
}

// update is view for a transaction that writes.
func (c *Control) update(ctx context.Context, account, name string, f func(*store.Tx, Repository) error) error {
	return c.db.Update(ctx, on(account, name, f))
}

// updateSoon is update for what is said of bytes on their way, which a power cut may take as it may take them.
func (c *Control) updateSoon(ctx context.Context, account, name string, f func(*store.Tx, Repository) error) error {
	return c.db.UpdateSoon(ctx, on(account, name, f))
}

func on(account, name string, f func(*store.Tx, Repository) error) func(*store.Tx) error {
	return func(tx *store.Tx) error {
		repo, err := findRepository(tx, account, name)
		if err != nil {
			return err
		}
		return f(tx, repo)
	}
}
