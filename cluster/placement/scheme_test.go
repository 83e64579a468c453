package placement

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// machines makes equal machines, "000" and so on.
func machines(n, cpu, memory int) []Node {
	nodes := make([]Node, n)
	for i := range nodes {
		nodes[i] = Node{ID: fmt.Sprintf("%03d", i), CPU: cpu, Memory: memory, AllCPU: cpu, AllMemory: memory}
	}
	return nodes
}

// Chance prefers nobody: chi-square stays below the value that it exceeds once in a thousand times, whether
// tasks come one by one or many at once, and where only a sample is looked at.
func TestRandomIsEven(t *testing.T) {
	const below9, below29 = 27.88, 58.30 // of so many degrees of freedom, p = 0.001
	for _, c := range []struct {
		name                string
		nodes, count, cells int
		below               float64
	}{
		{"one by one", 10, 1, 10, below9},
		{"ten at once", 10, 10, 10, below9},
		{"all at once", 10, 10000, 10, below9},
		{"a sample of many", 3000, 10, 30, below29},
	} {
		t.Run(c.name, func(t *testing.T) {
			fleet := NewFleet(machines(c.nodes, 1<<30, 1<<30))
			for _, seed := range []uint64{1, 2, 3, 4, 5} {
				seeds, hits := rand.New(rand.NewPCG(seed, 0)), make([]int, c.cells)
				for range 10000 / c.count {
					a := fleet.Plan(Request{Need: Need{CPU: 1}, Count: c.count, Strategies: []Strategy{{Type: Random}}, Seed: seeds.Uint64()})
					for _, id := range a.Chosen {
						at, _ := fleet.place(id)
						hits[at*c.cells/c.nodes]++
					}
				}
				if chi := chiSquare(hits); chi > c.below {
					t.Errorf("seed %d: chi-square %.1f is over %.1f: %v", seed, chi, c.below, hits)
				}
			}
		})
	}
}

func chiSquare(hits []int) (chi float64) {
	expected := 10000 / float64(len(hits))
	for _, n := range hits {
		chi += (float64(n) - expected) * (float64(n) - expected) / expected
	}
	return chi
}

// Round robin is a rotation by ids that passes over the full and over those that left, and goes on where it was.
func TestRoundRobinIsARotation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nodes := machines(rapid.IntRange(1, 6).Draw(t, "nodes"), 0, 100)
		for i := range nodes {
			nodes[i].CPU = rapid.IntRange(0, 5).Draw(t, "room")
		}
		rapid.Permutation(nodes).Draw(t, "order")
		after := ""
		for range rapid.IntRange(1, 5).Draw(t, "requests") {
			count := rapid.IntRange(1, 6).Draw(t, "count")
			a := Plan(nodes, Request{Need: Need{CPU: 1}, Count: count, Strategies: []Strategy{{Type: RoundRobin}}, After: after})
			for _, id := range a.Chosen {
				if next := turn(nodes, after); next != id {
					t.Fatalf("after %q it is the turn of %s, not of %s", after, next, id)
				}
				after = id
				at := slices.IndexFunc(nodes, func(n Node) bool { return n.ID == id })
				nodes[at].CPU--
			}
			if a.After != after {
				t.Fatalf("the last turn was that of %q, not of %q", after, a.After)
			}
			if len(nodes) > 1 && rapid.Bool().Draw(t, "one leaves") {
				nodes = nodes[1:]
			}
		}
	})
}

// turn is the first with room after an id, or the first of all.
func turn(nodes []Node, after string) string {
	var first, next []string
	for _, n := range nodes {
		if n.CPU > 0 {
			first = append(first, n.ID)
			if n.ID > after {
				next = append(next, n.ID)
			}
		}
	}
	switch {
	case len(next) > 0:
		return slices.Min(next)
	case len(first) > 0:
		return slices.Min(first)
	}
	return "none"
}

// Spread evens out what joins and leaves have made uneven as fast as new tasks can, and then stays within one.
func TestSpreadStaysWithinOne(t *testing.T) {
	for _, field := range []string{"instanceId", "attribute:zone"} {
		rapid.Check(t, func(t *rapid.T) {
			fleet, joined := NewFleet(nil), 0
			r := Request{Count: 1, Group: "web", Strategies: []Strategy{{Spread, field}}, Seed: rapid.Uint64().Draw(t, "seed")}
			join := func() {
				fleet.Put(Node{ID: fmt.Sprint(joined), Attributes: map[string]string{"zone": fmt.Sprint(joined % 3)}})
				joined++
			}
			join()
			for range rapid.IntRange(1, 6).Draw(t, "changes") {
				switch at := rapid.IntRange(0, fleet.Len()).Draw(t, "who"); {
				case at < fleet.Len() && fleet.Len() > 1:
					fleet.Remove(fleet.Nodes()[at].ID)
				default:
					join()
				}
				least, most, missing := evenness(fleet, field)
				count := missing + rapid.IntRange(0, 5).Draw(t, "more")
				r.Count = count
				for _, id := range fleet.Plan(r).Chosen {
					fleet.Take(id, r)
				}
				if least, most, _ = evenness(fleet, field); most-least > 1 {
					t.Fatalf("after %d tasks one has %d and another %d", count, least, most)
				}
			}
		})
	}
}

