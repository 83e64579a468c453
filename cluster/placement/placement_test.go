package placement

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
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
			n := Node{ID: words[0], CPU: need.CPU, Memory: need.Memory, Taken: need.Ports, Attributes: need.Attributes}
			if slices.Contains(words, "gone") {
				n.Refusal = NoAgent
			}
			nodes = append(nodes, n)
		case "plan":
			return answer(Plan(nodes, Request{Need: readNeed(t, words[1:]), Count: number(t, words[0])}))
		case "start":
			on := slices.Index(words, "on")
			return answer(Plan(nodes, Request{Need: readNeed(t, words[:on]), On: words[on+1:]}))
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

func answer(a Answer) string {
	chosen, refused := a.Chosen, a.Refused
	if len(chosen) == 0 {
		chosen = []string{"none"}
	}
	text := "= " + strings.Join(chosen, " ")
	for _, r := range refused {
		text += fmt.Sprintf("\n! %s %s", r.Node, r.Reason)
	}
	return text
}
