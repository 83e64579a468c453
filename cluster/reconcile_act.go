package cluster

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"slipway/cluster/rollout"
	"slipway/events"
	"slipway/store"
)

// write does what the core wants done about a service, but for the starts. The core is asked again in the
// transaction, of what is so by then.
func (k *keeper) write(ctx context.Context, o *watched) (changes rollout.Changes, err error) {
	var detached []string
	err = k.c.db.Update(ctx, func(tx *store.Tx) error {
		detached = nil
		now, err := k.anew(tx, o)
		if err != nil {
			return err
		}
		changes = now.plan(k.c)
		if detached, err = k.c.apply(tx, now, changes); err != nil {
			return err
		}
		*o = *now
		return nil
	})
	if err == nil && len(detached) > 0 {
		err = k.detach(ctx, o, detached)
	}
	return changes, err
}

// anew reads a service again, with what cannot be read in a transaction as it was.
func (k *keeper) anew(tx *store.Tx, before *watched) (*watched, error) {
	if err := k.stillLeads(tx); err != nil {
		return nil, err
	}
	s, err := readService(tx, k.account, k.cluster, before.s.Name)
	if err != nil {
		return nil, err
	}
	o := &watched{s: s, machines: before.machines, health: before.health, refused: before.refused, unregistered: before.unregistered, alarm: before.alarm}
	return o, o.read(tx)
}

// apply writes down the changes of a service. It returns the tasks that its balancers are to let go of.
func (c *Control) apply(tx *store.Tx, o *watched, changes rollout.Changes) (detached []string, err error) {
	s := o.s
	if s.Status == Inactive {
		return nil, nil
	}
	if err := mark(tx, `counted = 1`, changes.Counted); err != nil {
		return nil, err
	}
	if err := mark(tx, fmt.Sprintf(`well = %d`, store.Micros(tx.Now)), changes.Well); err != nil {
		return nil, err
	}
	if err := retarget(tx, o); err != nil {
		return nil, err
	}
	if len(changes.Deployments) > 0 {
		if err := c.progress(tx, &s, o.deployments, changes.Deployments); err != nil {
			return nil, err
		}
	}
	if err := retire(tx, changes.Gone); err != nil {
		return nil, err
	}
	if _, err := tx.Exec(`update services set said = $4 where account = $1 and cluster = $2 and name = $3 and said <> $4`, s.Account, s.Cluster, s.Name, changes.Said); err != nil {
		return nil, err
	}
	if err := tellService(tx, s, append(changes.Events, c.stopped(s, changes.Stops)...)...); err != nil {
		return nil, err
	}
	o.said = changes.Said
	detached, err = c.stopTasks(tx, o, changes.Stops)
	if err != nil || !changes.Ended {
		return detached, err
	}
	return detached, c.finish(tx, s)
}

// mark sets a column of tasks.
func mark(tx *store.Tx, set string, tasks []string) error {
	for part := range slices.Chunk(tasks, 200) {
		if _, err := tx.Exec(`update tasks set `+set+` where id in `+store.In(1, len(part)), anys(part)...); err != nil {
			return err
		}
	}
	return nil
}

// retarget notes how many tasks a DAEMON is to have, which is as many as there are machines for it.
func retarget(tx *store.Tx, o *watched) error {
	if o.s.Strategy != Daemon || o.s.Status != Active || o.s.Desired == len(o.machines) {
		return nil
	}
	o.s.Desired = len(o.machines)
	if err := saveSpec(tx, o.s); err != nil {
		return err
	}
	for i := range o.deployments {
		if d := &o.deployments[i]; d.Status == Primary {
			d.Desired = o.s.Desired
			return saveDeployment(tx, *d)
		}
	}
	return nil
}

// balanced tells whether the tasks of a service are to leave their balancers before they stop.
func (c *Control) balanced(s Service) bool { return c.config.Balancer != nil && len(s.Balancers) > 0 }

// stopped says which tasks are being stopped.
func (c *Control) stopped(s Service, stops []rollout.Stop) []string {
	if len(stops) == 0 {
		return nil
	}
	if c.balanced(s) {
		return []string{fmt.Sprintf("(service %s) has begun draining connections on %d tasks.", s.Name, len(stops))}
	}
	ids := make([]string, len(stops))
	for i, stop := range stops {
		ids[i] = stop.Task
	}
	return []string{stoppedTasks(s, ids)}
}

func stoppedTasks(s Service, ids []string) string {
	return fmt.Sprintf("(service %s) has stopped %d running tasks: %s.", s.Name, len(ids), named(ids))
}

// named lists tasks as the events of ECS do. Where there are many it names the first.
func named(ids []string) string {
	const most = 10
	var words []string
	for _, id := range ids[:min(most, len(ids))] {
		words = append(words, "(task "+id+")")
	}
	if len(ids) > most {
		words = append(words, "...")
	}
	return strings.Join(words, " ")
}

// stopTasks has tasks stopped, or leave their balancers first.
func (c *Control) stopTasks(tx *store.Tx, o *watched, stops []rollout.Stop) (detached []string, err error) {
	if len(stops) == 0 {
		return nil, nil
	}
	ids, reasons := make([]string, len(stops)), map[string]string{}
	for i, stop := range stops {
		ids[i], reasons[stop.Task] = stop.Task, stop.Reason
	}
	if c.balanced(o.s) {
		return ids, mark(tx, fmt.Sprintf(`leaving = %d`, store.Micros(tx.Now)), ids)
	}
	return nil, c.stopOfService(tx, ids, func(id string) string { return reasons[id] })
}

// stopOfService wants tasks stopped that a service does not need. Call it last.
func (c *Control) stopOfService(tx *store.Tx, ids []string, reason func(string) string) error {
	var facts []events.Fact
	for part := range slices.Chunk(ids, 200) {
		tasks, err := readTasks(tx, `t.status < 8 and t.desired < 8 and t.id in `+store.In(1, len(part)), anys(part)...)
		if err != nil {
			return err
		}
		for _, t := range tasks {
			t.Wanted = Wanted{Stop: true, StopCode: "ServiceSchedulerInitiated", StopReason: reason(t.ID), Asked: tx.Now}
			if err := wantStopped(tx, t); err != nil {
				return err
			}
			tx.Touch(nodeTopic(t.Node))
			facts = append(facts, events.Fact{Account: t.Account, Type: "task.stop-requested", Subject: c.taskARN(t), Data: taskFact(t)})
		}
	}
	return events.AppendAll(tx, facts)
}

// finish ends a service of which nothing is left.
func (c *Control) finish(tx *store.Tx, s Service) error {
	if err := setServiceStatus(tx, s, Inactive); err != nil {
		return err
	}
	all, err := deploymentsOf(tx, s)
	if err != nil {
		return err
	}
	var gone []string
	for _, d := range all {
		gone = append(gone, d.ID)
		if err := supersede(tx, d, "The service was deleted."); err != nil {
			return err
		}
	}
	if err := retire(tx, gone); err != nil {
		return err
	}
	tx.Touch(leavingTopic)
	var left []string // on machines that are away
	err = tx.Each(`select id from tasks where account = $1 and cluster = $2 and task_group = $3 and status < 8 and desired < 8`,
		[]any{s.Account, s.Cluster, serviceGroup(s.Name)}, intoStrings(&left))
	if err != nil {
		return err
	}
	if err := c.stopOfService(tx, left, func(string) string { return "The service was deleted" }); err != nil {
		return err
	}
	return c.tellOfService(tx, "service.deleted", s)
}
