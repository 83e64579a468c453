package cluster_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"slipway/cluster"
	"slipway/cluster/clustertest"
	"slipway/store"
	"slipway/store/storetest"
)

func (w world) holds(r cluster.HoldRequest) cluster.Hold {
	w.Helper()
	r.Account = account
	h, err := w.Hold(w.Context(), r)
	if err != nil {
		w.Fatalf("hold %+v: %v", r, err)
	}
	return h
}

func (w world) refusesHold(r cluster.HoldRequest, want error) {
	w.Helper()
	r.Account = account
	h, err := w.Hold(w.Context(), r)
	if !errors.Is(err, want) {
		w.Errorf("hold %+v gave %+v and error %v, want %v", r, h, err, want)
	}
}

// Sandboxes and tasks share a machine: neither gets what the other has.
func TestSandboxesAndTasksShareAMachine(t *testing.T) {
	each(t, func(w world) {
		ref := w.register("web", web())
		node := w.join('a', 250, 250)
		h := w.holds(cluster.HoldRequest{CPU: 60, Memory: 60})
		wantEqual(w.T, "machine", h.Node, node.ID)
		wantEqual(w.T, "cpu left", w.instance(node.ID).Remaining().CPU, 190)
		wantEqual(w.T, "sandboxes", w.instance(node.ID).Sandboxes.Tasks, 1)
		started, err := w.run1(ref)
		if err != nil || len(started.Tasks) != 1 {
			w.Fatalf("started %+v, %v", started, err)
		}
		if started, err = w.run1(ref); err != nil || len(started.Refused) != 1 || started.Refused[0].Left != 90 {
			w.Errorf("where 90 are left, a task that needs 100 is answered %+v, %v", started, err)
		}
		w.refusesHold(cluster.HoldRequest{CPU: 100, Memory: 91}, cluster.ErrNoRoom)
		_, err = w.Grow(w.Context(), h.ID, 151, 60)
		wantErr(w.T, err, cluster.ErrNoRoom)
		if h, err := w.Grow(w.Context(), h.ID, 150, 1000); err != nil || h.CPU != 150 || h.Memory != 150 {
			w.Errorf("grown to %+v, %v", h, err)
		}
		wantEqual(w.T, "memory left", w.instance(node.ID).Remaining().Memory, 0)
		w.wantBooks()
		if err := w.Free(w.Context(), h.ID, h.ID, "another"); err != nil {
			w.Error(err)
		}
		_, err = w.Grow(w.Context(), h.ID, 1, 1)
		wantErr(w.T, err, cluster.ErrNoHold)
		wantEqual(w.T, "memory left", w.instance(node.ID).Remaining().Memory, 150)
		w.runs(ref, 1)
		w.wantBooks()
	})
}

// What waits for room is woken when a sandbox gives some back.
func TestASandboxThatGoesWakesWhatWaits(t *testing.T) {
	each(t, func(w world) {
		w.join('a', 250, 250)
		h := w.holds(cluster.HoldRequest{CPU: 60, Memory: 60})
		wake, stop := w.Room(account)
		defer stop()
		if err := w.Free(w.Context(), h.ID); err != nil {
			t.Fatal(err)
		}
		select {
		case <-wake:
		case <-t.Context().Done():
		}
	})
}

// A sandbox takes no greater part of a machine's cpu than of its memory, so that functions can have all of that; and where
// tasks have the cpu, it goes elsewhere.
func TestHowMuchCPUGoesWithMemory(t *testing.T) {
	each(t, func(w world) {
		a := w.join('a', 100, 1000)
		ask := cluster.HoldRequest{CPU: 60, Memory: 100, Node: a.ID}
		wantEqual(w.T, "cpu where it is scarce", w.holds(ask).CPU, 10)
		b := w.join('b', 1000, 1000)
		ask.Node = b.ID
		wantEqual(w.T, "cpu where it is not", w.holds(ask).CPU, 60)
		ask.Node = a.ID
		busy := web()
		busy.Containers[0].CPU, busy.Containers[0].Memory = 85, new(6)
		if _, err := w.StartTask(w.Context(), account, cluster.Run{Cluster: "default", Definition: w.register("busy", busy), Nodes: []string{a.ID}}); err != nil {
			w.Fatal(err)
		}
		wantEqual(w.T, "where the cpu of the best is a task's", w.holds(ask).Node, b.ID)
		ask.Avoid = []string{b.ID}
		w.refusesHold(ask, cluster.ErrNoRoom)
		w.wantBooks()
	})
}

