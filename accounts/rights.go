package accounts

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"slipway/accounts/policy"
	"slipway/internal/arn"
	"slipway/internal/errs"
	"slipway/store"
)

// rights are what the policies of a user or role say, compiled, and its tags.
type rights struct {
	identity []policy.Attached
	boundary *policy.Attached
	tags     map[string]string // keys in lower case
}

// How much is remembered, once to twice.
const (
	ringRights = 4096    // policies of users and roles, and managed policies of sessions
	ringTexts  = 8 << 20 // bytes of resource and session policies
)

// What decisions can fail with. None of it allows anything.
var (
	errBroken   = errs.New(errs.Internal, "a stored policy can not be read")
	errNoRights = errs.New(errs.NotFound, "user or role not found")
)

// weigh counts the policies that are an entity's own: those of AWS are in memory once.
func (r *rights) weigh() int {
	n := 1
	for _, a := range r.identity {
		if a.Type != policy.SourceAWSManaged {
			n++
		}
	}
	return n
}

// rightsOf returns what the principal's own policies say; root has none, and needs none.
func (c *Control) rightsOf(ctx context.Context, who *Principal) (*rights, error) {
	if who.Entity == "" {
		return &rights{}, nil
	}
	return c.rights.get(ctx, who.Entity, c.readRights)
}

// readRights reads the rights of a user or role by its id.
func (c *Control) readRights(ctx context.Context, id string) (*rights, error) {
	var r rights
	err := c.db.View(ctx, func(tx *store.Tx) (err error) {
		if r.identity, r.boundary, err = policiesOf(tx, id); err != nil {
			return err
		}
		r.tags, err = foldedTags(tx, id)
		return err
	})
	if errors.Is(err, store.ErrNoRows) {
		err = fmt.Errorf("%w: %s", errNoRights, id) // whoever it was has been deleted, and the keys are going
	}
	return &r, err
}

func foldedTags(tx *store.Tx, entity string) (map[string]string, error) {
	tags := map[string]string{}
	err := tx.Each(`select folded, value from entity_tags where entity = $1`, []any{entity}, func(rows *sql.Rows) error {
		var key, value string
		err := rows.Scan(&key, &value)
		tags[key] = value
		return err
	})
	return tags, err
}

// sessionPolicies are those that a session was made with: documents, and ARNs of managed policies,
// which say what they say now.
func (c *Control) sessionPolicies(ctx context.Context, s *Session) ([]policy.Attached, error) {
	all := make([]policy.Attached, len(s.Policies))
	for i, named := range s.Policies {
		if !arn.Is(named) {
			doc, err := c.sessionTexts.compiled(ctx, named)
			if err != nil {
				return nil, err
			}
			all[i] = policy.Attached{Document: doc, Name: "session policy"}
			continue
		}
		r, err := c.rights.get(ctx, named, c.readManaged)
		if err != nil {
			return nil, err
		}
		all[i] = r.identity[0]
	}
	return all, nil
}

// readManaged reads one managed policy by its ARN, as rights of its own.
func (c *Control) readManaged(ctx context.Context, arn string) (*rights, error) {
	var a policy.Attached
	err := c.db.View(ctx, func(tx *store.Tx) (err error) {
		a, err = inForce(tx, arn)
		return err
	})
	return &rights{identity: []policy.Attached{a}}, err
}

// text is a document and how long it is.
type text struct {
	doc  *policy.Document
	size int
}

// newTexts makes what remembers documents of a kind. What a text means never changes.
func newTexts(kind policy.Kind) *texts {
	return &texts{kind, newRing(nil, errNoRights, ringTexts, func(t text) int { return t.size })}
}

type texts struct {
	kind policy.Kind
	ring *ring[text]
}

// compiled returns a stored policy document, which is compiled once and then known by its text.
func (t *texts) compiled(ctx context.Context, document string) (*policy.Document, error) {
	found, err := t.ring.get(ctx, document, t.parse)
	return found.doc, err
}

func (t *texts) parse(_ context.Context, document string) (text, error) {
	doc, err := policy.Parse(document, t.kind)
	if err != nil {
		return text{}, fmt.Errorf("%w: %v", errBroken, err)
	}
	return text{doc, len(document)}, nil
}
