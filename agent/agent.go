// Package agent keeps one machine doing what the control plane wants of it: it
// brings tasks up as groups of containers, ends them, ships what they print and
// reports every step.
//
// It decides by looking: what is wanted (the session's frames) beside what is
// there (the engine), so every instruction may come twice, late or out of order,
// and an agent that was killed goes on where it finds things. It writes nothing
// down but its own name, a secret of its own, and which containers it starts anew.
//
// It places no tasks, keeps no logs and knows no container runtime: those are the
// control plane's and the engine's.
package agent

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"slipway/agent/archive"
	"slipway/agent/endpoint"
	"slipway/agent/sandbox"
	"slipway/engine"
	"slipway/nodeapi"
)

// Config says what to run an agent with.
type Config struct {
	Engine       engine.Engine
	ControlPlane nodeapi.ControlPlane // a nodeapi.Client, or the control plane itself when it is in this process
	Dir          string               // a folder of the agent's own, where the node's id is kept; made if it is not there
	Cluster      string               // that the node serves; "": every cluster of its account
	Version      string               // of the agent
	CPU          int                  // units of 1/1024 of a core to offer; 0: all that the machine has
	Memory       int                  // MiB to offer; 0: what the machine has, less MemoryReserve
	Ports        []int                // host ports that tasks must not be given
	API          *url.URL             // where containers with a role are led to for the API: "http://127.0.0.1:4600"; nil: nowhere
	Line         http.RoundTripper    // goes to API as this node; the control plane's registry is reached by it as well. Nil: as anybody reaches them
	Attributes   map[string]string
	Near         []netip.Prefix // addresses of this machine, or its link's, from which archives of images may come; others' may always
	// Disk tells how full the disk of the engine's images is: 0 to 1. When it is too full, images that nobody
	// uses are removed. Nil: it is the disk with Dir.
	Disk func() (float64, error)
	// Load tells how much of the machine is in use; nil as long as that is not known. Nil: as /proc has it.
	Load func() (*nodeapi.Load, error)
}

// Agent is the agent of one machine. Only one may run on a machine's engine at a time.
type Agent struct {
	config Config
	hello  nodeapi.Hello

	mail   chan func(now time.Time) // what has happened; the main loop alone touches what is below
	tasks  map[string]*worker
	done   map[string]time.Time // tasks that are over and gone, which late news must not bring back
	dirty  map[*worker]bool
	looked bool // the engine has been looked at
	whole  bool // a control plane has told all that it wants

	reports  reporter
	output   *shipper
	ledger   ledger
	door     *endpoint.Server                // what containers reach
	welcome  atomic.Pointer[nodeapi.Welcome] // of the present session, or of the last
	wake     chan struct{}                   // has the engine looked at
	welcomed chan struct{}                   // a session has begun
	deeds    atomic.Uint64                   // numbers the agent's own deeds, to tell an older look from a newer
	heavy    chan struct{}                   // bounds the engine calls that load the machine
	work     sync.WaitGroup                  // of everything the main loop has started
	streams  streams

	sandboxes *sandbox.Host // of functions; nil: the control plane has none

	ahead    *prefetcher
	archives *archive.Source // of images that are named by a URL
}

// doneKept is how long late news of a task that is gone may be on its way: far longer than a dead line lives.
const doneKept = time.Hour

// New makes an agent, and the node's id at its first start. It fails when the id
// cannot be read or written, or when the machine's size cannot be told.
func New(c Config) (*Agent, error) {
	hello, err := introduce(c)
	if err != nil {
		return nil, err
	}
	secret, err := nodeSecret(c.Dir)
	if err != nil {
		return nil, err
	}
	if c.Disk == nil {
		c.Disk = diskOf(c.Dir)
	}
	if c.Load == nil {
		c.Load = newMeter("/proc").read
	}
	a := &Agent{
		config:   c,
		hello:    hello,
		mail:     make(chan func(time.Time), 64),
		tasks:    map[string]*worker{},
		done:     map[string]time.Time{},
		dirty:    map[*worker]bool{},
		reports:  reporter{limit: reportBatch},
		wake:     make(chan struct{}, 1),
		welcomed: make(chan struct{}, 1),
		output:   newShipper(c.ControlPlane, hello.Node),
		ahead:    newPrefetcher(),
		archives: archive.New(c.Near),
		ledger:   ledger{filepath.Join(c.Dir, "restarts")},
		heavy:    make(chan struct{}, max(8, 4*runtime.NumCPU())),
	}
	a.door = endpoint.New(endpoint.Config{
		Listen: c.Engine.Listen, ListenLocal: c.Engine.ListenLocal, Issue: a.issue, Stats: c.Engine.Stats, API: c.API, Line: c.Line, Secret: secret,
	})
	if a.sandboxes, err = a.host(); err != nil {
		return nil, err
	}
	return a, nil
}