// What sandboxes may write to /tmp is held of the disk that tasks share: what all of them may together, in whole GiB. Where it
// is not known how much there is, nothing is looked at.
func TestSandboxesHoldTheirDisk(t *testing.T) {
	each(t, func(w world) {
		known := clustertest.Hello('a', 1000, 1000)
		known.Disk = 22
		a, b := w.joins(known), w.join('b', 1000, 1000)
		ask := cluster.HoldRequest{CPU: 1, Memory: 1, Node: a.ID, Only: true}
		var held []string
		for _, ask.Disk = range []int{20 << 9, 20 << 9, 512, 512, 512} {
			held = append(held, w.holds(ask).ID)
		}
		w.refusesHold(ask, cluster.ErrNoRoom)
		ask.Only = false
		wantEqual(t, "where the best has no disk left", w.holds(ask).Node, b.ID)
		ask.Disk = 1 << 20
		wantEqual(t, "where it is not known", w.holds(ask).Node, b.ID)

		writes := web()
		writes.Containers[0].CPU = 1
		writes.Disk = 21
		run := cluster.Run{Cluster: "default", Definition: w.register("writes", writes), Nodes: []string{a.ID}}
		if started, err := w.StartTask(t.Context(), account, run); err != nil || len(started.Tasks) != 0 {
			t.Errorf("a task that writes is started beside: %+v, %v", started, err)
		}
		if err := w.Free(t.Context(), held[:3]...); err != nil {
			t.Fatal(err)
		}
		if started, err := w.StartTask(t.Context(), account, run); err != nil || len(started.Tasks) != 1 {
			t.Errorf("where as much is free again: %+v, %v", started, err)
		}
		again, _, _ := clustertest.New(t, w.db) // it reads the books from the store
		ask = cluster.HoldRequest{Account: account, CPU: 1, Memory: 1, Disk: 1, Node: a.ID, Only: true}
		_, err := again.Hold(t.Context(), ask)
		wantErr(t, err, cluster.ErrNoRoom)
		found, err := again.Holds(t.Context())
		if err != nil || len(found) != 4 || found[0].Disk != 512 {
			t.Errorf("found %+v, %v", found, err)
		}
		w.wantBooks()
	})
}

func TestWhereASandboxGoes(t *testing.T) {
	each(t, func(w world) {
		w.refusesHold(cluster.HoldRequest{CPU: 1, Memory: 1}, cluster.ErrNoMachine)
		w.create("other")
		a, b, c := w.join('a', 1000, 1000), w.joins(clusterHello('b', "other")), w.join('c', 1000, 1000)
		small := cluster.HoldRequest{CPU: 10, Memory: 10}
		on := map[string]int{}
		for range 6 {
			on[w.holds(small).Node]++
		}
		wantEqual(w.T, "sandboxes of three machines, of any cluster", fmt.Sprint(on[a.ID], on[b.ID], on[c.ID]), "2 2 2")

		best := small
		best.Node = b.ID
		wantEqual(w.T, "where it is best", w.holds(best).Node, b.ID)
		best.Memory, best.Node = 985, a.ID
		h := w.holds(best)
		wantEqual(w.T, "where what is best is full", h.Node, b.ID)
		if err := w.Free(w.Context(), h.ID); err != nil {
			w.Fatal(err)
		}
		only := cluster.HoldRequest{CPU: 10, Memory: 1000, Node: b.ID, Only: true}
		w.refusesHold(only, cluster.ErrNoRoom)
		only.Memory, only.Node = 10, c.ID
		wantEqual(w.T, "where no other machine will do", w.holds(only).Node, c.ID)
		only.Node = strings.Repeat("0", 32)
		w.refusesHold(only, cluster.ErrNoMachine)
		avoid := small
		avoid.Avoid = []string{a.ID, b.ID}
		wantEqual(w.T, "where two are avoided", w.holds(avoid).Node, c.ID)

		off := []cluster.Attribute{{Node: c.ID, Name: cluster.AttributeFunctions, Value: "false"}}
		if err := w.PutAttributes(w.Context(), account, "default", off); err != nil {
			t.Fatal(err)
		}
		w.refusesHold(avoid, cluster.ErrNoMachine)
		if _, _, err := w.SetInstanceState(w.Context(), account, "default", []string{a.ID}, cluster.Draining); err != nil {
			t.Fatal(err)
		}
		wantEqual(w.T, "where one is drained and one takes none", w.holds(small).Node, b.ID)
		b.Leave()
		w.refusesHold(small, cluster.ErrNoMachine)
		_, err := w.Hold(w.Context(), cluster.HoldRequest{Account: "999999999999", CPU: 1, Memory: 1})
		wantErr(w.T, err, cluster.ErrNoMachine)
		w.wantBooks()
	})
}

