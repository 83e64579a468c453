package server

import (
	"strings"
	"testing"
	"time"

	"slipway/internal/errs"
	"slipway/nodeapi"
)

// A machine that has joined an account goes with it, also when it is heard of only after the account was closed.
func TestMachinesGoWithTheirAccount(t *testing.T) {
	s := open(t, func(c *Config) { c.Nodes = "127.0.0.1:0" })
	run(t, s)
	id, _ := tenant(t, s, "team")
	_, text, err := NewControl(s.config.Data).Invite(t.Context(), Invitation{Account: id}, time.Hour)
	must(t, err)
	token, err := nodeapi.ParseToken(text)
	must(t, err)
	node := strings.Repeat("a", 32)
	identity, err := nodeapi.Join(t.Context(), s.nodesAt(), token, node, t.TempDir())
	must(t, err)
	c := closing{s, map[string]string{}}
	must(t, s.accounts.CloseAccount(t.Context(), id))
	must(t, c.pass(t.Context())) // it is no member of anything yet
	err = identity.Client().Session(t.Context(), nodeapi.Hello{Node: node, CPU: 1, Memory: 1}, func(nodeapi.Frame) error {
		return c.pass(t.Context())
	})
	if errs.KindOf(err) != errs.Denied {
		t.Errorf("its session ends with %v, want it denied", err)
	}
	all, err := s.nodes.Nodes(t.Context())
	must(t, err)
	if len(all) != 0 {
		t.Errorf("machines that may join: %+v", all)
	}
	must(t, c.pass(t.Context()))
	if c.settled[id] == "" {
		t.Error("it is not settled")
	}
}
