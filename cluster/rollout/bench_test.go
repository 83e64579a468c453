package rollout_test

import (
	"fmt"
	"testing"

	"slipway/cluster/rollout"
)

// BenchmarkPlan is a look at a service of many tasks: one that is as it should be, one that is being replaced, and
// one that is scaled to nothing.
func BenchmarkPlan(b *testing.B) {
	for _, n := range []int{100, 10_000} {
		for name, change := range map[string]func(*world){"steady": func(*world) {}, "rolling": (*world).deploy, "down": func(w *world) { w.s.Desired = 0 }} {
			b.Run(fmt.Sprintf("tasks=%d/%s", n, name), func(b *testing.B) {
				w := newWorld(rollout.Rolling, n, 50, 200)
				for range 3 {
					w.pass(nil)
					w.now = w.now.Add(10 * rules.Settle)
					w.advance()
				}
				change(w)
				b.ReportAllocs()
				for b.Loop() {
					w.plan()
				}
			})
		}
	}
}
