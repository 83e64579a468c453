package placement

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"slipway/cluster/placement/query"
)

// oracle decides task by task and machine by machine, as naively as it can be said.
type oracle struct {
	*rapid.T
	nodes  []Node
	r      Request
	picked map[string]int
}

func (o *oracle) reason(n Node) Reason {
	switch {
	case n.Refusal != "":
		return n.Refusal
	case n.CPU < o.r.Need.CPU:
		return NoCPU
	case n.Memory < o.r.Need.Memory:
		return NoMemory
	case n.AllDisk > 0 && n.Disk < o.r.Need.Disk:
		return NoDisk
	}
	for _, port := range o.r.Need.Ports {
		if slices.Contains(n.Taken, port) {
			return NoPorts
		}
	}
	for name, value := range o.r.Need.Attributes {
		if n.Attributes[name] != value {
			return Lacking
		}
	}
	for _, c := range o.r.Constraints {
		if reason := o.violates(n, c); reason != "" {
			return reason
		}
	}
	return ""
}

func (o *oracle) violates(n Node, c Constraint) Reason {
	value, tagged := o.r.Tags[c.Expression]
	switch c.Type {
	case DistinctInstance:
		if n.Counts[ByGroup(o.r.Group)] > 0 {
			return NotDistinct
		}
	case MemberOf:
		q, err := query.Parse(c.Expression)
		if err != nil {
			o.Fatal(err)
		}
		if !n.Fits(q) {
			return NotMember
		}
	case Tagged:
		if !tagged || n.Tags[c.Expression] != value {
			return NotTagged
		}
	case Together:
		named := func(n Node) bool { return n.Tags[c.Expression] == value }
		lived := func(n Node) bool { return n.Counts[ByTag(c.Expression, value)] > 0 }
		at := func(belongs func(Node) bool) bool { return slices.ContainsFunc(o.nodes, belongs) }
		if !tagged || at(named) && !named(n) || !at(named) && at(lived) && !lived(n) {
			return NotTogether
		}
	}
	return ""
}

// ranks are what the strategies make of a machine, the least the best.
func (o *oracle) ranks(n Node) (ranks []float64) {
	for _, s := range o.r.Strategies {
		ranks = append(ranks, o.rank(n, s))
		if s.Type == Random || s.Type == RoundRobin {
			break
		}
	}
	return ranks
}

func (o *oracle) rank(n Node, s Strategy) float64 {
	key := strings.TrimPrefix(s.Field, "tag:")
	value, tagged := o.r.Tags[key]
	switch {
	case s.Type == Spread:
		sum := 0
		for _, other := range o.nodes {
			if s.Field == "instanceId" && other.ID == n.ID || s.Field != "instanceId" && other.field(s.Field) == n.field(s.Field) {
				sum += other.Counts[ByGroup(o.r.Group)]
			}
		}
		return float64(sum)
	case s.Type == Binpack && s.Field == "cpu":
		return float64(n.CPU)
	case s.Type == Binpack:
		return float64(n.Memory)
	case s.Type == LeastLoaded && n.Load.Known:
		if s.Field == "cpu" {
			return n.Load.CPU // with what Take has added
		}
		return n.Load.Memory
	case s.Type == LeastLoaded && s.Field == "cpu":
		return 1 - float64(n.CPU)/float64(n.AllCPU)
	case s.Type == LeastLoaded:
		return 1 - float64(n.Memory)/float64(n.AllMemory)
	case s.Type == RoundRobin && n.ID > o.r.After:
		return float64(o.picked[n.ID])
	case s.Type == RoundRobin:
		return float64(1 + o.picked[n.ID])
	case s.Type == Together && tagged && n.Tags[key] == value:
		return -1e9 - float64(n.Counts[ByTag(key, value)])
	case s.Type == Together && tagged:
		return -float64(n.Counts[ByTag(key, value)])
	}
	return 0
}

