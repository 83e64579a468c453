package rollout_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"slipway/cluster/rollout"
)

var update = flag.Bool("update", false, "write what is planned now into testdata")

// TestTraces plays the stories of testdata: what is indented happens, one line after the other, and after it comes the
// whole way of the service from there on, a line for each look.
func TestTraces(t *testing.T) {
	for _, kind := range []string{"rolling", "daemon"} {
		t.Run(kind, func(t *testing.T) { traces(t, kind) })
	}
}

func traces(t *testing.T, kind string) {
	file := "testdata/" + kind + ".txt"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	stories := strings.Split(strings.TrimSpace(string(text)), "\n\n")
	for i, story := range stories {
		var given []string
		var b strings.Builder
		p := &player{t: t, kind: map[string]rollout.Kind{"rolling": rollout.Rolling, "daemon": rollout.Daemon}[kind], out: &b}
		for line := range strings.Lines(story) {
			line = strings.TrimSuffix(line, "\n")
			if strings.HasPrefix(line, "#") {
				given = append(given, line)
				fmt.Fprintln(&b, line)
			}
			if strings.HasPrefix(line, "\t") {
				given = append(given, line)
				fmt.Fprintln(&b, line)
				p.happens(strings.Fields(line))
			}
		}
		got := strings.TrimSuffix(b.String(), "\n")
		if !*update && got != story {
			t.Errorf("%s\n--- want\n%s\n--- got\n%s", given[0], story, got)
		}
		stories[i] = got
	}
	if *update {
		if err := os.WriteFile(file, []byte(strings.Join(stories, "\n\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// player plays one story.
type player struct {
	t      *testing.T
	kind   rollout.Kind
	w      *world
	out    *strings.Builder
	refuse bool
	fail   string // the deployment whose tasks end as soon as they run
	brief  string // the deployment whose tasks end a step after they were seen running
}

func (p *player) happens(words []string) {
	number := func(i int) int {
		n, err := strconv.Atoi(words[i])
		if err != nil {
			p.t.Fatal(err)
		}
		return n
	}
	switch words[0] {
	case "service": // desired min max
		p.w = newWorld(p.kind, number(1), number(2), number(3))
		p.w.s.Machines = machines(number(1))
		p.w.s.Breaker, p.w.s.BreakerRollback = slices.Contains(words, "breaker"), slices.Contains(words, "rollback")
	case "deploy":
		p.w.deploy()
	case "scale":
		p.w.s.Desired, p.w.s.Machines = number(1), machines(number(1))
	case "delete":
		p.w.s.Ending = true
	case "full":
		p.refuse = true
	case "room":
		p.refuse = false
	case "failing":
		p.fail = words[1]
	case "fleeting":
		p.brief = words[1]
	case "unchecked":
		p.w.unchecked = true
	case "alarm":
		p.w.s.Alarm, p.w.s.AlarmRollback = true, true
	case "task":
		p.task(words[1], words[2])
	case "rest": // looks until nothing happens any more
		p.rest(40)
	case "looks":
		p.rest(number(1))
	default:
		p.t.Fatalf("nothing is called %s", words[0])
	}
}

func (p *player) task(id, what string) {
	i := slices.IndexFunc(p.w.s.Tasks, func(t rollout.Task) bool { return t.ID == id })
	if i < 0 {
		p.t.Fatalf("there is no task %s", id)
	}
	t := &p.w.s.Tasks[i]
	switch what {
	case "dies":
		t.Status, t.Well, t.Why = rollout.Stopped, false, "Essential container in task exited."
	case "ends":
		t.Status, t.Well, t.Why = rollout.Stopping, false, "Essential container in task exited."
	case "sick":
		t.Well, t.Unwell = false, "failed container health checks"
	case "drained":
		t.Leaving = true
	case "away":
		t.Away = true
	case "lost":
		t.Away, t.Lost = false, true
	case "back":
		t.Away, t.Lost = false, false
	case "protected":
		t.Protected = p.w.now.Add(time.Hour)
	default:
		p.t.Fatalf("no task is %s", what)
	}
}

// rest lets the world go on, a step at a time: of ten seconds, and of four where what is not checked has to stand.
func (p *player) rest(most int) {
	began := p.w.now
	for range most {
		c := p.w.pass(func(rollout.Start) bool { return p.refuse })
		line := p.w.line()
		if p.w.ended {
			line += "  ended"
		}
		fmt.Fprintf(p.out, "%4.0fs%s\n", p.w.now.Sub(began).Seconds(), line)
		for _, e := range c.Events {
			fmt.Fprintln(p.out, "      |", e)
		}
		if p.w.ended || c.Empty() && len(c.Starts) == 0 && c.Next.IsZero() && !p.moving() {
			return
		}
		p.w.now = p.w.now.Add(10 * time.Second)
		if p.w.unchecked {
			p.w.now = p.w.now.Add(-6 * time.Second)
		}
		p.w.advance()
		for i := range p.w.s.Tasks {
			t := &p.w.s.Tasks[i]
			if t.Status == rollout.Running && (t.Deployment == p.fail || t.Deployment == p.brief && !t.Since.IsZero()) {
				t.Status, t.Well, t.Why = rollout.Stopped, false, "Essential container in task exited."
			}
		}
	}
}

func (p *player) moving() bool {
	return slices.ContainsFunc(p.w.s.Tasks, func(t rollout.Task) bool { return t.Status == rollout.Starting || t.Status == rollout.Stopping })
}
