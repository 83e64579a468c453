package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"slipway/internal/errs"
	"slipway/nodeapi"
	"slipway/store"
)

// Balancer has target groups, to which services give the ports of their tasks.
type Balancer interface {
	// Has tells whether an account has a target group. Another account's is not there.
	Has(ctx context.Context, account, targetGroup string) (bool, error)
	// Attach gives a target to a group, unless it has it. It fails with ErrNoTargetGroup where the group is not there.
	Attach(ctx context.Context, account, targetGroup string, t Target) error
	// Detach has a group send nothing new to a target. What is under way may go on for the group's deregistration
	// delay, while the target is DRAINING; then it is not in the group any more. A target that is not there is left
	// alone.
	Detach(ctx context.Context, account, targetGroup string, t Target) error
	// Healthy tells how each target of a group is, by id. A group that is not there has none.
	Healthy(ctx context.Context, account, targetGroup string) (map[string]TargetHealth, error)
}

// Target is a port of a task.
type Target struct {
	ID   string // of the task
	Node string // id of its machine
	Host string // the task's own address; "": the port is one of its machine's
	Port int
}

// The states of a target. Source: Elastic Load Balancing API Reference, TargetHealth.
const (
	TargetInitial   = "initial"
	TargetHealthy   = "healthy"
	TargetUnhealthy = "unhealthy"
	TargetUnused    = "unused" // nothing is sent to its group, so nothing is found out
	TargetDraining  = "draining"
)

// TargetHealth is how a target is.
type TargetHealth struct {
	State  string
	Reason string // in words; "" for one that is well
}

// targetsHealth is how targets are, by group and task; nil where there is no balancer.
type targetsHealth map[string]map[string]TargetHealth

// mostDraining is how long a task waits at most for its connections to end. Source: Elastic Load Balancing,
// "Deregistration delay": up to an hour.
const mostDraining = time.Hour + time.Minute

// AlarmBell tells which alarms sound.
type AlarmBell interface {
	// Sounding returns those of an account's alarms that sound now.
	Sounding(ctx context.Context, account string, alarms []string) ([]string, error)
}

// listen asks for the alarms of a service whose deployment goes on.
func (k *keeper) listen(ctx context.Context, o *watched) error {
	if k.c.config.Alarms == nil || !o.s.Alarms.Enable || o.steady() {
		return nil
	}
	sounding, err := k.c.config.Alarms.Sounding(ctx, k.account, o.s.Alarms.Names)
	o.alarm = len(sounding) > 0
	o.look(o.now.Add(k.c.config.Services.Look))
	return err
}

// attend asks for the health of a service's targets, gives its groups the tasks that they lack, and has tasks stop
// that have left their groups.
func (k *keeper) attend(ctx context.Context, o *watched) error {
	balancer := k.c.config.Balancer
	if balancer == nil {
		return k.stopDrained(ctx, o)
	}
	o.health, o.refused = targetsHealth{}, map[string]string{}
	for _, b := range o.s.Balancers {
		targets, err := balancer.Healthy(ctx, k.account, b.TargetGroup)
		if err != nil {
			return fmt.Errorf("health of target group %s: %w", b.TargetGroup, err)
		}
		o.health[b.TargetGroup] = targets
		if err := errors.Join(k.attach(ctx, o, b, targets), k.letGo(ctx, o, b, targets)); err != nil {
			return err
		}
	}
	if len(o.s.Balancers) > 0 {
		o.look(o.now.Add(k.c.config.Services.Look))
	}
	return k.stopDrained(ctx, o)
}

// attach gives a target group the running tasks that it does not have.
func (k *keeper) attach(ctx context.Context, o *watched, b LoadBalancer, have map[string]TargetHealth) error {
	var lacking []string
	for _, t := range o.tasks {
		if _, known := have[t.ID]; !known && t.status == nodeapi.Running && t.desired != nodeapi.Stopped && t.leaving.IsZero() {
			lacking = append(lacking, t.ID)
		}
	}
	if len(lacking) == 0 || o.s.Status != Active {
		return nil
	}
	targets, err := k.targets(ctx, b, lacking)
	if err != nil || len(targets) == 0 {
		return err
	}
	taken := 0
	for i, t := range targets {
		switch err := k.c.config.Balancer.Attach(ctx, k.account, b.TargetGroup, t); {
		case errors.Is(err, ErrNoTargetGroup): // it would take none of the others either
			o.refuse(b, targets[i:], err)
			return nil
		case lasting(err):
			o.refuse(b, targets[i:i+1], err)
		case err != nil:
			return fmt.Errorf("target group %s: attach task %s: %w", b.TargetGroup, t.ID, err)
		default:
			taken++
		}
	}
	if taken == 0 {
		return nil
	}
	return k.c.db.Update(ctx, func(tx *store.Tx) error {
		return tellService(tx, o.s, fmt.Sprintf("(service %s) registered %d targets in (target-group %s)", o.s.Name, taken, b.TargetGroup))
	})
}

