package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"slipway/engine"
	"slipway/engine/fake"
	"slipway/internal/ids"
	"slipway/internal/loop"
	"slipway/nodeapi"
)

// Engine calls fail before or after they have an effect, the control plane is away or does not
// answer, and the agent dies at any call and is started anew: in the end every task has stopped
// and is told with its true exit codes, no container has run more often than it was told to have
// been started anew, nor two of it at a time, every line is there once, and
// nothing is left.
func TestAgentsDieAndEverythingConverges(t *testing.T) {
	dir, outputs := t.TempDir(), t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.Uint64().Draw(rt, "seed")
		var wrong []string
		synctest.Test(t, func(t *testing.T) { wrong = newChaos(t, dir, outputs, seed).tell() })
		if len(wrong) > 0 {
			rt.Fatal(strings.Join(wrong, "\n"))
		}
	})
}

type chaos struct {
	m     *machine
	calm  atomic.Bool
	tasks []string

	mu   sync.Mutex
	rand *rand.Rand
	ran  map[string]*run // by container
}

// run is what a container has really done.
type run struct {
	times   int
	now     bool // it runs
	twice   bool // and has run twice at a time
	printed bytes.Buffer
	code    int
}

func newChaos(t *testing.T, dir, outputs string, seed uint64) *chaos {
	c := &chaos{rand: rand.New(rand.NewPCG(seed, 0)), ran: map[string]*run{}}
	images := map[string]fake.Program{}
	for _, name := range []string{"a", "b", "c"} {
		images["image-"+name] = c.program
	}
	c.m = &machine{t: t, plane: newPlane(t), dir: dir}
	c.m.control = c.m.plane
	c.m.plane.fault = c.planeFault
	c.m.engine = fake.New(fake.Options{Dir: outputs, Images: images})
	return c
}

// roll is true once in n.
func (c *chaos) roll(n int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.calm.Load() && c.rand.IntN(n) == 0
}

func (c *chaos) pick(n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rand.IntN(n)
}

