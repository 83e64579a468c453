package usage_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"slipway/api/awswire/wiretest"
	"slipway/api/usage"
	"slipway/cluster"
	"slipway/cluster/clustertest"
	"slipway/cluster/taskdef"
	"slipway/events"
	"slipway/store/storetest"
)

func TestDescribeTaskUsage(t *testing.T) {
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
	node.Run(id)

	got := wiretest.Call(t, config, usage.API, "DescribeTaskUsage", map[string]any{"tasks": []string{id, strings.Repeat("0", 32)}})
	var out struct {
		Sessions []struct{ SessionID, StreamURL, TokenValue string }
	}
	if err := json.Unmarshal([]byte(got.Body), &out); err != nil || got.Status != 200 || len(out.Sessions) != 1 {
		t.Fatalf("answered %d %s", got.Status, got.Body)
	}
	if s := out.Sessions[0]; !strings.HasPrefix(s.StreamURL, "ws://") || !strings.Contains(s.StreamURL, s.SessionID) || len(s.TokenValue) < 32 {
		t.Errorf("session %+v", s)
	}
	for _, c := range []struct {
		input map[string]any
		want  string
	}{
		{map[string]any{"tasks": []string{strings.Repeat("0", 32)}}, `200 {"sessions":[]}`},
		{map[string]any{"tasks": []string{}}, "InvalidParameterException"},
		{map[string]any{"tasks": []string{id}, "period": 0}, "InvalidParameterException"},
		{map[string]any{"tasks": []string{id}, "cluster": "nowhere"}, "ClusterNotFoundException"},
	} {
		got := wiretest.Call(t, config, usage.API, "DescribeTaskUsage", c.input)
		if text := fmt.Sprint(got.Status, " ", got.Body); !strings.Contains(text, c.want) {
			t.Errorf("%v is answered %d %s, want %s", c.input, got.Status, got.Body, c.want)
		}
	}
}

// What tasks use is told to who may describe them.
func TestAccess(t *testing.T) {
	wiretest.Access(t, usage.New(nil, wiretest.Region), wiretest.Sample{"cluster": "blue", "tasks": []string{strings.Repeat("0", 32), strings.Repeat("1", 32)},
		"containerInstances": []string{strings.Repeat("a", 32)}, "subject": "web", "image": "app", "prefetch": strings.Repeat("0", 32)}, wiretest.Sample{"tasks": []string{strings.Repeat("0", 32)}, "containerInstances": []string{strings.Repeat("a", 32)}, "subject": strings.Repeat("0", 32), "image": "app", "prefetch": strings.Repeat("0", 32)})
}
