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

	"pgregory.net/rapid"

	"slipway/functions/fleet"
	"slipway/functions/fleet/fleettest"
	"slipway/nodeapi"
)

// step is something that happens in a history, some time after what happened before.
type step struct {
	kind  string
	which int
	after time.Duration
}

func (s step) String() string { return fmt.Sprintf("%v %s %d", s.after, s.kind, s.which) }

// harmless steps may fail no call; the others may fail those that they meet.
var (
	harmless = []string{"update", "update", "prepare", "break", "pinned", "provision", "size", "pause"}
	harmful  = append([]string{"kill", "lose", "leave", "die", "join", "sick"}, harmless...)
)

func steps(kinds []string) *rapid.Generator[[]step] {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
		return step{
			kind: rapid.SampledFrom(kinds).Draw(t, "kind"), which: rapid.IntRange(0, 5).Draw(t, "which"),
			after: time.Duration(rapid.IntRange(0, 3000).Draw(t, "after")) * time.Millisecond,
		}
	}), 1, 25)
}

// history is a world in which things happen, and a second account whose functions have the same names.
type history struct {
	*world
	owner  *owner
	all    []*fleet.Release // in the order in which the function came to them
	at     []time.Time
	order  map[string]int
	faulty bool // calls may fail

	mu    sync.Mutex
	wrong []string
}

func (h *history) fault(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.wrong = append(h.wrong, fmt.Sprintf(format, args...))
}

func TestWhateverHappensNoUpdateFailsACall(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h := &history{owner: owns(nil, drawStaleness(rt))}
		live(t, rt, h, steps(harmless).Draw(rt, "steps"), rapid.IntRange(1, 6).Draw(rt, "clients"))
	})
}

func TestWhateverHappensTheFleetKeepsItsWord(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h := &history{owner: owns(nil, drawStaleness(rt)), faulty: true}
		live(t, rt, h, steps(harmful).Draw(rt, "steps"), rapid.IntRange(1, 6).Draw(rt, "clients"))
	})
}

func drawStaleness(t *rapid.T) fleet.Staleness {
	return rapid.SampledFrom([]fleet.Staleness{fleet.AllowOld, fleet.Strict, fleet.MaxAge(2 * time.Second)}).Draw(t, "staleness")
}

// live lets a history happen under load, and tells what was wrong.
func live(t *testing.T, rt *rapid.T, h *history, all []step, clients int) {
	synctest.Test(t, func(t *testing.T) {
		h.world = begin(t, fleet.Config{Wait: 30 * time.Second})
		h.order = map[string]int{}
		for _, node := range []string{"a", "b"} {
			h.enter(node)
		}
		h.update("r0")
		h.callLine() // so that there is something to fall back to
		l := h.clients(clients)
		for _, s := range all {
			time.Sleep(s.after)
			h.step(s)
		}
		time.Sleep(time.Second)
		close(l.halt)
		l.clients.Wait()
		time.Sleep(20 * time.Minute) // all swaps are over, what went wrong is found
		h.checkRest()
		h.stop()
		if n := h.room.Count(); n > 0 {
			h.fault("%d holds are left", n)
		}
		for node, host := range h.hosts {
			for _, f := range host.Faults() {
				h.fault("%s: %s", node, f)
			}
		}
	})
	if len(h.wrong) > 0 {
		rt.Fatalf("%d things are wrong: %s", len(h.wrong), strings.Join(h.wrong[:min(5, len(h.wrong))], "\n"))
	}
}

// enter joins a machine that knows releases that begin with "bad" as such.
func (h *history) enter(node string) {
	h.machine(node, 2048, func(host *fleettest.Host) {
		host.FetchTime = 300 * time.Millisecond
		host.Init = func(a nodeapi.Assignment) nodeapi.Init {
			if strings.HasPrefix(a.Release, "bad") {
				return unfit(a.Release)(a)
			}
			return nodeapi.Init{}
		}
	})
}

func (h *history) update(id string) {
	r := release(id)
	h.mu.Lock()
	h.order[id] = len(h.all)
	h.all = append(h.all, r)
	h.at = append(h.at, time.Now())
	h.mu.Unlock()
	h.owner.update(r)
}

