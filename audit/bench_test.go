package audit

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"slipway/store"
	"slipway/store/storetest"
)

func benchEach(b *testing.B, bench func(b *testing.B, c *Control)) {
	for name, db := range map[string]func(testing.TB) *store.DB{"sqlite": storetest.SQLite, "postgres": storetest.Postgres} {
		b.Run(name, func(b *testing.B) { bench(b, open(b, db(b), b.TempDir())) })
	}
}

// BenchmarkRecord is what a call waits for, while the room moves what was recorded.
func BenchmarkRecord(b *testing.B) {
	e := runTask("0f8fad5b-d9cb-469f-a165-70867728950e")
	denied := e
	denied.ErrorCode = "AccessDeniedException"
	denied.ErrorMessage = "User: arn:aws:iam::123456789012:user/ops/ann is not authorized to perform: ecs:RunTask on resource: arn:aws:ecs:us-east-1:123456789012:task-definition/web:1 because no identity-based policy allows the ecs:RunTask action"
	benchEach(b, func(b *testing.B, c *Control) {
		ctx, stop := context.WithCancel(b.Context())
		var running sync.WaitGroup
		running.Go(func() { c.Run(ctx) })
		defer running.Wait()
		defer stop()
		run := func(name string, e Entry) {
			b.Run(name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := c.Record(e); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		run("done", e)
		run("denied", denied)
		b.Run("many at once", func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := c.Record(e); err != nil {
						b.Error(err)
					}
				}
			})
		})
	})
}

// BenchmarkReady is what a call that changes something asks before.
func BenchmarkReady(b *testing.B) {
	c := open(b, storetest.SQLite(b), b.TempDir())
	for b.Loop() {
		if err := c.Ready(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkMove is how fast records come into the database.
func BenchmarkMove(b *testing.B) {
	const calls = 10_000
	benchEach(b, func(b *testing.B, c *Control) {
		for b.Loop() {
			b.StopTimer()
			for i := range calls {
				note(b, c, load(i))
			}
			b.StartTimer()
			must(b, c.move(b.Context()))
		}
		b.ReportMetric(float64(calls*b.N)/b.Elapsed().Seconds(), "records/s")
	})
}

// load is a mix of calls by a hundred users on a thousand tasks.
func load(i int) Entry {
	e := runTask(fmt.Sprintf("%08x-d9cb-469f-a165-%012x", i*2654435761, i*40503))
	e.Principal.ARN += strconv.Itoa(i % 100)
	e.Principal.UserID += strconv.Itoa(i % 100)
	e.Operation = []string{"RunTask", "DescribeTasks", "ListTasks", "StopTask", "DescribeTasks"}[i%5]
	e.ReadOnly = ReadOnly(e.Operation)
	e.Resources = []Resource{{ARN: "arn:aws:ecs:us-east-1:123456789012:cluster/web"}, {ARN: fmt.Sprintf("arn:aws:ecs:us-east-1:123456789012:task/web/%032x", i*7919%1000)}}
	if i == 77 {
		e.Operation = "DeleteCluster"
	}
	return e
}

// BenchmarkLookup is one page of a hundred thousand events.
func BenchmarkLookup(b *testing.B) {
	const calls = 100_000
	benchEach(b, func(b *testing.B, c *Control) {
		start := time.Now()
		for i := range calls {
			note(b, c, load(i))
		}
		must(b, c.move(b.Context()))
		var rows, size int64
		must(b, c.db.View(b.Context(), func(tx *store.Tx) error {
			return tx.Row(`select count(*), sum(length(data) + length(terms) + length(hash)) from audit_chunks`).Scan(&rows, &size)
		}))
		end := time.Now()
		for _, q := range []struct {
			name string
			Query
		}{
			{"latest", Query{}},
			{"middle", Query{Until: start.Add(end.Sub(start) / 2)}},
			{"common", Query{By: ByOperation, Value: "RunTask"}},
			{"user", Query{By: ByPrincipal, Value: "ann42"}},
			{"task", Query{By: ByResource, Value: fmt.Sprintf("web/%032x", 500)}},
			{"rare", Query{By: ByOperation, Value: "DeleteCluster"}},
			{"none", Query{By: ByAccessKey, Value: "AKIAZZZZZZZZZZZZZZZZ"}},
		} {
			b.Run(q.name, func(b *testing.B) {
				for b.Loop() {
					found, _, err := c.Lookup(b.Context(), us, q.Query)
					must(b, err)
					if len(found) == 0 != (q.name == "none") {
						b.Fatalf("%d found", len(found))
					}
				}
				b.ReportMetric(float64(size)/calls, "bytes/record")
			})
		}
		b.Run("verify", func(b *testing.B) {
			for b.Loop() {
				if seen := verify(b, c, us); seen.Records != calls {
					b.Fatalf("%+v", seen)
				}
			}
		})
	})
}
