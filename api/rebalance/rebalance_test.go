package rebalance_test

import (
	"fmt"
	"strings"
	"testing"

	"slipway/api/awswire/wiretest"
	"slipway/api/rebalance"
	"slipway/cluster"
	"slipway/cluster/clustertest"
	"slipway/cluster/taskdef"
	"slipway/events"
	"slipway/store/storetest"
)

func TestRebalanceServices(t *testing.T) {
	db := storetest.SQLite(t)
	if err := events.Migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	control, _, _ := clustertest.New(t, db)
	config := wiretest.Start(t, rebalance.New(control, wiretest.Region))
	spec := taskdef.Spec{Containers: []taskdef.Container{{Name: "web", Image: "example.com/web:1", Essential: true, Memory: new(100)}}}
	d, err := control.Register(t.Context(), wiretest.Account, "", "web", spec, nil)
	if err != nil {
		t.Fatal(err)
	}
	n := cluster.NewService{Cluster: "default", Name: "web", ServiceSpec: cluster.ServiceSpec{Revision: cluster.Revision{Definition: d.Ref}, Desired: 1, MinPercent: 100, MaxPercent: 200}}
	if _, err := control.CreateService(t.Context(), wiretest.Account, n); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		input map[string]any
		want  string
	}{
		{map[string]any{}, `200 {"moves":[]}`},
		{map[string]any{"service": "web", "dryRun": true}, `200 {"moves":[]}`},
		{map[string]any{"service": "none"}, "ServiceNotFoundException"},
		{map[string]any{"cluster": "nowhere"}, "ClusterNotFoundException"},
	} {
		got := wiretest.Call(t, config, rebalance.API, "RebalanceServices", c.input)
		if text := fmt.Sprint(got.Status, " ", got.Body); !strings.Contains(text, c.want) {
			t.Errorf("%v is answered %s, want %s", c.input, text, c.want)
		}
	}
	if _, err := control.DeleteService(t.Context(), wiretest.Account, "default", "web", true); err != nil {
		t.Fatal(err)
	}
	if got := wiretest.Call(t, config, rebalance.API, "RebalanceServices", map[string]any{"service": "web"}); !strings.Contains(got.Body, "ServiceNotActiveException") {
		t.Errorf("a service that is going is answered %d %s", got.Status, got.Body)
	}
}

// Who moves tasks could as well have them deployed anew; who looks what would move could look where they are.
func TestAccess(t *testing.T) {
	wiretest.Access(t, rebalance.New(nil, wiretest.Region), wiretest.Sample{"cluster": "blue", "service": "web"}, wiretest.Sample{"dryRun": true})
}
