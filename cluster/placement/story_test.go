package placement

import (
	"flag"
	"fmt"
	"os"
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
	for i, text := range stories[1:] {
		given, want, _ := strings.Cut(text, "\n=")
		name, steps, _ := strings.Cut(given, "\n\t")
		got := play(t, strings.Split(steps, "\n\t"))
		if !*update && got != "="+want {
			t.Errorf("%s\n%s\nwant\n=%s", name, got, want)
		}
		stories[i+1] = given + "\n" + got
	}
	if len(stories) < 40 {
		t.Fatalf("%s holds only %d stories", file, len(stories))
	}
	if *update {
		if err := os.WriteFile(file, []byte(strings.Join(stories, "\n\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// story is what has been told so far.
type story struct {
	*testing.T
	nodes []Node
	asked Request
}

func play(t *testing.T, steps []string) string {
	s := story{T: t}
	s.asked.Tags = map[string]string{}
	for _, step := range steps {
		verb, rest, _ := strings.Cut(step, " ")
		switch words := strings.Fields(rest); verb {
		case "node":
			s.nodes = append(s.nodes, s.node(words))
		case "by":
			s.asked.Strategies = append(s.asked.Strategies, Strategy{words[0], strings.Join(words[1:], "")})
		case "where":
			kind, expression, _ := strings.Cut(rest, " ")
			s.asked.Constraints = append(s.asked.Constraints, Constraint{kind, expression})
		case "group":
			s.asked.Group = rest
		case "with":
			key, value, _ := strings.Cut(rest, "=")
			s.asked.Tags[key] = value
		case "seed":
			s.asked.Seed = uint64(s.number(rest))
		case "after":
			s.asked.After = rest
		case "brief":
			s.asked.Brief = true
		case "plan":
			s.asked.Count, s.asked.Need = s.number(words[0]), s.need(words[1:])
			return s.answer()
		case "start":
			needs, on, _ := strings.Cut(rest, " on ")
			s.asked.Need, s.asked.On = s.need(strings.Fields(needs)), strings.Fields(on)
			return s.answer()
		default:
			t.Fatalf("a story does not understand %q", step)
		}
	}
	t.Fatalf("nothing is asked in %q", steps)
	return ""
}

func (s *story) node(words []string) Node {
	need := s.need(words[1:3])
	n := Node{ID: words[0], CPU: need.CPU, Memory: need.Memory, AllCPU: need.CPU, AllMemory: need.Memory,
		Attributes: map[string]string{}, Tags: map[string]string{}, Counts: map[string]int{}}
	for _, word := range words[3:] {
		kind, rest, _ := strings.Cut(word, ":")
		name, value, isPair := strings.Cut(rest, "=")
		switch {
		case word == "gone":
			n.Refusal = NoAgent
		case word == "draining":
			n.Refusal = Draining
		case kind == "tag":
			n.Tags[name] = value
		case kind == "group":
			n.Counts[ByGroup(name)] = s.number(value)
		case kind == "has":
			value, count, _ := strings.Cut(value, "=")
			n.Counts[ByTag(name, value)] = s.number(count)
		case isPair:
			s.Fatalf("a node does not understand %q", word)
		default:
			s.also(&n, word)
		}
	}
	return n
}

func (s *story) also(n *Node, word string) {
	name, value, isPair := strings.Cut(word, "=")
	switch {
	case !isPair:
		n.Taken = append(n.Taken, s.port(word))
	case name == "load":
		cpu, memory, _ := strings.Cut(value, "/")
		n.Load = Load{s.share(cpu), s.share(memory), true}
	case name == "disk":
		n.Disk, n.AllDisk = s.number(value), s.number(value)
	case name == "of":
		n.AllCPU = s.number(value)
	default:
		n.Attributes[name] = value
	}
}

func (s *story) need(words []string) Need {
	need := Need{CPU: s.number(words[0]), Memory: s.number(words[1])}
	for _, word := range words[2:] {
		name, value, isPair := strings.Cut(word, "=")
		switch {
		case !isPair:
			need.Ports = append(need.Ports, s.port(word))
		case name == "disk":
			need.Disk = s.number(value)
		default:
			need.Attributes = map[string]string{name: value}
		}
	}
	return need
}

func (s *story) port(word string) Port {
	number, protocol, _ := strings.Cut(word, "/")
	return Port{s.number(number), protocol}
}

func (s *story) number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		s.Fatal(err)
	}
	return n
}

func (s *story) share(text string) float64 {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		s.Fatal(err)
	}
	return n
}

func (s *story) answer() string {
	a := Plan(s.nodes, s.asked)
	chosen := a.Chosen
	if len(chosen) == 0 {
		chosen = []string{"none"}
	}
	text := "= " + strings.Join(chosen, " ")
	for _, r := range a.Refused {
		text += strings.TrimRight(fmt.Sprintf("\n! %s %s %s", r.Node, r.Reason, r.Detail), " ")
	}
	for _, sentence := range Advice(a.Lacks) {
		text += "\n? " + sentence
	}
	return text
}
