package sim

import (
	"database/sql"
	"testing"
	"time"

	"slipway/cluster"
	"slipway/cluster/taskdef"
	"slipway/store"
)

// BenchmarkRunTask is how long a RunTask takes, by the clock on the wall, while a thousand machines are
// connected and run what comes of it. All of them share this machine's processors with the control plane.
func BenchmarkRunTask(b *testing.B) {
	w := newWorld(b, memory(b), 1)
	if err := w.populate(1000); err != nil {
		b.Fatal(err)
	}
	defer w.close()
	s, err := w.plane.enter()
	if err != nil {
		b.Fatal(err)
	}
	defer s.leave()
	for joined := 0; joined < 1000; time.Sleep(100 * time.Millisecond) {
		err := s.db.View(b.Context(), func(tx *store.Tx) error {
			return tx.Each(`select count(*) from instances where session <> ''`, nil, func(rows *sql.Rows) error { return rows.Scan(&joined) })
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	run := cluster.Run{Cluster: "default", Definition: taskdef.Ref{Family: "quick", Revision: 1}, Count: 1}
	for b.Loop() {
		started, err := s.RunTask(b.Context(), accounts[0], run)
		if err != nil || len(started.Tasks) != 1 {
			b.Fatalf("started %d, refused %d: %v", len(started.Tasks), len(started.Refused), err)
		}
	}
}
