package agent

import (
	"context"
	"time"

	"slipway/nodeapi"
)

// fetch asks the control plane for what the task's definition names by reference. It is kept in memory, and
// only while containers are to be made.
func (a *Agent) fetch(w *worker) job {
	id := w.id
	return func(ctx context.Context) (func(time.Time), error) {
		welcome := a.welcome.Load()
		if welcome == nil {
			return nil, errNoSession
		}
		ctx, cancel := context.WithTimeout(ctx, callLimit)
		defer cancel()
		secrets, err := a.config.ControlPlane.Secrets(ctx, nodeapi.CredentialsRequest{Node: a.hello.Node, Session: welcome.Session, Task: id})
		return func(time.Time) { w.secrets = &secrets }, err
	}
}

// loginOf is how to read the registry of a container's image; nil: as anybody.
func (t *task) loginOf(c *container) *nodeapi.Login {
	if t.secrets != nil {
		if login, ok := t.secrets.Logins[c.name]; ok {
			return &login
		}
	}
	return c.want.Login
}

// secretEnv are the variables of a container that its definition names by reference.
func (t *task) secretEnv(c *container) []string {
	if t.secrets == nil {
		return nil
	}
	return t.secrets.Env[c.name]
}
