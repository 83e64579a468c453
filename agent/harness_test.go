package agent

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"slipway/engine"
	"slipway/engine/fake"
	"slipway/nodeapi"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, nil)))
	os.Exit(m.Run())
}

const taskID = "0123456789abcdef0123456789abcdef"

// machine is one machine in a bubble: an engine, and an agent that can be killed and started anew.
type machine struct {
	t       *testing.T
	plane   *plane
	control nodeapi.ControlPlane // what the agent is given: the plane, or something before it
	engine  *fake.Engine
	under   engine.Engine // what the agent is given: the engine, or something before it
	dir     string
	disk    func() (float64, error) // how full it is; nil: it is empty
	load    func() (*nodeapi.Load, error)

	mu     sync.Mutex
	before func(ctx context.Context, call, about string) error
	calls  []string // "Create 0123...-web"

	stop context.CancelFunc
	done chan struct{}
}

// story runs a test on a machine in a bubble, with an agent started.
func story(t *testing.T, tell func(m *machine)) {
	t.Helper()
	outputs, dir := t.TempDir(), t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		m := &machine{t: t, plane: newPlane(t), dir: dir}
		m.control = m.plane
		m.load = func() (*nodeapi.Load, error) { return &nodeapi.Load{CPU: 0.5, Memory: 0.5}, nil }
		m.engine = fake.New(fake.Options{Dir: outputs, Before: m.call})
		m.under = m.engine
		defer m.engine.Close()
		m.start()
		defer func() { m.kill() }()
		tell(m)
	})
}

func (m *machine) call(ctx context.Context, call, about string) error {
	m.mu.Lock()
	m.calls = append(m.calls, call+" "+about)
	before := m.before
	m.mu.Unlock()
	if before != nil {
		return before(ctx, call, about)
	}
	return nil
}

// intercept has f run before every call of the engine.
func (m *machine) intercept(f func(ctx context.Context, call, about string) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.before = f
}

func (m *machine) start() {
	m.t.Helper()
	disk := m.disk
	if disk == nil {
		disk = func() (float64, error) { return 0, nil }
	}
	agent, err := New(Config{
		Engine: m.under, ControlPlane: m.control, Dir: m.dir, Cluster: "default", Version: "test", CPU: 2048, Memory: 1024, Disk: disk, Load: m.load,
	})
	if err != nil {
		m.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	m.stop, m.done = stop, make(chan struct{})
	go func() {
		defer close(m.done)
		agent.Run(ctx)
	}()
}

// kill ends the agent, and nothing else.
func (m *machine) kill() {
	m.stop()
	<-m.done
}

func (m *machine) called(prefix string) (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.calls {
		if strings.HasPrefix(c, prefix) {
			n++
		}
	}
	return n
}

// empty waits until nothing is left of any task.
func (m *machine) empty() {
	m.t.Helper()
	for range 1000 {
		containers, err1 := m.engine.List(m.t.Context())
		tasks, err2 := m.engine.Tasks(m.t.Context())
		outputs, err3 := m.engine.Outputs()
		if err := errors.Join(err1, err2, err3); err != nil {
			m.t.Fatal(err)
		}
		if len(containers)+len(tasks)+len(outputs) == 0 {
			return
		}
		time.Sleep(time.Second)
	}
	containers, _ := m.engine.List(m.t.Context())
	tasks, _ := m.engine.Tasks(m.t.Context())
	outputs, _ := m.engine.Outputs()
	m.t.Fatalf("left behind: containers %+v, tasks %v, outputs %v", containers, tasks, outputs)
}

// taskOf is a wanted task whose containers run scripts of the fake engine, the first of them essential.
func taskOf(scripts ...string) nodeapi.Task {
	t := nodeapi.Task{ID: taskID, Cluster: "default", Family: "web", Revision: 1}
	for i, script := range scripts {
		name := string(rune('a' + i))
		t.Containers = append(t.Containers, nodeapi.Container{
			Name: name, Image: "image-" + name, Essential: i == 0, Command: strings.Fields(script),
			StopTimeout: 30 * time.Second, Log: &nodeapi.Log{Group: "group", Stream: name},
		})
	}
	return t
}

func (m *machine) wantExit(r nodeapi.TaskReport, name string, code int) {
	m.t.Helper()
	for _, c := range r.Containers {
		if c.Name == name {
			if c.ExitCode == nil || *c.ExitCode != code {
				m.t.Errorf("container %s is reported as %+v, want exit code %d", name, c, code)
			}
			return
		}
	}
	m.t.Errorf("container %s is not reported", name)
}

func (m *machine) wantStop(r nodeapi.TaskReport, code, reason string) {
	m.t.Helper()
	if r.Status != nodeapi.Stopped || r.StopCode != code || r.StopReason != reason {
		m.t.Errorf("task is %s with %q, %q, want STOPPED with %q, %q", r.Status, r.StopCode, r.StopReason, code, reason)
	}
}