// refuse notes that a target group does not take tasks, and will not.
func (o *watched) refuse(b LoadBalancer, targets []Target, err error) {
	o.unregistered = fmt.Sprintf("was unable to register targets in (target-group %s): %s", b.TargetGroup, err)
	for _, t := range targets {
		o.refused[t.ID] = fmt.Sprintf("could not be registered in (target-group %s): %s", b.TargetGroup, err)
	}
}

// lasting tells of an error that will not pass by itself.
func lasting(err error) bool {
	kind := errs.KindOf(err)
	return err != nil && kind != errs.Internal && kind != errs.Unavailable && kind != errs.Throttled
}

// letGo has a target group let go of tasks of the service that are over.
func (k *keeper) letGo(ctx context.Context, o *watched, b LoadBalancer, have map[string]TargetHealth) error {
	var unknown []string
	for id, h := range have {
		if h.State != TargetDraining && idPattern.MatchString(id) && !slices.ContainsFunc(o.tasks, func(t seenTask) bool { return t.ID == id && t.status != nodeapi.Stopped }) {
			unknown = append(unknown, id)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	var over []string
	err := k.c.db.View(ctx, func(tx *store.Tx) error {
		over = nil
		return tx.Each(`select id from tasks where account = $1 and cluster = $2 and task_group = $3 and status = 8 and id in `+store.In(4, len(unknown)),
			append([]any{k.account, k.cluster, serviceGroup(o.s.Name)}, anys(unknown)...), intoStrings(&over))
	})
	for _, id := range over {
		if err == nil {
			err = k.c.config.Balancer.Detach(ctx, k.account, b.TargetGroup, Target{ID: id})
		}
	}
	return err
}

// targets finds the ports of tasks that a target group is to have. Those whose port is not known yet are left out.
func (k *keeper) targets(ctx context.Context, b LoadBalancer, tasks []string) (targets []Target, err error) {
	err = k.c.db.View(ctx, func(tx *store.Tx) error {
		targets = nil
		found, err := readTasks(tx, `t.id in `+store.In(1, len(tasks)), anys(tasks)...)
		for _, task := range found {
			t := Target{ID: task.ID, Node: task.Node}
			if t.locate(b, task.VPC != nil, task.Seen) {
				targets = append(targets, t)
			}
		}
		return err
	})
	return targets, err
}

// locate finds where a task's port is reached.
func (t *Target) locate(b LoadBalancer, own bool, r nodeapi.TaskReport) bool {
	if own {
		t.Host, t.Port = r.Address, b.Port
		return t.Host != ""
	}
	for _, c := range r.Containers {
		for _, p := range c.Ports {
			if c.Name == b.Container && p.Container == b.Port {
				t.Port = p.Host
			}
		}
	}
	return t.Port != 0
}

// detach has the balancers let go of tasks that are to stop.
func (k *keeper) detach(ctx context.Context, o *watched, tasks []string) error {
	var all []error
	for _, b := range o.s.Balancers {
		for _, id := range tasks {
			all = append(all, k.c.config.Balancer.Detach(ctx, k.account, b.TargetGroup, Target{ID: id}))
		}
	}
	return errors.Join(all...)
}

// stopDrained has those tasks stopped whose balancers have let go of them.
func (k *keeper) stopDrained(ctx context.Context, o *watched) error {
	var done []string
	for _, t := range o.tasks {
		if t.leaving.IsZero() || t.desired == nodeapi.Stopped || t.status == nodeapi.Stopped {
			continue
		}
		if o.held(t.ID) && o.now.Sub(t.leaving) < mostDraining {
			if err := k.detach(ctx, o, []string{t.ID}); err != nil { // a crash may have come between
				return err
			}
			continue
		}
		done = append(done, t.ID)
	}
	if len(done) == 0 {
		return nil
	}
	err := k.c.db.Update(ctx, func(tx *store.Tx) error {
		if err := tellService(tx, o.s, stoppedTasks(o.s, done)); err != nil {
			return err
		}
		return k.c.stopOfService(tx, done, func(string) string { return scaledDown })
	})
	if err != nil {
		return err
	}
	for i := range o.tasks {
		for _, id := range done {
			if o.tasks[i].ID == id {
				o.tasks[i].desired = nodeapi.Stopped
			}
		}
	}
	return nil
}

// scaledDown is why tasks stop that have left their balancers; the events say more.
const scaledDown = "Scaling activity initiated by the service"

// held tells whether a balancer has a task, if only for what is under way.
func (o *watched) held(task string) bool {
	for _, targets := range o.health {
		if h, ok := targets[task]; ok && h.State != TargetUnused {
			return true
		}
	}
	return false
}
