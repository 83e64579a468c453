package functions

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"slipway/functions/fleet"
	"slipway/internal/errs"
	"slipway/nodeapi"
	"slipway/store"
)

// pendingTopic is touched whenever a version is to be made ready.
const pendingTopic = "functions pending"

const (
	readyPeriod = time.Second
	readyAtOnce = 256
)

// readying makes versions ready that are Pending, or whose update is InProgress. What it looks at are the rows: what
// was begun before a crash is begun again.
type readying struct {
	c       *Control
	mu      sync.Mutex
	busy    map[string]bool // release of a version that is being made ready
	running sync.WaitGroup
}

// pass begins with all that is to be made ready and is not begun with; if that is very much, with some or other of it,
// so that those that cannot be tried are in nobody's way for ever.
func (r *readying) pass(ctx context.Context) error {
	var found []Version
	err := r.c.db.View(ctx, func(tx *store.Tx) (err error) {
		found, err = eachVersion(tx, `where v.state = 'Pending' or v.update_state = 'InProgress' order by random() limit $1`, readyAtOnce)
		return err
	})
	if err != nil {
		return err
	}
	for _, v := range found {
		if !r.c.here(ctx, v.Account) || !r.begin(v) {
			continue
		}
		r.running.Go(func() {
			defer r.end(v)
			r.c.ready(ctx, v)
		})
	}
	return nil
}

func (r *readying) begin(v Version) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.busy == nil {
		r.busy = map[string]bool{}
	}
	if key := v.id + "/" + v.Release; !r.busy[key] && len(r.busy) < readyAtOnce {
		r.busy[key] = true
		return true
	}
	return false
}

func (r *readying) end(v Version) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.busy, v.id+"/"+v.Release)
}

// ready has the fleet make a version ready, and writes down what came of it. What could not be tried stays as it is:
// it is tried again.
func (c *Control) ready(ctx context.Context, v Version) {
	err := c.prepare(ctx, v)
	if ctx.Err() != nil || errs.KindOf(err) == errs.Unavailable {
		return
	}
	if err := c.settle(ctx, v, why(err)); err != nil && ctx.Err() == nil {
		slog.WarnContext(ctx, "what came of a function's update is written down later", "function", v.String(), "error", err)
	}
}

func (c *Control) prepare(ctx context.Context, v Version) error {
	f := &function{id: v.function, account: v.Account, name: v.Name}
	release, err := c.release(ctx, f, v)
	if err != nil {
		return err
	}
	line := ""
	if v.Number == 0 {
		line = c.ARN(Ref{v.Account, v.Name, Latest})
	}
	return c.config.Fleet.Prepare(ctx, line, release, v.Since, v.moves.times())
}

// why words what keeps a release from starting; the zero Status is that nothing does. Source: Lambda API,
// LastUpdateStatusReasonCode.
func why(err error) Status {
	var failure *fleet.Failure
	switch {
	case err == nil:
		return Status{}
	case errors.Is(err, ErrRuntime):
		return Status{Failed, "InvalidRuntime", err.Error()}
	case errors.As(err, &failure) && failure.Init.Error != nil:
		return Status{Failed, "FunctionError" + initCodes[failure.Init.Error.Type], initReason(failure.Init)}
	case errors.Is(err, fleet.ErrNoRoom):
		return Status{Failed, "InsufficientCapacity", err.Error()}
	case errs.Declared(err) != nil:
		return Status{Failed, "InvalidConfiguration", err.Error()}
	}
	return Status{Failed, "InternalError", "An internal error keeps the function from being started."}
}

// initReason is how an init phase failed, and what the program said of that when it broke.
func initReason(i nodeapi.Init) string {
	if i.Words == "" {
		return i.Error.Message
	}
	return i.Error.Message + ": " + i.Words
}

// initCodes name how an init phase failed, by the type of its error; others are not told apart.
var initCodes = map[string]string{
	"Runtime.ExitError":         ".RuntimeInitError",
	"Runtime.InvalidEntrypoint": ".InvalidEntryPoint",
	"Runtime.InvalidWorkingDir": ".InvalidWorkingDirectory",
	"Sandbox.Timedout":          ".InitTimeout",
	"Extension.Crash":           ".ExtensionInitError",
	"Extension.LaunchError":     ".ExtensionInitError",
}

// settle writes down whether a version is ready, if it is still what was made ready.
func (c *Control) settle(ctx context.Context, v Version, failed Status) error {
	return c.write(ctx, func(tx *store.Tx) error {
		f := &function{id: v.function, account: v.Account, name: v.Name}
		now, err := readVersion(tx, f, v.Number)
		if errors.Is(err, store.ErrNoRows) || err == nil && (now.Release != v.Release || c.settled(now) == nil) {
			return nil
		}
		if err == nil {
			err = now.settle(tx, failed)
		}
		if err == nil {
			err = bump(tx, v.function)
		}
		if err != nil {
			return err
		}
		kind := "function.active"
		if failed.State != "" {
			kind = "function.failed"
		}
		return c.tell(tx, kind, now)
	})
}

// settle gives a version the states that it has come to.
func (v *Version) settle(tx *store.Tx, failed Status) error {
	updating := v.Update.State == InProgress
	switch {
	case failed.State == "":
		v.State, v.Update = Status{State: Active}, Status{State: Successful}
		if v.Number == 0 {
			if err := dropGood(tx, v.function); err != nil {
				return err
			}
		}
	case updating && v.State.State == Active:
		v.Update = failed
		// What was good is what callers are given from now on: it is the newest in their line.
		if _, err := tx.Exec(`update functions_versions set since = $3 where function = $1 and version = $2`, v.function, goodNumber, store.Micros(tx.Now)); err != nil {
			return err
		}
	default:
		v.State = failed
		if updating {
			v.Update = failed
		}
	}
	return updateVersion(tx, v)
}
