package agent

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"time"

	"slipway/agent/endpoint"
	"slipway/agent/sandbox"
	"slipway/internal/errs"
	"slipway/internal/loop"
	"slipway/nodeapi"
)

// host makes the host of this machine's sandboxes, where the control plane has functions; nil where it has none.
func (a *Agent) host() (*sandbox.Host, error) {
	plane, has := a.config.ControlPlane.(nodeapi.FunctionPlane)
	if !has {
		return nil, nil
	}
	return sandbox.New(sandbox.Config{
		Engine: a.config.Engine, Plane: plane, Node: a.hello.Node, Dir: filepath.Join(a.config.Dir, "code"),
		Admit: a.admitSandbox, Drop: a.door.Drop, Registry: a.toRegistry,
	})
}

// admitSandbox lets a function with a role reach the API.
func (a *Agent) admitSandbox(id, address string) (env []string) {
	a.door.Admit(endpoint.Task{ID: id, Address: address, Role: true})
	for _, pair := range a.door.Env(endpoint.Container{Task: id, ID: id, Role: true}) {
		if strings.HasPrefix(pair, "AWS_ENDPOINT_URL=") {
			env = append(env, pair)
		}
	}
	return env
}

// LeaveTime is how long calls of functions that are under way may take to end when an agent is told to end.
const LeaveTime = 30 * time.Second

// outlast is the life of an agent that is told to end with ctx: it goes on until the calls of functions that are under way
// have ended.
func (a *Agent) outlast(ctx context.Context) context.Context {
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	context.AfterFunc(ctx, func() {
		defer end()
		if a.sandboxes != nil {
			late, cancel := context.WithTimeout(life, LeaveTime)
			defer cancel()
			a.sandboxes.Leave(late)
		}
	})
	return life
}

// keepSandboxes lets the control plane use this machine's sandboxes until ctx ends; a line that there is then lasts as long as
// life. Those that were started over a line end with it.
func (a *Agent) keepSandboxes(ctx, life context.Context) {
	plane := a.config.ControlPlane.(nodeapi.FunctionPlane)
	for wait := firstJoin; ctx.Err() == nil; wait = min(2*wait, lastJoin) {
		began := time.Now()
		err := plane.Sandboxes(life, a.hello.Node, a.sandboxes)
		if life.Err() != nil {
			return
		}
		if time.Since(began) > lastJoin {
			wait = firstJoin
		}
		slog.Debug("the line by which functions are run here has ended", "node", a.hello.Node, "error", err)
		a.sandboxes.Clear(life)
		if errs.KindOf(err) == errs.Denied {
			wait = lastJoin
		}
		loop.Pause(ctx, wait/2+rand.N(wait))
	}
}