// best are all machines to which the next task may go.
func (o *oracle) best() (ids []string) {
	var least []float64
	for _, n := range o.nodes {
		if o.reason(n) != "" {
			continue
		}
		ranks := o.ranks(n)
		switch c := compare(ranks, least); {
		case ids == nil || c < 0:
			ids, least = []string{n.ID}, ranks
		case c == 0:
			ids = append(ids, n.ID)
		}
	}
	decides := slices.IndexFunc(o.r.Strategies, func(s Strategy) bool { return s.Type == RoundRobin || s.Type == Random })
	if len(ids) > 0 && decides >= 0 && o.r.Strategies[decides].Type == RoundRobin {
		return []string{slices.Min(ids)}
	}
	return ids
}

// compare finds which ranks are less by the first that differs by more than what is lost in sums of fractions.
func compare(a, b []float64) int {
	for i := range min(len(a), len(b)) {
		switch {
		case a[i] < b[i]-1e-9:
			return -1
		case a[i] > b[i]+1e-9:
			return 1
		}
	}
	return 0
}

func (o *oracle) place(id string) {
	at := slices.IndexFunc(o.nodes, func(n Node) bool { return n.ID == id })
	o.nodes[at] = o.nodes[at].Take(o.r.Need).Count(o.r)
	o.picked[id]++
}

// Every choice is one that the oracle would make, and what is left out fits nowhere, for the reason that is given.
func TestChoicesAreThoseOfTheOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nodes, r := anyNodes(t), anyRequest(t)
		before := fmt.Sprint(nodes)
		a := Plan(nodes, r)
		if fmt.Sprint(nodes) != before {
			t.Fatal("the nodes that were given changed")
		}
		o := &oracle{t, slices.Clone(nodes), r, map[string]int{}}
		for i, id := range a.Chosen {
			if best := o.best(); !slices.Contains(best, id) {
				t.Fatalf("task %d went to %s and belongs on one of %v", i, id, best)
			}
			o.place(id)
		}
		o.refusals(a)
	})
}

// refusals checks what is said of the tasks that were left out.
func (o *oracle) refusals(a Answer) {
	if len(a.Chosen) == o.r.Count {
		if len(a.Refused) > 0 || len(a.Lacks) > 0 {
			o.Fatalf("all were placed, and yet %v %v", a.Refused, a.Lacks)
		}
		return
	}
	for i, n := range o.nodes {
		why := o.reason(n)
		if why == "" || a.Refused[i].Node != n.ID || a.Refused[i].Reason != why {
			o.Fatalf("%d of %d placed, %s says %q and the plan %v", len(a.Chosen), o.r.Count, n.ID, why, a.Refused[i])
		}
	}
	if !slices.Equal(Sum(a.Refused), a.Lacks) {
		o.Fatalf("%v come to %v, not %v", a.Refused, Sum(a.Refused), a.Lacks)
	}
}

func anyNodes(t *rapid.T) (nodes []Node) {
	for i := range rapid.IntRange(0, 7).Draw(t, "nodes") {
		nodes = append(nodes, anyNode(t, string(rune('a'+i))))
	}
	return nodes
}

func anyNode(t *rapid.T, id string) Node {
	n := Node{
		ID: id, CPU: rapid.IntRange(0, 20).Draw(t, "cpu"), Memory: rapid.IntRange(0, 20).Draw(t, "memory"), AllCPU: 20, AllMemory: 20,
		Disk: rapid.IntRange(0, 9).Draw(t, "disk"), AllDisk: rapid.SampledFrom([]int{0, 0, 9}).Draw(t, "all disk"),
		Taken:      anyPorts(t),
		Attributes: anyPairs(t, "attributes", "zone", "rack"), Tags: anyPairs(t, "tags", "job", "part"),
		Counts: map[string]int{ByGroup("web"): rapid.IntRange(0, 2).Draw(t, "tasks"), ByTag("job", "x"): rapid.IntRange(0, 1).Draw(t, "jobs")},
		Load:   Load{float64(rapid.IntRange(0, 4).Draw(t, "load")) / 4, float64(rapid.IntRange(0, 4).Draw(t, "use")) / 4, rapid.Bool().Draw(t, "known")},
	}
	if rapid.IntRange(0, 5).Draw(t, "gone") == 5 {
		n.Refusal = NoAgent
	}
	return n
}

