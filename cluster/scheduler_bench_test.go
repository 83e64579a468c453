package cluster_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"slipway/cluster"
	"slipway/cluster/clustertest"
	"slipway/events"
	"slipway/schedulers/wire"
	"slipway/store/storetest"
)

// BenchmarkAskScheduler is a question and its answer over many machines, without the network between them.
func BenchmarkAskScheduler(b *testing.B) {
	for _, machines := range []int{10, 1000} {
		b.Run(fmt.Sprint(machines), func(b *testing.B) {
			db := storetest.SQLite(b)
			if err := events.Migrate(b.Context(), db); err != nil {
				b.Fatal(err)
			}
			control, _, _ := clustertest.New(b, db)
			nodes := make([]string, machines)
			for i := range nodes {
				hello := clustertest.Hello('a', 1000, 1000)
				hello.Node = fmt.Sprintf("%032x", i)
				nodes[i] = clustertest.Join(b, control, hello).ID
			}
			d, err := control.Register(b.Context(), account, "", "web", web(), nil)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := control.PutScheduler(b.Context(), cluster.Scheduler{Account: account, Cluster: "default", Name: "mine", Deadline: 5 * time.Second}); err != nil {
				b.Fatal(err)
			}
			line, err := control.ConnectScheduler(b.Context(), account, "default", "mine")
			if err != nil {
				b.Fatal(err)
			}
			ready := make(chan struct{})
			go control.SchedulerStream(b.Context(), line.Token, func(m wire.Message) error {
				switch {
				case isWhole(m):
					close(ready)
				case m.Type == wire.TypeQuestion:
					go control.SchedulerAnswer(line.Token, m.Question.ID, strings.NewReader(answer(wire.Answer{Rank: nodes})))
				}
				return nil
			})
			<-ready
			ask := func() string {
				t, err := control.TryScheduler(b.Context(), account, "default", "mine", d.Ref, 1)
				if err != nil {
					b.Fatal(err)
				}
				return t.Failure
			}
			for ask() != "" { // its line is not noted yet
				time.Sleep(time.Millisecond)
			}
			for b.Loop() {
				if failure := ask(); failure != "" {
					b.Fatal(failure)
				}
			}
		})
	}
}
