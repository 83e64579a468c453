package rollout

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Pass is one look at a service.
type Pass struct {
	s   Service
	r   Rules
	now time.Time

	was     []Deployment // as they were
	primary *Deployment
	tasks   []*Task // that have not stopped, but for those of lost machines
	total   int     // of all that run, also on their way out
	well    int     // of those that are healthy
	proven  int     // of those that others may go for
	failing bool    // a task of the primary deployment ends by itself that has not stood: once it has, it counts
	told    int     // failures
	out     Changes
}

func newPass(s Service, r Rules, now time.Time) *Pass {
	p := &Pass{s: s, r: r, now: now, was: s.Deployments, out: Changes{Said: s.Said}}
	p.s.Deployments = slices.Clone(s.Deployments)
	for i := range p.s.Deployments {
		if p.s.Deployments[i].Primary {
			p.primary = &p.s.Deployments[i]
		}
	}
	p.s.Tasks = slices.Clone(s.Tasks)
	slices.SortFunc(p.s.Tasks, func(a, b Task) int { return cmp.Or(a.Created.Compare(b.Created), strings.Compare(a.ID, b.ID)) })
	for i := range p.s.Tasks {
		if t := &p.s.Tasks[i]; t.Status != Stopped && !t.Lost {
			p.tasks = append(p.tasks, t)
			p.total++
			p.well += flag(t.healthy())
		}
	}
	return p
}

// count takes notice of tasks that have ended and of those that are well by now.
func (p *Pass) count() {
	for i := range p.s.Tasks {
		t := &p.s.Tasks[i]
		switch {
		case t.Status == Stopped:
			p.out.Counted = append(p.out.Counted, t.ID)
			if !t.Wanted && !p.stood(t) {
				p.failed(t, "stopped: "+strings.TrimSuffix(t.Why, "."))
			}
		case t.healthy() && t.Since.IsZero():
			t.Since = p.now
			p.out.Well = append(p.out.Well, t.ID)
		}
	}
	for _, t := range p.tasks {
		d := p.deployment(t.Deployment)
		if d == nil || d.Failures == 0 || !t.healthy() || !t.Since.After(d.Failed) {
			continue
		}
		if p.stood(t) {
			d.Failures, d.Failed, d.Retry = 0, time.Time{}, time.Time{}
		} else {
			p.look(t.Since.Add(p.r.Settle))
		}
	}
}

// weigh counts the tasks that others may go for, looks again when one more may be, and sees what is about to fail.
func (p *Pass) weigh() {
	p.proven, p.failing = 0, false
	for _, t := range p.tasks {
		switch {
		case t.Status == Stopping && !t.Wanted && !t.Away && t.Deployment == p.primary.ID && !p.stood(t):
			p.failing = true
		case p.proves(t):
			p.proven++
		case t.healthy():
			p.look(t.Since.Add(p.r.Settle))
		}
	}
}

// proves tells of a healthy task that another one may go for it. What is new and not checked has to stand first: a
// program that ends a moment after its start is healthy until then.
func (p *Pass) proves(t *Task) bool { return t.healthy() && !p.fresh(t) }

func (p *Pass) fresh(t *Task) bool {
	d := p.deployment(t.Deployment)
	return d != nil && d.Primary && !t.Checked && !p.stood(t)
}

// stood tells whether a task has been well for long enough that its end is no failure of its deployment.
func (p *Pass) stood(t *Task) bool {
	return !t.Since.IsZero() && p.now.Sub(t.Since) >= p.r.Settle
}

// mostTold is how many failures of one look are told one by one.
const mostTold = 3

// failed counts a failure of a task's deployment, and has the next attempt wait: twice as long as the one before,
// however many tasks of that attempt have failed.
func (p *Pass) failed(t *Task, why string) {
	d := p.deployment(t.Deployment)
	if d == nil || !d.Primary {
		return
	}
	d.Failures++
	if !d.Retry.After(p.now) {
		pause := min(max(p.r.Backoff, 2*d.Retry.Sub(d.Failed)), p.r.MaxBackoff)
		d.Failed, d.Retry = p.now, p.now.Add(pause)
	}
	if p.told++; p.told <= mostTold {
		p.tell("(deployment %s) (task %s) %s. The next attempt is in %s.", d.ID, t.ID, why, d.Retry.Sub(p.now).Round(time.Millisecond))
	}
	if d.Failures == 3 {
		p.tell("is unable to consistently start tasks successfully. The reasons are in the events before this one.")
	}
}

