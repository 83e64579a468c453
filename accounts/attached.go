package accounts

import (
	"database/sql"
	"fmt"

	"slipway/accounts/policy"
	"slipway/store"
)

// policiesOf returns every policy that says what a user, group or role may do: its inline
// policies, those attached to it, for a user also those of its groups, and its permissions
// boundary, nil if it has none. A document that can not be read is an error: nothing may be
// decided without it.
func policiesOf(tx *store.Tx, entity string) (identity []policy.Attached, boundary *policy.Attached, err error) {
	holders, err := holdersOf(tx, entity)
	if err != nil {
		return nil, nil, err
	}
	inline, err := inlineOf(tx, holders)
	if err != nil {
		return nil, nil, err
	}
	managed, err := managedOf(tx, holders)
	if err != nil {
		return nil, nil, err
	}
	boundary, err = boundaryOf(tx, holders)
	return append(inline, managed...), boundary, err
}

// holder is a user, group or role that has policies.
type holder struct{ id, account, kind, name, boundary string }

// holdersOf returns an entity and, of a user, the groups that it is in. The entity comes first.
func holdersOf(tx *store.Tx, entity string) ([]holder, error) {
	var all []holder
	err := tx.Each(`select id, account, kind, name, boundary from entities
		where id = $1 or id in (select group_id from members where user_id = $1) order by kind desc, name`,
		[]any{entity}, func(r *sql.Rows) error {
			var h holder
			err := r.Scan(&h.id, &h.account, &h.kind, &h.name, &h.boundary)
			all = append(all, h)
			return err
		})
	if err == nil && (len(all) == 0 || all[0].id != entity) {
		err = fmt.Errorf("%w: %s", store.ErrNoRows, entity)
	}
	return all, err
}

func idsOf(holders []holder) []any {
	ids := make([]any, len(holders))
	for i, h := range holders {
		ids[i] = h.id
	}
	return ids
}

// inlineOf returns the inline policies of some entities, named as simulations name them.
func inlineOf(tx *store.Tx, holders []holder) ([]policy.Attached, error) {
	var all []policy.Attached
	err := tx.Each(`select e.kind, e.name, p.name, p.document from inline_policies p join entities e on e.id = p.entity
		where p.entity in `+store.In(1, len(holders))+` order by e.kind desc, e.name, p.name`,
		idsOf(holders), func(r *sql.Rows) error {
			var kind, holder, name, text string
			if err := r.Scan(&kind, &holder, &name, &text); err != nil {
				return err
			}
			a, err := compile(kind+"_"+holder+"_"+name, kind, text)
			all = append(all, a)
			return err
		})
	return all, err
}

// managedOf returns the managed policies that are attached to some entities, each once.
func managedOf(tx *store.Tx, holders []holder) ([]policy.Attached, error) {
	var arns []string
	err := tx.Each(`select distinct policy from attachments where entity in `+store.In(1, len(holders))+` order by policy`,
		idsOf(holders), func(r *sql.Rows) error {
			var arn string
			err := r.Scan(&arn)
			arns = append(arns, arn)
			return err
		})
	if err != nil {
		return nil, err
	}
	all := make([]policy.Attached, len(arns))
	for i, arn := range arns {
		if all[i], err = inForce(tx, arn); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func boundaryOf(tx *store.Tx, holders []holder) (*policy.Attached, error) {
	if holders[0].boundary == "" {
		return nil, nil
	}
	a, err := inForce(tx, holders[0].boundary)
	return &a, err
}

// inForce returns the version of a managed policy that decides now, or ErrNoEntity.
func inForce(tx *store.Tx, arn string) (policy.Attached, error) {
	if p := awsPolicies()[arn]; p != nil {
		return policy.Attached{Document: p.doc, Name: p.Name, Type: policy.SourceAWSManaged}, nil
	}
	owner, _, _, _, _ := parseEntityARN(arn)
	p, err := readPolicy(tx, owner, arn)
	if err != nil {
		return policy.Attached{}, err
	}
	v, err := readDefault(tx, p.ID)
	if err != nil {
		return policy.Attached{}, err
	}
	return compile(p.Name, policy.SourceUserManaged, v.Document)
}

// compile reads a stored document, which was good when it was stored.
func compile(name, source, text string) (policy.Attached, error) {
	doc, err := policy.Parse(text, policy.Identity)
	if err != nil {
		return policy.Attached{}, fmt.Errorf("%w: %s: %v", errBroken, name, err)
	}
	return policy.Attached{Document: doc, Name: name, Type: source}, nil
}
