package cluster_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"slipway/cluster"
	"slipway/cluster/clustertest"
	"slipway/cluster/placement"
	"slipway/nodeapi"
	"slipway/store"
)

const nodeA = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

// A machine that is drained keeps what it has and gets nothing new, until it is active again.
func TestADrainingInstanceTakesNothingNew(t *testing.T) {
	each(t, func(w world) {
		ref := w.register("web", web())
		w.join('a', 1000, 1000)
		kept := w.runs(ref, 1)[0]
		changed, missing, err := w.SetInstanceState(w.Context(), account, "default", []string{nodeA, strings.Repeat("f", 32)}, cluster.Draining)
		if err != nil || len(changed) != 1 || changed[0].Status != cluster.Draining || len(missing) != 1 {
			t.Fatalf("%+v, missing %v, %v", changed, missing, err)
		}
		started, err := w.RunTask(w.Context(), account, cluster.Run{Cluster: "default", Definition: ref, Count: 1})
		if err != nil || len(started.Tasks) != 0 || len(started.Refused) != 1 || started.Refused[0].Reason != placement.Draining {
			t.Errorf("it was given %v, refused %v, %v", started.Tasks, started.Refused, err)
		}
		wantEqual(t, "what it had is wanted", w.task(kept.ID).Desired(), nodeapi.Running)
		if _, _, err := w.SetInstanceState(w.Context(), account, "default", []string{nodeA}, cluster.Active); err != nil {
			t.Fatal(err)
		}
		w.runs(ref, 1)
		_, _, err = w.SetInstanceState(w.Context(), account, "default", []string{nodeA}, "GONE")
		wantText(t, err, cluster.ErrInvalid, `"GONE"`)
		if got, want := w.happened(nodeA), []string{"instance.connected", "instance.draining", "instance.active"}; !slices.Equal(got, want) {
			t.Errorf("events %v, want %v", got, want)
		}
	})
}

func TestAnInstanceIsDeregistered(t *testing.T) {
	each(t, func(w world) {
		ref := w.register("web", web())
		n := w.join('a', 1000, 1000)
		task := w.runs(ref, 1)[0]
		_, err := w.DeregisterInstance(w.Context(), account, "default", nodeA, false)
		wantErr(t, err, cluster.ErrInstanceInUse)
		_, err = w.DeregisterInstance(w.Context(), account, "default", strings.Repeat("f", 32), true)
		wantErr(t, err, cluster.ErrNoInstance)
		gone, err := w.DeregisterInstance(w.Context(), account, "default", nodeA, true)
		if err != nil || gone.Status != cluster.Deregistering {
			t.Fatalf("%+v, %v", gone, err)
		}
		n.Task(task.ID, true)
		n.Report(nodeapi.TaskReport{ID: task.ID, Status: nodeapi.Stopped})
		if err := w.LeaveAll(w.Context()); err != nil {
			t.Fatal(err)
		}
		wantErr(t, n.Ended(), cluster.ErrDeregistered)
		wantEqual(t, "its state", w.instance(nodeA).Status, cluster.Inactive)
		ids, _, err := w.ListInstances(w.Context(), account, "default", "", cluster.Page{})
		if err != nil || len(ids) != 0 {
			t.Errorf("listed %v, %v", ids, err)
		}
		w.comesBack()
	})
}

// comesBack: a machine that was deregistered is a member again only when it has joined anew.
func (w world) comesBack() {
	w.Helper()
	old := clustertest.Hello('a', 1000, 1000)
	wantErr(w.T, w.Session(w.Context(), old, func(nodeapi.Frame) error { return nil }), cluster.ErrDeregistered)
	anew := old
	anew.Since = time.Now().Add(time.Second)
	clustertest.Join(w.T, w.Control, anew)
	wantEqual(w.T, "its state", w.instance(nodeA).Status, cluster.Active)
}

// A machine that never comes back does not hold its tasks for ever.
func TestALostInstanceIsGivenUp(t *testing.T) {
	each(t, func(w world) {
		ref := w.register("web", web())
		n := w.join('a', 1000, 1000)
		task := w.runs(ref, 1)[0]
		n.Leave()
		if _, err := w.DeregisterInstance(w.Context(), account, "default", nodeA, true); err != nil {
			t.Fatal(err)
		}
		wantEqual(t, "a machine that left a moment ago", w.instance(nodeA).Status, cluster.Deregistering)
		w.age("instances", "changed", time.Hour)
		if err := w.LeaveAll(w.Context()); err != nil {
			t.Fatal(err)
		}
		over := w.task(task.ID)
		_, reason := over.Stop()
		wantEqual(t, "its task", over.Seen.Status, nodeapi.Stopped)
		if !strings.HasPrefix(reason, "Host deregistered") {
			t.Errorf("it is over because of %q", reason)
		}
		wantEqual(t, "its state", w.instance(nodeA).Status, cluster.Inactive)
		if left := w.instance(nodeA).Held; len(left) > 0 {
			t.Errorf("it holds %+v", left)
		}
	})
}

