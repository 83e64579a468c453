package logs

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"slipway/internal/page"
	"slipway/store"
)

// Policy says who else may do what to the groups of an account. Its document is an IAM policy, kept as
// it was given; the groups are what its statements name.
type Policy struct {
	Name     string
	Document string
	Updated  time.Time
}

// Option is something that New can be told.
type Option func(*Control)

// CheckPolicies has every policy checked before it is kept. Without it no policy is taken: one that
// nobody can read would decide nothing.
func CheckPolicies(check func(text string) error) Option {
	return func(c *Control) { c.checkPolicy = check }
}

func uncheckedPolicy(string) error { return errors.New("nobody here reads policies") }

// maxPolicies is how many policies an account can have.
// Source: Amazon CloudWatch Logs API Reference, PutResourcePolicy.
const maxPolicies = 10

// PutPolicy gives an account a policy, in place of the one of the same name. It returns ErrPolicy or
// ErrTooManyPolicies.
func (c *Control) PutPolicy(ctx context.Context, account, name, document string) (Policy, error) {
	p := Policy{Name: name, Document: document}
	if n := utf8.RuneCountInString(name); n == 0 || n > 255 || strings.ContainsRune(name, 0) {
		return p, fmt.Errorf("%w: its name has 1 to 255 characters, not %q", ErrPolicy, name)
	}
	if err := c.checkPolicy(document); err != nil {
		return p, fmt.Errorf("%w: %w", ErrPolicy, err)
	}
	return p, c.db.Update(ctx, func(tx *store.Tx) error {
		p.Updated = tx.Now
		_, err := tx.Exec(`insert into log_policies (account, name, document, updated) values ($1, $2, $3, $4)
			on conflict (account, name) do update set document = excluded.document, updated = excluded.updated`,
			account, name, document, store.Micros(tx.Now))
		if err != nil {
			return err
		}
		var n int
		if err := tx.Row(`select count(*) from log_policies where account = $1`, account).Scan(&n); err != nil {
			return err
		}
		if n > maxPolicies {
			return fmt.Errorf("%w: at most %d", ErrTooManyPolicies, maxPolicies)
		}
		return nil
	})
}

// DeletePolicy takes a policy away. It returns ErrNoPolicy.
func (c *Control) DeletePolicy(ctx context.Context, account, name string) error {
	return c.db.Update(ctx, func(tx *store.Tx) error {
		n, err := tx.Exec(`delete from log_policies where account = $1 and name = $2`, account, name)
		if err == nil && n == 0 {
			return fmt.Errorf("%w: %s", ErrNoPolicy, name)
		}
		return err
	})
}

// Policies lists an account's policies by name, at most limit (0: 50), and the token of the next page
// if there is one.
func (c *Control) Policies(ctx context.Context, account string, limit int, token string) (list []Policy, next string, err error) {
	if limit == 0 {
		limit = defaultLimit
	}
	listing := "policies of " + account
	after, err := page.Key(listing, token)
	if err != nil || strings.ContainsRune(after, 0) || !utf8.ValidString(after) {
		return nil, "", fmt.Errorf("%w: %s", ErrToken, token)
	}
	err = c.db.View(ctx, func(tx *store.Tx) error {
		list, err = readPolicies(tx, account, after, limit+1)
		return err
	})
	list, last := page.Cut(list, limit, func(p Policy) string { return p.Name })
	return list, page.Token(listing, last), err
}

func readPolicies(tx *store.Tx, account, after string, limit int) (list []Policy, err error) {
	err = tx.Each(`select name, document, updated from log_policies where account = $1 and name > $2 order by name limit $3`,
		[]any{account, after, limit}, func(rows *sql.Rows) error {
			var p Policy
			var updated int64
			err := rows.Scan(&p.Name, &p.Document, &updated)
			p.Updated = store.Time(updated)
			list = append(list, p)
			return err
		})
	return list, err
}

// DecidingPolicy is one document that says what all policies of an account say, for who decides; ""
// if it has none.
func (c *Control) DecidingPolicy(ctx context.Context, account string) (string, error) {
	var list []Policy
	err := c.db.View(ctx, func(tx *store.Tx) (err error) {
		list, err = readPolicies(tx, account, "", maxPolicies)
		return err
	})
	if err != nil || len(list) == 0 {
		return "", err
	}
	if len(list) == 1 {
		return list[0].Document, nil
	}
	return joinPolicies(list)
}

// joinPolicies makes one document of several. Names of statements, which must differ within a
// document, are left out; statements of documents before version 2012-10-17 have no variables, so
// that what looks like one is written in the way that means itself.
func joinPolicies(list []Policy) (string, error) {
	all := document{Version: withVariables}
	for _, p := range list {
		var d document
		if err := decode(p.Document, &d); err != nil {
			return "", fmt.Errorf("policy %s: %w", p.Name, err)
		}
		for _, s := range d.Statement {
			delete(s, "Sid")
			if d.Version != withVariables {
				s = literal(s).(map[string]any)
			}
			all.Statement = append(all.Statement, s)
		}
	}
	text, err := json.Marshal(all)
	return string(text), err
}

const withVariables = "2012-10-17"

type document struct {
	Version   string
	Statement statements
}

// statements are a list, or one of its own.
type statements []map[string]any

func (s *statements) UnmarshalJSON(text []byte) error {
	if text[0] != '{' {
		return decode(string(text), (*[]map[string]any)(s))
	}
	*s = make(statements, 1)
	return decode(string(text), &(*s)[0])
}

// decode keeps numbers as they are written.
func decode(text string, into any) error {
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.UseNumber()
	return d.Decode(into)
}

// literal writes what begins like a variable so that it is none. Source: IAM User Guide, "IAM policy
// elements: Variables and tags", special characters.
func literal(v any) any {
	switch v := v.(type) {
	case string:
		return strings.ReplaceAll(v, "${", "${$}{")
	case []any:
		for i := range v {
			v[i] = literal(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = literal(v[key])
		}
	}
	return v
}
