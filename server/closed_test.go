package server

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"slipway/accounts"
	"slipway/cluster"
	"slipway/functions"
	"slipway/logs"
	"slipway/secrets"
	"slipway/store"
)

// holdings counts what an account has in the rooms that are not the accounts'.
func (s *Server) holdings(t *testing.T, account string) int {
	t.Helper()
	clusters, _, err := s.cluster.ListClusters(t.Context(), account, cluster.Page{})
	must(t, err)
	definitions, _, err := s.cluster.ListDefinitions(t.Context(), account, cluster.DefinitionFilter{}, cluster.Page{})
	must(t, err)
	inactive, _, err := s.cluster.ListDefinitions(t.Context(), account, cluster.DefinitionFilter{Status: cluster.Inactive}, cluster.Page{})
	must(t, err)
	repositories, err := s.registry.Repositories(t.Context(), account, "", 100)
	must(t, err)
	groups, _, err := s.logs.Groups(t.Context(), account, logs.GroupQuery{})
	must(t, err)
	parameters, _, err := s.secrets.ListParameters(t.Context(), account, nil, "", 10)
	must(t, err)
	kept, _, err := s.secrets.ListSecrets(t.Context(), account, secrets.SecretQuery{Order: secrets.OrderName, Limit: 10})
	must(t, err)
	return len(clusters) + len(definitions) + len(inactive) + len(repositories) + len(groups) + len(s.hooksOf(t, account)) + len(parameters) + len(kept)
}

func (s *Server) hooksOf(t *testing.T, account string) (of []Hook) {
	t.Helper()
	all, err := s.hooks.Hooks(t.Context())
	must(t, err)
	for _, h := range all {
		if h.Account == account {
			of = append(of, h)
		}
	}
	return of
}

// waitingCall writes down a call of a function of an account that is not due for long.
func (s *Server) waitingCall(t *testing.T, account string) {
	t.Helper()
	must(t, s.db.Update(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec(`insert into functions_calls (id, account, function, qualifier, payload, size, context, trace, depth, accepted, due, holder,
			runs, failures, refusals, ended, outcome, reason, response, dead)
			values ('waits', $1, 'arn:aws:lambda:us-east-1:' || $1 || ':function:greet', '', $2, 2, '', '', 0, $3, $4, '', 0, 0, 0, 0, '', '', $5, 0)`,
			account, []byte(`{}`), store.Micros(tx.Now), store.Micros(tx.Now.Add(time.Hour)), []byte{})
		return err
	}))
}

// What a closed account has stays for as long as the account could be asked for again, and goes with it.
func TestWhatAClosedAccountHasGoesWithIt(t *testing.T) {
	s := open(t, nil)
	run(t, s)
	id, config := tenant(t, s, "team")
	_, other := tenant(t, s, "other")
	control := NewControl(s.config.Data)
	for _, config := range []aws.Config{config, other} {
		makeAll(t, config)
		_, err := ecs.NewFromConfig(config).RegisterTaskDefinition(t.Context(), &ecs.RegisterTaskDefinitionInput{
			Family:               aws.String("web"),
			ContainerDefinitions: []types.ContainerDefinition{{Name: aws.String("web"), Image: aws.String("web"), Memory: aws.Int32(16)}},
		})
		must(t, err)
	}
	_, _, err := control.AddHook(t.Context(), Hook{URL: "https://example.com/", Account: id})
	must(t, err)
	s.waitingCall(t, id)
	before := s.holdings(t, id)
	c := closing{s, map[string]string{}}
	must(t, s.accounts.CloseAccount(t.Context(), id))
	must(t, c.pass(t.Context()))
	if got := s.holdings(t, id); got != before || before < 5 {
		t.Errorf("closed, it has %d things of %d", got, before)
	}
	if h := s.hooksOf(t, id); len(h) != 1 || h[0].Stopped.IsZero() {
		t.Errorf("closed, it has the hooks %+v", h)
	}
	if dead, _, err := s.functions.DeadCalls(t.Context(), functions.Ref{Account: id}, "", 10); err != nil || len(dead) != 1 || dead[0].Condition != functions.AccountClosed {
		t.Errorf("closed, its call that waited is the dead letter %+v, %v", dead, err)
	}
	if _, _, err := control.AddHook(t.Context(), Hook{URL: "https://example.com/", Account: id}); err == nil || !strings.Contains(err.Error(), "was closed") {
		t.Errorf("a hook for a closed account: %v", err)
	}
	must(t, s.db.Update(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec(`update accounts set state = $2 where id = $1`, id, accounts.StateGone)
		return err
	}))
	must(t, c.pass(t.Context()))
	must(t, c.pass(t.Context()))
	if got := s.holdings(t, id); got != 0 {
		t.Errorf("gone, it has %d things", got)
	}
	if got := owners(t, other); len(got) != 1 {
		t.Errorf("the other account lists what is of %v", got)
	}
}

// A hook of an account ends when the account is closed, with nobody waiting for the next look around.
func TestHookStopsWhenItsAccountIsClosed(t *testing.T) {
	s := open(t, nil)
	run(t, s)
	id, _ := tenant(t, s, "team")
	_, _, err := NewControl(s.config.Data).AddHook(t.Context(), Hook{URL: "https://example.com/", Account: id})
	must(t, err)
	must(t, s.accounts.CloseAccount(t.Context(), id))
	for s.hooksOf(t, id)[0].Stopped.IsZero() {
		time.Sleep(time.Millisecond) // between two looks; the test's own deadline ends them
	}
}
