package cluster_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"slipway/cluster"
	"slipway/cluster/clustertest"
	"slipway/cluster/placement"
	"slipway/nodeapi"
)

// says has a node tell how its machine is.
func (w world) says(node *clustertest.Node, m nodeapi.Machine) {
	w.Helper()
	if _, err := w.Report(w.Context(), nodeapi.Report{Node: node.ID, Machine: &m}); err != nil {
		w.Fatal(err)
	}
}

func TestTheLoadOfAMachine(t *testing.T) {
	each(t, func(w world) {
		node := w.join('a', 1024, 1024)
		session := node.Session()
		if i := w.instance(node.ID); !i.Load.At.IsZero() {
			w.Errorf("before anything was told the load is %+v", i.Load)
		}
		for _, c := range []struct {
			m           nodeapi.Machine
			cpu, memory float64
		}{
			{nodeapi.Machine{Session: session, Number: 1, Load: &nodeapi.Load{CPU: 0.25, Memory: 0.5}}, 0.25, 0.5},
			{nodeapi.Machine{Session: session, Number: 3, Load: &nodeapi.Load{CPU: 0.75, Memory: 0.5}}, 0.75, 0.5},
			{nodeapi.Machine{Session: session, Number: 2, Load: &nodeapi.Load{CPU: 0.1, Memory: 0.5}}, 0.75, 0.5}, // late
			{nodeapi.Machine{Session: "another", Number: 9, Load: &nodeapi.Load{CPU: 0.1}}, 0.75, 0.5},
			{nodeapi.Machine{Session: session, Number: 4, Load: &nodeapi.Load{CPU: 7, Memory: -1}}, 1, 0},
			{nodeapi.Machine{Session: session, Number: 5, Load: &nodeapi.Load{CPU: math.Inf(1), Memory: math.NaN()}}, 1, 0},
		} {
			w.says(node, c.m)
			if got := w.instance(node.ID).Load; got.CPU != c.cpu || got.Memory != c.memory || got.At.IsZero() {
				w.Errorf("after %+v the load is %+v", c.m, got)
			}
		}
		again := w.join('a', 1024, 1024)
		if got := w.instance(node.ID).Load; got != (cluster.Load{}) {
			w.Errorf("in a new session the load is %+v before it was told", got)
		}
		w.says(again, nodeapi.Machine{Session: again.Session(), Number: 1, Load: &nodeapi.Load{CPU: 0.125}})
		wantEqual(w.T, "the load", w.instance(node.ID).Load.CPU, 0.125)
		w.says(node, nodeapi.Machine{Session: "", Number: 9})
		w.says(&clustertest.Node{ID: strings.Repeat("f", 32)}, nodeapi.Machine{Session: session, Number: 9})
	})
}

func TestAMachineWhoseEngineIsSilentTakesNoTasks(t *testing.T) {
	each(t, func(w world) {
		node := w.join('a', 1024, 1024)
		ref := w.register("web", web())
		runs := w.runs(ref, 1)[0]
		node.Run(runs.ID)
		w.says(node, nodeapi.Machine{Session: node.Session(), Number: 1, Trouble: "containerd\nhas ended"})
		i := w.instance(node.ID)
		if i.Trouble != "containerd has ended" || i.TroubleAt.IsZero() {
			w.Errorf("the instance is %+v", i)
		}
		started, err := w.RunTask(w.Context(), account, cluster.Run{Cluster: "default", Definition: ref, Count: 1})
		if err != nil || len(started.Tasks) > 0 || len(started.Refused) != 1 || started.Refused[0].Reason != "AGENT" {
			w.Errorf("placed %+v, %v", started, err)
		}
		wantEqual(w.T, "the task that was there", w.task(runs.ID).Seen.Status, nodeapi.Running)

		w.says(node, nodeapi.Machine{Session: node.Session(), Number: 2})
		w.runs(ref, 1)
		if got := w.happened(node.ID); !slices.Equal(got, []string{"instance.connected", "instance.impaired", "instance.recovered"}) {
			w.Errorf("events %v", got)
		}
	})
}

func TestTasksGoWhereTheLoadIsLeast(t *testing.T) {
	each(t, func(w world) {
		a, b := w.join('a', 4096, 4096), w.join('b', 4096, 4096)
		w.says(a, nodeapi.Machine{Session: a.Session(), Number: 1, Load: &nodeapi.Load{CPU: 0.9, Memory: 0.1}})
		w.says(b, nodeapi.Machine{Session: b.Session(), Number: 1, Load: &nodeapi.Load{CPU: 0.1, Memory: 0.1}})
		started, err := w.RunTask(w.Context(), account, cluster.Run{
			Cluster: "default", Definition: w.register("web", web()), Count: 10, Strategies: []placement.Strategy{{Type: placement.LeastLoaded, Field: "cpu"}},
		})
		if err != nil || len(started.Tasks) != 10 {
			w.Fatalf("%+v, %v", started, err)
		}
		for _, task := range started.Tasks {
			wantEqual(w.T, "the machine", task.Node, b.ID)
		}
	})
}
