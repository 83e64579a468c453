package cluster_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"slipway/cluster"
	"slipway/cluster/capacity"
	"slipway/cluster/placement"
	"slipway/cluster/taskdef"
)

// fleet is a cluster with two capacity providers: racks with the nodes a and b, desks with c. Nothing stands for d.
func (w world) fleet() {
	w.Helper()
	for _, name := range []byte("abcd") {
		w.join(name, 1000, 1000)
	}
	w.provider("racks", groupARN+"rack")
	w.provider("desks", "desk")
	if _, err := w.SetProviders(w.Context(), account, "default", []string{"racks", "desks"}, nil); err != nil {
		w.Fatal(err)
	}
	for node, group := range map[string]string{"a": "rack", "b": "rack", "c": "desk"} {
		id := strings.Repeat(node, 32)
		if node == "b" { // by its tag
			tag := cluster.Tag{Key: cluster.AttributeGroup, Value: group}
			if err := w.Tag(w.Context(), account, cluster.InstanceARN(region, account, "default", id), []cluster.Tag{tag}); err != nil {
				w.Fatal(err)
			}
			continue
		}
		if err := w.PutAttributes(w.Context(), account, "default", []cluster.Attribute{{Node: id, Name: cluster.AttributeGroup, Value: group}}); err != nil {
			w.Fatal(err)
		}
	}
}

// placedOn counts tasks by provider and node: "racks a".
func placedOn(tasks []cluster.Task) map[string]int {
	counts := map[string]int{}
	for _, t := range tasks {
		counts[t.Provider+" "+t.Node[:1]]++
	}
	return counts
}

func TestTasksAreDividedAmongProviders(t *testing.T) {
	each(t, func(w world) {
		w.fleet()
		ref := w.register("web", web())
		run := cluster.Run{Cluster: "default", Definition: ref, Count: 8, Token: "once", Strategies: []placement.Strategy{{Type: placement.Spread, Field: "instanceId"}},
			Shares: []capacity.Share{{Provider: "racks", Base: 2, Weight: 2}, {Provider: "desks", Weight: 1}}}
		started, err := w.RunTask(w.Context(), account, run)
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, "tasks by provider", fmt.Sprint(placedOn(started.Tasks)), "map[desks c:2 racks a:3 racks b:3]")
		again, err := w.RunTask(w.Context(), account, run)
		wantEqual(t, "the same request again", fmt.Sprint(placedOn(again.Tasks), err, len(again.Tasks) == len(started.Tasks)), "map[desks c:2 racks a:3 racks b:3] <nil> true")
		for i := range again.Tasks {
			wantEqual(t, "a task of the same request", again.Tasks[i].ID, started.Tasks[i].ID)
		}
		wantEqual(t, "what is kept of a task", w.task(started.Tasks[0].ID).Provider, "racks")
		other := run
		other.Count = 4
		if _, err := w.RunTask(w.Context(), account, other); !errors.Is(err, cluster.ErrTokenReused) {
			t.Errorf("the same token with another request: %v", err)
		}

		// What fits on no machine of a provider goes to no other.
		full := cluster.Run{Cluster: "default", Definition: ref, Count: 10, Shares: []capacity.Share{{Provider: "desks"}}}
		started, err = w.RunTask(w.Context(), account, full)
		wantEqual(t, "tasks on a full provider", fmt.Sprint(placedOn(started.Tasks), len(started.Refused), err), "map[desks c:8] 4 <nil>")

		// Why there are fewer is told of the whole, also where the request is made again.
		both := cluster.Run{Cluster: "default", Definition: ref, Count: 10, Token: "both", Shares: []capacity.Share{{Provider: "desks", Weight: 1}, {Provider: "racks", Weight: 1}}}
		started, err = w.RunTask(w.Context(), account, both)
		wantEqual(t, "tasks by a full provider and another", fmt.Sprint(len(started.Tasks), len(started.Refused), err), "5 4 <nil>")
		why, err := w.Why(w.Context(), account, "default", "family:web")
		wantEqual(t, "why there are fewer", fmt.Sprint(why.Wanted, why.Placed, why.Reasons, why.Since.IsZero(), err), "10 5 map[MemberOf placement constraint unsatisfied.:3 RESOURCE:CPU:1] true <nil>")
		_, err = w.RunTask(w.Context(), account, both)
		wantErr(t, err, nil)
		later, err := w.Why(w.Context(), account, "default", "family:web")
		wantEqual(t, "why, after the same request again", fmt.Sprint(later.Wanted, later.Placed, err), "10 5 <nil>")

		_, err = w.SetProviders(w.Context(), account, "default", []string{"racks"}, nil)
		wantErr(t, err, cluster.ErrProviderHasTasks)
	})
}

