package logs

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"sync"
	"testing"
	"time"

	"slipway/store"
	"slipway/store/storetest"
)

func benchEach(b *testing.B, bench func(b *testing.B, c *Control)) {
	for name, db := range map[string]func(testing.TB) *store.DB{"sqlite": storetest.SQLite, "postgres": storetest.Postgres} {
		b.Run(name, func(b *testing.B) {
			c := open(b, db(b))
			must(b, c.CreateGroup(b.Context(), us, "/app", nil))
			bench(b, c)
		})
	}
}

func logLine(i int) string {
	return fmt.Sprintf(`10.0.%d.%d - - "GET /items/%d HTTP/1.1" 200 %d "curl/7.88.1" 0.%03d`, i>>8&255, i&255, i*7919, i%5000, i%997)
}

// BenchmarkAppend is containers that print pieces of so many lines, all at once.
func BenchmarkAppend(b *testing.B) {
	benchEach(b, func(b *testing.B, c *Control) {
		for _, load := range []struct{ streams, lines int }{{1, 1}, {1, 1000}, {50, 1}, {50, 100}} {
			b.Run(fmt.Sprintf("streams=%d/lines=%d", load.streams, load.lines), func(b *testing.B) {
				events := make([]Event, load.lines)
				for i := range events {
					events[i] = Event{now(), logLine(i)}
				}
				run := time.Now().UnixNano()
				b.ResetTimer()
				var all sync.WaitGroup
				for s := range load.streams {
					all.Go(func() {
						for i := s; i < b.N; i += load.streams {
							at := int64(i / load.streams)
							appendTo(b, c, fmt.Sprint(run, "/", s), at, at+1, events)
						}
					})
				}
				all.Wait()
				b.ReportMetric(float64(b.N*load.lines)/b.Elapsed().Seconds(), "events/s")
			})
		}
	})
}

// BenchmarkMillion puts a million lines into one stream and downloads them, byte-equal.
func BenchmarkMillion(b *testing.B) {
	const million, piece = 1_000_000, 5_000
	benchEach(b, func(b *testing.B, c *Control) {
		for run := 0; b.Loop(); run++ {
			stream := fmt.Sprint("c", run)
			start := time.Now()
			in, out := sha256.New(), sha256.New()
			for i := 0; i < million; i += piece {
				events := make([]Event, piece)
				for j := range events {
					events[j] = Event{start.UnixMilli() + int64(i+j)/100, logLine(i + j)}
				}
				hashEvents(in, events)
				appendTo(b, c, stream, int64(i), int64(i+piece), events)
			}
			appended := time.Now()
			q := ReadQuery{Group: "/app", Stream: stream, Span: AllTime, FromHead: true}
			for lines := 0; ; {
				page, err := c.Read(b.Context(), us, q)
				must(b, err)
				hashEvents(out, plain(page.Records))
				if lines += len(page.Records); len(page.Records) == 0 {
					if lines != million {
						b.Fatalf("%d lines came out", lines)
					}
					break
				}
				q.Token = page.Forward
			}
			if string(in.Sum(nil)) != string(out.Sum(nil)) {
				b.Fatal("other bytes came out than went in")
			}
			b.ReportMetric(appended.Sub(start).Seconds(), "s-in")
			b.ReportMetric(time.Since(appended).Seconds(), "s-out")
		}
	})
}

func hashEvents(h hash.Hash, events []Event) {
	for _, e := range events {
		fmt.Fprintln(h, e.Time, e.Message)
	}
}
