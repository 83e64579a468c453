package agent

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"slipway/internal/errs"
	"slipway/internal/loop"
	"slipway/nodeapi"
)

// How soon a session that ended is opened again, so that a thousand nodes do not knock as one. The longest pause, which is up
// to half as long again, is less than what calls of functions wait for a machine.
const (
	firstJoin = 100 * time.Millisecond
	lastJoin  = 3 * time.Second
	refusal   = time.Minute // for a machine that is no node: somebody has to do something first
	complain  = time.Minute // between two warnings of a control plane that stays away
)

// keepSession keeps a session open until ctx ends.
func (a *Agent) keepSession(ctx context.Context) {
	var told time.Time // when it was said last that there is none
	for wait := firstJoin; ctx.Err() == nil; wait = min(2*wait, lastJoin) {
		welcome := false
		err := a.join(ctx, func() {
			if !welcome {
				slog.Info("the control plane has a session with this node", "node", a.hello.Node)
			}
			welcome = true
		})
		if ctx.Err() != nil {
			return
		}
		if welcome {
			wait, told = firstJoin, time.Time{}
		}
		if errs.KindOf(err) == errs.Denied {
			slog.Error("the control plane takes this machine for no node; what runs goes on", "node", a.hello.Node, "error", err, "hint", `"slipway node invite" there prints a token: slipway agent --join URL --token TOKEN`)
			loop.Pause(ctx, refusal/2+rand.N(refusal))
			continue
		}
		level := slog.LevelDebug
		if now := time.Now(); now.Sub(told) >= complain {
			level, told = slog.LevelWarn, now
		}
		slog.Log(ctx, level, "no session with the control plane; what runs goes on", "node", a.hello.Node, "error", err)
		loop.Pause(ctx, wait/2+rand.N(wait))
	}
}

// join opens one session and takes its frames until it ends.
func (a *Agent) join(ctx context.Context, welcome func()) error {
	info, err := a.config.Engine.Info(ctx)
	switch {
	case err == nil:
		a.hello.Engine, a.hello.Disk = info.Name+" "+info.Version, int(info.Disk>>30)
	case a.hello.Engine == "":
		return err // which engine it has is not known yet
	}
	hello := a.hello
	return a.config.ControlPlane.Session(ctx, hello, func(f nodeapi.Frame) error {
		welcome()
		if f.Welcome != nil {
			a.welcome.Store(f.Welcome)
			wakes(a.welcomed)
		}
		a.openStreams(ctx, f.Streams)
		a.ahead.take(f.Prefetch)
		a.tell(ctx, func(now time.Time) { a.take(f, now) })
		return ctx.Err()
	})
}

// take takes a frame: what is wanted anew or otherwise and, if the frame is complete, of what nothing is said.
func (a *Agent) take(f nodeapi.Frame, now time.Time) {
	named := map[string]bool{}
	for _, wanted := range f.Tasks {
		named[wanted.ID] = true
		if w := a.task(wanted.ID); w != nil {
			w.wanted(wanted)
			a.dirty[w] = true
		}
	}
	if !f.Complete {
		return
	}
	a.whole = true
	a.door.Settle()
	a.reports.again = now // it is there again
	for id, w := range a.tasks {
		w.orphan = !named[id]
		w.revision++ // it may be another control plane, or one that has lost something
		w.due = now
		a.dirty[w] = true
	}
}
