// Package sandboxtest is what tests put at either end of the line by which a control plane uses the sandboxes of a node: a
// host made of functions, and one suite for whatever stands between it and who uses it.
package sandboxtest

import (
	"context"
	"testing"

	"slipway/nodeapi"
)

// Host is a host made of functions; one that is nil must not be called.
type Host struct {
	T        testing.TB
	OnStart  func(context.Context, nodeapi.Sandbox) error
	OnAssign func(context.Context, nodeapi.Assignment) (nodeapi.Init, error)
	OnInvoke func(context.Context, nodeapi.Invocation, nodeapi.AnswerWriter) (nodeapi.Outcome, error)
	OnStop   func(context.Context, string) error
	OnFetch  func(context.Context, string, []nodeapi.Code) error
	OnWatch  func(context.Context, func([]nodeapi.SandboxState)) error
}

var _ nodeapi.SandboxHost = (*Host)(nil)

// Start satisfies nodeapi.SandboxHost.
func (h *Host) Start(ctx context.Context, s nodeapi.Sandbox) error {
	if h.OnStart == nil {
		h.T.Error("Start was called")
		return nodeapi.ErrNoSandbox
	}
	return h.OnStart(ctx, s)
}

// Assign satisfies nodeapi.SandboxHost.
func (h *Host) Assign(ctx context.Context, a nodeapi.Assignment) (nodeapi.Init, error) {
	if h.OnAssign == nil {
		h.T.Error("Assign was called")
		return nodeapi.Init{}, nodeapi.ErrNoSandbox
	}
	return h.OnAssign(ctx, a)
}

// Invoke satisfies nodeapi.SandboxHost.
func (h *Host) Invoke(ctx context.Context, i nodeapi.Invocation, w nodeapi.AnswerWriter) (nodeapi.Outcome, error) {
	if h.OnInvoke == nil {
		h.T.Error("Invoke was called")
		return nodeapi.Outcome{}, nodeapi.ErrNoSandbox
	}
	return h.OnInvoke(ctx, i, w)
}

// Stop satisfies nodeapi.SandboxHost.
func (h *Host) Stop(ctx context.Context, id string) error {
	if h.OnStop == nil {
		h.T.Error("Stop was called")
		return nil
	}
	return h.OnStop(ctx, id)
}

// Fetch satisfies nodeapi.SandboxHost.
func (h *Host) Fetch(ctx context.Context, account string, code []nodeapi.Code) error {
	if h.OnFetch == nil {
		h.T.Error("Fetch was called")
		return nil
	}
	return h.OnFetch(ctx, account, code)
}

// Watch satisfies nodeapi.SandboxHost.
func (h *Host) Watch(ctx context.Context, tell func([]nodeapi.SandboxState)) error {
	if h.OnWatch == nil {
		h.T.Error("Watch was called")
		return nil
	}
	return h.OnWatch(ctx, tell)
}
