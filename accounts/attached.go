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
	if identity, err = inlineOf(tx, holders); err != nil {
		return nil, nil, err
	}
	arns, err := readTexts(tx, `select distinct policy from attachments where entity in `+store.In(1, len(holders))+` order by policy`, idsOf(holders)...)
	if err != nil {
		return nil, nil, err
	}
	bound := holders[0].boundary
	managed, err := allInForce(tx, holders[0].account, append(arns, bound))
	if err != nil {
		return nil, nil, err
	}
	for _, arn := range arns {
		identity = append(identity, managed[arn])
	}
	if bound != "" {
		boundary = new(managed[bound])
	}
	return identity, boundary, nil
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

// allInForce returns the versions that decide now of managed policies that an account has, by their
// ARNs; "" is the ARN of none.
func allInForce(tx *store.Tx, account string, arns []string) (map[string]policy.Attached, error) {
	all := make(map[string]policy.Attached, len(arns))
	names := []any{account}
	for _, arn := range arns {
		if p := awsPolicies()[arn]; p != nil {
			all[arn] = p.attached()
		} else if arn != "" {
			_, _, _, name, _ := parseEntityARN(arn)
			names = append(names, fold(name))
		}
	}
	if len(names) > 1 {
		if err := readInForce(tx, names, all); err != nil {
			return nil, err
		}
	}
	for _, arn := range arns {
		if _, found := all[arn]; !found && arn != "" {
			return nil, fmt.Errorf("%w: %s is attached, and not there", errBroken, arn)
		}
	}
	return all, nil
}

// readInForce adds policies of an account, which comes first among the arguments, by their folded names.
func readInForce(tx *store.Tx, args []any, all map[string]policy.Attached) error {
	return tx.Each(`select e.path, e.name, v.document from entities e join policy_versions v on v.policy = e.id and v.is_default = 1
		where e.account = $1 and e.kind = 'policy' and e.folded in `+store.In(2, len(args)-1), args, func(r *sql.Rows) error {
		p := Entity{Account: args[0].(string), Kind: KindPolicy}
		var text string
		if err := r.Scan(&p.Path, &p.Name, &text); err != nil {
			return err
		}
		a, err := compile(p.Name, policy.SourceUserManaged, text)
		all[p.ARN()] = a
		return err
	})
}

// inForce returns the version of a managed policy that decides now, or ErrNoEntity.
func inForce(tx *store.Tx, arn string) (policy.Attached, error) {
	if p := awsPolicies()[arn]; p != nil {
		return p.attached(), nil
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
