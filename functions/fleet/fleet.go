package fleet

import (
	"context"
	"time"

	"slipway/nodeapi"
)

// Fleet is the sandboxes of all accounts of one control plane. Its methods may be called at the same time.
type Fleet struct {
	config Config
}

// New makes a fleet without machines.
func New(c Config) *Fleet { return &Fleet{config: c.filled()} }

// Run looks after the fleet until ctx ends: frees what a fleet before it held, fills pools, ends what is idle for too
// long, hands over records. Then calls are refused, what waits is answered, sandboxes are stopped, and it returns.
// Machines and calls may come before; call it once.
func (f *Fleet) Run(ctx context.Context) { <-ctx.Done() }

// Join lets the fleet use a machine of an account until ctx ends or the same machine joins anew (ErrReplaced). Then
// its sandboxes are given up, their holds are freed, and calls that had not begun there are made elsewhere.
func (f *Fleet) Join(ctx context.Context, account, node string, h nodeapi.SandboxHost) error {
	<-ctx.Done()
	return ctx.Err()
}

// Invoke makes a call: in an idle sandbox, or in one that is made for it, as soon as either is there. A function that
// fails is no error: Result.Error says it. Errors are ErrThrottled, ErrAccount, ErrBusy, ErrNoRoom, ErrNoMachine,
// ErrStopping and ErrUnfit (as a *Failure, where not the init phase failed) of calls that have not begun, those of hosts, and ctx's. When ctx
// ends the call is given up.
func (f *Fleet) Invoke(ctx context.Context, c Call, w nodeapi.AnswerWriter) (Result, error) {
	return Result{}, ErrNoMachine
}

// Prepare moves a line to a release, as the first Call that names it does, and waits: its code is fetched and its
// sandboxes are started beside those of the releases before it, on the same machines. It returns nil once calls go to
// it, or if nothing of the line was running. A *Failure says why the release cannot start; the one before stays in
// service then, as far as callers' staleness allows, and the release is tried again, not too often, when it is called.
func (f *Fleet) Prepare(ctx context.Context, line string, r *Release, since time.Time) error {
	return nil
}

// Provision has n sandboxes of the release always ready, from now on; 0 ends that. It is not remembered beyond the
// fleet's life.
func (f *Fleet) Provision(r *Release, n int) {}

// Provisioned tells how far Provision is.
func (f *Fleet) Provisioned(r *Release) Provisioned { return Provisioned{} }

// Warm has a pool of sandboxes of an image ready, before anybody calls a function that needs it.
func (f *Fleet) Warm(account string, i Image, disk int) {}

// Retire ends sandboxes that nobody may call any more: of one release of a function, or of all where release is "".
// Running calls finish; waiting ones get ErrRetired.
func (f *Fleet) Retire(account, function, release string) {}

// Inventory lists an account's sandboxes, by their ids.
func (f *Fleet) Inventory(account string) []Sandbox { return nil }

// Stats tells the fleet's numbers.
func (f *Fleet) Stats() Stats { return Stats{} }
