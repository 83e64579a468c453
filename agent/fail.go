package agent

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"slipway/engine"
	"slipway/internal/errs"
	"slipway/nodeapi"
)

// How often and how soon an action that failed is done again.
const (
	maxTries   = 5 // for trouble that may pass, but need not
	firstAgain = 200 * time.Millisecond
	lastAgain  = 5 * time.Second
	maxReason  = 1024 // bytes; what the control plane's API allows
)

// failed notes that an action has failed, and gives up what can not succeed any more.
func (t *task) failed(a action, err error, now time.Time) {
	failed := t.tries[a].failed + 1
	t.tries[a] = try{failed: failed, again: now.Add(again(failed))}
	if hopeless(err, failed) {
		t.giveUp(a, err)
	}
}

// again grows threefold: 0.2 s, 0.6 s, 1.8 s, 5 s, 5 s.
func again(failed int) time.Duration {
	wait := firstAgain
	for range failed - 1 {
		wait = min(3*wait, lastAgain)
	}
	return wait
}

func hopeless(err error, failed int) bool {
	switch errs.KindOf(err) {
	case errs.Unavailable:
		return false // whoever is needed will be back
	case errs.Internal, errs.Throttled, errs.Conflict: // a port in use may be that of a task about to go
		return failed >= maxTries
	default:
		return true
	}
}

// giveUp decides what a hopeless action means. Before the group runs it means that the
// group can not; later it is tried on and on, for what runs must be ended and cleared away.
func (t *task) giveUp(a action, err error) {
	c := t.containerOf(a)
	if a.kind == openLog && (t.status >= nodeapi.Stopping || c.hasRun()) {
		c.logOpen = true // its output will be refused as well, and is then dropped
		return
	}
	reason := reasonOf(a, c, err)
	if coming := t.whichComeBack(c); reason != "" && len(coming) > 0 {
		for _, c := range coming {
			c.cannotRestart(a, reason)
		}
		return
	}
	if reason == "" || t.status >= nodeapi.Running || a.kind == attach && t.any((*container).started) {
		return
	}
	t.failure = cmp.Or(t.failure, reason)
	for _, c := range t.blamed(a, c) {
		c.reason = cmp.Or(c.reason, reason)
	}
}

// whichComeBack are the containers that a failure keeps from being started anew: the one it is about, or all.
func (t *task) whichComeBack(about *container) []*container {
	return t.which(func(c *container) bool {
		return (about == nil || about == c) && t.comesBack(c)
	})
}

// blamed are the containers that a failure is told of: the one it is about, or those for which the network is made.
func (t *task) blamed(a action, c *container) []*container {
	switch {
	case c != nil:
		return []*container{c}
	case a.kind == attach:
		return t.which(func(c *container) bool { return c.want != nil && len(c.want.Ports) > 0 })
	}
	return nil
}

func (t *task) containerOf(a action) *container {
	if a.container == "" {
		return nil
	}
	return t.container(a.container)
}

// reasonOf words a failure as ECS does; "" for what is no reason not to start.
// Source: Amazon ECS Developer Guide, "Stopped task error codes".
func reasonOf(a action, c *container, err error) string {
	text := err.Error()
	switch {
	case a.kind == fetch:
		return clip(text)
	case a.kind == pull:
		if image := shown(c.want.Image); !strings.Contains(text, image) {
			text = image + ": " + text
		}
		return clip("CannotPullContainerError: " + text)
	case a.kind == openLog:
		return clip(fmt.Sprintf("ResourceInitializationError: failed to open the log of container %s: %s", c.name, text))
	case a.kind == prepare:
		return clip("ResourceInitializationError: failed to make room for the task: " + text)
	case a.kind == attach && errors.Is(err, engine.ErrPortInUse):
		return clip("CannotStartContainerError: " + text)
	case a.kind == attach:
		return clip("ResourceInitializationError: failed to connect the task to the network: " + text)
	case a.kind == start, a.kind == create && errors.Is(err, engine.ErrStart):
		return clip("CannotStartContainerError: " + text)
	case a.kind == count:
		return clip("CannotStartContainerError: failed to note a restart: " + text)
	case a.kind == create:
		return clip("CannotCreateContainerError: " + text)
	}
	return ""
}

func clip(reason string) string {
	if len(reason) > maxReason {
		reason = reason[:maxReason]
	}
	return strings.ToValidUTF8(reason, "")
}
