package clustertest

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"slipway/nodeapi"
)

// Node is a joined node. It takes note of what is wanted of it and reports only what it is told to,
// unless it is Obedient.
type Node struct {
	ID string

	t      testing.TB
	plane  nodeapi.ControlPlane
	end    context.CancelFunc
	ended  chan error
	mu     sync.Mutex
	news   chan struct{} // closed and made anew at every frame
	frames []nodeapi.Frame
	wanted map[string]nodeapi.Task
	obeys  sync.WaitGroup
}

// Hello is a node of the given name and size that serves every cluster.
func Hello(name byte, cpu, memory int) nodeapi.Hello {
	id := slices.Repeat([]byte{name}, 32)
	return nodeapi.Hello{Account: Account, Node: string(id), Version: "1.0", Engine: "fake 1", CPU: cpu, Memory: memory, Ports: []int{22}, Attributes: map[string]string{"ecs.cpu-architecture": "x86_64"}}
}

// Join opens a session that ends with the test, and returns once the first frame is there.
func Join(t testing.TB, plane nodeapi.ControlPlane, hello nodeapi.Hello) *Node {
	t.Helper()
	ctx, end := context.WithCancel(context.Background())
	n := &Node{ID: hello.Node, t: t, plane: plane, end: end, ended: make(chan error, 1), news: make(chan struct{}), wanted: map[string]nodeapi.Task{}}
	go func() { n.ended <- plane.Session(ctx, hello, n.take) }()
	t.Cleanup(func() {
		n.Leave()
		n.obeys.Wait()
	})
	n.until(func() bool { return len(n.frames) > 0 })
	return n
}

// Leave ends the session and returns what it ended with. It may be called more than once.
func (n *Node) Leave() error {
	n.end()
	return n.Ended()
}

// Ended waits for the session to end by itself.
func (n *Node) Ended() error {
	err := <-n.ended
	n.ended <- err
	return err
}

func (n *Node) take(f nodeapi.Frame) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.frames = append(n.frames, f)
	for _, t := range f.Tasks {
		n.wanted[t.ID] = t
	}
	close(n.news)
	n.news = make(chan struct{})
	return nil
}

// Frames returns what came so far.
func (n *Node) Frames() []nodeapi.Frame {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.frames)
}

// Task waits until the task is wanted here, running or stopped as told, and returns it.
func (n *Node) Task(id string, stop bool) nodeapi.Task {
	n.t.Helper()
	n.until(func() bool { t, ok := n.wanted[id]; return ok && t.Stop == stop })
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.wanted[id]
}

// Empty waits for a frame with nothing in it.
func (n *Node) Empty() {
	n.t.Helper()
	n.until(func() bool {
		return slices.ContainsFunc(n.frames, func(f nodeapi.Frame) bool { return f.Welcome == nil && !f.Complete && f.Tasks == nil })
	})
}

// Until waits until something is true of the frames that came.
func (n *Node) Until(is func(frames []nodeapi.Frame) bool) {
	n.t.Helper()
	n.until(func() bool { return is(n.frames) })
}

// until waits for a frame after which ok holds. It gives up when the session has ended.
func (n *Node) until(ok func() bool) {
	n.t.Helper()
	for {
		n.mu.Lock()
		done, news := ok(), n.news
		n.mu.Unlock()
		if done {
			return
		}
		select {
		case <-news:
		case err := <-n.ended:
			n.ended <- err
			n.t.Fatalf("the session of node %s ended while something was awaited: %v", n.ID, err)
		}
	}
}

// Report tells the control plane about tasks.
func (n *Node) Report(reports ...nodeapi.TaskReport) nodeapi.ReportAck {
	n.t.Helper()
	ack, err := n.plane.Report(context.Background(), nodeapi.Report{Node: n.ID, Tasks: reports})
	if err != nil {
		n.t.Errorf("report: %v", err)
	}
	return ack
}

