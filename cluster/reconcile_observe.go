package cluster

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"slipway/cluster/placement"
	"slipway/cluster/refusal"
	"slipway/cluster/rollout"
	"slipway/nodeapi"
	"slipway/store"
)

// watched is a service with all that is known of it now.
type watched struct {
	s            Service
	said         string
	deployments  []deployed
	tasks        []seenTask
	machines     []string          // of a DAEMON: those that are to have a task
	health       targetsHealth     // of its targets
	refused      map[string]string // by task: why a target group does not take it
	unregistered string            // the same of the service, as a sentence
	alarm        bool
	next         time.Time
	now          time.Time
}

// seenTask is what the reconciler sees of a task.
type seenTask struct {
	rollout.Task
	leaving time.Time // since when it leaves its balancers; zero: it does not
	desired nodeapi.Status
	began   time.Time // when it was seen running first
	status  nodeapi.Status
	health  string
	node    nodeState
}

// nodeState is where a task's machine is.
type nodeState struct {
	status    string
	connected bool
	changed   time.Time
}

// observe reads all services of the cluster, and asks for the health of their targets.
func (k *keeper) observe(ctx context.Context) (all []*watched, err error) {
	err = k.c.db.View(ctx, func(tx *store.Tx) error {
		all = nil
		services, err := liveServices(tx, k.account, k.cluster)
		if err != nil {
			return err
		}
		for _, s := range services {
			o := &watched{s: s}
			if err := o.read(tx); err != nil {
				return err
			}
			all = append(all, o)
		}
		return k.eligible(tx, all)
	})
	return all, err
}

// read fills in what the rows tell of a service.
func (o *watched) read(tx *store.Tx) (err error) {
	o.now = tx.Now
	s := o.s
	if err := tx.Row(`select said from services where account = $1 and cluster = $2 and name = $3`, s.Account, s.Cluster, s.Name).Scan(&o.said); err != nil {
		return err
	}
	if o.deployments, err = deploymentsOf(tx, s); err != nil {
		return err
	}
	if o.tasks, err = liveTasks(tx, s); err != nil {
		return err
	}
	ended, err := endedTasks(tx, s)
	o.tasks = append(o.tasks, ended...)
	return err
}

const seenColumns = `t.id, t.started_by, t.node, t.created, t.status, t.desired, t.well, t.leaving, t.moves_to, t.protected, t.health, t.ran, i.status, i.session, i.changed
	from tasks t join instances i on i.id = t.node where t.account = $1 and t.cluster = $2 and t.task_group = $3`

// liveTasks returns the tasks of a service that have not stopped.
func liveTasks(tx *store.Tx, s Service) (all []seenTask, err error) {
	err = tx.Each(`select `+seenColumns+` and t.status < 8`, []any{s.Account, s.Cluster, serviceGroup(s.Name)}, func(rows *sql.Rows) error {
		var t seenTask
		var created, well, leaving, protected, ran, changed int64
		var session string
		err := rows.Scan(&t.ID, &t.Deployment, &t.Node, &created, &t.status, &t.desired, &well, &leaving, &t.To, &protected, &t.health, &ran, &t.node.status, &session, &changed)
		t.Created, t.Since, t.leaving, t.Protected, t.began = store.Time(created), store.Time(well), store.Time(leaving), store.Time(protected), store.Time(ran)
		t.node.connected, t.node.changed = session != "", store.Time(changed)
		all = append(all, t)
		return err
	})
	return all, err
}

// endedBatch is how many ends of tasks one look takes notice of.
const endedBatch = 1000

