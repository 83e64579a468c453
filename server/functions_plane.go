package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"

	"slipway/cluster"
	"slipway/internal/errs"
	"slipway/logs"
	"slipway/nodeapi"
)

// functionPlane is what the sandboxes of nodes need of this server.
type functionPlane struct{ *Server }

var _ nodeapi.FunctionPlane = functionPlane{}

var errForeign = errs.New(errs.Denied, "it is of another account than the node")

// Sandboxes satisfies nodeapi.FunctionPlane: the fleet uses a machine for as long as it is a member, and leaves it when it is
// drained. Where another server has the account's fleet, it is lent to that.
func (p functionPlane) Sandboxes(ctx context.Context, node string, h nodeapi.SandboxHost) error {
	account, err := p.cluster.NodeAccount(ctx, node)
	if err != nil {
		return err
	}
	at, err := p.homes.Find(ctx, account)
	if err != nil {
		return err
	}
	ctx, cancel := at.With(ctx)
	defer cancel()
	if !at.Here {
		return p.peers.Node(at).Sandboxes(ctx, node, h)
	}
	return p.joinFleet(ctx, account, node, h)
}

func (p functionPlane) joinFleet(ctx context.Context, account, node string, h nodeapi.SandboxHost) error {
	if p.homes != nil {
		if err := p.cluster.FreeForeign(ctx, node); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var watching sync.WaitGroup
	watching.Go(func() {
		cancel(p.cluster.FollowNode(ctx, node, func(status string) {
			if status != cluster.Active {
				p.fleet.Drain(account, node)
			}
		}))
	})
	err := p.fleet.Join(ctx, account, node, h)
	if cause := context.Cause(ctx); errors.Is(cause, cluster.ErrNoInstance) {
		err = cause
	}
	cancel(nil)
	watching.Wait()
	return err
}

// Code satisfies nodeapi.FunctionPlane.
func (p functionPlane) Code(ctx context.Context, r nodeapi.CodeRequest) (io.ReadCloser, error) {
	if err := p.itsOwn(ctx, r.Node, r.Account); err != nil {
		return nil, err
	}
	return p.functions.OpenCode(ctx, r.Account, r.Digest)
}

func (p functionPlane) itsOwn(ctx context.Context, node, account string) error {
	whose, err := p.cluster.NodeAccount(ctx, node)
	if err == nil && whose != account {
		err = errForeign
	}
	return err
}

// printing is how many streams are written to at a time for one node.
const printing = 32

// Printed satisfies nodeapi.FunctionPlane. What can never be kept is left out, and said.
func (p functionPlane) Printed(ctx context.Context, node string, all []nodeapi.Printed) error {
	account, err := p.cluster.NodeAccount(ctx, node)
	if err != nil {
		return err
	}
	var writing sync.WaitGroup
	failed, room := make([]error, len(all)), make(chan struct{}, printing)
	for i, one := range all {
		if one.Account != account {
			failed[i] = errForeign
			continue
		}
		room <- struct{}{}
		writing.Go(func() {
			failed[i] = p.print(ctx, one)
			<-room
		})
	}
	writing.Wait()
	var again []error
	for i, err := range failed {
		switch kind := errs.KindOf(err); {
		case err == nil:
		case kind == errs.Internal, kind == errs.Unavailable, kind == errs.Throttled:
			again = append(again, err)
		default:
			slog.Warn("what a function printed is not kept", "node", node, "sandbox", all[i].Sandbox, "group", all[i].Log.Group, "error", err)
		}
	}
	return errors.Join(again...)
}

// print keeps a piece of what a sandbox printed. Its events are counted in the place of bytes: of a piece that came before
// in part only the rest is kept, and where something between was lost, the stream goes on after it.
func (p functionPlane) print(ctx context.Context, one nodeapi.Printed) error {
	events := make([]logs.Event, len(one.Events))
	for i, e := range one.Events {
		events[i] = logs.Event{Time: e.Time, Message: e.Message}
	}
	from, end := one.Number, one.Number+int64(len(events))
	for range 3 { // once more where the stream is elsewhere, and once where somebody made it anew meanwhile
		at, err := p.logs.Append(ctx, one.Account, one.Log.Group, one.Log.Stream, from, end, events, one.Log.CreateGroup)
		if err != nil || at >= end {
			return err
		}
		if at > from {
			events = events[at-from:]
		}
		from = at
	}
	return fmt.Errorf("%w: it goes on from elsewhere, again and again", logs.ErrOffset)
}
