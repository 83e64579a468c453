package cluster_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"slipway/cluster"
	"slipway/cluster/clustertest"
	"slipway/events"
	"slipway/nodeapi"
	"slipway/store"
	"slipway/store/storetest"
)

// BenchmarkRunTask prints RunTask calls/s: of one task, durable, over so many nodes, by so many
// callers at once. No task ends, so a longer run is over fuller nodes.
func BenchmarkRunTask(b *testing.B) {
	for _, db := range []struct {
		name string
		open func(testing.TB) *store.DB
	}{{"sqlite", storetest.SQLite}, {"postgres", storetest.Postgres}} {
		for _, nodes := range []int{1, 100, 1000} {
			for _, callers := range []int{1, 16} {
				b.Run(fmt.Sprintf("%s/nodes=%d/callers=%d", db.name, nodes, callers), func(b *testing.B) {
					benchRunTask(b, db.open(b), nodes, callers)
				})
			}
		}
	}
}

func benchRunTask(b *testing.B, db *store.DB, nodes, callers int) {
	if err := events.Migrate(b.Context(), db); err != nil {
		b.Fatal(err)
	}
	c, _, _ := clustertest.New(b, db)
	for i := range nodes {
		hello := clustertest.Hello('0', 1<<30, 1<<30)
		hello.Node = fmt.Sprintf("%032x", i)
		clustertest.Join(b, c, hello)
	}
	d, err := c.Register(b.Context(), account, "bench", "web", web(), nil)
	if err != nil {
		b.Fatal(err)
	}
	var left atomic.Int64
	left.Store(int64(b.N))
	b.ResetTimer()
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for n := left.Add(-1); n >= 0; n = left.Add(-1) {
				started, err := c.RunTask(b.Context(), account, cluster.Run{Cluster: "default", Definition: d.Ref, Count: 1, Token: fmt.Sprint(n, "-", b.N)})
				if err != nil || len(started.Tasks) != 1 {
					b.Errorf("started %v, error %v", started, err)
					return
				}
			}
		})
	}
	all.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
}

// BenchmarkReport prints how many states nodes can report in a second, one to a report.
func BenchmarkReport(b *testing.B) {
	for _, db := range []struct {
		name string
		open func(testing.TB) *store.DB
	}{{"sqlite", storetest.SQLite}, {"postgres", storetest.Postgres}} {
		b.Run(db.name, func(b *testing.B) { benchReport(b, db.open(b)) })
	}
}

func benchReport(b *testing.B, db *store.DB) {
	if err := events.Migrate(b.Context(), db); err != nil {
		b.Fatal(err)
	}
	c, _, _ := clustertest.New(b, db)
	node := clustertest.Join(b, c, clustertest.Hello('a', 1<<30, 1<<30))
	d, err := c.Register(b.Context(), account, "bench", "web", web(), nil)
	if err != nil {
		b.Fatal(err)
	}
	var ids []string
	for len(ids) < 100 {
		started, err := c.RunTask(b.Context(), account, cluster.Run{Cluster: "default", Definition: d.Ref, Count: 10})
		if err != nil {
			b.Fatal(err)
		}
		for _, t := range started.Tasks {
			ids = append(ids, t.ID)
		}
	}
	b.ResetTimer()
	for i := range b.N {
		node.Report(nodeapi.TaskReport{ID: ids[i%len(ids)], Status: nodeapi.Running, Address: fmt.Sprint("10.0.0.", i)})
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "reports/s")
}