// Credentials asks for credentials of a task, as the node's present session.
func (n *Node) Credentials(task string) (nodeapi.Credentials, error) {
	return n.plane.Credentials(context.Background(), nodeapi.CredentialsRequest{Node: n.ID, Session: n.Session(), Task: task})
}

// Session is the secret that the node was welcomed with.
func (n *Node) Session() string { return n.Frames()[0].Welcome.Session }

// Run reports the task running, with free host ports from 32768 on.
func (n *Node) Run(id string) { n.t.Helper(); n.Report(Running(n.Task(id, false))) }

// Exit reports the task stopped, because its first container exited with code.
func (n *Node) Exit(id string, code int) {
	n.t.Helper()
	n.Report(Exited(n.Task(id, false), code))
}

// Stop reports the task stopped once it is wanted so.
func (n *Node) Stop(id string) { n.t.Helper(); n.Report(Halted(n.Task(id, true))) }

// Obey makes the node do what is wanted of it until its session ends: it reports tasks running, and
// stopped when they are to stop. A task whose first command is "exit" and a number exits so.
func (n *Node) Obey() { n.obeys.Go(n.obeyAll) }

func (n *Node) obeyAll() {
	done := map[string]bool{} // by task and whether to stop
	for {
		wanted, news := n.now()
		for _, t := range wanted {
			if key := t.ID + strconv.FormatBool(t.Stop); !done[key] {
				done[key] = true
				n.obey(t)
			}
		}
		select {
		case <-news:
		case err := <-n.ended:
			n.ended <- err
			return
		}
	}
}

func (n *Node) now() (wanted []nodeapi.Task, news <-chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, t := range n.wanted {
		wanted = append(wanted, t)
	}
	return wanted, n.news
}

func (n *Node) obey(t nodeapi.Task) {
	if t.Stop {
		n.Report(Halted(t))
		return
	}
	n.Report(Running(t))
	if words := t.Containers[0].Command; len(words) == 2 && words[0] == "exit" {
		code, err := strconv.Atoi(words[1])
		if err != nil {
			n.t.Errorf("exit %s: %v", words[1], err)
		}
		n.Report(Exited(t, code))
	}
}

// began is when everything begins on these nodes.
var began = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// Running is a report of t with all of its containers running.
func Running(t nodeapi.Task) nodeapi.TaskReport {
	r := nodeapi.TaskReport{ID: t.ID, Status: nodeapi.Running, PullStartedAt: began, PullStoppedAt: began.Add(time.Second), StartedAt: began.Add(2 * time.Second), Address: "10.88.0.2"}
	free := 32768
	for _, c := range t.Containers {
		report := nodeapi.ContainerReport{Name: c.Name, Status: nodeapi.Running, RuntimeID: t.ID + "-" + c.Name, Digest: c.Digest}
		for _, p := range c.Ports {
			if p.Host == 0 {
				p.Host = free
				free++
			}
			report.Ports = append(report.Ports, p)
		}
		r.Containers = append(r.Containers, report)
	}
	return r
}

// Exited is a report of t stopped because its first container exited with code.
func Exited(t nodeapi.Task, code int) nodeapi.TaskReport {
	r := stopped(t, code)
	r.StopCode, r.StopReason = "EssentialContainerExited", "Essential container in task exited"
	return r
}

// Halted is a report of t stopped because it was wanted so.
func Halted(t nodeapi.Task) nodeapi.TaskReport {
	r := stopped(t, 143)
	r.StopCode, r.StopReason = t.StopCode, t.StopReason
	return r
}

func stopped(t nodeapi.Task, code int) nodeapi.TaskReport {
	r := nodeapi.TaskReport{ID: t.ID, Status: nodeapi.Stopped, StoppingAt: began.Add(time.Minute), ExecStoppedAt: began.Add(time.Minute), StoppedAt: began.Add(61 * time.Second)}
	for i, c := range t.Containers {
		report := nodeapi.ContainerReport{Name: c.Name, Status: nodeapi.Stopped, ExitCode: &code}
		if i > 0 {
			report.ExitCode = new(137)
		}
		r.Containers = append(r.Containers, report)
	}
	return r
}