// Node is the node's id: 32 hexadecimal digits.
func (a *Agent) Node() string { return a.hello.Node }

// Run works until ctx ends and returns when all is still: calls of functions have LeaveTime to end. The containers go on.
func (a *Agent) Run(ctx context.Context) {
	told, ctx := ctx, a.outlast(ctx)
	var parts sync.WaitGroup
	parts.Go(func() { a.watchEngine(ctx) })
	parts.Go(func() { a.keepSession(ctx) })
	parts.Go(func() { a.output.run(ctx) })
	parts.Go(func() { a.door.Run(ctx) })
	parts.Go(func() { a.keepClean(ctx) })
	parts.Go(func() { a.keepCondition(ctx) })
	parts.Go(func() { a.keepPrefetching(ctx) })
	if a.sandboxes != nil {
		parts.Go(func() { a.sandboxes.Run(ctx) })
		parts.Go(func() { a.keepSandboxes(told, ctx) })
	}
	a.door.Tried(ctx)
	a.loop(ctx)
	parts.Wait()
	a.work.Wait()
	a.streams.running.Wait()
}

// tell hands news to the main loop.
func (a *Agent) tell(ctx context.Context, news func(now time.Time)) {
	select {
	case a.mail <- news:
	case <-ctx.Done():
	}
}

// loop is the only one that touches tasks: it takes news as it comes, and decides for
// every task that the news is about.
func (a *Agent) loop(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case news := <-a.mail:
			news(time.Now())
		}
		a.takeRest()
		a.settle(ctx)
	}
}

// takeRest takes the news that is here already, so that many make one decision.
func (a *Agent) takeRest() {
	for {
		select {
		case news := <-a.mail:
			news(time.Now())
		default:
			return
		}
	}
}

func (a *Agent) settle(ctx context.Context) {
	now := time.Now()
	if a.looked { // before that, what is there already would be made again
		for w := range a.dirty {
			a.decide(ctx, w, now)
		}
		clear(a.dirty)
	}
	a.sendReports(ctx, now)
}

// decide brings a task to rest: nothing more is to be noted, and all that is to be done is under way.
func (a *Agent) decide(ctx context.Context, w *worker, now time.Time) {
	if a.tasks[w.id] != w {
		return // late news of what is over and gone
	}
	d := step(&w.task, now)
	for d.become != nil {
		w.become(*d.become, now)
		d = step(&w.task, now)
	}
	a.admit(w)
	a.perform(ctx, w, d.do, now)
	a.wakeAt(ctx, w, d.again, now)
	if d.forget {
		a.forget(w, now)
		return
	}
	a.note(w, now)
}

// wakeAt decides for the task again at a time, and not at the one asked for before.
func (a *Agent) wakeAt(ctx context.Context, w *worker, again, now time.Time) {
	if w.alarm != nil {
		w.alarm.Stop()
		w.alarm = nil
	}
	if !again.IsZero() {
		w.alarm = time.AfterFunc(again.Sub(now), func() {
			a.tell(ctx, func(time.Time) { a.dirty[w] = true })
		})
	}
}

// task finds a task, or takes it up. It gives nil for one that is over and gone.
func (a *Agent) task(id string) *worker {
	if w := a.tasks[id]; w != nil {
		return w
	}
	if _, gone := a.done[id]; gone {
		return nil
	}
	w := &worker{task: *newTask(id), cancel: map[action]context.CancelFunc{}}
	w.orphan, w.since = a.whole, time.Now()
	a.tasks[id] = w
	return w
}

func (a *Agent) forget(w *worker, now time.Time) {
	for _, c := range w.containers {
		a.output.forget(c.id)
	}
	delete(a.tasks, w.id)
	a.done[w.id] = now
	for id, since := range a.done {
		if now.Sub(since) > doneKept {
			delete(a.done, id)
		}
	}
}
