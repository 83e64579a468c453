package logs

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"slipway/internal/lazyregexp"
	"slipway/internal/page"
	"slipway/store"
)

// Group is a named set of streams that are kept alike.
type Group struct {
	Name      string
	Retention int // days that events are kept; 0: for ever
	Size      int64
	Created   time.Time
}

// Source: Amazon CloudWatch Logs API Reference, CreateLogGroup.
var groupPattern = lazyregexp.New(`^[.\-_/#A-Za-z0-9]{1,512}$`)

func checkGroupName(name string) error {
	if !groupPattern.MatchString(name) {
		return fmt.Errorf("%w: a log group is 1 to 512 of A-Z a-z 0-9 . - _ / #, not %q", ErrName, name)
	}
	return nil
}

// CreateGroup makes a group. It returns ErrGroupExists, ErrName, ErrTag or ErrTooManyTags.
func (c *Control) CreateGroup(ctx context.Context, account, name string, tags map[string]string) error {
	if err := checkGroupName(name); err != nil {
		return err
	}
	if err := checkTags(tags); err != nil {
		return err
	}
	return c.db.Update(ctx, func(tx *store.Tx) error {
		created, err := insertGroup(tx, account, name, tags)
		if err == nil && !created {
			return fmt.Errorf("%w: %s", ErrGroupExists, name)
		}
		return err
	})
}

// DeleteGroup takes a group away with all that is in it, at once for every reader.
func (c *Control) DeleteGroup(ctx context.Context, account, name string) error {
	return c.db.Update(ctx, func(tx *store.Tx) error {
		g, err := findGroup(tx, account, name)
		if err != nil {
			return err
		}
		tx.Touch(sweepTopic)
		return markGroupDeleted(tx, g.id)
	})
}

// defaultLimit is how many groups or streams a page has when nobody says.
const defaultLimit = 50

// GroupQuery says which groups to list: those that all set fields fit.
type GroupQuery struct {
	Prefix   string   // of the name
	Contains string   // in the name
	Names    []string // nil: any
	Limit    int      // 0: 50
	Token    string   // of the page before; "" is the first
}

// Groups lists groups by name, and the token of the next page if there is one.
func (c *Control) Groups(ctx context.Context, account string, q GroupQuery) (groups []Group, token string, err error) {
	q.Limit = cmp.Or(q.Limit, defaultLimit)
	list := fmt.Sprintf("groups of %s %q %q %q", account, q.Prefix, q.Contains, q.Names)
	after, err := page.Key(list, q.Token)
	if err != nil {
		return nil, "", fmt.Errorf("%w: %s", ErrToken, q.Token)
	}
	err = c.db.View(ctx, func(tx *store.Tx) error {
		groups = nil
		err := eachGroup(tx, account, q.Prefix, after, func(g groupRow) bool {
			if q.fits(g) {
				groups = append(groups, g.Group)
			}
			return len(groups) <= q.Limit
		})
		if err != nil {
			return err
		}
		var last string
		groups, last = page.Cut(groups, q.Limit, func(g Group) string { return g.Name })
		token = page.Token(list, last)
		return addSizes(tx, account, groups)
	})
	return groups, token, err
}

func (q GroupQuery) fits(g groupRow) bool {
	return strings.Contains(g.Name, q.Contains) && (q.Names == nil || slices.Contains(q.Names, g.Name))
}

// RetentionDays are the days that events can be kept.
// Source: Amazon CloudWatch Logs API Reference, PutRetentionPolicy.
var RetentionDays = []int{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}

// SetRetention says for how many days events of a group are kept: one of RetentionDays, or 0 for
// ever. It returns ErrNoGroup or ErrRetention.
func (c *Control) SetRetention(ctx context.Context, account, group string, days int) error {
	if days != 0 && !slices.Contains(RetentionDays, days) {
		return fmt.Errorf("%w: %d", ErrRetention, days)
	}
	return c.db.Update(ctx, func(tx *store.Tx) error {
		g, err := findGroup(tx, account, group)
		if err != nil {
			return err
		}
		return updateRetention(tx, g.id, days)
	})
}
