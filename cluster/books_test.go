package cluster_test

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"slipway/cluster"
	"slipway/cluster/clustertest"
	"slipway/cluster/placement"
	"slipway/cluster/taskdef"
	"slipway/nodeapi"
	"slipway/store"
	"slipway/store/storetest"
)

// books is a second account of what the nodes hold, kept by hand.
type books struct {
	world
	nodes []*clustertest.Node
	sizes []nodeapi.Hello
	tasks []*entry
	holds map[string]cluster.Hold
}

type entry struct {
	id, node string
	need     placement.Need
	stopped  bool
}

// Whatever is run, stopped, reported, held, resized and freed, in any order: what is left of a node is what it offers
// without what its tasks hold that have not stopped, and what sandboxes hold, and never below nothing; and what is known by heart of it is so.
func TestTheBooksBalance(t *testing.T) {
	checks := flag.Lookup("rapid.checks").Value
	if usual := checks.String(); usual == "100" { // a round is thirty transactions: let few do
		checks.Set("20")
		t.Cleanup(func() { checks.Set(usual) })
	}
	storetest.Each(t, func(outer *testing.T, db *store.DB) {
		w := newWorld(outer, db)
		round := 0
		rapid.Check(outer, func(t *rapid.T) {
			round++
			b := &books{world: w, holds: map[string]cluster.Hold{}}
			cluster := fmt.Sprint("books-", round)
			b.create(cluster)
			for i := range rapid.IntRange(1, 3).Draw(t, "nodes") {
				hello := clustertest.Hello(byte('a'+i), rapid.IntRange(1, 400).Draw(t, "cpu"), rapid.IntRange(1, 400).Draw(t, "memory"))
				hello.Node, hello.Cluster = fmt.Sprintf("%032x", round*10+i), cluster
				b.sizes, b.nodes = append(b.sizes, hello), append(b.nodes, b.joins(hello))
			}
			t.Repeat(map[string]func(*rapid.T){
				"run":    func(t *rapid.T) { b.run(t, cluster) },
				"stop":   func(t *rapid.T) { b.stop(t, cluster) },
				"report": b.report,
				"hold":   b.hold,
				"grow":   b.grow,
				"free":   b.free,
				"":       func(t *rapid.T) { b.balance(t, cluster) },
			})
			for _, n := range b.nodes {
				n.Leave()
			}
			if err := b.Free(b.Context(), slices.Collect(maps.Keys(b.holds))...); err != nil {
				t.Fatal(err)
			}
		})
	})
}

func (b *books) run(t *rapid.T, name string) {
	spec := web()
	c := &spec.Containers[0]
	c.CPU, c.Memory = rapid.IntRange(0, 150).Draw(t, "cpu"), new(rapid.IntRange(6, 150).Draw(t, "memory"))
	if port := rapid.IntRange(0, 3).Draw(t, "port"); port > 0 {
		c.Ports = []taskdef.Port{{Container: 80, Host: 8000 + port, Protocol: "tcp"}}
	}
	run := cluster.Run{Cluster: name, Definition: b.register("books", spec), Count: rapid.IntRange(1, 4).Draw(t, "count")}
	started, err := b.RunTask(b.Context(), account, run)
	if err != nil {
		t.Fatal(err)
	}
	if len(started.Tasks) < run.Count && len(started.Refused) != len(b.nodes) {
		t.Fatalf("%d of %d placed, and only %v refused", len(started.Tasks), run.Count, started.Refused)
	}
	for _, task := range started.Tasks {
		b.tasks = append(b.tasks, &entry{task.ID, task.Node, spec.Need(), false})
	}
}

func (b *books) stop(t *rapid.T, name string) {
	if len(b.tasks) == 0 {
		t.Skip("there is no task")
	}
	task := rapid.SampledFrom(b.tasks).Draw(t, "task")
	if _, err := b.StopTask(b.Context(), account, name, task.id, "test"); err != nil {
		t.Fatal(err)
	}
}

func (b *books) report(t *rapid.T) {
	if len(b.tasks) == 0 {
		t.Skip("there is no task")
	}
	task := rapid.SampledFrom(b.tasks).Draw(t, "task")
	status := nodeapi.Status(rapid.IntRange(int(nodeapi.Provisioning), int(nodeapi.Stopped)).Draw(t, "status"))
	if _, err := b.Report(b.Context(), nodeapi.Report{Node: task.node, Tasks: []nodeapi.TaskReport{{ID: task.id, Status: status}}}); err != nil {
		t.Fatal(err)
	}
	task.stopped = task.stopped || status == nodeapi.Stopped
}

