package accounts

import (
	"context"
	"database/sql"
	"maps"
	"slices"
	"strings"

	"slipway/store"
)

// PolicyQuery says which managed policies are wanted.
type PolicyQuery struct {
	NoOwn, NoAWS bool // leave out the account's own, or AWS's
	OnlyAttached bool // only those that somebody in the account has
	Usage        Usage
	Prefix       string // of their paths
}

// Usage is what a managed policy is used for.
type Usage int

// The usages.
const (
	AnyUsage   Usage = iota
	Permission       // it is attached
	Boundary         // it is a permissions boundary
)

// Policies lists managed policies, an account's own and then AWS's, without their tags, and the
// marker of the next page if there is one. It returns ErrToken.
func (c *Control) Policies(ctx context.Context, account string, q PolicyQuery, p Page) (list []ManagedPolicy, next string, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		all, err := policiesFor(tx, account, q)
		if err != nil {
			return err
		}
		list, next, err = pageOf("policies of "+account+" under "+q.Prefix, p, all, policyKey)
		return err
	})
	return list, next, err
}

// policyKey orders an account's own policies before AWS's.
func policyKey(p ManagedPolicy) string {
	if p.Account == awsOwner {
		return "aws/" + p.Name
	}
	return "/" + fold(p.Name)
}

// policiesFor returns all policies that a query asks for, in the order of their keys. Their number
// is bounded by a quota.
func policiesFor(tx *store.Tx, account string, q PolicyQuery) ([]ManagedPolicy, error) {
	entities, err := policyEntities(tx, account, q)
	if err != nil {
		return nil, err
	}
	t, err := tallyPolicies(tx, account)
	if err != nil {
		return nil, err
	}
	var wanted []ManagedPolicy
	for _, e := range entities {
		p := t.of(e)
		if q.wants(p) {
			wanted = append(wanted, p)
		}
	}
	return wanted, nil
}

func policyEntities(tx *store.Tx, account string, q PolicyQuery) (all []Entity, err error) {
	if !q.NoOwn {
		if all, err = listEntities(tx, account, KindPolicy, q.Prefix, "", KindPolicy.Quota()); err != nil {
			return nil, err
		}
	}
	if q.NoAWS {
		return all, nil
	}
	for _, p := range sortedAWSPolicies() {
		if strings.HasPrefix(p.Path, q.Prefix) {
			all = append(all, p.Entity)
		}
	}
	return all, nil
}

func (q PolicyQuery) wants(p ManagedPolicy) bool {
	switch {
	case q.Usage == Boundary:
		return p.Bounds > 0
	case q.Usage == Permission, q.OnlyAttached:
		return p.Attached > 0
	}
	return true
}

// tally counts how the policies of an account are used.
type tally struct {
	attached, bounds map[string]int // by ARN
	defaults         map[string]int // versions in force, by the policy's id
}

func tallyPolicies(tx *store.Tx, account string) (t tally, err error) {
	t.attached, err = numbers(tx, `
		select a.policy, count(*) from attachments a join entities e on e.id = a.entity where e.account = $1 group by a.policy`, account)
	if err != nil {
		return t, err
	}
	t.bounds, err = numbers(tx, `select boundary, count(*) from entities where account = $1 and boundary <> '' group by boundary`, account)
	if err != nil {
		return t, err
	}
	t.defaults, err = numbers(tx, `
		select v.policy, v.version from policy_versions v join entities e on e.id = v.policy where e.account = $1 and v.is_default = 1`, account)
	return t, err
}

// numbers reads a name and a number from each row.
func numbers(tx *store.Tx, query string, args ...any) (map[string]int, error) {
	all := map[string]int{}
	err := tx.Each(query, args, func(r *sql.Rows) error {
		var name string
		var n int
		err := r.Scan(&name, &n)
		all[name] = n
		return err
	})
	return all, err
}

func (t tally) of(e Entity) ManagedPolicy {
	p := ManagedPolicy{Entity: e, Default: t.defaults[e.ID], Attached: t.attached[e.ARN()], Bounds: t.bounds[e.ARN()]}
	if e.Account == awsOwner {
		p.Default = awsPolicies()[e.ARN()].version.Number
	}
	return p
}

// countUses counts the users, groups and roles of an account that have a policy, and the users and
// roles whose permissions boundary it is.
func countUses(tx *store.Tx, account, arn string) (attached, bounds int, err error) {
	err = tx.Row(`select count(*) from attachments a join entities e on e.id = a.entity where a.policy = $1 and e.account = $2`, arn, account).Scan(&attached)
	if err != nil {
		return 0, 0, err
	}
	err = tx.Row(`select count(*) from entities where account = $1 and boundary = $2`, account, arn).Scan(&bounds)
	return attached, bounds, err
}

// sortedAWSPolicies are AWS's policies by name.
func sortedAWSPolicies() []*awsPolicy {
	return slices.SortedFunc(maps.Values(awsPolicies()), func(a, b *awsPolicy) int { return strings.Compare(a.Name, b.Name) })
}

// pageOf is page for a listing that is in memory, in the order of its keys.
func pageOf[T any](list string, p Page, all []T, key func(T) string) ([]T, string, error) {
	return page(list, p, func(after string, limit int) ([]T, error) {
		from := 0
		for from < len(all) && key(all[from]) <= after {
			from++
		}
		return all[from:min(from+limit, len(all))], nil
	}, key)
}
