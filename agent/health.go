package agent

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"slipway/engine"
	"slipway/internal/errs"
	"slipway/nodeapi"
)

// What is known of a container with a health check; "" is one that has not been checked.
const (
	healthy   = "HEALTHY"
	unhealthy = "UNHEALTHY"
	unknown   = "UNKNOWN"
)

// How a container is checked where the definition does not say. Source: Amazon ECS API Reference, HealthCheck.
const (
	checkInterval = 30 * time.Second
	checkTimeout  = 5 * time.Second
	checkRetries  = 3
	maxVerdict    = 1024 // bytes that are kept of what a check prints
)

// health is what the checks of a container's present run have shown, to this agent.
type health struct {
	status  string
	since   time.Time
	checked time.Time // when the last check ended
	failing int       // checks in a row that have failed and count
	verdict verdict
}

// verdict is the outcome of one check.
type verdict struct {
	code   int // -1: it did not end by itself
	output string
}

// check is how to check the container; nil: not at all.
func (c *container) check() *nodeapi.HealthCheck {
	if c.want == nil || c.want.Health == nil || len(checkArgs(c.want.Health)) == 0 {
		return nil
	}
	return c.want.Health
}

// checkArgs is what to execute in the container. The image's own check is not used, as in ECS.
func checkArgs(h *nodeapi.HealthCheck) []string {
	switch {
	case len(h.Command) == 0 || h.Command[0] == "NONE":
		return nil
	case h.Command[0] == "CMD":
		return h.Command[1:]
	case h.Command[0] == "CMD-SHELL" && len(h.Command) > 1:
		return append([]string{"/bin/sh", "-c"}, h.Command[1:]...) // as docker: what follows the line are its parameters
	case h.Command[0] == "CMD-SHELL":
		return nil
	}
	return h.Command
}

// healthOf is what is told of a container's health: "" where it has no check.
func (c *container) healthOf() string {
	if c.check() == nil {
		return ""
	}
	return cmp.Or(c.health.status, unknown)
}

// checkDue is when a running container is to be checked next: an interval after its start, and after each check.
func (c *container) checkDue() time.Time {
	return later(c.seen.StartedAt, c.health.checked).Add(cmp.Or(c.check().Interval, checkInterval))
}

// checked takes the outcome of a check. Failures in the start period do not count before the first success.
func (c *container) checked(v verdict, now time.Time) {
	h, check := &c.health, c.check()
	if check == nil || !c.running() {
		return
	}
	h.checked, h.verdict = now, v
	switch {
	case v.code == 0:
		h.failing = 0
		h.become(healthy, now)
	case h.status == "" && now.Before(c.seen.StartedAt.Add(check.StartPeriod)):
	default:
		if h.failing++; h.failing >= cmp.Or(check.Retries, checkRetries) {
			h.become(unhealthy, now)
		}
	}
}

func (h *health) become(status string, now time.Time) {
	if h.status != status {
		h.status, h.since = status, later(now, h.since.Add(1)) // a clock that is set back does not turn their order
	}
}

// check has running containers checked whose time has come.
func (d *plan) check() {
	for _, c := range d.t.which((*container).running) {
		if c.check() == nil {
			continue
		}
		if due := c.checkDue(); d.now.Before(due) {
			d.at(due)
		} else {
			d.try(probe, c)
		}
	}
}

// probe runs a container's check. It fails only where that tells nothing of the container.
func (a *Agent) probe(c *container) job {
	id, made, check := c.id, c.changed, *c.check()
	return func(ctx context.Context) (func(time.Time), error) {
		v, err := a.runCheck(ctx, id, check)
		return func(now time.Time) {
			if c.changed == made { // it is still the same run
				c.checked(v, now)
			}
		}, err
	}
}

func (a *Agent) runCheck(ctx context.Context, id string, check nodeapi.HealthCheck) (verdict, error) {
	timeout := cmp.Or(check.Timeout, checkTimeout)
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var printed firstBytes
	code, err := a.config.Engine.Exec(limited, id, engine.Exec{Args: checkArgs(&check), Stdout: &printed, Stderr: &printed})
	switch {
	case ctx.Err() != nil:
		return verdict{}, ctx.Err()
	case errors.Is(limited.Err(), context.DeadlineExceeded):
		return verdict{-1, fmt.Sprintf("Health check exceeded timeout (%s)", timeout)}, nil
	case errs.KindOf(err) == errs.Unavailable, errs.KindOf(err) == errs.NotFound:
		return verdict{}, err
	case err != nil:
		return verdict{-1, clip(err.Error())}, nil
	}
	return verdict{code, printed.String()}, nil
}

// firstBytes keeps the first maxVerdict bytes that are written to it.
type firstBytes struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (f *firstBytes) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.b.Write(p[:min(len(p), maxVerdict-f.b.Len())])
	return len(p), nil
}

func (f *firstBytes) String() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return clip(f.b.String())
}
