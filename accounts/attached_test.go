package accounts

import (
	"fmt"
	"testing"

	"slipway/store"
	"slipway/store/storetest"
)

// Nothing is decided by half of the policies: one that can not be read is an error.
func TestPoliciesThatCanNotBeRead(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := open(t, db)
		ctx := people(t, c)
		arn := makePolicy(t, c, "logs", allowLogs)
		want(t, "attach", c.AttachPolicy(ctx, us, KindUser, "ann", arn), nil, "")
		want(t, "inline", c.PutInline(ctx, us, KindGroup, "devs", InlinePolicy{"own", allowLogs}), nil, "")
		ann, err := c.Entity(ctx, us, KindUser, "ann")
		want(t, "ann", err, nil, "")
		for _, damage := range []string{
			`update policy_versions set document = '{'`,
			`delete from policy_versions`,
			`update inline_policies set document = '{'`,
			`update entities set boundary = 'arn:aws:iam::` + us + `:policy/none' where kind = 'user'`,
		} {
			err := db.Update(ctx, func(tx *store.Tx) error {
				if _, err := tx.Exec(damage); err != nil {
					return err
				}
				_, _, err := policiesOf(tx, ann.ID)
				return err
			})
			want(t, damage, err, errBroken, "")
		}
	})
}

// BenchmarkPoliciesOf reads and compiles all that applies to a user with two inline and ten managed
// policies, in three groups with one of each: what a decision costs that nobody remembers.
func BenchmarkPoliciesOf(b *testing.B) {
	c := open(b, storetest.SQLite(b))
	ctx := people(b, c)
	for i := range 2 {
		want(b, "inline", c.PutInline(ctx, us, KindUser, "ann", InlinePolicy{fmt.Sprintf("i%d", i), documentOf(900)}), nil, "")
	}
	for i := range MaxAttached {
		arn := makePolicy(b, c, fmt.Sprintf("p%d", i), documentOf(2000))
		want(b, "attach", c.AttachPolicy(ctx, us, KindUser, "ann", arn), nil, "")
	}
	for i := range 3 {
		group := fmt.Sprintf("g%d", i)
		_, err := c.CreateGroup(ctx, us, group, "/")
		want(b, "group", err, nil, "")
		want(b, "join", c.Join(ctx, us, group, "ann"), nil, "")
		want(b, "inline", c.PutInline(ctx, us, KindGroup, group, InlinePolicy{"own", documentOf(900)}), nil, "")
		want(b, "attach", c.AttachPolicy(ctx, us, KindGroup, group, adminARN), nil, "")
	}
	ann, err := c.Entity(ctx, us, KindUser, "ann")
	want(b, "ann", err, nil, "")
	for b.Loop() {
		err := c.db.View(ctx, func(tx *store.Tx) error {
			_, _, err := policiesOf(tx, ann.ID)
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSimulate decides fifty actions on one resource by the policies of a user.
func BenchmarkSimulate(b *testing.B) {
	c := open(b, storetest.SQLite(b))
	ctx := people(b, c)
	want(b, "attach", c.AttachPolicy(ctx, us, KindUser, "ann", "arn:aws:iam::aws:policy/AmazonECS_FullAccess"), nil, "")
	in := SimulationInput{Source: "arn:aws:iam::" + us + ":user/ann", Resources: []string{"arn:aws:ecs:us-east-1:" + us + ":cluster/a"}}
	for i := range 50 {
		in.Actions = append(in.Actions, fmt.Sprintf("ecs:Action%d", i))
	}
	for b.Loop() {
		if _, _, err := c.Simulate(ctx, us, in, Page{}); err != nil {
			b.Fatal(err)
		}
	}
}
