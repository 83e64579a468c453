package server

import (
	"errors"
	"testing"

	"slipway/cluster"
)

// What is another account's target group looks as one that is nobody's.
func TestTargetGroupsAreThereForTheirAccount(t *testing.T) {
	s := open(t, nil)
	account := s.root.Owner.Account
	group, _ := balanced(t, s, account)
	b := balancer{s}
	for _, c := range []struct {
		account, group string
		want           bool
	}{
		{account, group, true},
		{account, group + "0", false},
		{account, "web", false},
		{"210987654321", group, false},
	} {
		if got, err := b.Has(t.Context(), c.account, c.group); err != nil || got != c.want {
			t.Errorf("account %s has %s: %t, error %v, want %t", c.account, c.group, got, err, c.want)
		}
		err := b.Attach(t.Context(), c.account, c.group, cluster.Target{ID: "t", Host: "192.0.2.1", Port: 80})
		if errors.Is(err, cluster.ErrNoTargetGroup) == c.want {
			t.Errorf("account %s gives %s a target: error %v", c.account, c.group, err)
		}
	}
}