// judge ends a deployment that fails.
func (p *Pass) judge() {
	d := p.primary
	if d == nil || d.State != InProgress || p.s.Ending {
		return
	}
	switch {
	case p.s.Breaker && d.Failures >= Threshold(p.s.Desired):
		p.fail("ECS deployment circuit breaker: ", "tasks failed to start.", p.s.BreakerRollback)
	case p.s.Alarm && !d.Rollback:
		p.fail("", "alarm detected.", p.s.AlarmRollback)
	}
}

func (p *Pass) fail(who, why string, rollback bool) {
	d := p.primary
	d.State, d.Reason, d.Steady = Failed, who+why, time.Time{}
	p.tell("(deployment %s) deployment failed: %s", d.ID, why)
	if back := p.lastGood(); rollback && !d.Rollback && back != nil {
		p.rollBack(back, who)
	}
}

// lastGood is the deployment to go back to.
func (p *Pass) lastGood() (best *Deployment) {
	for i := range p.s.Deployments {
		if d := &p.s.Deployments[i]; d != p.primary && !d.Completed.IsZero() && (best == nil || d.Completed.After(best.Completed)) {
			best = d
		}
	}
	return best
}

func (p *Pass) rollBack(to *Deployment, who string) {
	p.primary.Primary = false
	to.Primary, to.Rollback, to.State = true, true, InProgress
	to.Reason = who + "rolling back to deploymentId " + to.ID + "."
	to.Failures, to.Failed, to.Retry = 0, time.Time{}, time.Time{}
	p.primary = to
	p.tell("rolling back to deployment %s.", to.ID)
}

// stopUnwell ends tasks that do not get better.
func (p *Pass) stopUnwell() {
	for _, t := range p.live() {
		if t.Unwell != "" {
			if p.stood(t) {
				p.tell("(task %s) %s.", t.ID, t.Unwell)
			} else {
				p.failed(t, t.Unwell)
			}
			p.stop(t, "Task "+t.Unwell)
		}
	}
}

// end stops all that is left of a service, protected or not. What is on lost machines is stopped when they return;
// nobody waits for it.
func (p *Pass) end() {
	p.out.Ended = true
	for i := range p.s.Tasks {
		t := &p.s.Tasks[i]
		if t.Status == Starting || t.Status == Running {
			p.stop(t, "The service is being deleted")
			p.out.Ended = p.out.Ended && t.Lost
		}
		p.out.Ended = p.out.Ended && (t.Status == Stopped || t.Lost)
	}
}

// conclude tells whether the service is as it should be, and what becomes of its deployments.
func (p *Pass) conclude() {
	d := p.primary
	old, wrong := 0, false
	for _, t := range p.tasks {
		if t.Deployment != d.ID {
			old++
		}
		wrong = wrong || t.Status != Running || !t.healthy() || t.Leaving
	}
	steady := !wrong && old == 0 && len(p.tasks) == p.target() && len(p.out.Starts)+len(p.out.Stops) == 0 && d.State != Failed
	switch {
	case !steady:
		d.Steady = time.Time{}
	case d.Steady.IsZero():
		d.Steady = p.now
		p.look(p.now.Add(p.r.Settle))
	}
	if !steady {
		p.explain()
		return
	}
	if p.now.Sub(d.Steady) < p.r.Settle {
		p.look(d.Steady.Add(p.r.Settle))
		return
	}
	p.settled()
}

// settled says that the service is steady, and lets go of deployments that are over.
func (p *Pass) settled() {
	d := p.primary
	if d.State == InProgress {
		d.State, d.Completed, d.Reason = Completed, p.now, "ECS deployment "+d.ID+" completed."
		d.Failures, d.Failed, d.Retry = 0, time.Time{}, time.Time{}
		p.tell("(deployment %s) deployment completed.", d.ID)
	}
	for _, other := range p.s.Deployments {
		if other.ID != d.ID && !slices.ContainsFunc(p.s.Tasks, func(t Task) bool { return t.Deployment == other.ID && t.Status != Stopped }) {
			p.out.Gone = append(p.out.Gone, other.ID)
		}
	}
	p.say("has reached a steady state.")
}

