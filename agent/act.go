package agent

import (
	"cmp"
	"context"
	"log/slog"
	"strings"
	"time"

	"slipway/engine"
	"slipway/nodeapi"
)

// worker is a task with what is under way for it.
type worker struct {
	task
	cancel map[action]context.CancelFunc // of what is under way
	alarm  *time.Timer
	told   nodeapi.TaskReport // as it was last
	// Told counts its changes, and the control plane has heard of so many.
	revision, heard int
	due             time.Time // when to tell what it has not heard
}

// callLimit bounds the engine calls that are quick on a healthy machine, so that a sick one is noticed.
const callLimit = 2 * time.Minute

// job does an action, and returns how to note that it is done.
type job func(ctx context.Context) (note func(now time.Time), err error)

// perform has actions done that are not under way yet, and gives up those that are not asked for any more.
func (a *Agent) perform(ctx context.Context, w *worker, actions []action, now time.Time) {
	asked := map[action]bool{}
	for _, act := range actions {
		asked[act] = true
		if !w.busy[act] {
			a.begin(ctx, w, act, now)
		}
	}
	for act, cancel := range w.cancel {
		if !asked[act] && act.kind.canBeGivenUp() {
			cancel()
		}
	}
}

// canBeGivenUp tells of an action that it may take long and leaves nothing behind half done.
func (k kind) canBeGivenUp() bool {
	return k == fetch || k == pull || k == openLog || k == probe || k == drain
}

func (a *Agent) begin(ctx context.Context, w *worker, act action, now time.Time) {
	do := a.job(w, act)
	w.begin(act, now)
	while, cancel := context.WithCancel(ctx)
	w.cancel[act] = cancel
	a.work.Go(func() {
		note, err := do(while)
		gaveUp := while.Err() != nil
		a.tell(ctx, func(now time.Time) {
			a.ended(w, act)
			switch {
			case err == nil:
				delete(w.tries, act)
				note(now)
			case !gaveUp:
				slog.Warn("a step of a task failed", "task", w.id, "step", act, "error", err)
				w.failed(act, err, now)
				a.doubt(w, act)
			}
		})
	})
}

func (a *Agent) ended(w *worker, act action) {
	w.cancel[act]()
	delete(w.cancel, act)
	delete(w.busy, act)
	a.dirty[w] = true
}

// doubt has the engine looked at again after a failure that may have left something running.
func (a *Agent) doubt(w *worker, act action) {
	if act.kind == create || act.kind == start {
		w.doubt = a.deeds.Add(1)
		a.lookAgain()
	}
}

// job binds an action to what is known now, for it runs beside the main loop.
func (a *Agent) job(w *worker, act action) job {
	c := w.containerOf(act)
	switch act.kind {
	case fetch:
		return a.fetch(w)
	case pull:
		return a.pull(w, c)
	case openLog, drain, finish:
		return a.ship(w, c, act.kind)
	case prepare, attach, detach:
		return a.heavily(a.share(w, act.kind))
	case create:
		return a.heavily(a.create(w, c))
	case start:
		return a.heavily(a.start(w, c))
	case probe:
		return a.probe(c)
	case count:
		return a.count(w)
	case unmake, remove:
		return a.heavily(a.remove(w, c, act.kind))
	default:
		return a.signal(c, act.kind)
	}
}

