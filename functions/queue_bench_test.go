package functions

import (
	"context"
	"io/fs"
	"testing"
	"time"

	"slipway/events"
	"slipway/internal/ids"
	"slipway/store"
	"slipway/store/storetest"
)

// BenchmarkAccept has 64 callers send calls of 1 KiB that nobody waits for, and ends when all have been made: of a
// function that answers at once, so that what is measured is what is written down.
func BenchmarkAccept(b *testing.B) {
	for name, open := range map[string]func(testing.TB) *store.DB{"sqlite": storetest.SQLite, "postgres": storetest.Postgres} {
		b.Run(name, func(b *testing.B) {
			q := benchQueue(b, open(b))
			ctx, stop := context.WithCancel(b.Context())
			ended := make(chan struct{})
			go func() { defer close(ended); q.Run(ctx) }()
			payload := make([]byte, 1024)
			b.SetParallelism(32)
			b.ResetTimer()
			began := time.Now()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					c := &call{ID: ids.UUID(), Account: callAccount, Function: greet, Payload: payload}
					if err := q.accept(ctx, c); err != nil {
						b.Error(err)
					}
				}
			})
			b.ReportMetric(float64(b.N)/time.Since(began).Seconds(), "accepted/s")
			for left := 1; left > 0; time.Sleep(time.Millisecond) {
				if err := q.db.Row(ctx, `select count(*) from functions_calls where ended = 0`).Scan(&left); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/time.Since(began).Seconds(), "ended/s")
			stop()
			<-ended
		})
	}
}

func benchQueue(b *testing.B, db *store.DB) *queue {
	files, err := fs.Sub(schema, "schema")
	if err != nil {
		b.Fatal(err)
	}
	if err := db.Migrate(b.Context(), "functions", files); err != nil {
		b.Fatal(err)
	}
	if err := events.Migrate(b.Context(), db); err != nil {
		b.Fatal(err)
	}
	return newQueue(db, CallConfig{MaxWaiting: 1 << 30, MaxAccount: 1 << 30, MaxBytes: 1 << 50}, func(context.Context, *call) result {
		return result{kind: answered, version: Latest}
	}, func(*store.Tx, string, string) (rules, error) { return usualRules, nil })
}