// explain says why a service is not as it should be and nothing is done about it now.
func (p *Pass) explain() {
	d := p.primary
	moving := slices.ContainsFunc(p.tasks, func(t *Task) bool { return t.Status == Starting || t.Status == Stopping || t.Away })
	switch {
	case d.State == Failed:
		p.say("(deployment %s) is failed: no tasks of it are started until the service is updated.", d.ID)
	case p.s.Waiting != "":
		p.say("%s", p.s.Waiting)
	case p.s.Refused != "":
		p.say("%s", p.s.Refused)
	case len(p.out.Starts)+len(p.out.Stops) > 0 || moving || p.pausing():
		p.out.Said = "" // it is under way
	case p.guarded() > 0:
		p.say("was unable to stop %d tasks because they are protected.", p.guarded())
	case p.unhealthy() == 0:
		p.say("was unable to stop or start tasks during a deployment because of the service deployment configuration. Update the minimumHealthyPercent or maximumPercent value and try again.")
	}
}

// unhealthy counts tasks that run and are not well yet, or not for long enough: they are waited for.
func (p *Pass) unhealthy() (n int) {
	for _, t := range p.tasks {
		if t.Status == Running && (!t.Well || p.fresh(t)) {
			n++
		}
	}
	return n
}

// guarded counts the tasks that are kept only because they are protected.
func (p *Pass) guarded() (n int) {
	for _, t := range p.tasks {
		if p.protected(t) && (t.Deployment != p.primary.ID || t.Leaving || len(p.tasks) > p.target()) {
			n++
		}
	}
	return n
}

// changes is what came of the look.
func (p *Pass) changes() Changes {
	for i, d := range p.s.Deployments {
		if d != p.was[i] {
			p.out.Deployments = append(p.out.Deployments, d)
		}
	}
	if p.primary != nil && p.primary.Retry.After(p.now) {
		p.look(p.primary.Retry)
	}
	return p.out
}

// target is how many tasks there are in the end.
func (p *Pass) target() int { return p.s.Desired }

// pausing tells that nothing is started now: because of what has failed, or of what is about to have.
func (p *Pass) pausing() bool { return p.primary.Retry.After(p.now) || p.failing }

func (p *Pass) protected(t *Task) bool {
	if !t.Protected.After(p.now) {
		return false
	}
	p.look(t.Protected)
	return true
}

func (p *Pass) deployment(id string) *Deployment {
	for i := range p.s.Deployments {
		if p.s.Deployments[i].ID == id {
			return &p.s.Deployments[i]
		}
	}
	return nil
}

// live are the tasks that are to stay, as far as is decided.
func (p *Pass) live() (live []*Task) {
	for _, t := range p.tasks {
		if t.Status == Starting || t.Status == Running {
			live = append(live, t)
		}
	}
	return live
}

// healthy counts the tasks that are known to do their work.
func (p *Pass) healthy() int { return p.well }

// healthy tells of a task on its way nowhere, that runs, is well and can be reached.
func (t *Task) healthy() bool {
	return t.Status == Running && t.Well && t.Unwell == "" && !t.Away && !t.Lost
}

func (p *Pass) start(count int, node string) {
	if count > 0 {
		p.out.Starts = append(p.out.Starts, Start{p.primary.ID, count, node})
		p.total += count
	}
}

func (p *Pass) stop(t *Task, reason string) {
	p.out.Stops = append(p.out.Stops, Stop{t.ID, reason})
	p.well -= flag(t.healthy())
	p.proven -= flag(p.proves(t))
	t.Status = Stopping
}

func (p *Pass) look(at time.Time) {
	if p.out.Next.IsZero() || at.Before(p.out.Next) {
		p.out.Next = at
	}
}

// tell adds a sentence to the service's events.
func (p *Pass) tell(format string, args ...any) {
	p.out.Events = append(p.out.Events, "(service "+p.s.Name+") "+fmt.Sprintf(format, args...))
}

// say tells of a state, once for as long as it lasts.
func (p *Pass) say(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if p.s.Said != text {
		p.tell("%s", text)
	}
	p.out.Said = text
}