// A machine that is no member any more holds nothing.
func TestADeregisteredMachineLosesItsHolds(t *testing.T) {
	each(t, func(w world) {
		node := w.join('a', 1000, 1000)
		h := w.holds(cluster.HoldRequest{CPU: 10, Memory: 10})
		if _, err := w.DeregisterInstance(w.Context(), account, "default", node.ID, false); err != nil {
			t.Fatal(err)
		}
		wantEqual(t, "its state", w.instance(node.ID).Status, cluster.Inactive)
		wantEqual(t, "what is left of it", w.instance(node.ID).Remaining().CPU, 1000)
		_, err := w.Grow(w.Context(), h.ID, 1, 1)
		wantErr(t, err, cluster.ErrNoHold)
		w.wantBooks()
		w.comesBack()
		wantEqual(t, "machine", w.holds(cluster.HoldRequest{CPU: 1000, Memory: 1000}).Node, node.ID)
	})
}

// A server that was started anew finds what it held before.
func TestAServerFindsWhatItHeld(t *testing.T) {
	each(t, func(w world) {
		w.join('a', 1000, 1000)
		held := w.holds(cluster.HoldRequest{CPU: 10, Memory: 20})
		again, _, _ := clustertest.New(t, w.db)
		found, err := again.Holds(t.Context())
		if err != nil || len(found) != 1 || found[0].ID != held.ID || found[0].Memory != 20 || found[0].Account != account {
			t.Fatalf("found %+v, %v", found, err)
		}
		if err := again.Free(t.Context(), found[0].ID); err != nil {
			t.Fatal(err)
		}
		wantEqual(t, "cpu left", w.instance(nodeA).Remaining().CPU, 1000)
		wantEqual(t, "machine", w.holds(cluster.HoldRequest{CPU: 1000, Memory: 1000}).Node, nodeA)
	})
}

// What a server held that never comes back is given back by another one, and not before it is known to be gone.
func TestWhatALostServerHeldIsGivenBack(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		w.join('a', 1000, 1000)
		other := clustertest.NewWithConfig(t, db, func(c *cluster.Config) { c.Server = "another" })
		if _, err := other.Hold(t.Context(), cluster.HoldRequest{Account: account, CPU: 10, Memory: 10}); err != nil {
			t.Fatal(err)
		}
		w.holds(cluster.HoldRequest{CPU: 20, Memory: 20})
		keep := func() {
			t.Helper()
			if err := w.KeepHolds(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		keep()
		wantEqual(t, "cpu left", w.instance(nodeA).Remaining().CPU, 970)
		w.age("hold_servers", "until", time.Hour)
		if err := other.KeepHolds(t.Context()); err != nil { // it is there, and the first is not
			t.Fatal(err)
		}
		wantEqual(t, "cpu left", w.instance(nodeA).Remaining().CPU, 990)
		w.age("hold_servers", "until", time.Hour)
		keep()
		wantEqual(t, "cpu left", w.instance(nodeA).Remaining().CPU, 1000)
		w.wantBooks()
	})
}

// Two servers that hold and place at once never give more than there is.
func TestHoldsOfTwoServersAreWithinTheMachine(t *testing.T) {
	first, second := servers(t)
	ref := first.register("web", web())
	first.join('a', 1000, 1000)
	both := []world{first, second}
	var held, placed atomic.Int64
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			if i%4 == 0 {
				started, err := both[i/4%2].run1(ref)
				placed.Add(int64(len(started.Tasks)))
				if err != nil {
					t.Error(err)
				}
				return
			}
			_, err := both[i%2].Hold(t.Context(), cluster.HoldRequest{Account: account, CPU: 100, Memory: 100})
			switch {
			case err == nil:
				held.Add(1)
			case !errors.Is(err, cluster.ErrNoRoom):
				t.Error(err)
			}
		})
	}
	all.Wait()
	wantEqual(t, "sandboxes and tasks", held.Load()+placed.Load(), 10)
	first.wantBooks()
	wantEqual(t, "cpu left", first.instance(nodeA).Remaining().CPU, 0)
}

// Whoever uses a machine beside its session finds out whose it is, and when it is a member no more.
func TestWhoseAMachineIs(t *testing.T) {
	each(t, func(w world) {
		_, err := w.NodeAccount(w.Context(), nodeA)
		wantErr(t, err, cluster.ErrNoInstance)
		node := w.join('a', 1000, 1000)
		whose, err := w.NodeAccount(w.Context(), nodeA)
		if err != nil || whose != account {
			t.Errorf("it is of %q, %v", whose, err)
		}
		left, states := make(chan error), make(chan string, 100)
		go func() { left <- w.FollowNode(w.Context(), nodeA, func(status string) { states <- status }) }()
		wantEqual(t, "its state", <-states, cluster.Active)
		if _, err := w.DeregisterInstance(w.Context(), account, "default", node.ID, false); err != nil {
			t.Fatal(err)
		}
		wantErr(t, <-left, cluster.ErrNoInstance)
		_, err = w.NodeAccount(w.Context(), nodeA)
		wantErr(t, err, cluster.ErrNoInstance)
	})
}
