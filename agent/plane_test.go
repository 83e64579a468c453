package agent

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"slipway/internal/errs"
	"slipway/nodeapi"
)

var (
	errNoGroup = errs.New(errs.NotFound, "log group not found")
	errAway    = errs.New(errs.Unavailable, "control plane away")
	errNoRole  = errs.New(errs.NotFound, "no credentials for this task")
	errBroken  = errs.New(errs.Internal, "broken")
)

// plane is a small control plane: it keeps what is wanted of one node, what the node
// has reported and what its containers have printed.
type plane struct {
	t testing.TB

	mu      sync.Mutex
	wanted  map[string]nodeapi.Task
	seen    map[string]nodeapi.TaskReport
	steps   map[string][]nodeapi.Status // the states each task was reported in
	logs    map[string]*printed         // by task and container
	noGroup map[string]bool
	hellos  []nodeapi.Hello
	asked   []nodeapi.CredentialsRequest
	changed chan struct{} // closed at every change

	// fault may fail a call: before it has an effect, or after it, when only the answer is lost.
	fault func(call string) (before, after error)

	streams chan net.Conn // the plane's ends of the streams that were opened
	asks    []nodeapi.Stream

	machine nodeapi.Machine // as it was told last

	ahead   *nodeapi.Prefetches
	fetched map[string]nodeapi.PrefetchReport // by id
}

// printed is a stream of output as the control plane has it.
type printed struct {
	next  int64
	lines []string
	times []int64
}

func newPlane(t testing.TB) *plane {
	return &plane{
		t: t, wanted: map[string]nodeapi.Task{}, seen: map[string]nodeapi.TaskReport{}, steps: map[string][]nodeapi.Status{},
		logs: map[string]*printed{}, noGroup: map[string]bool{}, fetched: map[string]nodeapi.PrefetchReport{}, changed: make(chan struct{}),
		streams: make(chan net.Conn, 100),
	}
}

// touch is called with the lock held.
func (p *plane) touch() {
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *plane) change(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
	p.touch()
}

func (p *plane) faults(call string) (before, after error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fault == nil {
		return nil, nil
	}
	return p.fault(call)
}