// evenness tells the least and the most tasks by a field, and how many more would bring all to the most.
func evenness(fleet *Fleet, field string) (least, most, missing int) {
	counts := map[string]int{}
	for _, n := range fleet.Nodes() {
		key := n.ID
		if field != "instanceId" {
			key = n.field(field)
		}
		counts[key] += n.Counts[ByGroup("web")]
	}
	least = 1 << 30
	for _, n := range counts {
		least, most = min(least, n), max(most, n)
	}
	for _, n := range counts {
		missing += most - n
	}
	return least, most, missing
}

// Packing the larger first uses at most 11/9 of the machines that an exact solver needs, and one; in any
// order it is within 1.7 of them. The others stay empty.
func TestBinpackAgainstAnExactSolver(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sizes := rapid.SliceOfN(rapid.IntRange(1, 20), 1, 10).Draw(t, "sizes")
		least := fewest(sizes, 20)
		if used := packed(t, sizes); float64(used) > 1.7*float64(least) {
			t.Fatalf("%d machines for what fits %d, in any order", used, least)
		}
		slices.SortFunc(sizes, func(a, b int) int { return b - a })
		if used := packed(t, sizes); float64(used) > 11.0/9*float64(least)+1 {
			t.Fatalf("%d machines for what fits %d", used, least)
		}
	})
}

// packed places tasks one by one and counts the machines in use.
func packed(t *rapid.T, sizes []int) (used int) {
	fleet := NewFleet(machines(len(sizes), 1, 20))
	for _, size := range sizes {
		r := Request{Need: Need{Memory: size}, Count: 1, Strategies: []Strategy{{Binpack, "memory"}}}
		a := fleet.Plan(r)
		if len(a.Chosen) != 1 {
			t.Fatalf("%d was not placed", size)
		}
		fleet.Take(a.Chosen[0], r)
	}
	for _, n := range fleet.Nodes() {
		if n.Memory < 20 {
			used++
		}
	}
	return used
}

// fewest is how many bins the sizes need, found by trying all ways to fill them.
func fewest(sizes []int, bin int) int {
	type state struct{ bins, filled int }
	best := make([]state, 1<<len(sizes))
	for set := 1; set < len(best); set++ {
		best[set] = state{len(sizes) + 1, 0}
		for rest := set; rest > 0; rest &= rest - 1 {
			i := bits.TrailingZeros(uint(rest))
			s := best[set&^(1<<i)]
			if s.bins == 0 || s.filled+sizes[i] > bin {
				s = state{s.bins + 1, 0}
			}
			s.filled += sizes[i]
			if b := best[set]; s.bins < b.bins || s.bins == b.bins && s.filled < b.filled {
				best[set] = s
			}
		}
	}
	return best[len(best)-1].bins
}

// Where nothing is asked for, nothing is chosen and nobody explains.
func TestASettledStateNeedsNoPlan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := anyRequest(t)
		r.Count = 0
		if a := Plan(anyNodes(t), r); len(a.Chosen)+len(a.Refused)+len(a.Lacks) > 0 || a.After != r.After {
			t.Fatalf("nothing is asked for, and the plan is %v", a)
		}
	})
}

// Ten tasks go to the one of two equal machines that is not busy.
func TestLeastLoadedAvoidsABusyMachine(t *testing.T) {
	fleet := NewFleet(machines(2, 4096, 4096))
	for i, load := range []float64{0.9, 0.05} {
		n := fleet.Nodes()[i]
		n.Load = Load{CPU: load, Known: true}
		fleet.Put(n)
	}
	r := Request{Need: Need{CPU: 128}, Count: 1, Strategies: []Strategy{{LeastLoaded, "cpu"}}}
	for range 10 {
		a := fleet.Plan(r)
		if !slices.Equal(a.Chosen, []string{"001"}) {
			t.Fatalf("with the first one busy a task goes to %v", a.Chosen)
		}
		fleet.Take("001", r)
	}
	r.Count = 40
	if a := fleet.Plan(r); !slices.Contains(a.Chosen, "000") {
		t.Fatalf("with the second one full, tasks go to %v", a.Chosen)
	}
}

// However few machines a zone has among many, tasks are spread over it as over all others.
func TestSpreadFindsSmallZones(t *testing.T) {
	nodes := machines(4000, 100, 100)
	for i := range nodes {
		nodes[i].Attributes = map[string]string{"zone": "large"}
	}
	for i, zone := range []string{"a", "b", "b", "c", "c", "c"} {
		nodes[i*600+77].Attributes = map[string]string{"zone": zone}
	}
	fleet := NewFleet(nodes)
	r := Request{Need: Need{CPU: 1}, Count: 1, Group: "web", Strategies: []Strategy{{Spread, "attribute:zone"}, {Spread, "instanceId"}}}
	for range 120 {
		r.Seed++
		a := fleet.Plan(r)
		fleet.Take(a.Chosen[0], r)
		if least, most, _ := evenness(fleet, "attribute:zone"); most-least > 1 {
			t.Fatalf("one zone has %d and another %d", least, most)
		}
	}
	if a := fleet.Plan(r); len(fleet.facts.able) != 2 || len(a.Chosen) != 1 {
		t.Fatalf("%d lists of machines are kept", len(fleet.facts.able))
	}
}
