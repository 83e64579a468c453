package placement

import (
	"fmt"
	"testing"
)

// zones are many machines over four zones, each with room for a hundred tasks and a fifth of them in use.
func zones(n int) []Node {
	nodes := make([]Node, n)
	for i := range nodes {
		used := i * 7919 % 20
		nodes[i] = Node{
			ID: fmt.Sprintf("%032x", i*2654435761%(1<<32)), CPU: 10000 - 100*used, Memory: 20000 - 200*used, AllCPU: 10000, AllMemory: 20000,
			Attributes: map[string]string{
				"ecs.availability-zone": string(rune('a' + i*4/n)), "ecs.instance-type": []string{"m5.large", "c5.large", "t3.small"}[i%3],
				"ecs.cpu-architecture": "x86_64", "ecs.os-type": "linux",
			},
			Tags:   map[string]string{"rack": fmt.Sprint(i % 50)},
			Counts: map[string]int{"": used, Running: used, ByGroup("family:other"): used},
		}
	}
	return nodes
}

var kinds = []struct {
	name string
	ask  func(i int) Request
}{
	{"plain", func(int) Request { return Request{} }},
	{"zones", func(int) Request { return Request{Strategies: []Strategy{{Spread, zone}, {Spread, "instanceId"}}} }},
	{"binpack", func(int) Request { return Request{Strategies: []Strategy{{Binpack, "memory"}}} }},
	{"memberOf", func(int) Request {
		return Request{Constraints: []Constraint{{MemberOf, "attribute:ecs.instance-type =~ c5.* and attribute:ecs.availability-zone in [a, b]"}}}
	}},
	{"unschedulable", func(i int) Request {
		if i%4 == 0 {
			return Request{Need: Need{CPU: 1 << 20}, Brief: true}
		}
		return Request{}
	}},
}

// BenchmarkPlan places tasks on a fleet and holds them there, request by request. It begins anew when a
// fifth of what was free is taken, so that machines never fill up.
func BenchmarkPlan(b *testing.B) {
	for _, size := range []int{500, 1000, 5000, 10000} {
		for _, kind := range kinds {
			for _, count := range []int{1, 10, 100} {
				b.Run(fmt.Sprintf("%d/%s/%d", size, kind.name, count), func(b *testing.B) {
					b.ReportAllocs()
					fleet, asked, placed := NewFleet(zones(size)), 0, 0
					for i := 0; b.Loop(); i++ {
						if placed > size*10 {
							b.StopTimer()
							fleet, placed = NewFleet(zones(size)), 0
							b.StartTimer()
						}
						r := kind.ask(i)
						r.Count, r.Group, r.Seed = count, "family:web", uint64(i)
						if r.Need.CPU == 0 {
							r.Need = Need{CPU: 100, Memory: 200, Attributes: map[string]string{"ecs.cpu-architecture": "x86_64"}}
						}
						for _, id := range fleet.Plan(r).Chosen {
							fleet.Take(id, r)
							placed++
						}
						asked += count
					}
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(asked), "ns/task")
				})
			}
		}
	}
}

// BenchmarkPlanOnce is a plan over machines of which nothing is known yet.
func BenchmarkPlanOnce(b *testing.B) {
	for _, size := range []int{1000, 10000} {
		nodes := zones(size)
		for _, kind := range kinds[:4] {
			b.Run(fmt.Sprintf("%d/%s", size, kind.name), func(b *testing.B) {
				for i := 0; b.Loop(); i++ {
					r := kind.ask(1)
					r.Need, r.Count, r.Group, r.Seed = Need{CPU: 100, Memory: 200}, 10, "family:web", uint64(i)
					Plan(nodes, r)
				}
			})
		}
	}
}