func (p *plane) Session(ctx context.Context, h nodeapi.Hello, send func(nodeapi.Frame) error) error {
	before, after := p.faults("Session")
	if before != nil {
		return before
	}
	p.change(func() { p.hellos = append(p.hellos, h) })
	said := map[string]bool{}
	var ahead *nodeapi.Prefetches
	for first := true; ; first = false {
		p.mu.Lock()
		changed := p.changed
		frame := nodeapi.Frame{Complete: first}
		if first {
			frame.Welcome = &nodeapi.Welcome{Account: "123456789012", Region: "us-east-1", Session: planeSession}
		}
		maps.DeleteFunc(said, func(id string, _ bool) bool { _, wanted := p.wanted[id]; return !wanted })
		for _, id := range slices.Sorted(maps.Keys(p.wanted)) {
			w := p.wanted[id]
			if stop, told := said[id]; p.seen[id].Status < nodeapi.Stopped && (!told || stop != w.Stop) {
				w.Recorded = p.seen[id].Status
				w.Containers = slices.Clone(w.Containers)
				for _, c := range p.seen[id].Containers {
					if i := slices.IndexFunc(w.Containers, func(w nodeapi.Container) bool { return w.Name == c.Name }); i >= 0 {
						w.Containers[i].Restarts = c.Restarts
					}
				}
				frame.Tasks = append(frame.Tasks, w)
				said[id] = w.Stop
			}
		}
		frame.Streams, p.asks = p.asks, nil
		if ahead != p.ahead {
			ahead, frame.Prefetch = p.ahead, p.ahead
		}
		p.mu.Unlock()
		if err := send(frame); err != nil {
			return err
		}
		if after != nil {
			return after
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (p *plane) Report(_ context.Context, r nodeapi.Report) (ack nodeapi.ReportAck, err error) {
	before, after := p.faults("Report")
	if before != nil {
		return ack, before
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range r.Tasks {
		if _, known := p.wanted[t.ID]; !known {
			ack.Unknown = append(ack.Unknown, t.ID)
			continue
		}
		if old := p.seen[t.ID]; t.Status > old.Status {
			p.steps[t.ID] = append(p.steps[t.ID], t.Status)
		} else if t.Status < old.Status || old.Status == nodeapi.Stopped {
			continue // the first that tells of an end tells it whole
		}
		p.seen[t.ID] = t
	}
	for _, f := range r.Prefetches {
		p.fetched[f.ID] = f
	}
	if r.Machine != nil {
		p.machine = *r.Machine
	}
	p.touch()
	return ack, after
}

func (p *plane) Output(_ context.Context, _ string, o nodeapi.Output) (ack nodeapi.OutputAck, err error) {
	before, after := p.faults("Output")
	if before != nil {
		return ack, before
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.noGroup[o.Log.Group] {
		return ack, fmt.Errorf("%w: %s", errNoGroup, o.Log.Group)
	}
	key := o.Task + "/" + o.Container
	if p.logs[key] == nil {
		p.logs[key] = &printed{}
	}
	log := p.logs[key]
	if o.Offset == log.next {
		log.next = o.Next
		for _, e := range o.Events {
			log.lines = append(log.lines, e.Message)
			log.times = append(log.times, e.Time)
		}
	}
	p.touch()
	return nodeapi.OutputAck{Next: log.next}, after
}

// planeSession is the secret of every session of the plane.
const planeSession = "session of the plane"

// credentialsLife is how long its credentials are good.
const credentialsLife = time.Hour

// Credentials are numbered, so that a test can tell one from the next.
func (p *plane) Credentials(_ context.Context, r nodeapi.CredentialsRequest) (given nodeapi.Credentials, err error) {
	before, after := p.faults("Credentials")
	if before != nil {
		return given, before
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	w := p.wanted[r.Task]
	if w.Role == "" || p.seen[r.Task].Status == nodeapi.Stopped {
		return given, errNoRole
	}
	p.asked = append(p.asked, r)
	number := fmt.Sprint(len(p.asked))
	p.touch()
	return nodeapi.Credentials{Role: w.Role, AccessKeyID: "ASIA" + number, SecretAccessKey: "secret " + number, SessionToken: "token " + number, Expires: time.Now().Add(credentialsLife)}, after
}

// Secrets are the same for every task: a password for container a, and a login for its image.
func (p *plane) Secrets(_ context.Context, r nodeapi.CredentialsRequest) (nodeapi.Secrets, error) {
	before, after := p.faults("Secrets")
	if before != nil {
		return nodeapi.Secrets{}, before
	}
	p.change(func() { p.asked = append(p.asked, r) })
	return nodeapi.Secrets{
		Env:    map[string][]string{"a": {"PASSWORD=secret of a", "PLAIN=secret"}},
		Logins: map[string]nodeapi.Login{"a": {Username: "reader", Password: "secret login"}},
	}, after
}

// Stream keeps its own end.
func (p *plane) Stream(context.Context, nodeapi.StreamRequest) (io.ReadWriteCloser, error) {
	before, after := p.faults("Stream")
	if before != nil {
		return nil, before
	}
	ours, theirs := net.Pipe()
	p.streams <- ours
	return theirs, after
}

// run wants a task run.
func (p *plane) run(t nodeapi.Task) {
	p.change(func() { p.wanted[t.ID] = t })
}

// stop wants a task stopped, as StopTask does.
func (p *plane) stop(id string) {
	p.change(func() {
		w := p.wanted[id]
		w.Stop, w.StopCode, w.StopReason = true, "UserInitiated", "enough"
		p.wanted[id] = w
	})
}

// patience is how much of a bubble's time a test waits for what must come.
const patience = time.Hour

// until waits until something is true of what the plane holds.
func (p *plane) until(what string, is func() bool) {
	p.t.Helper()
	late := time.After(patience)
	for {
		p.mu.Lock()
		ok, changed := is(), p.changed
		p.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-late:
			p.mu.Lock()
			defer p.mu.Unlock()
			p.t.Fatalf("waited in vain until %s; reported: %+v", what, p.seen)
		}
	}
}

func (p *plane) untilStatus(id string, s nodeapi.Status) nodeapi.TaskReport {
	p.t.Helper()
	p.until(fmt.Sprintf("task %s is %s", id, s), func() bool { return p.seen[id].Status >= s })
	return p.report(id)
}

func (p *plane) untilPrinted(key string, lines ...string) {
	p.t.Helper()
	p.until(fmt.Sprintf("%s has printed %q", key, lines), func() bool {
		return p.logs[key] != nil && slices.Equal(p.logs[key].lines, lines)
	})
}

func (p *plane) report(id string) nodeapi.TaskReport {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen[id]
}

func (p *plane) condition() nodeapi.Machine {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.machine
}

func (p *plane) lines(key string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.logs[key] == nil {
		return nil
	}
	return slices.Clone(p.logs[key].lines)
}
