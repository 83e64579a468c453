package server

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"slipway/accounts"
	"slipway/cluster"
	"slipway/logs"
	"slipway/store"
)

// holdings counts what an account has in the rooms that are not the accounts'.
func (s *Server) holdings(t *testing.T, account string) int {
	t.Helper()
	clusters, _, err := s.cluster.ListClusters(t.Context(), account, cluster.Page{})
	must(t, err)
	definitions, _, err := s.cluster.ListDefinitions(t.Context(), account, cluster.DefinitionFilter{}, cluster.Page{})
	must(t, err)
	repositories, err := s.registry.Repositories(t.Context(), account, "", 100)
	must(t, err)
	groups, _, err := s.logs.Groups(t.Context(), account, logs.GroupQuery{})
	must(t, err)
	return len(clusters) + len(definitions) + len(repositories) + len(groups)
}

// What a closed account has stays for as long as the account could be asked for again, and goes with it.
func TestWhatAClosedAccountHasGoesWithIt(t *testing.T) {
	s := open(t, nil)
	run(t, s)
	id, config := tenant(t, s, "team")
	_, other := tenant(t, s, "other")
	for _, config := range []aws.Config{config, other} {
		makeAll(t, config)
		_, err := ecs.NewFromConfig(config).RegisterTaskDefinition(t.Context(), &ecs.RegisterTaskDefinitionInput{
			Family:               aws.String("web"),
			ContainerDefinitions: []types.ContainerDefinition{{Name: aws.String("web"), Image: aws.String("web"), Memory: aws.Int32(16)}},
		})
		must(t, err)
	}
	before := s.holdings(t, id)
	c := closing{s, map[string]string{}}
	must(t, s.accounts.CloseAccount(t.Context(), id))
	must(t, c.pass(t.Context()))
	if got := s.holdings(t, id); got != before || before < 4 {
		t.Errorf("closed, it has %d things of %d", got, before)
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
