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
	"slipway/cluster/placement"
	"slipway/cluster/taskdef"
	"slipway/events"
	"slipway/nodeapi"
	"slipway/store/storetest"
)

// Two machines are too small for a task: why is told by its family, its group and by what runs of it, with what would help.
func TestDescribePlacement(t *testing.T) {
	db := storetest.SQLite(t)
	if err := events.Migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	control, _, _ := clustertest.New(t, db)
	config := wiretest.Start(t, usage.New(control, wiretest.Region))
	clustertest.Join(t, control, clustertest.Hello('a', 1000, 1000))
	clustertest.Join(t, control, clustertest.Hello('b', 600, 1000))
	spec := taskdef.Spec{Containers: []taskdef.Container{{Name: "web", Image: "example.com/web:1", Essential: true, CPU: 700, Memory: new(100)}}}
	spec.Constraints = []placement.Constraint{{Type: placement.MemberOf, Expression: "agentConnected == true"}}
	d, err := control.Register(t.Context(), wiretest.Account, "", "web", spec, nil)
	if err != nil {
		t.Fatal(err)
	}
	run := cluster.Run{Cluster: "default", Definition: d.Ref, Count: 2, Strategies: []placement.Strategy{{Type: placement.Binpack, Field: "cpu"}}}
	started, err := control.RunTask(t.Context(), wiretest.Account, run)
	if err != nil || len(started.Tasks) != 1 {
		t.Fatalf("started %v, error %v", started, err)
	}
	id := started.Tasks[0].ID

	ask := func(subject string) (status int, out struct {
		Group string
		Task  struct {
			ContainerInstanceArn string
			PlacementConstraints []struct{ Type, Value string }
			PlacementStrategy    []struct{ Type, Value string }
		}
		Refusal struct {
			Wanted, Placed int
			Reasons        []struct {
				Reason             string
				ContainerInstances int
			}
			ContainerInstances []struct{ ContainerInstanceArn, Reason, Detail string }
			Remedies           []string
			PlacedSince        float64
		}
	}) {
		t.Helper()
		got := wiretest.Call(t, config, usage.API, "DescribePlacement", map[string]any{"subject": subject})
		if err := json.Unmarshal([]byte(got.Body), &out); err != nil {
			t.Fatal(err)
		}
		return got.Status, out
	}
	for _, subject := range []string{"web", "family:web", id} {
		_, out := ask(subject)
		if out.Group != "family:web" || out.Refusal.Wanted != 2 || out.Refusal.Placed != 1 || len(out.Refusal.ContainerInstances) != 2 {
			t.Fatalf("%s: %+v", subject, out)
		}
		if text := fmt.Sprint(out.Refusal.Reasons); text != "[{RESOURCE:CPU 2}]" {
			t.Errorf("%s: reasons %s", subject, text)
		}
		if text := strings.Join(out.Refusal.Remedies, " "); !strings.Contains(text, "100 CPU units more have to be free on b") || !strings.Contains(text, "no more than 600") {
			t.Errorf("%s: remedies %s", subject, text)
		}
	}
	_, out := ask(id)
	if text := fmt.Sprint(out.Task.PlacementConstraints, out.Task.PlacementStrategy); text != "[{memberOf agentConnected == true}] [{binpack cpu}]" {
		t.Errorf("placed by %s", text)
	}
	if !strings.HasSuffix(out.Task.ContainerInstanceArn, "/"+strings.Repeat("a", 32)) {
		t.Errorf("placed on %s", out.Task.ContainerInstanceArn)
	}

	if out.Refusal.PlacedSince != 0 {
		t.Errorf("it is placed since %f", out.Refusal.PlacedSince)
	}
	clustertest.Join(t, control, clustertest.Hello('c', 1000, 1000))
	run.Count = 1
	if started, err = control.RunTask(t.Context(), wiretest.Account, run); err != nil || len(started.Tasks) != 1 {
		t.Fatalf("started %v, error %v", started, err)
	}
	if _, out := ask("web"); out.Refusal.PlacedSince == 0 || len(out.Refusal.Remedies) > 0 || out.Refusal.Wanted != 2 {
		t.Errorf("once it is placed: %+v", out.Refusal)
	}

	for _, c := range []struct {
		input map[string]any
		want  string
	}{
		{map[string]any{"subject": "none"}, "ResourceNotFoundException"},
		{map[string]any{"subject": strings.Repeat("0", 32)}, "task was not found"},
		{map[string]any{"subject": strings.Repeat("x", 300)}, "ResourceNotFoundException"},
		{map[string]any{"subject": "a\x00b"}, "ResourceNotFoundException"},
		{map[string]any{"subject": "web", "cluster": "nowhere"}, "ClusterNotFoundException"},
		{map[string]any{}, "InvalidParameterException"},
	} {
		if got := wiretest.Call(t, config, usage.API, "DescribePlacement", c.input); got.Status != 400 || !strings.Contains(got.Body, c.want) {
			t.Errorf("%v is answered %d %s, want %s", c.input, got.Status, got.Body, c.want)
		}
	}
}

func TestDescribeMachineUsage(t *testing.T) {
	db := storetest.SQLite(t)
	if err := events.Migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	control, _, _ := clustertest.New(t, db)
	config := wiretest.Start(t, usage.New(control, wiretest.Region))
	node := clustertest.Join(t, control, clustertest.Hello('a', 1000, 1000))
	clustertest.Join(t, control, clustertest.Hello('b', 1000, 1000)) // it has measured nothing
	both := map[string]any{"containerInstances": []string{node.ID, strings.Repeat("b", 32), strings.Repeat("c", 32)}}
	if got := wiretest.Call(t, config, usage.API, "DescribeMachineUsage", both); got.Body != `{"machines":[]}` {
		t.Errorf("nothing is measured, and answered %d %s", got.Status, got.Body)
	}
	told := &nodeapi.Machine{Session: node.Session(), Number: 1, Load: &nodeapi.Load{CPU: 0.25, Memory: 0.5}}
	if _, err := control.Report(t.Context(), nodeapi.Report{Node: node.ID, Machine: told}); err != nil {
		t.Fatal(err)
	}
	got := wiretest.Call(t, config, usage.API, "DescribeMachineUsage", both)
	if !strings.Contains(got.Body, `"cpu":0.25`) || !strings.Contains(got.Body, `"memory":0.5`) || strings.Count(got.Body, "containerInstance") != 1 {
		t.Errorf("answered %d %s", got.Status, got.Body)
	}
	for _, c := range []struct {
		input map[string]any
		want  string
	}{
		{map[string]any{"containerInstances": []string{}}, "InvalidParameterException"},
		{map[string]any{"containerInstances": make([]string, 101)}, "101 are not between 1 and 100"},
		{map[string]any{"containerInstances": []string{node.ID}, "cluster": "nowhere"}, "ClusterNotFoundException"},
	} {
		if got := wiretest.Call(t, config, usage.API, "DescribeMachineUsage", c.input); !strings.Contains(got.Body, c.want) {
			t.Errorf("%v is answered %d %s, want %s", c.input, got.Status, got.Body, c.want)
		}
	}
}
