package cluster_test

import (
	"testing"

	"slipway/cluster"
	"slipway/cluster/clustertest"
	"slipway/cluster/placement"
)

// Tasks whose disk use is bound find no more machines than have the room, and give it back.
func TestDiskIsHeldOfAMachine(t *testing.T) {
	each(t, func(w world) {
		hello := clustertest.Hello('a', 4096, 4096)
		hello.Disk = 50
		node := w.joins(hello)
		spec := web()
		spec.Disk = 21
		ref := w.register("web", spec)
		tasks := w.runs(ref, 2)
		again := cluster.Run{Cluster: "default", Definition: ref, Count: 1}
		refused := func() {
			w.Helper()
			got, err := w.RunTask(w.Context(), account, again)
			if err != nil || len(got.Tasks) > 0 || len(got.Refused) != 1 || got.Refused[0].Reason != placement.NoDisk {
				w.Errorf("a third task: %+v, %v", got, err)
			}
		}
		refused()
		other, _, _ := clustertest.New(w.T, w.db) // another server, which has to read it
		if got, err := other.RunTask(w.Context(), account, again); err != nil || len(got.Tasks) > 0 || got.Refused[0].Reason != placement.NoDisk {
			w.Errorf("by another server: %+v, %v", got, err)
		}
		node.Run(tasks[0].ID)
		node.Exit(tasks[0].ID, 0)
		w.runs(ref, 1)
		refused()
		w.runs(w.register("free", web()), 1) // one without a limit holds none
	})
}
