package agent

import (
	"context"
	"slices"

	"slipway/agent/endpoint"
	"slipway/engine"
	"slipway/internal/errs"
	"slipway/nodeapi"
)

var errNoSession = errs.New(errs.Unavailable, "no session with the control plane yet")

// issue has the control plane make credentials of a task's role.
func (a *Agent) issue(ctx context.Context, task string) (nodeapi.Credentials, error) {
	welcome := a.welcome.Load()
	if welcome == nil {
		return nodeapi.Credentials{}, errNoSession
	}
	return a.config.ControlPlane.Credentials(ctx, nodeapi.CredentialsRequest{Node: a.hello.Node, Session: welcome.Session, Task: task})
}

// admit lets the containers of a task reach what is theirs, from before they start until they have all ended.
func (a *Agent) admit(w *worker) {
	if w.want == nil || w.network == nil || w.status >= nodeapi.Deprovisioning || w.want.Network == "none" {
		a.door.Drop(w.id)
		return
	}
	a.door.Admit(endpoint.Task{ID: w.id, Address: w.network.Address, Role: w.want.Role != "", Metadata: w.metadata(a.region())})
}

// region is that of the control plane; "" before the first session.
func (a *Agent) region() string {
	if welcome := a.welcome.Load(); welcome != nil {
		return welcome.Region
	}
	return ""
}

// extraEnv is what a container is given beside what its definition says.
func (a *Agent) extraEnv(w *worker, c *container) []string {
	return slices.Concat(w.secretEnv(c), a.door.Env(endpoint.Container{
		Task: w.id, ID: c.id, Region: a.region(), Role: w.want.Role != "", Local: networkOf(w.want) == engine.HostNet,
	}))
}
