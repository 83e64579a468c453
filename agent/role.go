package agent

import (
	"context"
	"slices"

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

// admit lets a task act in its role, from before its containers start until they have all ended.
func (a *Agent) admit(w *worker) {
	if w.want != nil && w.want.Role != "" && w.network != nil && w.status < nodeapi.Deprovisioning {
		a.door.Admit(w.id, w.network.Address)
		return
	}
	a.door.Drop(w.id)
}

// extraEnv is what a container is given beside what its definition says.
func (a *Agent) extraEnv(w *worker, c *container) []string {
	return slices.Concat(w.secretEnv(c), a.roleEnv(w))
}

// roleEnv is what the containers of a task with a role are given beside their own environment.
func (a *Agent) roleEnv(w *worker) []string {
	welcome := a.welcome.Load()
	if w.want == nil || w.want.Role == "" || welcome == nil {
		return nil
	}
	return a.door.Env(w.id, welcome.Region)
}
