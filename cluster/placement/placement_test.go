package placement

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "write what is planned now into testdata")

// TestPlans runs the stories in testdata/plan.txt: what is indented is given, what follows is answered.
func TestPlans(t *testing.T) {
	const file = "testdata/plan.txt"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	stories := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n\n")
	for i, story := range stories[1:] {
		given, want, _ := strings.Cut(story, "\n=")
		name, steps, _ := strings.Cut(given, "\n\t")
		got := play(t, strings.Split(steps, "\n\t"))
		if !*update && got != "="+want {
			t.Errorf("%s\n%s\nwant\n=%s", name, got, want)
		}
		stories[i+1] = given + "\n" + got
	}
	if len(stories) < 10 {
		t.Fatalf("%s holds only %d stories", file, len(stories))
	}
	if *update {
		if err := os.WriteFile(file, []byte(strings.Join(stories, "\n\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func play(t *testing.T, steps []string) string {
	var nodes []Node
	for _, step := range steps {
		words := strings.Fields(step)
		switch verb, words := words[0], words[1:]; verb {
		case "node":
			need := readNeed(t, words[1:])
			nodes = append(nodes, Node{words[0], !slices.Contains(words, "gone"), need.CPU, need.Memory, need.Ports, need.Attributes})
		case "plan":
			return answer(Plan(nodes, readNeed(t, words[1:]), number(t, words[0])))
		case "start":
			on := slices.Index(words, "on")
			return answer(Start(nodes, readNeed(t, words[:on]), words[on+1:]))
		}
	}
	t.Fatalf("nothing is asked in %q", steps)
	return ""
}

func readNeed(t *testing.T, words []string) Need {
	need := Need{CPU: number(t, words[0]), Memory: number(t, words[1])}
	for _, w := range words[2:] {
		if port, protocol, ok := strings.Cut(w, "/"); ok {
			need.Ports = append(need.Ports, Port{number(t, port), protocol})
		}
		if name, value, ok := strings.Cut(w, "="); ok {
			need.Attributes = map[string]string{name: value}
		}
	}
	return need
}

func number(t *testing.T, s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func answer(chosen []string, refused []Refusal) string {
	if len(chosen) == 0 {
		chosen = []string{"none"}
	}
	text := "= " + strings.Join(chosen, " ")
	for _, r := range refused {
		text += fmt.Sprintf("\n! %s %s", r.Node, r.Reason)
	}
	return text
}

func anyNode(t *rapid.T, id string) Node {
	return Node{id, rapid.Float64Range(0, 1).Draw(t, "up") < 0.8, rapid.IntRange(0, 40).Draw(t, "cpu"), rapid.IntRange(0, 40).Draw(t, "memory"), anyPorts(t), anyAttributes(t)}
}

func anyAttributes(t *rapid.T) map[string]string {
	return rapid.SampledFrom([]map[string]string{nil, {"kind": "a"}, {"kind": "b"}}).Draw(t, "attributes")
}

func anyPorts(t *rapid.T) []Port {
	port := rapid.Custom(func(t *rapid.T) Port {
		return Port{rapid.IntRange(1, 4).Draw(t, "port"), rapid.SampledFrom([]string{"tcp", "udp"}).Draw(t, "protocol")}
	})
	return rapid.SliceOfNDistinct(port, 0, 3, rapid.ID).Draw(t, "ports")
}

// The plan, applied task by task, never takes more than there is, and what it leaves out fits nowhere.
func TestPlanTakesOnlyWhatIsThereAndAllThatFits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var nodes []Node
		for i := range rapid.IntRange(0, 6).Draw(t, "nodes") {
			nodes = append(nodes, anyNode(t, fmt.Sprint("n", i)))
		}
		before := fmt.Sprint(nodes)
		need := Need{rapid.IntRange(0, 20).Draw(t, "cpu"), rapid.IntRange(0, 20).Draw(t, "memory"), anyPorts(t), anyAttributes(t)}
		count := rapid.IntRange(0, 10).Draw(t, "count")

		chosen, refused := Plan(nodes, need, count)

		if fmt.Sprint(nodes) != before {
			t.Fatalf("the nodes that were given changed")
		}
		left := map[string]Node{}
		for _, n := range nodes {
			left[n.ID] = n
		}
		for _, id := range chosen {
			if why := left[id].Refuses(need); why != "" {
				t.Fatalf("%s was chosen in spite of %s", id, why)
			}
			left[id] = left[id].Take(need)
		}
		if len(chosen) == count {
			if len(refused) > 0 {
				t.Fatalf("all were placed, and yet %v", refused)
			}
			return
		}
		for i, n := range nodes {
			if why := left[n.ID].Refuses(need); why == "" || refused[i] != (Refusal{n.ID, why}) {
				t.Fatalf("%d of %d placed, %s says %q and the plan %v", len(chosen), count, n.ID, why, refused[i])
			}
		}
	})
}

// Start of many is the same as starting them one by one.
func TestStartIsAsIfOneByOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nodes := []Node{anyNode(t, "a"), anyNode(t, "b")}
		need := Need{rapid.IntRange(0, 20).Draw(t, "cpu"), rapid.IntRange(0, 20).Draw(t, "memory"), anyPorts(t), anyAttributes(t)}
		names := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c"}), 0, 6).Draw(t, "names")

		chosen, refused := Start(nodes, need, names)

		var chosenOne []string
		var refusedOne []Refusal
		for _, name := range names {
			c, r := Start(nodes, need, []string{name})
			chosenOne, refusedOne = append(chosenOne, c...), append(refusedOne, r...)
			for i := range nodes {
				if len(c) > 0 && nodes[i].ID == name {
					nodes[i] = nodes[i].Take(need)
				}
			}
		}
		if answer(chosen, refused) != answer(chosenOne, refusedOne) {
			t.Fatalf("%s, one by one %s", answer(chosen, refused), answer(chosenOne, refusedOne))
		}
	})
}
