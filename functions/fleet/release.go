package fleet

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"slipway/nodeapi"
)

// Release is one fixed code and configuration of a function: what a sandbox is assigned. It is compared by its ID and
// must not change once it was given to a fleet. Callers should give the same pointer again as long as nothing changes.
type Release struct {
	ID       string // within its function
	Account  string
	Function string // ARN, without a qualifier
	Name     string // of the function
	Version  string // "$LATEST" or a number

	Runtime  Image
	Packaged bool // the image is the function's own, so its sandboxes cannot come from a shared pool

	// Assignment is all of it but Sandbox, Release, Env, CPU and Log.Stream, which the fleet fills in.
	Assignment  nodeapi.Assignment
	Memory      int // MiB
	Disk        int // MiB of /tmp
	Timeout     time.Duration
	Concurrency int // calls that one sandbox runs at a time; 0: 1

	// Env returns "NAME=value" of all that the runtime is given, with fresh credentials. It is asked for each sandbox,
	// and its credentials must be valid for as long as a sandbox may live: Config.MaxAge and a quarter of it.
	Env func(context.Context) ([]string, error)
}

// String names a release without its environment.
func (r *Release) String() string {
	return fmt.Sprintf("release %s of %s:%s", r.ID, r.Function, r.Version)
}

// GoString is String.
func (r *Release) GoString() string { return r.String() }

// LogValue is String.
func (r *Release) LogValue() slog.Value { return slog.StringValue(r.String()) }

func (r *Release) concurrency() int { return max(1, r.Concurrency) }

// Image is what a sandbox's container is made of.
type Image struct {
	Name   string // where to pull it from
	Digest string // "sha256:..."
	// Login returns what opens the registry for one pull; nil: none is needed.
	Login func(context.Context) (*nodeapi.Login, error)
}
