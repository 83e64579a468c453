package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"slipway/functions/fleet"
	"slipway/functions/fleet/fleettest"
	"slipway/nodeapi"
)

const (
	account  = "111122223333"
	function = "arn:aws:lambda:us-east-1:" + account + ":function:hello"
	latest   = function + ":$LATEST"
)

// world is a fleet with machines whose functions answer with the id of their release.
type world struct {
	*testing.T
	fleet *fleet.Fleet
	room  *fleettest.Room
	hosts map[string]*fleettest.Host
	leave map[string]context.CancelFunc
	stop  func()

	mu       sync.Mutex
	records  []fleet.Record
	happened []fleet.Happening
}

// inWorld runs a story in a bubble of time, and sees afterwards that nothing was asked that must never be, and that
// the books are empty once the fleet has stopped.
func inWorld(t *testing.T, c fleet.Config, story func(*world)) {
	synctest.Test(t, func(t *testing.T) {
		w := begin(t, c)
		story(w)
		w.stop()
		w.checkEnd()
	})
}

func begin(t *testing.T, c fleet.Config) *world {
	w := &world{T: t, hosts: map[string]*fleettest.Host{}, leave: map[string]context.CancelFunc{}}
	w.room = fleettest.NewRoom()
	c.Room = w.room
	c.Records = func(all []fleet.Record) { w.mu.Lock(); w.records = append(w.records, all...); w.mu.Unlock() }
	c.Tell = func(h fleet.Happening) { w.mu.Lock(); w.happened = append(w.happened, h); w.mu.Unlock() }
	w.fleet = fleet.New(c)
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan struct{})
	go func() { defer close(over); w.fleet.Run(ctx) }()
	w.stop = func() { cancel(); <-over; synctest.Wait() }
	return w
}

func (w *world) checkEnd() {
	w.Helper()
	if n := w.room.Count(); n > 0 {
		w.Errorf("%d holds are left in the books", n)
	}
	for node, h := range w.hosts {
		for _, fault := range h.Faults() {
			w.Errorf("%s: %s", node, fault)
		}
	}
}

// answer has a function answer with the id of the release that runs, after d.
func answer(d time.Duration) func(context.Context, nodeapi.Assignment, nodeapi.Invocation) nodeapi.Outcome {
	return func(ctx context.Context, a nodeapi.Assignment, i nodeapi.Invocation) nodeapi.Outcome {
		select {
		case <-time.After(d):
		case <-ctx.Done():
		}
		return nodeapi.Outcome{Payload: []byte(a.Release)}
	}
}

// machine joins a machine on which containers start in 60 ms, releases in 20 ms and calls take 10 ms.
func (w *world) machine(node string, memory int, set ...func(*fleettest.Host)) *fleettest.Host {
	w.Helper()
	h := fleettest.NewHost()
	h.StartTime, h.AssignTime = 60*time.Millisecond, 20*time.Millisecond
	h.Run = answer(10 * time.Millisecond)
	for _, f := range set {
		f(h)
	}
	w.room.Add(node, memory)
	w.join(node, h)
	return h
}

func (w *world) join(node string, h *fleettest.Host) {
	ctx, cancel := context.WithCancel(context.Background())
	w.hosts[node], w.leave[node] = h, cancel
	go w.fleet.Join(ctx, account, node, h)
	w.Cleanup(cancel)
	synctest.Wait()
}

// release makes one whose code is its own.
func release(id string) *fleet.Release {
	return &fleet.Release{
		ID: id, Account: account, Function: function, Name: "hello", Version: "$LATEST",
		Runtime: fleet.Image{Name: "runtime", Digest: "sha256:runtime"}, Memory: 128, Disk: 512, Timeout: 3 * time.Second,
		Assignment: nodeapi.Assignment{Code: []nodeapi.Code{{Digest: "sha256:" + id, Size: 1000}}},
	}
}

