package usage_test

import (
	"fmt"
	"strings"
	"testing"

	"slipway/api/awswire/wiretest"
	"slipway/api/usage"
	"slipway/cluster"
	"slipway/cluster/clustertest"
	"slipway/cluster/taskdef"
	"slipway/events"
	"slipway/nodeapi"
	"slipway/store/storetest"
)

func TestImagesAreFetchedAheadOnRequest(t *testing.T) {
	db := storetest.SQLite(t)
	if err := events.Migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	control, _, _ := clustertest.New(t, db)
	config := wiretest.Start(t, usage.New(control, wiretest.Region))
	clustertest.Join(t, control, clustertest.Hello('a', 1000, 1000))
	id := ""
	for _, c := range []struct {
		call  string
		input map[string]any
		want  string
	}{
		{"DescribePrefetches", map[string]any{}, `200 {"prefetches":[]}`},
		{"PrefetchImage", map[string]any{"image": "example.com/big:1", "keepSeconds": 3600}, `"state":"PENDING"`},
		{"PrefetchImage", map[string]any{"image": "example.com/big:1"}, strings.Repeat("a", 32)},
		{"DescribePrefetches", map[string]any{"cluster": "default"}, `"image":"example.com/big:1"`},
		{"PrefetchImage", map[string]any{"image": "example.com/big:1", "constraints": []string{"rack = r1"}}, "InvalidParameterException"},
		{"PrefetchImage", map[string]any{"image": "example.com/big:1", "keepSeconds": 0}, "InvalidParameterException"},
		{"PrefetchImage", map[string]any{"image": "example.com/big:1", "cluster": "nowhere"}, "ClusterNotFoundException"},
		{"DeletePrefetch", map[string]any{"prefetch": strings.Repeat("0", 32)}, "InvalidParameterException"},
	} {
		got := wiretest.Call(t, config, usage.API, c.call, c.input)
		if text := fmt.Sprint(got.Status, " ", got.Body); !strings.Contains(text, c.want) {
			t.Errorf("%s %v is answered %s, want %s", c.call, c.input, text, c.want)
		}
		if _, rest, ok := strings.Cut(got.Body, `"id":"`); ok {
			id = rest[:32]
		}
	}
	if got := wiretest.Call(t, config, usage.API, "DeletePrefetch", map[string]any{"prefetch": id}); got.Status != 200 {
		t.Errorf("deleting it is answered %s", got.Body)
	}
	if got := wiretest.Call(t, config, usage.API, "DescribePrefetches", map[string]any{}); got.Body != `{"prefetches":[]}` {
		t.Errorf("then there are %s", got.Body)
	}
}

func TestDescribePulls(t *testing.T) {
	db := storetest.SQLite(t)
	if err := events.Migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	control, _, _ := clustertest.New(t, db)
	config := wiretest.Start(t, usage.New(control, wiretest.Region))
	node := clustertest.Join(t, control, clustertest.Hello('a', 1000, 1000))
	spec := taskdef.Spec{Containers: []taskdef.Container{{Name: "web", Image: "example.com/web:1", Essential: true, Memory: new(100)}}}
	d, err := control.Register(t.Context(), wiretest.Account, "", "web", spec, nil)
	if err != nil {
		t.Fatal(err)
	}
	started, err := control.RunTask(t.Context(), wiretest.Account, cluster.Run{Cluster: "default", Definition: d.Ref, Count: 1})
	if err != nil {
		t.Fatal(err)
	}
	id := started.Tasks[0].ID
	asks := func() string {
		return wiretest.Call(t, config, usage.API, "DescribePulls", map[string]any{"tasks": []string{id, strings.Repeat("0", 32)}}).Body
	}
	if got := asks(); got != `{"pulls":[]}` {
		t.Errorf("before anything is known: %s", got)
	}
	for _, pulled := range []int64{10, 70} {
		node.Report(nodeapi.TaskReport{ID: id, Status: nodeapi.Pending, Containers: []nodeapi.ContainerReport{{Name: "web", Status: nodeapi.Pending, Pulled: pulled, PullSize: 100}}})
		if got := asks(); !strings.Contains(got, fmt.Sprintf(`"pulledBytes":%d,"sizeBytes":100`, pulled)) {
			t.Errorf("with %d of 100 bytes: %s", pulled, got)
		}
	}
	node.Run(id)
	if got := asks(); got != `{"pulls":[]}` {
		t.Errorf("once it runs: %s", got)
	}
}