// endedTasks returns tasks of a service that have stopped and were not taken notice of.
func endedTasks(tx *store.Tx, s Service) (all []seenTask, err error) {
	err = tx.Each(`select id, started_by, node, created, desired, leaving, well, seen from tasks where account = $1 and cluster = $2 and task_group = $3 and status = 8 and counted = 0 order by settled, id limit $4`,
		[]any{s.Account, s.Cluster, serviceGroup(s.Name), endedBatch}, func(rows *sql.Rows) error {
			t := seenTask{status: nodeapi.Stopped}
			var created, leaving, well int64
			var seen string
			if err := rows.Scan(&t.ID, &t.Deployment, &t.Node, &created, &t.desired, &leaving, &well, &seen); err != nil {
				return err
			}
			var report nodeapi.TaskReport
			if err := json.Unmarshal([]byte(seen), &report); err != nil {
				return fmt.Errorf("task %s: %w", t.ID, err)
			}
			t.Created, t.Since = store.Time(created), store.Time(well)
			t.Wanted = t.desired == nodeapi.Stopped || leaving != 0 || report.StopReason == lostHost
			t.Why = why(report)
			all = append(all, t)
			return nil
		})
	return all, err
}

// why says in words why a task is over.
func why(r nodeapi.TaskReport) string {
	words := r.StopReason
	replaceEmpty(&words, "it ended")
	var more []string
	for _, c := range r.Containers {
		switch {
		case c.Reason != "" && strings.Contains(r.StopReason, c.Reason): // it is said already
		case c.Reason != "":
			more = append(more, c.Name+": "+c.Reason)
		case c.ExitCode != nil && *c.ExitCode != 0:
			more = append(more, fmt.Sprintf("%s: exit code %d", c.Name, *c.ExitCode))
		}
	}
	if len(more) > 0 {
		words += " (" + strings.Join(more, "; ") + ")"
	}
	if len(words) > 500 {
		words = strings.ToValidUTF8(words[:500], "")
	}
	return words
}

// eligible tells the daemons which machines are to have one: those that take tasks and are what they must be, whether
// there is room or not.
func (k *keeper) eligible(tx *store.Tx, all []*watched) error {
	if !slices.ContainsFunc(all, func(o *watched) bool { return o.s.Strategy == Daemon }) {
		return nil
	}
	instances, err := readInstances(tx, k.account, k.cluster, nil)
	if err != nil {
		return err
	}
	for _, o := range all {
		if o.s.Strategy != Daemon {
			continue
		}
		d, err := readDefinition(tx, k.account, o.s.Definition)
		if err != nil {
			return err
		}
		busy := o.busy()
		for _, i := range instances {
			if o.mayBeOn(i, d, busy[i.ID]) {
				o.machines = append(o.machines, i.ID)
			}
		}
	}
	return nil
}

// busy tells which machines have a task of the service that has not stopped.
func (o *watched) busy() map[string]bool {
	busy := make(map[string]bool, len(o.tasks))
	for _, t := range o.tasks {
		if t.status != nodeapi.Stopped {
			busy[t.Node] = true
		}
	}
	return busy
}

// mayBeOn tells whether a machine is to have a daemon. One that is away for a moment is, as long as it has one.
func (o *watched) mayBeOn(i Instance, d Definition, has bool) bool {
	if i.Status != Active {
		return false
	}
	if !i.Connected {
		return has
	}
	n := placement.Node{ID: i.ID, CPU: 1 << 40, Memory: 1 << 40, AllCPU: 1 << 40, AllMemory: 1 << 40, Attributes: i.Attributes, Since: i.Registered, Version: i.Version}
	r := placement.Request{Need: placement.Need{Attributes: d.Spec.Need().Attributes}, Count: 1, Group: serviceGroup(o.s.Name), Constraints: slices.Concat(d.Spec.Constraints, o.s.Constraints)}
	return len(placement.Plan([]placement.Node{n}, r).Chosen) == 1
}

// plan asks the core what is to be done.
func (o *watched) plan(c *Control) rollout.Changes {
	return rollout.Plan(o.s.kind(), o.core(c), c.config.Services.core(), o.now)
}