func anyPairs(t *rapid.T, label string, keys ...string) map[string]string {
	value := rapid.SampledFrom([]string{"x", "y", "z", ""})
	pairs := map[string]string{}
	for _, key := range keys {
		if v := value.Draw(t, label); v != "" {
			pairs[key] = v
		}
	}
	return pairs
}

func anyPorts(t *rapid.T) []Port {
	if rapid.IntRange(0, 3).Draw(t, "has ports") < 3 {
		return nil
	}
	port := rapid.Custom(func(t *rapid.T) Port {
		return Port{rapid.IntRange(1, 3).Draw(t, "port"), rapid.SampledFrom([]string{"tcp", "udp"}).Draw(t, "protocol")}
	})
	return rapid.SliceOfNDistinct(port, 0, 2, rapid.ID).Draw(t, "ports")
}

var someStrategies = []Strategy{
	{Type: Random}, {Type: RoundRobin}, {Binpack, "cpu"}, {Binpack, "memory"}, {LeastLoaded, "cpu"}, {LeastLoaded, "memory"},
	{Spread, "instanceId"}, {Spread, "attribute:zone"}, {Spread, "attribute:rack"}, {Spread, "tag:part"}, {Together, "tag:job"},
}

var someConstraints = []Constraint{
	{Type: DistinctInstance}, {MemberOf, "attribute:zone in [x, y]"}, {MemberOf, "not task:group == web"}, {Tagged, "part"}, {Together, "job"},
}

func anyRequest(t *rapid.T) Request {
	need := Need{CPU: rapid.IntRange(0, 8).Draw(t, "cpu"), Memory: rapid.IntRange(0, 8).Draw(t, "memory"), Disk: rapid.IntRange(0, 3).Draw(t, "disk"), Ports: anyPorts(t)}
	if rapid.IntRange(0, 3).Draw(t, "picky") == 3 {
		need.Attributes = map[string]string{"zone": "x"}
	}
	return Request{
		Need: need, Count: rapid.IntRange(0, 12).Draw(t, "count"), Group: "web", Tags: anyPairs(t, "tags", "job", "part"),
		Strategies:  rapid.SliceOfN(rapid.SampledFrom(someStrategies), 1, 4).Draw(t, "strategies"),
		Constraints: rapid.SliceOfNDistinct(rapid.SampledFrom(someConstraints), 0, 2, rapid.ID).Draw(t, "constraints"),
		Seed:        rapid.Uint64().Draw(t, "seed"), After: rapid.SampledFrom([]string{"", "b", "c", "zz"}).Draw(t, "after"),
	}
}

// However few are ranked, whatever fits is placed, and nothing beyond what is there.
func TestSamplesPlaceAllThatFits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nodes, r := anyNodes(t), anyRequest(t)
		r.Constraints = slices.DeleteFunc(r.Constraints, func(c Constraint) bool { return c.Type == Together }) // which the first choice binds
		all := Plan(nodes, r)
		r.Sample = rapid.IntRange(1, 3).Draw(t, "sample")
		a := Plan(nodes, r)
		o := &oracle{t, slices.Clone(nodes), r, map[string]int{}}
		for _, id := range a.Chosen {
			if why := o.reason(o.nodes[id[0]-'a']); why != "" {
				t.Fatalf("%s was chosen in spite of %s", id, why)
			}
			o.place(id)
		}
		if len(a.Chosen) != len(all.Chosen) {
			t.Fatalf("%d placed of %d that fit", len(a.Chosen), len(all.Chosen))
		}
	})
}

// The same seed gives the same answer, and to be brief changes nothing but the list.
func TestTheSameSeedGivesTheSameAnswer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nodes, r := anyNodes(t), anyRequest(t)
		a := Plan(nodes, r)
		if again := Plan(nodes, r); fmt.Sprint(again) != fmt.Sprint(a) {
			t.Fatalf("%v, and again %v", a, again)
		}
		r.Brief = true
		a.Refused = nil
		if brief := Plan(nodes, r); fmt.Sprint(brief) != fmt.Sprint(a) {
			t.Fatalf("%v, in brief %v", a, brief)
		}
	})
}

