package cluster_test

import (
	"fmt"
	"strings"
	"testing"

	"slipway/cluster"
	"slipway/cluster/capacity"
)

// tasksOf are the live tasks of a service by capacity provider and node.
func (w keeping) tasksOf(service string) map[string]int {
	w.Helper()
	ids, _, err := w.ListTasks(w.Context(), account, cluster.TaskFilter{Cluster: "default"}, cluster.Page{})
	wantErr(w.T, err, nil)
	found, _, err := w.Tasks(w.Context(), account, "default", ids)
	wantErr(w.T, err, nil)
	var own []cluster.Task
	for _, t := range found {
		if t.Group == "service:"+service {
			own = append(own, t)
		}
	}
	return placedOn(own)
}

// The tasks of a service come to machines by its capacity providers, as their shares say, and by those of its cluster
// where it says nothing.
func TestTasksOfServicesAreDividedAmongProviders(t *testing.T) {
	keeps(t, nil, func(w keeping) {
		for _, name := range []byte("abd") {
			w.obedient(name, 2000, 2000)
		}
		w.provider("racks", "rack")
		w.provider("desks", "desk")
		providers := []string{"racks", "desks"}
		_, err := w.SetProviders(w.Context(), account, "default", providers, []capacity.Share{{Provider: "desks"}})
		wantErr(w.T, err, nil)
		for node, group := range map[string]string{"a": "rack", "b": "desk"} {
			err := w.PutAttributes(w.Context(), account, "default", []cluster.Attribute{{Node: strings.Repeat(node, 32), Name: cluster.AttributeGroup, Value: group}})
			wantErr(w.T, err, nil)
		}
		ref := w.register("web", web())
		n := service("web", ref, 4)
		n.Providers = []capacity.Share{{Provider: "racks", Base: 1, Weight: 1}, {Provider: "desks", Weight: 2}}
		w.serve(n)
		w.steady("web", 4)
		wantEqual(w.T, "tasks by provider", fmt.Sprint(w.tasksOf("web")), "map[desks b:2 racks a:2]")
		_, err = w.UpdateService(w.Context(), account, "default", "web", cluster.ServiceUpdate{Desired: new(7)})
		wantErr(w.T, err, nil)
		w.steady("web", 7)
		wantEqual(w.T, "tasks by provider when there are more", fmt.Sprint(w.tasksOf("web")), "map[desks b:4 racks a:3]")

		w.serve(service("plain", ref, 2))
		s := w.steady("plain", 2)
		wantEqual(w.T, "the shares of one that says nothing", fmt.Sprint(s.Providers), "[{desks 0 0}]")
		wantEqual(w.T, "its tasks", fmt.Sprint(w.tasksOf("plain")), "map[desks b:2]")

		_, err = w.UpdateService(w.Context(), account, "default", "plain", cluster.ServiceUpdate{Desired: new(0)})
		wantErr(w.T, err, nil)
		w.steady("plain", 0)
		_, err = w.SetProviders(w.Context(), account, "default", []string{"racks"}, nil)
		wantErr(w.T, err, cluster.ErrProviderHasTasks)

		_, err = w.UpdateService(w.Context(), account, "default", "web", cluster.ServiceUpdate{Desired: new(100)})
		wantErr(w.T, err, nil)
		w.says("web", "was unable to place")
		why, err := w.Why(w.Context(), account, "default", "service:web")
		if err != nil || why.Placed >= why.Wanted || why.Reasons["RESOURCE:CPU"] == 0 || len(why.Remedies()) == 0 {
			w.Errorf("why it has no more: %+v, %v", why, err)
		}

		n = service("bad", ref, 1)
		n.Providers = []capacity.Share{{Provider: "none"}}
		_, err = w.CreateService(w.Context(), account, n)
		wantErr(w.T, err, cluster.ErrNotOfCluster)
		n.Providers, n.Strategy, n.Desired = []capacity.Share{{Provider: "desks"}}, cluster.Daemon, 0
		_, err = w.CreateService(w.Context(), account, n)
		wantText(w.T, err, cluster.ErrInvalid, "DAEMON")
	})
}
