package sandbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"slipway/agent/runtimeapi"
	"slipway/nodeapi"
)

// invoke makes a call, and logs it.
func (b *box) invoke(ctx context.Context, i *nodeapi.Invocation, w nodeapi.AnswerWriter) (nodeapi.Outcome, error) {
	a := b.live.Load()
	if a == nil {
		return nodeapi.Outcome{}, fmt.Errorf("%w: %s", nodeapi.ErrNoSandbox, b.ID)
	}
	a.calls.Add(1)
	defer a.calls.Add(-1)
	if a.over.Load() { // whoever finds out last ends it
		return nodeapi.Outcome{Over: true}, fmt.Errorf("%w: %s", nodeapi.ErrNoSandbox, b.ID)
	}
	a.journal.begin(a.lines.start(i.Request))
	outcome, err := a.session.Invoke(ctx, i, w)
	if err != nil {
		return a.unmade(i, err)
	}
	if outcome.Error != nil && outcome.Error.Type == timedOut {
		b.kill(a)
	}
	a.finish(i, &outcome)
	return outcome, nil
}

// unmade is a call of which no end is known, or that has not begun.
func (a *assigned) unmade(i *nodeapi.Invocation, err error) (nodeapi.Outcome, error) {
	a.journal.say(false, "RequestId: "+i.Request+" The call was given up: "+err.Error())
	outcome := nodeapi.Outcome{Over: true}
	a.over.Store(true)
	if errors.Is(err, runtimeapi.ErrOver) {
		return outcome, fmt.Errorf("%w: %s: %w", nodeapi.ErrNoSandbox, a.Sandbox, err)
	}
	return outcome, fmt.Errorf("call %s: %w", i.Request, err)
}

// finish counts what a call has used, and logs its end.
func (a *assigned) finish(i *nodeapi.Invocation, o *nodeapi.Outcome) {
	used := a.use.Read()
	o.MemoryPeak, o.CPU = used.MemoryPeak, max(0, used.CPU-time.Duration(a.cpu.Swap(int64(used.CPU))))
	if o.Error != nil && o.Error.Type == tooLarge {
		o.Over = true // runtimes end when their answer is refused, sooner or later
	}
	if o.Over = o.Over || a.over.Load(); o.Over {
		a.over.Store(true)
		a.timedOut.Store(o.Error != nil && o.Error.Type == timedOut)
	}
	r := report{request: i.Request, timeout: i.Timeout, duration: o.Duration, init: time.Duration(a.init.Swap(0)), memory: o.MemoryPeak, failed: o.Error}
	o.Tail = a.journal.say(i.Tail, a.lines.end(r)...)
	a.session.Report(runtimeapi.Report{
		Request: i.Request, Duration: o.Duration, Billed: time.Duration(billed(o.Duration+r.init)) * time.Millisecond, Init: r.init,
		MemoryPeak: o.MemoryPeak, Error: o.Error,
	})
}

// shutdownReason is what extensions are told.
func (a *assigned) shutdownReason() string {
	switch {
	case a.timedOut.Load():
		return runtimeapi.Timeout
	case a.over.Load():
		return runtimeapi.Failure
	}
	return runtimeapi.Spindown
}
