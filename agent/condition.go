package agent

import (
	"context"
	"log/slog"
	"math"
	"time"

	"slipway/internal/loop"
	"slipway/nodeapi"
)

// How often the machine is looked at, and how much of its load must have changed to be told.
const (
	conditionPeriod = 5 * time.Second
	muchLoad        = 0.03
)

// failsInRow is how many looks in a row must find the engine silent: one finds it also while it is started anew.
const failsInRow = 2

// condition is how the machine is, and what was told of that.
type condition struct {
	told    nodeapi.Machine // and acknowledged
	number  int64
	silent  int    // how many looks in a row have found the engine silent
	trouble string // why it was, once there were failsInRow
	blind   bool   // the load cannot be read, which was said
}

// keepCondition tells the control plane how the machine is, until ctx ends: at the start of each session, and
// whenever it has changed.
func (a *Agent) keepCondition(ctx context.Context) {
	var c condition
	loop.Run(ctx, "tell how the machine is", conditionPeriod, a.welcomed, func(ctx context.Context) error {
		now := c.look(ctx, a)
		welcome := a.welcome.Load()
		if welcome == nil {
			return nil
		}
		now.Session = welcome.Session
		if ctx.Err() != nil || !differs(c.told, now) {
			return nil
		}
		c.number++
		now.Number = c.number
		if _, err := a.config.ControlPlane.Report(ctx, nodeapi.Report{Node: a.hello.Node, Machine: &now}); err != nil {
			slog.Debug("how the machine is could not be told; it will be again", "error", err)
			return nil
		}
		c.told = now
		return nil
	})
}

// look finds out how the machine is.
func (c *condition) look(ctx context.Context, a *Agent) (m nodeapi.Machine) {
	load, err := a.config.Load()
	if err != nil && !c.blind {
		slog.Warn("tasks are placed here without regard to the load", "error", err)
	}
	m.Load, c.blind = load, err != nil
	m.Trouble = c.lookAtEngine(ctx, a)
	return m
}

func (c *condition) lookAtEngine(ctx context.Context, a *Agent) (trouble string) {
	ctx, cancel := context.WithTimeout(ctx, conditionPeriod)
	defer cancel()
	_, err := a.config.Engine.Info(ctx)
	if err == nil {
		c.silent, c.trouble = 0, ""
		return ""
	}
	if c.silent++; c.silent == failsInRow {
		c.trouble = err.Error()
		slog.Error("the container engine does not answer; nothing starts here until it does", "error", err)
	}
	return c.trouble
}

// differs tells whether the control plane should hear of it.
func differs(told, now nodeapi.Machine) bool {
	if told.Session != now.Session || told.Trouble != now.Trouble || (told.Load == nil) != (now.Load == nil) {
		return true
	}
	return now.Load != nil && max(math.Abs(told.Load.CPU-now.Load.CPU), math.Abs(told.Load.Memory-now.Load.Memory)) >= muchLoad
}