func (c *chaos) program(ctx context.Context, p *fake.Process) int {
	if p.Args[0] == "check" {
		return len(p.Args) - 1
	}
	c.mu.Lock()
	r := c.ran[p.Spec.ID]
	if r == nil {
		r = &run{}
		c.ran[p.Spec.ID] = r
	}
	r.times++
	r.twice, r.now = r.twice || r.now, true
	c.mu.Unlock()
	p.Stdout = io.MultiWriter(p.Stdout, &r.printed)
	code := fake.Script(ctx, p)
	if ctx.Err() != nil {
		code = 137
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	r.code, r.now = code, false
	return code
}

func (c *chaos) planeFault(string) (before, after error) {
	switch {
	case c.roll(6):
		return []error{errAway, errBroken}[c.pick(2)], nil
	case c.roll(6):
		return nil, errAway
	}
	return nil, nil
}

// mortal is the engine as one agent has it: when that agent dies, it can do no more.
type mortal struct {
	engine.Engine
	chaos *chaos
	dead  *atomic.Bool
	die   func()
}

var errDead = errors.New("the agent is dead")

// do makes a call, and what may go wrong with it.
func (e mortal) do(call func() error) error {
	switch {
	case e.dead.Load():
		return errDead
	case e.chaos.roll(12):
		return errors.New("trouble")
	case e.chaos.roll(25):
		e.die()
		return errDead
	}
	err := call()
	switch {
	case err == nil && e.chaos.roll(12):
		return errors.New("trouble that had an effect")
	case e.chaos.roll(25):
		e.die()
		return errDead
	}
	return err
}

func (e mortal) Pull(ctx context.Context, ref string, l engine.Login) (image engine.Image, err error) {
	err = e.do(func() (err error) { image, err = e.Engine.Pull(ctx, ref, l); return err })
	return image, err
}

func (e mortal) Prepare(ctx context.Context, task string, g engine.Group) (namespace string, err error) {
	err = e.do(func() (err error) { namespace, err = e.Engine.Prepare(ctx, task, g); return err })
	return namespace, err
}

func (e mortal) Attach(ctx context.Context, task string, p []engine.Port) (network engine.Network, err error) {
	err = e.do(func() (err error) { network, err = e.Engine.Attach(ctx, task, p); return err })
	return network, err
}

func (e mortal) Detach(ctx context.Context, task string) error {
	return e.do(func() error { return e.Engine.Detach(ctx, task) })
}

func (e mortal) Create(ctx context.Context, s engine.Spec) error {
	return e.do(func() error { return e.Engine.Create(ctx, s) })
}

func (e mortal) Start(ctx context.Context, id string) error {
	return e.do(func() error { return e.Engine.Start(ctx, id) })
}

func (e mortal) Signal(ctx context.Context, id, signal string) error {
	return e.do(func() error { return e.Engine.Signal(ctx, id, signal) })
}

func (e mortal) Delete(ctx context.Context, id string) error {
	return e.do(func() error { return e.Engine.Delete(ctx, id) })
}

func (e mortal) List(ctx context.Context) (list []engine.Container, err error) {
	err = e.do(func() (err error) { list, err = e.Engine.List(ctx); return err })
	return list, err
}

func (e mortal) RemoveOutput(id string) error {
	return e.do(func() error { return e.Engine.RemoveOutput(id) })
}

func (e mortal) Exec(ctx context.Context, id string, x engine.Exec) (code int, err error) {
	err = e.do(func() (err error) { code, err = e.Engine.Exec(ctx, id, x); return err })
	return code, err
}

// live starts an agent, and another whenever one dies, until ctx ends.
func (c *chaos) live(ctx context.Context) {
	for ctx.Err() == nil {
		life, die := context.WithCancel(ctx)
		dead := &atomic.Bool{}
		a, err := New(Config{
			Engine: mortal{c.m.engine, c, dead, func() { dead.Store(true); die() }}, ControlPlane: c.m.plane, Dir: c.m.dir, CPU: 1, Memory: 1,
		})
		if err != nil {
			c.m.t.Error(err)
			return
		}
		a.Run(life)
		die()
		loop.Pause(ctx, time.Duration(c.pick(3000))*time.Millisecond)
	}
}

var scripts = []string{
	"print one then sleep 3s then print two then exit 4",
	"exit 0",
	"sleep 1s then exit 9",
	"wait 143",
	"print a then print b then print c then stubborn",
	"/missing/program",
}

// embellished may have the containers of a task started anew, wait for each other, be checked and be given secrets.
func (c *chaos) embellished(t nodeapi.Task) nodeapi.Task {
	t.Secret = c.pick(3) == 0
	for i := range t.Containers {
		w := &t.Containers[i]
		if c.pick(2) == 0 {
			w.Restart = &nodeapi.Restart{AttemptPeriod: time.Second, IgnoredExitCodes: []int{4}}
		}
		if c.pick(4) == 0 {
			well := [][]string{{"CMD", "check"}, {"CMD", "check", "badly"}}
			w.Health = &nodeapi.HealthCheck{Command: well[c.pick(2)], Interval: time.Second, Retries: 2}
		}
		if i > 0 && c.pick(3) == 0 {
			conditions := []string{"START", "COMPLETE", "SUCCESS", "HEALTHY"}
			w.DependsOn = []nodeapi.Dependency{{Container: t.Containers[i-1].Name, Condition: conditions[c.pick(4)]}}
			w.StartTimeout = 10 * time.Second
		}
	}
	return t
}

func (c *chaos) tell() (wrong []string) {
	defer c.m.engine.Close()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); c.live(ctx) }()
	defer func() { stop(); <-done }()

	for range 2 + c.pick(4) {
		var run []string
		for range 1 + c.pick(3) {
			run = append(run, scripts[c.pick(len(scripts))])
		}
		task := c.embellished(taskOf(run...))
		task.ID = ids.Hex(16)
		c.tasks = append(c.tasks, task.ID)
		c.m.plane.run(task)
		time.Sleep(time.Duration(c.pick(5000)) * time.Millisecond)
	}
	for _, id := range c.tasks {
		time.Sleep(time.Duration(c.pick(20)) * time.Second)
		c.m.plane.stop(id)
	}
	time.Sleep(time.Duration(c.pick(60)) * time.Second)
	c.calm.Store(true)
	for _, id := range c.tasks {
		wrong = append(wrong, c.check(id)...)
	}
	c.m.empty()
	return wrong
}

// check compares what is told of a task with what its containers did.
func (c *chaos) check(id string) (wrong []string) {
	r := c.m.plane.untilStatus(id, nodeapi.Stopped)
	for _, seen := range r.Containers {
		c.mu.Lock()
		did := c.ran[id+"-"+seen.Name]
		c.mu.Unlock()
		if did == nil {
			if seen.ExitCode != nil {
				wrong = append(wrong, fmt.Sprintf("%s of %s never ran and is told with exit code %d", seen.Name, id, *seen.ExitCode))
			}
			continue
		}
		printed := strings.Split(strings.TrimSuffix(did.printed.String(), "\n"), "\n")
		if did.printed.Len() == 0 {
			printed = nil
		}
		c.m.plane.untilPrinted(id+"/"+seen.Name, printed...)
		if did.times != 1+seen.Restarts || did.twice || seen.ExitCode == nil || *seen.ExitCode != did.code {
			wrong = append(wrong, fmt.Sprintf("%s of %s ran %d times (two at a time: %v) to exit code %d and is told as %+v", seen.Name, id, did.times, did.twice, did.code, seen))
		}
	}
	return wrong
}