// heavily bounds how many such jobs there are at a time, and how long each may take.
func (a *Agent) heavily(do job) job {
	return func(ctx context.Context) (func(time.Time), error) {
		select {
		case a.heavy <- struct{}{}:
			defer func() { <-a.heavy }()
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		ctx, cancel := context.WithTimeout(ctx, callLimit)
		defer cancel()
		return do(ctx)
	}
}

func (a *Agent) pull(w *worker, c *container) job {
	ref, login := reference(c), engine.Login{}
	if nodeapi.IsLocation(ref) {
		return a.load(w, c, ref)
	}
	if l := w.loginOf(c); l != nil {
		login = engine.Login{Username: l.Username, Password: l.Password, PlainHTTP: l.PlainHTTP, Transport: a.toRegistry(ref)}
	}
	return func(ctx context.Context) (func(time.Time), error) {
		image, err := a.config.Engine.Pull(a.following(ctx, w, c), ref, login)
		return func(now time.Time) { w.pulled(c, image, now) }, err
	}
}

// following has a pull tell how far it is, wherever that is worth a report.
func (a *Agent) following(ctx context.Context, w *worker, c *container) context.Context {
	return engine.WithProgress(ctx, func(done, all int64) {
		a.tell(ctx, func(time.Time) {
			if c.arrived.worthTelling(done, all) {
				c.arrived = arrived{done, all}
				a.dirty[w] = true
			}
		})
	})
}

// arrived is how much of an image has come.
type arrived struct{ done, all int64 }

func (a arrived) worthTelling(done, all int64) bool {
	return all != a.all || done < a.done || done-a.done >= all/50 || done == all && a.done < all
}

// reference names the image to pull: by its content where that is known. A container that is made anew is made
// of what it was made of.
func reference(c *container) string {
	ref, digest := cmp.Or(c.want.Ref, c.want.Image), c.want.Digest
	if c.rerun != nil {
		digest = c.rerun.Digest
	}
	if digest != "" && nodeapi.IsLocation(ref) {
		return pinned(ref, digest)
	}
	if digest == "" || strings.Contains(ref, "@") {
		return ref
	}
	return ref + "@" + digest
}

func (a *Agent) ship(w *worker, c *container, k kind) job {
	from := source{id: c.id, task: w.id, container: c.name, path: a.config.Engine.Output(c.id)}
	if c.want != nil {
		from.log = c.want.Log
		from.discard = c.want.Log == nil
	}
	return func(ctx context.Context) (func(time.Time), error) {
		switch k {
		case openLog:
			return func(time.Time) { c.logOpen = true }, a.output.open(ctx, from)
		case drain:
			return func(time.Time) { c.drained = true }, a.output.drain(ctx, from, settleTime)
		default:
			if err := a.output.drain(ctx, from, 0); err != nil {
				return nil, err
			}
			return func(time.Time) { c.finished = true }, a.config.Engine.RemoveOutput(from.id)
		}
	}
}

// share does what is done for the task as a whole.
func (a *Agent) share(w *worker, k kind) job {
	id, group, ports := w.id, groupOf(w.want), portsWanted(w.want)
	return func(ctx context.Context) (func(time.Time), error) {
		switch k {
		case prepare:
			namespace, err := a.config.Engine.Prepare(ctx, id, group)
			return func(time.Time) { w.prepared, w.namespace = true, namespace }, err
		case attach:
			network, err := a.config.Engine.Attach(ctx, id, ports)
			return func(time.Time) { w.network = &network }, err
		default:
			err := a.config.Engine.Detach(ctx, id)
			if err == nil {
				err = a.ledger.remove(id)
			}
			return func(time.Time) { w.detached = true }, err
		}
	}
}

func (a *Agent) create(w *worker, c *container) job {
	spec := specOf(&w.task, c, a.extraEnv(w, c))
	return func(ctx context.Context) (func(time.Time), error) {
		return func(now time.Time) { w.made(c, a.deeds.Add(1), now) }, a.config.Engine.Create(ctx, spec)
	}
}

func (a *Agent) start(w *worker, c *container) job {
	id, local := c.id, networkOf(w.want) == engine.HostNet
	return func(ctx context.Context) (func(time.Time), error) {
		if local {
			a.door.TriedLocal(ctx)
		}
		return func(now time.Time) { w.ran(c, now) }, a.config.Engine.Start(ctx, id)
	}
}

func (a *Agent) remove(w *worker, c *container, k kind) job {
	id := c.id
	return func(ctx context.Context) (func(time.Time), error) {
		return func(time.Time) {
			if k == unmake {
				w.unmade(c, a.deeds.Add(1))
			} else {
				w.removed(c)
			}
		}, a.config.Engine.Delete(ctx, id)
	}
}

// count keeps the decisions to start containers anew.
func (a *Agent) count(w *worker) job {
	id, reruns := w.id, w.reruns()
	return func(context.Context) (func(time.Time), error) {
		return func(time.Time) { w.decided(reruns) }, a.ledger.write(id, reruns)
	}
}

func (a *Agent) signal(c *container, k kind) job {
	id := c.id
	return func(ctx context.Context) (func(time.Time), error) {
		if k == kill {
			return func(now time.Time) { c.killSent = now }, a.config.Engine.Signal(ctx, id, "SIGKILL")
		}
		return func(now time.Time) { c.stopSent = now }, a.config.Engine.Signal(ctx, id, "")
	}
}
