package accounts

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"slipway/internal/errs"
	"slipway/internal/ids"
	"slipway/store"
)

// Credentials are short-lived: an access key that is good together with its token only, and until
// it expires.
type Credentials struct {
	AccessKeyID string // ASIA and 16 characters of A-Z and 2-7
	Secret      string // 40 characters
	Token       string // 240 characters that mean nothing
	Expires     time.Time
}

// Format prints credentials by their id alone, so that no secret gets into a log.
func (c Credentials) Format(s fmt.State, _ rune) { fmt.Fprint(s, "credentials "+c.AccessKeyID) }

// tokenSize is how long a session token is. Clients must not make assumptions about it, says AWS.
const tokenSize = 240

// The lives of sessions. Source: AWS STS API Reference, AssumeRole and GetSessionToken.
const (
	roleLife      = time.Hour      // of a role's session that asks for nothing else
	chainedLife   = time.Hour      // the longest of one that another session makes
	userLife      = 12 * time.Hour // of GetSessionToken for a user that asks for nothing else
	longestLife   = 36 * time.Hour // the longest of GetSessionToken for a user
	rootLife      = time.Hour      // the longest of GetSessionToken for root, and what it gets by itself
	shortestLife  = 15 * time.Minute
	boundLife     = 6 * time.Hour  // of what is issued to a task or function
	expiredMemory = 24 * time.Hour // an expired session is told from an unknown one this long
)

// row is a session as the table has it.
type row struct {
	Session
	account string
	entity  string // id of the role or user, or ownerRoot
	secret  string
	token   string
}

// newRow gives a session its key. Its times are those of the transaction that inserts it.
func newRow(account, entity string, s Session) row {
	s.Key = "ASIA" + ids.Base32(16)
	return row{Session: s, account: account, entity: entity, secret: ids.Secret(40), token: ids.Secret(tokenSize)}
}

func (r *row) credentials() Credentials {
	return Credentials{AccessKeyID: r.Key, Secret: r.secret, Token: r.token, Expires: r.Expires}
}

// insertSession writes a session that lives from now. It wakes nobody: nobody can have asked for
// its key before.
func (c *Control) insertSession(tx *store.Tx, r *row, life time.Duration) error {
	r.Created, r.Expires = tx.Now, tx.Now.Add(life).Truncate(time.Second) // clients are told seconds
	sealed, err := c.sessionSecrets.Seal(tx, []byte(r.secret), r.Key)
	if err != nil {
		return err
	}
	hash := sha256.Sum256([]byte(r.token))
	_, err = tx.Exec(`
		insert into sessions (id, account, entity, name, sealed, token, policies, tags, passed, source, makers, bound, created, expires)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
		r.Key, r.account, r.entity, r.Name, sealed, hash[:], toJSON(r.Policies), toJSON(r.Tags), toJSON(r.Transitive), r.SourceIdentity, r.makers, r.Bound,
		store.Micros(r.Created), store.Micros(r.Expires))
	return err
}

// SessionToken makes short-lived credentials of a user or root, who may do with them what they may
// anyway, except for calls to IAM. The life is 15 minutes to 36 hours, 0: 12 hours; root's is an hour at most. It returns
// ErrFromSession for who is a session already, and ErrDuration.
func (c *Control) SessionToken(ctx context.Context, who *Principal, life time.Duration) (Credentials, error) {
	if who.Session != nil {
		return Credentials{}, ErrFromSession
	}
	life = cmp.Or(life, userLife)
	if life < shortestLife || life > longestLife {
		return Credentials{}, errs.Say(ErrDuration, "The requested DurationSeconds must be between %d and %d.", int(shortestLife.Seconds()), int(longestLife.Seconds()))
	}
	if who.Type == TypeRoot {
		life = min(life, rootLife)
	}
	r := newRow(who.Account, cmp.Or(who.Entity, ownerRoot), Session{})
	err := c.db.Update(ctx, func(tx *store.Tx) error { return c.insertSession(tx, &r, life) })
	return r.credentials(), err
}

// Revoke ends every session that was issued to a task or function, named by its ARN: once it
// returns, this server lets none of them in, and soon no other does. There may be none.
func (c *Control) Revoke(ctx context.Context, bound string) error {
	if bound == "" { // those that are bound to nothing
		return nil
	}
	return c.db.Update(ctx, func(tx *store.Tx) error {
		n, err := tx.Exec(`delete from sessions where bound = $1`, bound)
		if n > 0 {
			tx.Touch(keysTopic)
		}
		return err
	})
}

// sweepBatch is how many sessions are deleted in one transaction.
const sweepBatch = 1000

// sweepSessions deletes what expired long ago.
func (c *Control) sweepSessions(ctx context.Context) error {
	for n := int64(sweepBatch); n == sweepBatch; {
		err := c.db.Update(ctx, func(tx *store.Tx) (err error) {
			n, err = tx.Exec(`delete from sessions where id in (select id from sessions where expires < $1 order by expires limit $2)`,
				store.Micros(tx.Now.Add(-expiredMemory)), sweepBatch)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