// age makes a time in all rows of a table earlier.
func (w world) age(table, column string, by time.Duration) {
	w.Helper()
	err := w.db.Update(w.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec(`update `+table+` set `+column+` = `+column+` - $1`, by.Microseconds())
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
}

// Another account's machine is not there for this one.
func TestInstancesAreOfOneAccount(t *testing.T) {
	each(t, func(w world) {
		hello := clustertest.Hello('a', 1000, 1000)
		hello.Account = "999999999999"
		if _, err := w.CreateCluster(w.Context(), hello.Account, "default", nil); err != nil {
			t.Fatal(err)
		}
		clustertest.Join(t, w.Control, hello)
		_, err := w.RunTask(w.Context(), account, cluster.Run{Cluster: "default", Definition: w.register("web", web()), Count: 1})
		wantErr(t, err, cluster.ErrNoInstances)
		_, err = w.DeregisterInstance(w.Context(), account, "default", nodeA, true)
		wantErr(t, err, cluster.ErrNoInstance)
		wantErr(t, w.PutAttributes(w.Context(), account, "default", []cluster.Attribute{{Node: nodeA, Name: "x"}}), cluster.ErrNoTarget)
		stolen := clustertest.Hello('a', 1000, 1000)
		wantErr(t, w.Session(w.Context(), stolen, func(nodeapi.Frame) error { return nil }), cluster.ErrNode)
	})
}

func TestAttributes(t *testing.T) {
	each(t, func(w world) {
		w.join('a', 1000, 1000)
		w.join('b', 1000, 1000)
		put := func(attributes ...cluster.Attribute) error {
			return w.PutAttributes(w.Context(), account, "default", attributes)
		}
		nodeB := strings.Repeat("b", 32)
		if err := put(cluster.Attribute{nodeA, "rack", "r1"}, cluster.Attribute{nodeB, "rack", "r2"}, cluster.Attribute{nodeA, "disk", "ssd"}); err != nil {
			t.Fatal(err)
		}
		if err := put(cluster.Attribute{nodeA, "rack", "r3"}); err != nil {
			t.Fatal(err)
		}
		wantEqual(t, "what is listed", w.attributes(cluster.AttributeFilter{}), "a disk=ssd, a ecs.cpu-architecture=x86_64, a rack=r3, b ecs.cpu-architecture=x86_64, b rack=r2")
		wantEqual(t, "racks", w.attributes(cluster.AttributeFilter{Name: "rack"}), "a rack=r3, b rack=r2")
		wantEqual(t, "one rack", w.attributes(cluster.AttributeFilter{Name: "rack", Value: "r2"}), "b rack=r2")
		wantEqual(t, "in its description", w.instance(nodeA).Attributes["rack"], "r3")
		if err := w.DeleteAttributes(w.Context(), account, "default", []cluster.Attribute{{nodeA, "rack", ""}, {nodeB, "rack", "other"}}); err != nil {
			t.Fatal(err)
		}
		wantEqual(t, "after the deletion", w.attributes(cluster.AttributeFilter{Name: "rack"}), "b rack=r2")
		w.badAttributes(put)
	})
}

func (w world) badAttributes(put func(...cluster.Attribute) error) {
	w.Helper()
	wantText(w.T, put(cluster.Attribute{nodeA, "a b", ""}), cluster.ErrInvalid, `"a b"`)
	wantText(w.T, put(cluster.Attribute{nodeA, "ecs.os-type", "x"}), cluster.ErrInvalid, "reserved")
	wantText(w.T, put(cluster.Attribute{nodeA, "x", " y"}), cluster.ErrInvalid, `" y"`)
	wantErr(w.T, put(cluster.Attribute{"nobody", "x", "y"}), cluster.ErrNoTarget)
	var many []cluster.Attribute
	for i := range 11 {
		many = append(many, cluster.Attribute{nodeA, fmt.Sprint("n", i), ""})
	}
	wantErr(w.T, put(many...), cluster.ErrTooManyAttributes)
	wantEqual(w.T, "what is left of too many", w.attributes(cluster.AttributeFilter{Name: "n0"}), "")
}

// attributes lists page by page.
func (w world) attributes(f cluster.AttributeFilter) string {
	w.Helper()
	var all []string
	page := cluster.Page{Limit: 2}
	for {
		found, next, err := w.ListAttributes(w.Context(), account, "default", f, page)
		if err != nil {
			w.Fatal(err)
		}
		for _, a := range found {
			all = append(all, fmt.Sprintf("%s %s=%s", a.Node[:1], a.Name, a.Value))
		}
		if next == "" {
			return strings.Join(all, ", ")
		}
		page.Token = next
	}
}
