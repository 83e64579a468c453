package fleet

import (
	"cmp"
	"slices"
	"time"
)

// The states of a sandbox, as they are shown.
const (
	Starting  = "starting"  // its container is being made
	Warm      = "warm"      // it waits to be assigned
	Assigning = "assigning" // it is given its function
	Idle      = "idle"
	Busy      = "busy"
)

// Sandbox is a sandbox as it is shown. Those that are Starting and Warm are the warming pool, the rest the active one.
type Sandbox struct {
	ID       string
	Node     string
	State    string
	Image    string // digest
	Function string // ARN; "": it is not assigned
	Version  string
	Release  string
	Memory   int // MiB
	Born     time.Time
	Used     time.Time // when it last began or ended a call, or was made ready
	Calls    int64     // that it has begun
	Running  int
}

// Provisioned is how far sandboxes that a release is always to have are.
type Provisioned struct {
	Wanted    int
	Allocated int   // begun
	Ready     int   // that take calls
	Err       error // why there are not more, if something stands in the way
}

// Inventory lists an account's sandboxes, by their ids.
func (f *Fleet) Inventory(account string) []Sandbox {
	t := f.tenant(account)
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make([]Sandbox, 0, len(t.sandboxes))
	for _, s := range t.sandboxes {
		all = append(all, s.show())
	}
	slices.SortFunc(all, func(a, b Sandbox) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

func (s *sandbox) show() Sandbox {
	v := Sandbox{
		ID: s.id, Node: s.machine.node, State: s.shown(), Image: s.pool.image, Memory: s.hold.Memory,
		Born: s.born, Used: s.used, Calls: s.calls, Running: s.running,
	}
	if e := s.edition; e != nil {
		v.Function, v.Version, v.Release = e.function.arn, e.release.Version, e.release.ID
	}
	return v
}

func (s *sandbox) shown() string {
	if s.state == Idle && s.running > 0 {
		return Busy
	}
	return s.state
}

// Stats are a fleet's numbers at a moment, and its counters since it began.
type Stats struct {
	Sandboxes map[string]int // by state
	Waiting   int            // calls without a sandbox
	Running   int            // calls in sandboxes
	Machines  int
	Holds     int // that the books have of this fleet, where all is at rest
	// Skew is the greatest age that a superseded release had when it was given a call, in this minute and the one before.
	Skew time.Duration

	Calls, Cold, Throttled, Failed, Stale int64 // Failed: before they began. Stale: answered by a superseded release
}

// Stats tells the fleet's numbers.
func (f *Fleet) Stats() Stats {
	all := Stats{Sandboxes: map[string]int{}}
	for _, t := range f.all() {
		t.addTo(&all)
	}
	return all
}

func (t *tenant) addTo(all *Stats) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.sandboxes {
		all.Sandboxes[s.shown()]++
	}
	for fn := range t.hungry {
		all.Waiting += len(fn.waiting)
	}
	all.Running += t.running
	all.Machines += len(t.machines)
	all.Holds += len(t.sandboxes) + len(t.ending)
	all.Skew = max(all.Skew, t.count.skew, t.count.before)
	all.Calls += t.count.calls
	all.Cold += t.count.cold
	all.Throttled += t.count.throttled
	all.Failed += t.count.failed
	all.Stale += t.count.stale
}