func TestTheProvidersOfAClusterAreUsedByThemselves(t *testing.T) {
	each(t, func(w world) {
		w.fleet()
		ref := w.register("web", web())
		if _, err := w.SetProviders(w.Context(), account, "default", []string{"racks", "desks"}, []capacity.Share{{Provider: "desks"}}); err != nil {
			t.Fatal(err)
		}
		wantEqual(t, "tasks that say nothing", fmt.Sprint(placedOn(w.runs(ref, 2))), "map[desks c:2]")
		started, err := w.RunTask(w.Context(), account, cluster.Run{Cluster: "default", Definition: ref, Count: 10, Launch: "EC2", Strategies: []placement.Strategy{{Type: placement.Spread, Field: "instanceId"}}})
		if err != nil || started.Tasks[0].Provider != "" || len(placedOn(started.Tasks)) < 4 {
			t.Errorf("by launch type: %v, %v", placedOn(started.Tasks), err)
		}
		named, err := w.StartTask(w.Context(), account, cluster.Run{Cluster: "default", Definition: ref, Nodes: []string{strings.Repeat("d", 32)}})
		wantEqual(t, "where instances are named", fmt.Sprint(placedOn(named.Tasks), err), "map[ d:1] <nil>")

		for _, c := range []struct {
			change func(*cluster.Run)
			cause  error
			text   string
		}{
			{func(r *cluster.Run) { r.Shares = []capacity.Share{{Provider: "none"}} }, cluster.ErrNotOfCluster, "none"},
			{func(r *cluster.Run) { r.Shares = []capacity.Share{{Provider: "racks", Weight: -1}} }, cluster.ErrInvalid, "-1"},
			{func(r *cluster.Run) { r.Launch, r.Shares = "EC2", []capacity.Share{{Provider: "racks"}} }, cluster.ErrInvalid, "both a launch type and capacity provider strategy"},
			{func(r *cluster.Run) { r.Strategies = make([]placement.Strategy, 6) }, cluster.ErrInvalid, "6 strategies are more than 5"},
			{func(r *cluster.Run) {
				for range 11 {
					r.Constraints = append(r.Constraints, placement.Constraint{Type: placement.DistinctInstance})
				}
			}, cluster.ErrInvalid, "11 constraints"},
			{func(r *cluster.Run) {
				r.Constraints = []placement.Constraint{{Type: placement.MemberOf, Expression: "attribute:zone =="}}
			}, cluster.ErrInvalid, "at column 18"},
			{func(r *cluster.Run) { r.Count = 11 }, cluster.ErrInvalid, "count: 11 is not between 1 and 10"},
			{func(r *cluster.Run) { r.Count = -1 }, cluster.ErrInvalid, "count: -1"},
		} {
			r := cluster.Run{Cluster: "default", Definition: ref, Count: 1}
			c.change(&r)
			_, err := w.RunTask(w.Context(), account, r)
			wantText(t, err, c.cause, c.text)
		}
		_, err = w.StartTask(w.Context(), account, cluster.Run{Cluster: "default", Definition: ref, Nodes: []string{"x"}, Strategies: []placement.Strategy{{Type: placement.Random}}})
		wantText(t, err, cluster.ErrInvalid, "nothing else says where tasks go")
	})
}

func TestMoreTasksInOneCall(t *testing.T) {
	each(t, func(w world) {
		w.join('a', 10000, 10000)
		ref := w.register("web", web())
		run := cluster.Run{Cluster: "default", Definition: ref, Count: 25, By: ann}
		_, err := w.RunTask(w.Context(), account, run)
		wantText(t, err, cluster.ErrInvalid, "count: 25 is not between 1 and 10")
		if err := w.PutSetting(w.Context(), account, cluster.Setting{Name: cluster.TasksPerCall, Value: "25", Principal: ann}); err != nil {
			t.Fatal(err)
		}
		started, err := w.RunTask(w.Context(), account, run)
		wantEqual(t, "tasks of one call", fmt.Sprint(len(started.Tasks), err), "25 <nil>")
		run.Count = 26
		_, err = w.RunTask(w.Context(), account, run)
		wantText(t, err, cluster.ErrInvalid, "count: 26 is not between 1 and 25")
		run.Count, run.By = 11, root
		_, err = w.RunTask(w.Context(), account, run)
		wantText(t, err, cluster.ErrInvalid, "between 1 and 10")

		start := cluster.Run{Cluster: "default", Definition: ref, By: ann}
		for range 12 {
			start.Nodes = append(start.Nodes, strings.Repeat("a", 32))
		}
		started, err = w.StartTask(w.Context(), account, start)
		wantEqual(t, "tasks on one machine, named twelve times", fmt.Sprint(len(started.Tasks), err), "12 <nil>")
	})
}

func TestDefinitionsSayWhereTheirTasksMayBe(t *testing.T) {
	each(t, func(w world) {
		w.fleet()
		spec := web()
		spec.Constraints = []placement.Constraint{{Type: placement.MemberOf, Expression: "attribute:slipway.group == desk"}}
		ref := w.register("web", spec)
		started, err := w.RunTask(w.Context(), account, cluster.Run{Cluster: "default", Definition: ref, Count: 3})
		wantEqual(t, "tasks", fmt.Sprint(placedOn(started.Tasks), err), "map[ c:3] <nil>")
		elsewhere, err := w.StartTask(w.Context(), account, cluster.Run{Cluster: "default", Definition: ref, Nodes: []string{strings.Repeat("a", 32)}})
		if err != nil || len(elsewhere.Tasks) != 0 || len(elsewhere.Refused) != 1 || elsewhere.Refused[0].Reason != placement.NotMember {
			t.Errorf("on a machine that does not fit: %+v, %v", elsewhere, err)
		}
		for _, c := range []struct {
			list []placement.Constraint
			text string
		}{
			{[]placement.Constraint{{Type: placement.DistinctInstance}}, `placementConstraints[0].type: "distinctInstance" is not one of memberOf`},
			{[]placement.Constraint{{Type: placement.MemberOf, Expression: "attribute:a == b"}, {Type: placement.MemberOf, Expression: "a"}}, "number 2: Invalid expression: at column 1"},
			{[]placement.Constraint{{Type: placement.MemberOf}}, "number 1"},
			{make([]placement.Constraint, 11), "11 constraints are more than 10"},
		} {
			spec.Constraints = c.list
			_, err := w.Register(w.Context(), account, "", "web", spec, nil)
			wantText(t, err, taskdef.ErrInvalid, c.text)
		}
	})
}
