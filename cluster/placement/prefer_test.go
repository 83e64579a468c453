package placement

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// What a scheduler from outside wants is followed as far as there is room, and then what comes behind it.
func TestPreferred(t *testing.T) {
	nodes := func() (all []Node) {
		for i, id := range strings.Fields("a b c d") {
			all = append(all, Node{ID: id, CPU: 2 * (i + 1), Memory: 10})
		}
		all[3].Refusal = Draining
		return all
	}
	behind := []Strategy{{Scheduler, "mine"}, {Binpack, "cpu"}}
	for _, c := range []struct {
		prefer string
		each   bool
		count  int
		want   string
	}{
		{"b c a", false, 2, "b b"},
		{"b c a", false, 5, "b b b b c"},
		{"c", false, 7, "c c c c c c a"},
		{"d b", false, 2, "b b"},
		{"nowhere b", false, 1, "b"},
		{"", false, 4, "a a b b"},
		{"b a b", true, 3, "a b b"},
		{"c c", true, 4, "a a c c"},
		{"b", true, 3, "a a b"},
		{"d d c", true, 3, "a a c"},
	} {
		name := fmt.Sprintf("%q each %t count %d", c.prefer, c.each, c.count)
		got := Plan(nodes(), Request{Need: Need{CPU: 1, Memory: 1}, Count: c.count, Strategies: behind, Prefer: strings.Fields(c.prefer), Each: c.each})
		slices.Sort(got.Chosen)
		want := strings.Fields(c.want)
		slices.Sort(want)
		if !slices.Equal(got.Chosen, want) {
			t.Errorf("%s: %v, want %v", name, got.Chosen, want)
		}
	}
}

// It is looked for among all machines, however many there are.
func TestPreferredAmongMany(t *testing.T) {
	nodes := make([]Node, 20_000)
	for i := range nodes {
		nodes[i] = Node{ID: fmt.Sprint("n", i), CPU: 10, Memory: 10}
	}
	got := Plan(nodes, Request{Need: Need{CPU: 1, Memory: 1}, Count: 1, Strategies: []Strategy{{Scheduler, "mine"}}, Prefer: []string{"n19999"}})
	if !slices.Equal(got.Chosen, []string{"n19999"}) {
		t.Errorf("chosen %v", got.Chosen)
	}
}
