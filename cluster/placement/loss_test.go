package placement

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// BenchmarkLoss tells what it costs to rank a sample of 10,000 machines and not all of them: the figures of
// both are printed side by side.
func BenchmarkLoss(b *testing.B) {
	for _, c := range []struct {
		name  string
		by    Strategy
		tasks int
		worth func(*Fleet) (float64, string)
	}{
		{"binpack", Strategy{Binpack, "memory"}, 30_000, inUse},
		{"spread over instances", Strategy{Spread, "instanceId"}, 30_000, uneven("instanceId")},
		{"spread over 4 zones", Strategy{Spread, zone}, 30_000, uneven(zone)},
		{"spread over 50 racks", Strategy{Spread, "tag:rack"}, 30_000, uneven("tag:rack")},
		{"least loaded", Strategy{LeastLoaded, "cpu"}, 30_000, busiest},
	} {
		for _, sample := range []int{-1, 0, 100} {
			b.Run(fmt.Sprintf("%s/%s", c.name, map[int]string{-1: "all", 0: "sample", 100: "sample of 100"}[sample]), func(b *testing.B) {
				for b.Loop() {
					fleet := NewFleet(zones(10_000))
					for i := range fleet.nodes {
						fleet.nodes[i].CPU, fleet.nodes[i].Memory = 10_000, 20_000
						fleet.nodes[i].Load = Load{Known: true}
					}
					fill(fleet, c.by, c.tasks, sample)
					worth, unit := c.worth(fleet)
					b.ReportMetric(worth, unit)
				}
			})
		}
	}
}

// fill places tasks of many sizes, five equal ones at a time, each as busy as it said.
func fill(fleet *Fleet, by Strategy, tasks, sample int) {
	chance := rand.New(rand.NewPCG(1, 2))
	for i := range tasks / 5 {
		r := Request{
			Need:  Need{CPU: 50 * (1 + chance.IntN(20)), Memory: 100 * (1 + chance.IntN(40))},
			Count: 5, Group: "family:web", Strategies: []Strategy{by}, Seed: uint64(i), Sample: sample,
		}
		for _, id := range fleet.Plan(r).Chosen {
			fleet.Take(id, r)
		}
	}
}

func inUse(f *Fleet) (float64, string) {
	used := 0
	for _, n := range f.Nodes() {
		if n.Memory < n.AllMemory {
			used++
		}
	}
	return float64(used), "machines"
}

func busiest(f *Fleet) (float64, string) {
	most := 0.0
	for _, n := range f.Nodes() {
		most = max(most, n.Load.CPU)
	}
	return most * 100, "%busiest"
}

func uneven(field string) func(*Fleet) (float64, string) {
	return func(f *Fleet) (float64, string) {
		counts := map[string]int{}
		for _, n := range f.Nodes() {
			key := n.ID
			if field != "instanceId" {
				key = n.field(field)
			}
			counts[key] += n.Counts[ByGroup("family:web")]
		}
		least, most := 1<<30, 0
		for _, n := range counts {
			least, most = min(least, n), max(most, n)
		}
		return float64(most - least), "max-min"
	}
}
