package agent

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"slipway/engine"
	"slipway/internal/errs"
	"slipway/nodeapi"
)

var update = flag.Bool("update", false, "write the golden files anew")

// The stories of testdata/step are told by lines at the margin; below each stands, indented, what is
// decided then. -update writes the decisions anew.
//
//	want a* b             the control plane wants containers a (essential) and b
//	want a b<a:HEALTHY    b waits for a
//	want a@60s            a is started anew if it has run for a minute, but not after exit code 7
//	want a?               a has a health check: each 30 s, from the second failure in a row it counts, not in the first minute
//	want secrets          the definition names something by reference
//	want stop             and now wants the task stopped
//	want a* recorded      and has it recorded as RUNNING, or as STOPPING
//	want a* ending
//	unnamed, denied       does not name the task; does not know it
//	sees a running        the engine shows it creating, created, running, exited CODE, killed (for memory) or gone
//	printed a             there is output of it
//	done pull a           an action has succeeded
//	fail pull a KIND      or failed: invalid, internal, unavailable, port, start
//	noted a 5             an earlier agent has noted that a, which had exited with 5, is to be started anew
//	checks a 1            a health check has ended with an exit code
//	ack                   the control plane has written down what was reported
//	wait 30s              time passes
func TestStepStories(t *testing.T) {
	files, err := filepath.Glob("testdata/step/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			story, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			told := retell(t, string(story))
			if *update {
				err = os.WriteFile(file, []byte(told), 0o644)
			} else if told != string(story) {
				t.Errorf("decided otherwise than told; go test -update shows where:\n%s", told)
			}
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

func retell(t *testing.T, story string) string {
	begin := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	s := &stepStory{t: t, task: newTask("t"), now: begin, began: begin}
	for line := range strings.Lines(story) {
		if strings.HasPrefix(line, "  ") {
			continue
		}
		s.told.WriteString(line)
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			s.happens(strings.Fields(line))
			s.decide()
		}
	}
	return s.told.String()
}

type stepStory struct {
	t        *testing.T
	task     *task
	now      time.Time
	began    time.Time // the story
	told     strings.Builder
	reported string
}

func (s *stepStory) happens(words []string) {
	t := s.task
	switch words[0] {
	case "want":
		t.wanted(s.wanted(words[1:]))
	case "unnamed":
		t.orphan = true
	case "denied":
		t.denied = true
	case "sees":
		s.sees(t.container(words[1]), words[2:])
	case "printed":
		t.container(words[1]).printed = true
	case "done":
		s.done(s.actionOf(words[1:]))
	case "fail":
		a := s.actionOf(words[1 : len(words)-1])
		delete(t.busy, a)
		t.failed(a, failures[words[len(words)-1]], s.now)
		if a.kind == create || a.kind == start {
			t.doubt = 1
		}
	case "noted":
		code, _ := strconv.Atoi(words[2])
		t.container(words[1]).rerun = &rerun{Count: 1, Started: s.began, Code: code, Digest: "sha256:a"}
	case "checks":
		c := t.container(words[1])
		delete(t.busy, action{probe, c.name})
		code, _ := strconv.Atoi(words[2])
		c.checked(verdict{code: code}, s.now)
	case "ack":
		t.acked = t.status
	case "wait":
		d, err := time.ParseDuration(words[1])
		if err != nil {
			s.t.Fatal(err)
		}
		s.now = s.now.Add(d)
	default:
		s.t.Fatalf("story says %q", words)
	}
}

var failures = map[string]error{
	"invalid":     errs.New(errs.Invalid, "bad"),
	"internal":    errors.New("trouble"),
	"unavailable": engine.ErrUnavailable,
	"port":        engine.ErrPortInUse,
	"start":       engine.ErrStart,
}

func (s *stepStory) wanted(words []string) (w nodeapi.Task) {
	for _, word := range words {
		name, essential := strings.Replace(word, "*", "", 1), strings.Contains(word, "*")
		switch name {
		case "secrets":
			w.Secret = true
		case "stop":
			w.Stop, w.StopCode, w.StopReason = true, "UserInitiated", "enough"
		case "recorded":
			w.Recorded = nodeapi.Running
		case "ending":
			w.Recorded = nodeapi.Stopping
		default:
			w.Containers = append(w.Containers, containerOf(name, essential))
		}
	}
	return w
}

// containerOf is the container that a word wants.
func containerOf(word string, essential bool) nodeapi.Container {
	word, dependencies, _ := strings.Cut(word, "<")
	word, checked := strings.CutSuffix(word, "?")
	name, period, restarts := strings.Cut(word, "@")
	c := nodeapi.Container{Name: name, Image: "image-" + name, Essential: essential, Log: &nodeapi.Log{}}
	if checked {
		c.Health = &nodeapi.HealthCheck{Command: []string{"CMD", "true"}, Interval: 30 * time.Second, Retries: 2, StartPeriod: time.Minute}
	}
	if restarts {
		d, _ := time.ParseDuration(period)
		c.Restart = &nodeapi.Restart{AttemptPeriod: d, IgnoredExitCodes: []int{7}}
	}
	for _, d := range strings.FieldsFunc(dependencies, func(r rune) bool { return r == ',' }) {
		on, condition, _ := strings.Cut(d, ":")
		c.DependsOn = append(c.DependsOn, nodeapi.Dependency{Container: on, Condition: condition})
	}
	return c
}

func (s *stepStory) sees(c *container, words []string) {
	e := engine.Container{ID: c.id, Task: s.task.id, Name: c.name, StartedAt: later(c.run, s.began)}
	s.task.doubt = 0
	switch words[0] {
	case "gone":
		c.missing()
		return
	case "creating":
		e.State = engine.Creating
	case "created":
		e.State, e.StartedAt = engine.Created, time.Time{}
	case "running":
		e.State = engine.Running
	case "exited":
		e.State, e.ExitedAt = engine.Exited, s.now
		e.ExitCode, _ = strconv.Atoi(words[1])
	case "killed":
		e.State, e.ExitedAt, e.ExitCode, e.OOMKilled = engine.Exited, s.now, 137, true
	default:
		s.t.Fatalf("story sees %q", words)
	}
	c.sees(e)
}

func (s *stepStory) actionOf(words []string) action {
	s.t.Helper()
	for k := fetch; k <= finish; k++ {
		if rest, ok := strings.CutPrefix(strings.Join(words, " "), k.String()); ok {
			a := action{kind: k, container: strings.TrimSpace(rest)}
			if !s.task.busy[a] {
				s.t.Fatalf("%s has ended and was not under way", a)
			}
			return a
		}
	}
	s.t.Fatalf("no action %q", words)
	return action{}
}

// done notes an action as the agent does.
func (s *stepStory) done(a action) {
	t, c := s.task, s.task.containerOf(a)
	delete(t.busy, a)
	delete(t.tries, a)
	noteDone(t, c, a.kind, s.now)
}

// noteDone is what the agent notes when an action has succeeded.
func noteDone(t *task, c *container, k kind, now time.Time) {
	switch k {
	case fetch:
		t.secrets = &nodeapi.Secrets{}
	case count:
		t.decided(t.reruns())
	case unmake:
		t.unmade(c, 1)
	case pull:
		t.pulled(c, engine.Image{Digest: "sha256:" + c.name}, now)
	case openLog:
		c.logOpen = true
	case prepare:
		t.prepared, t.namespace = true, "/ns"
	case attach:
		t.network = &engine.Network{Address: "10.0.0.2"}
	case create:
		t.made(c, 1, now)
	case start:
		t.ran(c, now)
	case stop:
		c.stopSent = now
	case kill:
		c.killSent = now
	case drain:
		c.drained = true
	case remove:
		t.removed(c)
	case detach:
		t.detached = true
	case finish:
		c.finished = true
	}
}

// decide does what the agent does after any news, and tells of it.
func (s *stepStory) decide() {
	d := step(s.task, s.now)
	for d.become != nil {
		s.task.become(*d.become, s.now)
		s.say("becomes %s", strings.TrimSpace(fmt.Sprint(d.become.status, " ", d.become.code, " ", d.become.reason)))
		d = step(s.task, s.now)
	}
	asked := map[action]bool{}
	for _, a := range d.do {
		if asked[a] = true; !s.task.busy[a] {
			s.task.begin(a, s.now)
			s.say("do %s", a)
		}
	}
	for k := fetch; k <= finish; k++ {
		for _, name := range append(names(s.task), "") {
			if a := (action{k, name}); s.task.busy[a] && !asked[a] && k.canBeGivenUp() {
				delete(s.task.busy, a)
				s.say("give up %s", a)
			}
		}
	}
	if r := s.report(); strings.Contains(r, "HEALTHY") && r != s.reported {
		s.say("tells %s", r)
		s.reported = r
	}
	if !d.again.IsZero() {
		s.say("look again in %s", d.again.Sub(s.now))
	}
	if d.forget {
		s.say("forget it: %s", s.report())
	}
}

func (s *stepStory) say(format string, args ...any) {
	fmt.Fprintf(&s.told, "  "+format+"\n", args...)
}

func names(t *task) (all []string) {
	for _, c := range t.containers {
		all = append(all, c.name)
	}
	return all
}

// report is the task's report in a line.
func (s *stepStory) report() string {
	r := s.task.report()
	text := []string{r.Status.String()}
	for _, c := range r.Containers {
		part := c.Name + " " + c.Status.String()
		if c.Restarts > 0 {
			part += fmt.Sprintf(" (started anew %d times)", c.Restarts)
		}
		if c.Health != "" {
			part += " " + c.Health
		}
		if c.ExitCode != nil {
			part += fmt.Sprint(" ", *c.ExitCode)
		}
		if c.Reason != "" {
			part += " " + strconv.Quote(c.Reason)
		}
		text = append(text, part)
	}
	return strings.Join(text, ", ")
}