// version makes one that is pinned by its number.
func version(n string) *fleet.Release {
	r := release("release-" + n)
	r.Version = n
	return r
}

func call(r *fleet.Release, since time.Time, s fleet.Staleness) fleet.Call {
	return fleet.Call{Release: r, Line: latest, Since: since, Stale: s, Invocation: nodeapi.Invocation{Request: "request"}}
}

func pinned(r *fleet.Release) fleet.Call {
	return fleet.Call{Release: r, Invocation: nodeapi.Invocation{Request: "request"}}
}

// invoke makes a call that must succeed.
func (w *world) invoke(c fleet.Call) fleet.Result {
	w.Helper()
	r, err := w.fleet.Invoke(context.Background(), c, nil)
	switch {
	case err != nil:
		w.Fatalf("call of %s: %v", c.Release.ID, err)
	case r.Error != nil:
		w.Fatalf("call of %s: the function failed: %s: %s", c.Release.ID, r.Error.Type, r.Error.Message)
	case string(r.Payload) != r.Release.ID:
		w.Fatalf("the answer is of %s, and is told to be of %s", r.Payload, r.Release.ID)
	}
	return r
}

// refused makes a call that must not be admitted.
func (w *world) refused(c fleet.Call, want error) {
	w.Helper()
	if _, err := w.fleet.Invoke(context.Background(), c, nil); !errors.Is(err, want) {
		w.Errorf("call of %s: %v, want: %v", c.Release.ID, err, want)
	}
}

// load is clients that call without pause.
type load struct {
	mu      sync.Mutex
	results []fleet.Result
	errs    []error
	halt    chan struct{}
	clients sync.WaitGroup
}

// load begins n clients that make the call that next returns, one after the other.
func (w *world) load(n int, next func() fleet.Call) *load {
	l := &load{halt: make(chan struct{})}
	for range n {
		l.clients.Go(func() {
			for {
				select {
				case <-l.halt:
					return
				default:
					l.note(w.fleet.Invoke(context.Background(), next(), nil))
				}
			}
		})
	}
	return l
}

func (l *load) note(r fleet.Result, err error) {
	if err != nil || r.Error != nil {
		time.Sleep(time.Millisecond) // so that time passes in the bubble
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err != nil:
		l.errs = append(l.errs, err)
	case r.Error != nil:
		l.errs = append(l.errs, fmt.Errorf("%s: %s", r.Error.Type, r.Error.Message))
	default:
		l.results = append(l.results, r)
	}
}

// end stops the clients and returns what they got. Not one call may have failed.
func (l *load) end(t testing.TB) []fleet.Result {
	t.Helper()
	close(l.halt)
	l.clients.Wait()
	if len(l.errs) > 0 {
		t.Errorf("%d of %d calls failed, the first: %v", len(l.errs), len(l.errs)+len(l.results), l.errs[0])
	}
	return l.results
}

// by counts answers by the release that gave them.
func by(all []fleet.Result) map[string]int {
	n := map[string]int{}
	for _, r := range all {
		n[r.Release.ID]++
	}
	return n
}

func (w *world) told(kind string) (all []fleet.Happening) {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, h := range w.happened {
		if h.Kind == kind {
			all = append(all, h)
		}
	}
	return all
}

// states counts sandboxes by their state.
func (w *world) states() string {
	n := map[string]int{}
	for _, s := range w.fleet.Inventory(account) {
		n[s.State]++
	}
	var all []string
	for _, state := range []string{fleet.Starting, fleet.Warm, fleet.Assigning, fleet.Idle, fleet.Busy} {
		if n[state] > 0 {
			all = append(all, fmt.Sprintf("%d %s", n[state], state))
		}
	}
	return strings.Join(all, ", ")
}

func (w *world) wantStates(want string) {
	w.Helper()
	if got := w.states(); got != want {
		w.Errorf("there are %s; want %s", got, want)
	}
}
