package nodes

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"time"

	"slipway/internal/ids"
	"slipway/internal/lazyregexp"
	"slipway/nodeapi"
	"slipway/store"
)

// Invitation lets nodes come, by a token of which only a digest is kept.
type Invitation struct {
	ID      string    `json:"id"`
	Account string    `json:"account"`
	Cluster string    `json:"cluster,omitempty"` // that they serve; "": every cluster of the account
	Uses    int       `json:"uses"`              // how many may still come
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`
}

// What an invitation may be.
const (
	DefaultLife    = time.Hour
	MaxLife        = 30 * 24 * time.Hour
	MaxUses        = 10_000
	maxInvitations = 1_000
)

var (
	accountPattern = lazyregexp.New(`^[0-9]{12}$`)
	clusterPattern = lazyregexp.New(`^[a-zA-Z0-9_-]{0,255}$`)
)

func (i Invitation) check(life time.Duration) error {
	switch {
	case !accountPattern.MatchString(i.Account):
		return fmt.Errorf("%w: account %q is not of twelve digits", ErrInvitation, i.Account)
	case !clusterPattern.MatchString(i.Cluster):
		return fmt.Errorf("%w: %q is not a name of a cluster", ErrInvitation, i.Cluster)
	case i.Uses < 1 || i.Uses > MaxUses:
		return fmt.Errorf("%w: for %d nodes; want 1 to %d", ErrInvitation, i.Uses, MaxUses)
	case life < time.Minute || life > MaxLife:
		return fmt.Errorf("%w: for %v; want %v to %v", ErrInvitation, life, time.Minute, MaxLife)
	}
	return nil
}

// Invite makes an invitation that is good for life (0: DefaultLife) and as many nodes as Uses says (0: one).
// The token is shown this once. It returns ErrInvitation or ErrTooMany.
func (c *Control) Invite(ctx context.Context, i Invitation, life time.Duration) (made Invitation, token string, err error) {
	if life == 0 {
		life = DefaultLife
	}
	i.Uses = max(i.Uses, 1)
	if err := i.check(life); err != nil {
		return Invitation{}, "", err
	}
	secret := make([]byte, 32)
	rand.Read(secret)
	sum := sha256.Sum256(secret)
	i.ID = ids.Hex(8)
	err = c.db.Update(ctx, func(tx *store.Tx) error {
		i.Created, i.Expires = tx.Now, tx.Now.Add(life)
		return insertInvitation(tx, i, sum[:])
	})
	if err != nil {
		return Invitation{}, "", err
	}
	return i, nodeapi.Token{ID: i.ID, Secret: secret, Authority: nodeapi.Fingerprint(c.authority.certificate)}.Text(), nil
}

func insertInvitation(tx *store.Tx, i Invitation, secret []byte) error {
	var open int
	if err := tx.Row(`select count(*) from nodes_invitations`).Scan(&open); err != nil {
		return err
	}
	if open >= maxInvitations {
		return fmt.Errorf("%w: %d", ErrTooMany, open)
	}
	_, err := tx.Exec(`insert into nodes_invitations (id, account, cluster, secret, uses, created, expires) values ($1, $2, $3, $4, $5, $6, $7)`,
		i.ID, i.Account, i.Cluster, secret, i.Uses, store.Micros(i.Created), store.Micros(i.Expires))
	return err
}

// Invitations lists those by which nodes may still come, the newest first.
func (c *Control) Invitations(ctx context.Context) (open []Invitation, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		open = []Invitation{}
		return tx.Each(`select id, account, cluster, uses, created, expires from nodes_invitations where uses > 0 and expires > $1 order by created desc, id`,
			[]any{store.Micros(tx.Now)}, func(rows *sql.Rows) error {
				var i Invitation
				var created, expires int64
				err := rows.Scan(&i.ID, &i.Account, &i.Cluster, &i.Uses, &created, &expires)
				i.Created, i.Expires = store.Time(created), store.Time(expires)
				open = append(open, i)
				return err
			})
	})
	return open, err
}

// Withdraw ends an invitation: nobody comes by it any more. It returns ErrNoInvitation.
func (c *Control) Withdraw(ctx context.Context, id string) error {
	return c.db.Update(ctx, func(tx *store.Tx) error {
		n, err := tx.Exec(`delete from nodes_invitations where id = $1`, id)
		if err == nil && n == 0 {
			err = fmt.Errorf("%w: %s", ErrNoInvitation, id)
		}
		return err
	})
}

// forgetInvitations deletes those that are over. One that is used up stays until its time is over as
// well, for a node that did not hear the answer may ask again.
func (c *Control) forgetInvitations(ctx context.Context) error {
	return c.db.Update(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(`delete from nodes_invitations where expires <= $1`, store.Micros(tx.Now))
		return err
	})
}
