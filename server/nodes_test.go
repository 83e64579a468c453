package server

import (
	"strings"
	"testing"
	"time"

	"slipway/cluster"
	"slipway/cluster/clustertest"
	"slipway/cluster/taskdef"
	"slipway/nodeapi"
)

func TestInvitationsAreForAccountsThatAreThere(t *testing.T) {
	s := open(t, func(c *Config) { c.Nodes = "127.0.0.1:0" })
	defer start(t, s)()
	closed, err := s.accounts.CreateAccount(t.Context(), "closed")
	if err == nil {
		err = s.accounts.CloseAccount(t.Context(), closed.ID)
	}
	if err != nil {
		t.Fatal(err)
	}
	control := NewControl(s.config.Data)
	for account, want := range map[string]string{
		"111111111111": "account not found: 111111111111",
		closed.ID:      "account " + closed.ID + " is closed",
		"":             "",
	} {
		made, token, err := control.Invite(t.Context(), Invitation{Account: account}, time.Hour)
		switch {
		case want == "" && (err != nil || token == "" || made.Account != s.root.Owner.Account):
			t.Errorf("the managing account: %+v, %v", made, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("account %s: %v, want %s", account, err, want)
		}
	}
	if open, err := control.Invitations(t.Context()); err != nil || len(open) != 1 {
		t.Errorf("open: %+v, %v", open, err)
	}
}

// Who takes no machines in invites none.
func TestAServerWithoutNodesInvitesNobody(t *testing.T) {
	s := open(t, func(c *Config) { c.Nodes = "" })
	defer start(t, s)()
	_, _, err := NewControl(s.config.Data).Invite(t.Context(), Invitation{}, time.Hour)
	if err == nil || !strings.Contains(err.Error(), "--nodes 0.0.0.0:4602") {
		t.Errorf("invited, with %v", err)
	}
}

// A machine that has tasks is removed only by force, and its tasks are left as they are.
func TestAMachineWithTasksIsNotRemoved(t *testing.T) {
	s := open(t, func(c *Config) { c.Nodes = "127.0.0.1:0" })
	run(t, s)
	control := NewControl(s.config.Data)
	_, text, err := control.Invite(t.Context(), Invitation{}, time.Hour)
	must(t, err)
	token, err := nodeapi.ParseToken(text)
	must(t, err)
	node := strings.Repeat("a", 32)
	_, err = nodeapi.Join(t.Context(), s.nodesAt(), token, node, t.TempDir())
	must(t, err)
	account := s.root.Owner.Account
	hello := clustertest.Hello('a', 1024, 1024)
	hello.Account = account
	machine := clustertest.Join(t, s.cluster, hello)
	spec := taskdef.Spec{Containers: []taskdef.Container{{Name: "web", Image: "example.com/web:1", Essential: true, Memory: new(100)}}}
	d, err := s.cluster.Register(t.Context(), account, "", "web", spec, nil)
	must(t, err)
	started, err := s.cluster.RunTask(t.Context(), account, cluster.Run{Cluster: "default", Definition: d.Ref, Count: 1})
	must(t, err)
	machine.Run(started.Tasks[0].ID)

	err = control.RemoveNode(t.Context(), node, false)
	if err == nil || !strings.Contains(err.Error(), "tasks are on the machine: 1") || !strings.Contains(err.Error(), "deregister-container-instance --force") {
		t.Errorf("removed, with %v", err)
	}
	must(t, control.RemoveNode(t.Context(), node, true))
	found, _, err := s.cluster.Tasks(t.Context(), account, "default", []string{started.Tasks[0].ID})
	must(t, err)
	if found[0].Wanted.Stop || found[0].Seen.Status != nodeapi.Running {
		t.Errorf("its task is %+v", found[0])
	}
}