func (b *books) hold(t *rapid.T) {
	r := cluster.HoldRequest{Account: account, CPU: rapid.IntRange(0, 150).Draw(t, "cpu"), Memory: rapid.IntRange(1, 150).Draw(t, "memory")}
	if rapid.Bool().Draw(t, "picky") {
		r.Node, r.Avoid = rapid.SampledFrom(b.nodes).Draw(t, "best").ID, []string{rapid.SampledFrom(b.nodes).Draw(t, "worst").ID}
	}
	h, err := b.Hold(b.Context(), r)
	if errors.Is(err, cluster.ErrNoRoom) || errors.Is(err, cluster.ErrNoMachine) && len(r.Avoid) > 0 && len(b.nodes) == 1 {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if slices.Contains(r.Avoid, h.Node) {
		t.Fatalf("machine %s is to be avoided and was given", h.Node)
	}
	b.holds[h.ID] = h
}

// one draws one of the holds, if there is any.
func (b *books) one(t *rapid.T) cluster.Hold {
	if len(b.holds) == 0 {
		t.Skip("nothing is held")
	}
	return b.holds[rapid.SampledFrom(slices.Sorted(maps.Keys(b.holds))).Draw(t, "hold")]
}

func (b *books) grow(t *rapid.T) {
	h := b.one(t)
	switch h, err := b.Grow(b.Context(), h.ID, rapid.IntRange(1, 300).Draw(t, "memory"), rapid.IntRange(0, 300).Draw(t, "cpu")); {
	case err == nil:
		b.holds[h.ID] = h
	case !errors.Is(err, cluster.ErrNoRoom):
		t.Fatal(err)
	}
}

func (b *books) free(t *rapid.T) {
	h := b.one(t)
	if err := b.Free(b.Context(), h.ID, "of no such name"); err != nil {
		t.Fatal(err)
	}
	delete(b.holds, h.ID)
}

func (b *books) balance(t *rapid.T, name string) {
	b.wantBooks()
	known, err := b.Nodes(b.Context(), account, name)
	if err != nil {
		t.Fatal(err)
	}
	for _, hello := range b.sizes {
		found, _, err := b.Instances(b.Context(), account, name, []string{hello.Node})
		if err != nil {
			t.Fatal(err)
		}
		left := found[0].Remaining()
		cpu, memory, ports := hello.CPU, hello.Memory, []placement.Port{{Number: 22, Protocol: "tcp"}, {Number: 22, Protocol: "udp"}}
		for _, task := range b.tasks {
			if task.node == hello.Node && !task.stopped {
				cpu, memory, ports = cpu-task.need.CPU, memory-task.need.Memory, append(ports, task.need.Ports...)
			}
		}
		at := slices.IndexFunc(known, func(n placement.Node) bool { return n.ID == hello.Node })
		if at < 0 || known[at].CPU != left.CPU || known[at].Memory != left.Memory || len(known[at].Taken) != len(left.Taken) {
			t.Fatalf("what is known by heart of node %s is %+v, and what is so %+v", hello.Node, known, left)
		}
		for _, h := range b.holds {
			if h.Node == hello.Node {
				cpu, memory = cpu-h.CPU, memory-h.Memory
			}
		}
		running, pending := found[0].Tasks(name)
		if n := known[at].Counts; n[placement.Running] != running || n[placement.Pending] != pending || n[""] != n[placement.ByGroup("family:books")] {
			t.Fatalf("node %s has %d tasks running and %d on their way, and the counts are %v", hello.Node, running, pending, n)
		}
		if left.CPU != cpu || left.Memory != memory || cpu < 0 || memory < 0 {
			t.Fatalf("node %s has cpu %d and memory %d left, want %d and %d", hello.Node, left.CPU, left.Memory, cpu, memory)
		}
		order := func(a, b placement.Port) int { return a.Number - b.Number }
		slices.SortStableFunc(left.Taken, order)
		slices.SortStableFunc(ports, order)
		if !slices.Equal(left.Taken, ports) || len(slices.Compact(ports)) != len(left.Taken) {
			t.Fatalf("node %s has the ports %v taken, want %v, each once", hello.Node, left.Taken, ports)
		}
	}
}