func (h *history) step(s step) {
	node := string(rune('a' + s.which%3))
	host := h.hosts[node]
	switch s.kind {
	case "update":
		h.update(fmt.Sprintf("r%d", len(h.all)))
	case "break":
		if h.owner.call().Stale == fleet.AllowOld { // otherwise calls are to fail
			h.update(fmt.Sprintf("bad%d", len(h.all)))
		}
	case "prepare":
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		c := h.owner.call()
		h.fleet.Prepare(ctx, c.Line, c.Release, c.Since, c.Moves)
	case "pinned":
		h.callPinned(s.which)
	case "provision":
		h.fleet.Provision(version(fmt.Sprint(s.which)), s.which%3)
	case "size":
		h.room.Add("b", 600+s.which*400)
	}
	if host == nil {
		if s.kind == "join" {
			h.enter(node)
		}
		return
	}
	h.harm(s, node, host)
}

func (h *history) harm(s step, node string, host *fleettest.Host) {
	switch s.kind {
	case "kill", "lose":
		for i, one := range h.fleet.Inventory(account) {
			if i%3 == s.which%3 && one.Node == node {
				map[string]func(string){"kill": host.Kill, "lose": host.Lose}[s.kind](one.ID)
			}
		}
	case "leave":
		h.leave[node]()
	case "die":
		host.Die()
	case "join":
		h.leave[node]()
		synctest.Wait()
		h.enter(node)
	case "sick":
		until := time.Now().Add(2 * time.Second)
		fail := func(method, _ string) error {
			if time.Now().Before(until) && method != "invoke" {
				return errSick
			}
			return nil
		}
		host.Change(func(h *fleettest.Host) { h.Fail = fail })
	}
}

func (h *history) callPinned(which int) {
	v := version(fmt.Sprint(which))
	r, err := h.fleet.Invoke(context.Background(), pinned(v), nil)
	switch {
	case err != nil && !h.faulty:
		h.fault("a call of version %d failed: %v", which, err)
	case err == nil && (string(r.Payload) != v.ID || r.Stale != 0):
		h.fault("version %d was called, and %s answered", which, r.Payload)
	}
}

// clients call the function, one after the other, and see that what answers is as its owner allows.
func (h *history) clients(n int) *load {
	l := &load{halt: make(chan struct{})}
	for range n {
		l.clients.Go(func() {
			for {
				select {
				case <-l.halt:
					return
				case <-time.After(5 * time.Millisecond):
					h.callLine()
				}
			}
		})
	}
	return l
}

func (h *history) callLine() {
	c := h.owner.call()
	asked := time.Now()
	r, err := h.fleet.Invoke(context.Background(), c, nil)
	switch {
	case err != nil || r.Error != nil:
		if !h.faulty {
			h.fault("at %v a call of %s failed: %v, %+v", asked, c.Release.ID, err, r.Error)
		}
	case string(r.Payload) != r.Release.ID:
		h.fault("%s answered as %s", r.Payload, r.Release.ID)
	default:
		h.checkAge(c, asked, r)
	}
}

// checkAge sees whether the release that answered was new enough, by when the owner made the one after it.
func (h *history) checkAge(c fleet.Call, asked time.Time, r fleet.Result) {
	h.mu.Lock()
	defer h.mu.Unlock()
	i := h.order[r.Release.ID]
	if i >= h.order[c.Release.ID] {
		return
	}
	began := asked.Add(r.Wait)
	if age := began.Sub(h.at[i+1]); c.Stale.Bounded && age >= max(1, c.Stale.Age) {
		h.wrong = append(h.wrong, fmt.Sprintf("%s answered %v after it was superseded; the owner allows %v", r.Release.ID, age, c.Stale))
	}
}

// checkRest sees that the books, the machines and the fleet say the same once nothing is under way.
func (h *history) checkRest() {
	s := h.fleet.Stats()
	if s.Waiting != 0 || s.Running != 0 {
		h.fault("nobody calls, and %d calls wait and %d run", s.Waiting, s.Running)
	}
	known := len(h.fleet.Inventory(account))
	if n := h.room.Count(); n != known || s.Holds != known {
		h.fault("there are %d sandboxes, and the books have %d holds, the fleet %d", known, n, s.Holds)
	}
	// who is alone has all of the account's concurrency
	alone := pinned(version("alone"))
	alone.Limit.Unreserved = 1
	if len(h.hosts) > 0 && s.Machines > 0 {
		if _, err := h.fleet.Invoke(context.Background(), alone, nil); errors.Is(err, fleet.ErrAccount) {
			h.fault("calls that are over count in the account's concurrency")
		}
	}
}