// core is the service in the words of the core.
func (o *watched) core(c *Control) rollout.Service {
	s := o.s
	r := rollout.Service{Name: s.Name, Desired: s.Desired, MinPercent: s.MinPercent, MaxPercent: s.MaxPercent, Ending: s.Status != Active,
		Breaker: s.Breaker.Enable, BreakerRollback: s.Breaker.Rollback, Alarm: o.alarm, AlarmRollback: s.Alarms.Rollback, Machines: o.machines, Said: o.said, Refused: o.unregistered}
	if s.Waiting != nil {
		r.Waiting = refusal.Unplaced(s.Waiting.Refused)
	}
	for _, d := range o.deployments {
		r.Deployments = append(r.Deployments, d.core)
	}
	for i := range o.tasks {
		r.Tasks = append(r.Tasks, o.judge(&o.tasks[i], c.config.Services))
	}
	return r
}

// judge tells how a task is.
func (o *watched) judge(t *seenTask, rules ServiceRules) rollout.Task {
	out := t.Task
	switch {
	case t.status == nodeapi.Stopped:
		out.Status = rollout.Stopped
		return out
	case t.desired == nodeapi.Stopped || !t.leaving.IsZero():
		out.Status, out.Wanted = rollout.Stopping, true
	case t.status > nodeapi.Running:
		out.Status = rollout.Stopping
	case t.status == nodeapi.Running:
		out.Status = rollout.Running
	default:
		out.Status = rollout.Starting
	}
	out.Leaving = t.To != "" || t.node.status == Draining || t.node.status == Deregistering
	if t.To == anywhere {
		out.To = ""
	}
	if !t.node.connected {
		away := o.now.Sub(t.node.changed)
		out.Away, out.Lost = away < rules.Away, away >= rules.Away
		if out.Away {
			o.look(t.node.changed.Add(rules.Away))
		}
	}
	if out.Status == rollout.Running {
		out.Well, out.Unwell = o.well(t, out.Leaving)
		out.Away = out.Away || !t.Since.IsZero() && o.unasked(t)
		out.Checked = t.health != "" || len(o.s.Balancers) > 0 && o.health != nil
	}
	return out
}

// anywhere is where a task is moved that is only to leave its machine.
const anywhere = "-"

// well tells how a running task's health is: what its containers and its target groups say. One that did its work goes
// on to count where a group does not know it, until another has come in its place: its deployment may have had other
// groups, or the group is gone and takes nobody.
func (o *watched) well(t *seenTask, leaves bool) (well bool, unwell string) {
	well = t.health == "" || t.health == healthy
	grace := t.began.Add(time.Duration(o.s.GracePeriod) * time.Second)
	inGrace := o.s.GracePeriod > 0 && grace.After(o.now)
	if t.health == unhealthy {
		unwell = "failed container health checks"
	}
	for _, b := range o.s.Balancers {
		h, known := o.health[b.TargetGroup][t.ID]
		switch {
		case o.health == nil: // there is nothing that balances
		case !known && !t.Since.IsZero():
			well = well && (leaves || !o.primary(t))
		case !known && o.refused[t.ID] != "":
			well, unwell = false, o.refused[t.ID]
		case !known || h.State == TargetInitial || h.State == TargetDraining:
			well = false
		case h.State == TargetUnhealthy:
			well, unwell = false, "failed ELB health checks in (target-group "+b.TargetGroup+"): "+h.Reason
		}
	}
	if inGrace && unwell != "" {
		o.look(grace)
		return false, ""
	}
	return well, unwell
}

// primary tells whether a task is of the deployment that is to stay.
func (o *watched) primary(t *seenTask) bool {
	return slices.ContainsFunc(o.deployments, func(d deployed) bool { return d.core.Primary && d.core.ID == t.Deployment })
}

// unasked tells whether a balancer does not know yet how a task is: after its server has begun anew, for one that was
// well.
func (o *watched) unasked(t *seenTask) bool {
	return slices.ContainsFunc(o.s.Balancers, func(b LoadBalancer) bool { return o.health[b.TargetGroup][t.ID].State == TargetInitial })
}

func (o *watched) look(at time.Time) { o.next = soonest(o.next, at) }

// steady tells whether the service was said to be so.
func (o *watched) steady() bool { return o.said == "has reached a steady state." }
