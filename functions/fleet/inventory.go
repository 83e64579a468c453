package fleet

import "time"

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
	Used     time.Time // when it last began or ended a call; zero: never
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

// Stats are a fleet's numbers at a moment, and its counters since it began.
type Stats struct {
	Sandboxes map[string]int // by state
	Waiting   int            // calls without a sandbox
	Running   int            // calls in sandboxes
	Machines  int
	Holds     int // that the books should have of this fleet
	// Skew is the greatest age that a superseded release had when it answered a call, in the last minute or the one before.
	Skew time.Duration

	Calls, Cold, Throttled, Failed, Stale int64 // Stale: answered by a release that had been superseded
}
