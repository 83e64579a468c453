package fleet

import "time"

// What happens in a fleet that its owner should know.
const (
	ReleaseReady  = "release-ready"  // a line's calls go to it from now on
	ReleaseFailed = "release-failed" // it does not start; what was before it stays in service
	SandboxLost   = "sandbox-lost"   // it is gone and was not asked to go
	MachineLost   = "machine-lost"   // with all of its sandboxes
)

// Happening is something that happened in a fleet.
type Happening struct {
	At       time.Time
	Kind     string
	Account  string
	Function string // ARN; "": of none
	Version  string
	Release  string
	Line     string
	Sandbox  string
	Node     string
	Reason   string        // as people read it
	Again    time.Duration // of ReleaseFailed: it is not tried again before
}
