package accounts

import (
	"context"
	"slices"

	"slipway/store"
)

// Detail is an entity with all that hangs on it.
type Detail struct {
	Entity // the trust of a role as Role shows it
	Tags   []Tag

	Inline   []InlinePolicy // of users, groups and roles
	Attached []PolicyRef
	Groups   []string  // of users: their names
	Profiles []Profile // of roles

	Policy   ManagedPolicy   // of managed policies
	Versions []PolicyVersion // the newest first
}

// DetailQuery says which kinds of entities are wanted; none of them: all.
type DetailQuery struct{ Users, Groups, Roles, Own, AWS bool }

// allDetails is the query for everything.
var allDetails = DetailQuery{true, true, true, true, true}

// AccountDetails lists the users, groups, roles and managed policies of an account with all that
// hangs on them, AWS's policies as far as somebody has them, and the marker of the next page if
// there is one. It returns ErrToken.
func (c *Control) AccountDetails(ctx context.Context, account string, q DetailQuery, p Page) (list []Detail, next string, err error) {
	if q == (DetailQuery{}) {
		q = allDetails
	}
	err = c.db.View(ctx, func(tx *store.Tx) error {
		t, err := tallyPolicies(tx, account)
		if err != nil {
			return err
		}
		var found []Entity
		found, next, err = page("details of "+account, p, func(after string, limit int) ([]Entity, error) {
			return readDetailed(tx, account, q, t, after, limit)
		}, detailKey)
		if err != nil {
			return err
		}
		list, err = detail(tx, found, t)
		return err
	})
	return list, next, err
}

// detailKey orders groups, roles and users before policies, and AWS's policies last.
func detailKey(e Entity) string {
	switch {
	case e.Account == awsOwner:
		return "z/" + e.Name
	case e.Kind == KindPolicy:
		return "y/" + e.folded()
	}
	return holderKey(e)
}

// readDetailed returns at most limit entities after a key.
func readDetailed(tx *store.Tx, account string, q DetailQuery, t tally, after string, limit int) ([]Entity, error) {
	found, err := readKinds(tx, account, q.kinds(), after, limit)
	if err != nil || len(found) >= limit || !q.AWS {
		return found, err
	}
	for _, p := range sortedAWSPolicies() {
		if arn := p.ARN(); t.attached[arn]+t.bounds[arn] > 0 && detailKey(p.Entity) > after && len(found) < limit {
			found = append(found, p.Entity)
		}
	}
	return found, nil
}

// kinds are the kinds of the account's own entities that are wanted.
func (q DetailQuery) kinds() (kinds []any) {
	for kind, wanted := range map[Kind]bool{KindUser: q.Users, KindGroup: q.Groups, KindRole: q.Roles, KindPolicy: q.Own} {
		if wanted {
			kinds = append(kinds, string(kind))
		}
	}
	return kinds
}

// detail adds to entities what hangs on them.
func detail(tx *store.Tx, found []Entity, t tally) ([]Detail, error) {
	if err := showTrusts(tx, found); err != nil {
		return nil, err
	}
	list := make([]Detail, len(found))
	for i, e := range found {
		list[i].Entity = e
		if err := list[i].read(tx, t); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (d *Detail) read(tx *store.Tx, t tally) (err error) {
	if d.Kind == KindPolicy {
		d.Policy = t.of(d.Entity)
		d.Versions, err = versionsOf(tx, d.Entity)
		return err
	}
	if d.Tags, err = allTags(tx, d.ID); err != nil {
		return err
	}
	if d.Inline, err = readInline(tx, d.ID); err != nil {
		return err
	}
	arns, err := readAttachments(tx, d.ID)
	if err != nil {
		return err
	}
	d.Attached = refsUnder("/", arns)
	switch d.Kind {
	case KindUser:
		d.Groups, err = readTexts(tx, `select e.name from members m join entities e on e.id = m.group_id where m.user_id = $1 order by e.folded`, d.ID)
	case KindRole:
		d.Profiles, err = profilesWith(tx, d.ID)
	}
	return err
}

// profilesWith returns the instance profiles that a role is in.
func profilesWith(tx *store.Tx, role string) ([]Profile, error) {
	found, err := readProfilesOf(tx, role, "", KindProfile.Quota())
	if err != nil {
		return nil, err
	}
	return withRoles(tx, found)
}

// readKinds returns at most limit entities of some kinds, those after a key, as detailKey orders them.
func readKinds(tx *store.Tx, account string, kinds []any, after string, limit int) ([]Entity, error) {
	const key = `case when e.kind = 'policy' then 'y' else e.kind end || '/' || e.folded`
	args := slices.Concat([]any{account, after, limit}, kinds)
	return readEntities(tx, `
		select `+entityColumns+` from entities e
		where e.account = $1 and `+key+` > $2 and e.kind in `+store.In(4, len(kinds))+`
		order by `+key+` limit $3`, args...)
}
