package hooks

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"slipway/events"
	"slipway/internal/arn"
	"slipway/internal/ids"
	"slipway/store"
)

// Hook is who is to be told of which events.
type Hook struct {
	ID           string    `json:"id"`
	Account      string    `json:"account,omitempty"` // whose events; "": those of all accounts
	URL          string    `json:"url"`
	Kinds        []string  `json:"kinds"`                  // patterns, where * stands for any characters; none: DefaultKinds
	Repositories []string  `json:"repositories,omitempty"` // patterns of names; none: events about anything
	Local        bool      `json:"local,omitempty"`        // it may call addresses of this machine
	Created      time.Time `json:"created"`
	Stopped      time.Time `json:"stopped,omitzero"` // when its account was closed

	since int64 // the last event before it was made
}

// DefaultKinds are the events of a hook that names none.
var DefaultKinds = []string{"image.*", "repository.*"}

const (
	maxHooks    = 100
	maxPatterns = 20
	maxPattern  = 256
	maxURL      = 2000
)

// check refuses what could never be called, and what must not be.
func (h Hook) check() error {
	u, err := url.Parse(h.URL)
	if err != nil || len(h.URL) > maxURL || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
		return fmt.Errorf("%w: the URL is not of the form https://HOST/PATH", ErrHook) // what it is may hold a password
	}
	if h.Account != "" && (len(h.Account) != 12 || strings.Trim(h.Account, "0123456789") != "") {
		return fmt.Errorf("%w: account %q, want twelve digits", ErrHook, h.Account)
	}
	for _, patterns := range [][]string{h.Kinds, h.Repositories} {
		if len(patterns) > maxPatterns {
			return fmt.Errorf("%w: %d patterns, at most %d are taken", ErrHook, len(patterns), maxPatterns)
		}
		for _, p := range patterns {
			if p == "" || len(p) > maxPattern || strings.Count(p, "*") > 5 {
				return fmt.Errorf("%w: pattern %q, want 1 to %d characters with at most five *", ErrHook, p, maxPattern)
			}
		}
	}
	if ip, err := netip.ParseAddr(u.Hostname()); err == nil && !h.Local && isLocal(ip) {
		return fmt.Errorf("%w: %s", ErrAddress, ip)
	}
	return nil
}

// wants reports whether the hook is to be told of an event.
func (h Hook) wants(e events.Event) bool {
	if e.Seq <= h.since || !h.Stopped.IsZero() || h.Account != "" && h.Account != e.Account || !matchesAny(h.Kinds, e.Type) {
		return false
	}
	return len(h.Repositories) == 0 || matchesAny(h.Repositories, repositoryOf(e.Subject))
}

// repositoryOf is the name of the repository that an ARN is of, or "".
func repositoryOf(subject string) string {
	a, err := arn.Parse(subject)
	if name, ok := strings.CutPrefix(a.Resource, "repository/"); err == nil && a.Service == "ecr" && ok {
		return name
	}
	return ""
}

func matchesAny(patterns []string, s string) bool {
	for _, p := range patterns {
		if matches(p, s) {
			return true
		}
	}
	return false
}

// matches reports whether s has the form of pattern, where * stands for any characters, none included.
func matches(pattern, s string) bool {
	parts := strings.Split(pattern, "*")
	last := len(parts) - 1
	if last == 0 {
		return pattern == s
	}
	s, ok := strings.CutPrefix(s, parts[0])
	if !ok {
		return false
	}
	for _, part := range parts[1:last] {
		if _, s, ok = strings.Cut(s, part); !ok {
			return false
		}
	}
	return strings.HasSuffix(s, parts[last])
}

// Add makes a hook for what happens from now on, and returns it with the secret that its letters are
// signed with, which is shown this once. It returns ErrHook, ErrAddress or ErrTooMany.
func (c *Control) Add(ctx context.Context, h Hook) (made Hook, secret string, err error) {
	if len(h.Kinds) == 0 {
		h.Kinds = DefaultKinds
	}
	if err := h.check(); err != nil {
		return Hook{}, "", err
	}
	raw := make([]byte, 32)
	rand.Read(raw)
	h.ID, secret = ids.UUID(), hex.EncodeToString(raw)
	err = c.db.Update(ctx, func(tx *store.Tx) error {
		h.Created = tx.Now
		sealed, err := c.secrets.Seal(tx, []byte(secret), h.ID)
		if err != nil {
			return err
		}
		return insertHook(tx, h, sealed)
	})
	if err != nil {
		return Hook{}, "", err
	}
	return h, secret, nil
}

// Hooks lists all hooks, the oldest first.
func (c *Control) Hooks(ctx context.Context) (all []Hook, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		all, err = listHooks(tx)
		return err
	})
	return all, err
}

// Remove ends a hook, and drops the letters on their way to it. It returns ErrNoHook.
func (c *Control) Remove(ctx context.Context, id string) error {
	return c.db.Update(ctx, func(tx *store.Tx) error {
		n, err := tx.Exec(`delete from hooks_hooks where id = $1`, id)
		if err == nil && n == 0 {
			err = fmt.Errorf("%w: %q", ErrNoHook, id)
		}
		return err
	})
}
