package rollout_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"slipway/cluster/rollout"
)

func TestMovesOfSmallClusters(t *testing.T) {
	machine := func(id, zone string, free int) rollout.Machine {
		return rollout.Machine{ID: id, Domains: []string{zone, id}, Free: free}
	}
	on := func(node string, ids ...string) (all []rollout.Placed) {
		for _, id := range ids {
			all = append(all, rollout.Placed{ID: id, Node: node})
		}
		return all
	}
	for name, c := range map[string]struct {
		b    rollout.Balance
		want string
	}{
		"a machine has come":         {rollout.Balance{Machines: []rollout.Machine{machine("a", "x", 9), machine("b", "x", 9)}, Tasks: on("a", "1", "2", "3", "4")}, "[{1 a b} {2 a b}]"},
		"zones before machines":      {rollout.Balance{Machines: []rollout.Machine{machine("a", "x", 9), machine("b", "x", 9), machine("c", "y", 9)}, Tasks: on("a", "1", "2", "3", "4")}, "[{1 a c} {2 a c} {3 a b}]"},
		"one more is balance":        {rollout.Balance{Machines: []rollout.Machine{machine("a", "x", 9), machine("b", "x", 9)}, Tasks: on("a", "1")}, "[]"},
		"no room":                    {rollout.Balance{Machines: []rollout.Machine{machine("a", "x", 9), machine("b", "x", 1)}, Tasks: on("a", "1", "2", "3", "4")}, "[{1 a b}]"},
		"protected tasks stay":       {rollout.Balance{Machines: []rollout.Machine{machine("a", "x", 9), machine("b", "x", 9)}, Tasks: []rollout.Placed{{ID: "1", Node: "a", Fixed: true}, {ID: "2", Node: "a", Fixed: true}}}, "[]"},
		"machines that go are not":   {rollout.Balance{Machines: []rollout.Machine{machine("b", "x", 9)}, Tasks: on("a", "1", "2", "3")}, "[]"},
		"nothing is nothing to move": {rollout.Balance{}, "[]"},
	} {
		if got := fmt.Sprint(rollout.Rebalance(c.b)); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func anyBalance(t *rapid.T) (b rollout.Balance) {
	n := rapid.IntRange(1, 5).Draw(t, "machines")
	for i := range n {
		id := fmt.Sprint("m", i)
		b.Machines = append(b.Machines, rollout.Machine{ID: id, Domains: []string{rapid.SampledFrom([]string{"x", "y", "z"}).Draw(t, "zone"), id}, Free: rapid.IntRange(0, 8).Draw(t, "free")})
	}
	for i := range rapid.IntRange(0, 12).Draw(t, "tasks") {
		b.Tasks = append(b.Tasks, rollout.Placed{ID: fmt.Sprint("t", i), Node: fmt.Sprint("m", rapid.IntRange(0, n).Draw(t, "node")), Fixed: rapid.IntRange(0, 5).Draw(t, "fixed") == 0})
	}
	return b
}

// moved is b after the moves.
func moved(t *rapid.T, b rollout.Balance, moves []rollout.Move) rollout.Balance {
	after := rollout.Balance{Machines: slices.Clone(b.Machines), Tasks: slices.Clone(b.Tasks)}
	free := func(id string, by int) {
		i := slices.IndexFunc(after.Machines, func(m rollout.Machine) bool { return m.ID == id })
		after.Machines[i].Free += by
	}
	for _, m := range moves {
		i := slices.IndexFunc(after.Tasks, func(p rollout.Placed) bool { return p.ID == m.Task })
		if after.Tasks[i].Node != m.From || after.Tasks[i].Fixed {
			t.Fatalf("%+v moves %+v", m, after.Tasks[i])
		}
		after.Tasks[i].Node = m.To
		free(m.From, 1)
		free(m.To, -1)
	}
	for i, m := range after.Machines {
		if m.Free < 0 {
			t.Fatalf("%s is given more than it has room for: %d, had %d", m.ID, m.Free, b.Machines[i].Free)
		}
	}
	return after
}

func TestMovesEndInBalance(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := anyBalance(t)
		after := moved(t, b, rollout.Rebalance(b))
		if again := rollout.Rebalance(after); len(again) > 0 {
			t.Fatalf("after all moves there are more: %v", again)
		}
		for _, p := range after.Tasks {
			for _, m := range after.Machines {
				if i := slices.IndexFunc(after.Machines, func(have rollout.Machine) bool { return have.ID == p.Node }); i >= 0 && !p.Fixed && m.Free > 0 {
					if gap := zone(after, after.Machines[i].Domains[0]) - zone(after, m.Domains[0]); gap > 1 {
						t.Fatalf("zone %s has %d tasks more than %s, which has room", after.Machines[i].Domains[0], gap, m.Domains[0])
					}
				}
			}
		}
	})
}

func zone(b rollout.Balance, zone string) (n int) {
	for _, p := range b.Tasks {
		if i := slices.IndexFunc(b.Machines, func(m rollout.Machine) bool { return m.ID == p.Node }); i >= 0 && b.Machines[i].Domains[0] == zone {
			n++
		}
	}
	return n
}
