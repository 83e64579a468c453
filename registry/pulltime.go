package registry

import (
	"context"
	"database/sql"
	"fmt"
	"path"
	"strings"
	"time"

	"slipway/internal/arn"
	"slipway/internal/loop"
	"slipway/store"
)

// Some pull images to look at them or to copy them, and use none. An account names them, so that their
// pulls do not count as the last time that an image was pulled.

// maxExclusions is how many principals an account may name.
const maxExclusions = 100

// Exclusion says that the pulls of a user, or of whoever acts in a role, do not count.
type Exclusion struct {
	Principal string // ARN
	Created   time.Time
}

// ExcludePuller makes the pulls of a principal not count from now on. It returns ErrExclusionExists or
// ErrTooManyExclusions.
func (c *Control) ExcludePuller(ctx context.Context, account, principal string) (made Exclusion, err error) {
	err = c.db.Update(ctx, func(tx *store.Tx) error {
		made = Exclusion{principal, tx.Now}
		n, err := tx.Exec(`insert into registry_pull_exclusions (account, principal, created) values ($1, $2, $3)
			on conflict (account, principal) do nothing`, account, principal, store.Micros(tx.Now))
		if err == nil && n == 0 {
			err = about(ErrExclusionExists, Error{Account: account, Name: principal})
		}
		if err != nil {
			return err
		}
		tx.Touch(exclusionsTopic)
		return checkExclusions(tx, account)
	})
	if err != nil {
		return Exclusion{}, err
	}
	return made, c.readExclusions(ctx)
}

func checkExclusions(tx *store.Tx, account string) error {
	var n int
	err := tx.Row(`select count(*) from registry_pull_exclusions where account = $1`, account).Scan(&n)
	if err == nil && n > maxExclusions {
		err = fmt.Errorf("%w: at most %d", ErrTooManyExclusions, maxExclusions)
	}
	return err
}

// IncludePuller makes the pulls of a principal count again. It returns ErrNoExclusion.
func (c *Control) IncludePuller(ctx context.Context, account, principal string) error {
	err := c.db.Update(ctx, func(tx *store.Tx) error {
		n, err := tx.Exec(`delete from registry_pull_exclusions where account = $1 and principal = $2`, account, principal)
		if err == nil && n == 0 {
			err = about(ErrNoExclusion, Error{Account: account, Name: principal})
		}
		tx.Touch(exclusionsTopic)
		return err
	})
	if err != nil {
		return err
	}
	return c.readExclusions(ctx)
}

// Exclusions lists at most limit of an account's by principal, from after the given one.
func (c *Control) Exclusions(ctx context.Context, account, after string, limit int) (found []Exclusion, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		found = nil
		return tx.Each(`select principal, created from registry_pull_exclusions where account = $1 and principal > $2 order by principal limit $3`,
			[]any{account, after, limit}, func(rows *sql.Rows) error {
				var e Exclusion
				var created int64
				err := rows.Scan(&e.Principal, &created)
				e.Created = store.Time(created)
				found = append(found, e)
				return err
			})
	})
	return found, err
}

const (
	exclusionsTopic = "registry pull exclusions"
	exclusionsPause = time.Minute
)

// excluded is who does not count in an account: there are few, and each pull asks.
type excluded map[string]bool // by account and excludedAs

// watchExclusions learns, until ctx ends, what was said to other servers.
func (c *Control) watchExclusions(ctx context.Context) {
	wake, stop := c.db.Watch(exclusionsTopic)
	defer stop()
	loop.Run(ctx, "registry pull exclusions", exclusionsPause, wake, c.readExclusions)
}

func (c *Control) readExclusions(ctx context.Context) error {
	now := excluded{}
	err := c.db.View(ctx, func(tx *store.Tx) error {
		return tx.Each(`select account, principal from registry_pull_exclusions`, nil, func(rows *sql.Rows) error {
			var account, principal string
			err := rows.Scan(&account, &principal)
			now[account+" "+excludedAs(principal)] = true
			return err
		})
	})
	if err == nil {
		c.excluded.Store(&now)
	}
	return err
}

// Puller is ctx for what a principal does in an account's registry: if its pulls do not count there, reading
// a manifest with it is none.
func (c *Control) Puller(ctx context.Context, account, principal string) context.Context {
	if all := *c.excluded.Load(); len(all) > 0 && all[account+" "+excludedAs(principal)] {
		return Unnoted(ctx)
	}
	return ctx
}

// excludedAs is how a principal is known: who acts in a role by the role, whose path the session does not
// tell.
func excludedAs(principal string) string {
	a, err := arn.Parse(principal)
	if err != nil {
		return principal
	}
	switch kind, id := a.ResourceID(); kind {
	case "assumed-role":
		role, _, _ := strings.Cut(id, "/")
		return a.Account + " role " + role
	case "role":
		return a.Account + " role " + path.Base(id)
	}
	return principal
}
