package nodeapi_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"slipway/internal/errs"
	"slipway/nodeapi"
	"slipway/nodeapi/sandboxtest"
)

// relayPlane is a control plane that may pass lines on.
type relayPlane struct {
	functionPlane
	relay func(context.Context, string, io.ReadWriteCloser) (bool, error)
}

func (p *relayPlane) Relay(ctx context.Context, node string, line io.ReadWriteCloser) (bool, error) {
	return p.relay(ctx, node, line)
}

// passedOn is a line that a node has opened to one control plane, and that another one uses.
func passedOn(t *testing.T, h nodeapi.SandboxHost) lineTo {
	there := &functionPlane{plane: plane{t: t}}
	toThere := dial(t, nodeapi.NewRelayed(there))
	here := &relayPlane{functionPlane: functionPlane{plane: plane{t: t}}}
	here.relay = func(ctx context.Context, node string, line io.ReadWriteCloser) (bool, error) {
		return true, toThere.PassOn(ctx, node, line)
	}
	return lineBy(t, there, dial(t, shown(nodeapi.NewHandler(here, &leaving{}))), h)
}

func TestSandboxesOverALineThatIsPassedOn(t *testing.T) {
	sandboxtest.Run(t, func(t *testing.T, h nodeapi.SandboxHost) nodeapi.SandboxHost { return passedOn(t, h) })
}

// A line that is passed on ends at both ends as soon as it does at one.
func TestTheEndOfALineThatIsPassedOn(t *testing.T) {
	begun := make(chan struct{})
	l := passedOn(t, &sandboxtest.Host{T: t, OnInvoke: func(ctx context.Context, _ nodeapi.Invocation, _ nodeapi.AnswerWriter) (nodeapi.Outcome, error) {
		close(begun)
		<-ctx.Done()
		return nodeapi.Outcome{}, ctx.Err()
	}})
	failed := make(chan error)
	go func() {
		_, err := l.Invoke(t.Context(), nodeapi.Invocation{}, nil)
		failed <- err
	}()
	<-begun
	l.cut()
	if err := <-failed; errs.KindOf(err) != errs.Unavailable {
		t.Errorf("a call under way ended with %v", err)
	}
	<-l.over
}

// A control plane that is to use a line itself does, and one that cannot pass it on ends it.
func TestALineThatIsNotPassedOn(t *testing.T) {
	here := &relayPlane{functionPlane: functionPlane{plane: plane{t: t}}}
	here.relay = func(context.Context, string, io.ReadWriteCloser) (bool, error) { return false, nil }
	client := dial(t, shown(nodeapi.NewHandler(here, &leaving{})))
	l := lineBy(t, &here.functionPlane, client, &sandboxtest.Host{T: t, OnStop: func(context.Context, string) error { return nil }})
	if err := l.Stop(t.Context(), "sb-1"); err != nil {
		t.Errorf("it is not used: %v", err)
	}
	here.relay = func(context.Context, string, io.ReadWriteCloser) (bool, error) {
		return true, errors.New("nobody there")
	}
	if err := client.Sandboxes(t.Context(), "0123", &sandboxtest.Host{T: t}); errs.KindOf(err) != errs.Unavailable {
		t.Errorf("it ended with %v", err)
	}
}
