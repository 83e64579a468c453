package agent

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"slipway/internal/errs"
	"slipway/nodeapi"
)

var errNotANode = errs.New(errs.Denied, "this certificate is not of a node that may join")

// removed is a plane that takes this machine for no node, for a while.
type removed struct {
	*plane
	now   atomic.Bool
	knock atomic.Int64 // how often it was refused a session
}

func (r *removed) Session(ctx context.Context, hello nodeapi.Hello, send func(nodeapi.Frame) error) error {
	if r.now.Load() {
		r.knock.Add(1)
		return errNotANode
	}
	return r.plane.Session(ctx, hello, send)
}

func (r *removed) Output(ctx context.Context, node string, o nodeapi.Output) (nodeapi.OutputAck, error) {
	if r.now.Load() {
		return nodeapi.OutputAck{}, errNotANode
	}
	return r.plane.Output(ctx, node, o)
}

// A machine that was removed and has joined again has lost nothing of what was printed meanwhile, and has not
// knocked all the time.
func TestWhatIsPrintedOnARemovedMachineIsKept(t *testing.T) {
	story(t, func(m *machine) {
		gate := &removed{plane: m.plane}
		m.kill()
		m.control = gate
		m.start()
		m.plane.run(taskOf("print one then sleep 1m then print two then wait"))
		m.plane.untilPrinted(taskID+"/a", "one")
		gate.now.Store(true)
		time.Sleep(time.Hour)
		gate.now.Store(false)
		m.plane.untilPrinted(taskID+"/a", "one", "two", "waiting")
		gate.now.Store(true)
		m.kill()
		m.start()
		time.Sleep(time.Hour)
		if n := gate.knock.Load(); n < 2 || n > 200 {
			m.t.Errorf("it knocked %d times in an hour", n)
		}
		gate.now.Store(false)
		m.plane.stop(taskID)
		m.plane.untilStatus(taskID, nodeapi.Stopped)
	})
}