// Start of many is the same as starting them one by one.
func TestStartIsAsIfOneByOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nodes, r := anyNodes(t), anyRequest(t)
		r.On = rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", "gone"}), 0, 6).Draw(t, "on")
		a := Plan(nodes, r)
		o := &oracle{t, slices.Clone(nodes), r, map[string]int{}}
		var chosen []string
		var refused []Refusal
		for _, id := range r.On {
			one := r
			one.On = []string{id}
			answer := Plan(o.nodes, one)
			chosen, refused = append(chosen, answer.Chosen...), append(refused, answer.Refused...)
			if len(answer.Chosen) > 0 {
				o.place(id)
			}
		}
		if !slices.Equal(a.Chosen, chosen) || !slices.Equal(a.Refused, refused) {
			t.Fatalf("%v %v, one by one %v %v", a.Chosen, a.Refused, chosen, refused)
		}
	})
}

// A fleet that has seen joins, leaves, changes and tasks answers as if it had just been made.
func TestAFleetForgetsNothingAndKeepsNothingStale(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fleet := NewFleet(anyNodes(t))
		for range rapid.IntRange(1, 8).Draw(t, "steps") {
			id := rapid.SampledFrom([]string{"a", "b", "c", "d", "h", "i"}).Draw(t, "id")
			r := anyRequest(t)
			r.Group = rapid.SampledFrom([]string{"web", "db", "family:x"}).Draw(t, "group")
			r.Sample = rapid.IntRange(0, 5).Draw(t, "sample")
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0:
				fleet.Put(anyNode(t, id))
			case 1:
				fleet.Remove(id)
			case 2:
				fleet.Take(id, r)
			default:
				fresh := make([]Node, 0, fleet.Len())
				for _, n := range fleet.Nodes() {
					n.Counts = maps.Clone(n.Counts)
					fresh = append(fresh, n)
				}
				if got, want := fmt.Sprint(fleet.Plan(r)), fmt.Sprint(Plan(fresh, r)); got != want {
					t.Fatalf("the fleet answers %s, one just made %s", got, want)
				}
			}
			for _, n := range fleet.Nodes() {
				if found, known := fleet.Node(n.ID); !known || found.ID != n.ID {
					t.Fatalf("%s is not found", n.ID)
				}
			}
		}
	})
}

// What is found out is forgotten when it is too much, and nothing comes of that.
func TestAFleetThatIsAskedForTooMuch(t *testing.T) {
	fleet := NewFleet(zones(20))
	for i := range 3 * maxFacts {
		field := fmt.Sprintf("attribute:x%d", i%maxFacts)
		r := Request{
			Count: 2, Group: fmt.Sprint("group", i), Seed: uint64(i), Strategies: []Strategy{{Spread, zone}, {Spread, field}},
			Constraints: []Constraint{{MemberOf, field + " !exists"}, {MemberOf, fmt.Sprintf("runningTasksCount < %d", i)}},
		}
		got, want := fmt.Sprint(fleet.Plan(r)), fmt.Sprint(Plan(fleet.Nodes(), r))
		if got != want {
			t.Fatalf("request %d: the fleet answers %s, one just made %s", i, got, want)
		}
		for _, id := range fleet.Plan(r).Chosen {
			fleet.Take(id, r)
		}
	}
	for i := range 5000 {
		r := Request{Count: 1, Tags: map[string]string{"part": fmt.Sprint(i)}, Constraints: []Constraint{{Tagged, "part"}}}
		if a := fleet.Plan(r); len(a.Chosen) > 0 {
			t.Fatalf("a machine without the tag was chosen: %v", a.Chosen)
		}
	}
	if n := len(fleet.label("tag:part").numbers); n > 1000 {
		t.Fatalf("%d values of a tag are kept that no machine has", n)
	}
	if n := len(fleet.facts.static) + len(fleet.facts.moving); n > maxFacts {
		t.Fatalf("%d columns are kept, more than %d", n, maxFacts)
	}
}
