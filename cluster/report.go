package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"slipway/cluster/observed"
	"slipway/cluster/placement"
	"slipway/events"
	"slipway/nodeapi"
	"slipway/store"
)

// Report writes down what a node sees of its tasks. States only move forward and what is known
// stays known, so reports may come twice, late and in any order.
func (c *Control) Report(ctx context.Context, r nodeapi.Report) (ack nodeapi.ReportAck, err error) {
	for _, t := range r.Tasks {
		if t.Status < nodeapi.Provisioning || t.Status > nodeapi.Stopped {
			return ack, fmt.Errorf("%w: task %.40q has state %d", ErrReport, t.ID, t.Status)
		}
	}
	if err := c.reportMachine(ctx, r); err != nil || len(r.Tasks) == 0 {
		return ack, err
	}
	c.revokeReported(ctx, r)
	w := newWork()
	w.report = &reported{node: r.Node, tasks: r.Tasks}
	err = c.do(ctx, w)
	return w.report.ack, err
}

// reported is a report on its way into the record.
type reported struct {
	node  string
	tasks []nodeapi.TaskReport
	ack   nodeapi.ReportAck
}

// reportedTask is a task of which there are reports.
type reportedTask struct {
	task  Task
	news  bool
	bound string // its ports as they were written down
}

// observeAll writes down the reports of a batch.
func (b *batch) observeAll(tx *store.Tx) error {
	known, err := b.reportedTasks(tx)
	if err != nil || len(known) == 0 {
		return err
	}
	for _, w := range b.works {
		if w.report != nil {
			b.observe(w.report, known)
		}
	}
	var changed []Task
	for _, o := range known {
		if o.news {
			changed = append(changed, o.task)
			if writePorts(bound(o.task.Seen)) != o.bound {
				h := b.entry(o.task.Account, o.task.Node)
				h.anew = true
			}
		}
	}
	return saveSeen(tx, changed)
}

// reportedTasks reads the tasks of which there are reports.
func (b *batch) reportedTasks(tx *store.Tx) (known map[string]*reportedTask, err error) {
	var ids []string
	for _, w := range b.works {
		if w.report == nil {
			continue
		}
		w.report.ack = nodeapi.ReportAck{}
		for _, t := range w.report.tasks {
			ids = append(ids, t.ID)
		}
	}
	known = map[string]*reportedTask{}
	err = inBatches(validIDs(ids), 1, func(in string, args []any) error {
		tasks, err := readTasks(tx, `t.id in `+in, args...)
		for _, t := range tasks {
			known[t.ID] = &reportedTask{task: t, bound: writePorts(bound(t.Seen))}
		}
		return err
	})
	return known, err
}

// observe merges a report into what is known of its tasks.
func (b *batch) observe(r *reported, known map[string]*reportedTask) {
	for _, report := range r.tasks {
		o := known[report.ID]
		if o == nil || o.task.Node != r.node {
			r.ack.Unknown = append(r.ack.Unknown, report.ID)
			continue
		}
		before := o.task.Seen
		news := o.task.merge(report)
		o.news = o.news || news
		switch t := o.task; {
		case t.Seen.Status > before.Status:
			b.advance(t, before)
		case t.Seen.Status == nodeapi.Stopped && report.Status < nodeapi.Stopped:
			r.ack.Unknown = append(r.ack.Unknown, report.ID) // it is over here, whatever the node still runs
		}
	}
}

// merge takes a report of the task in, and tells whether it says anything new.
func (t *Task) merge(report nodeapi.TaskReport) (news bool) {
	report.Containers = slices.DeleteFunc(slices.Clone(report.Containers), func(c nodeapi.ContainerReport) bool {
		return t.Spec.Index(c.Name) < 0
	})
	before := t.Seen
	t.Seen = observed.Merge(before, report)
	return !reflect.DeepEqual(before, t.Seen)
}

// advance has the books and the events say that a task has moved on.
func (b *batch) advance(t Task, before nodeapi.TaskReport) {
	kind := "task." + strings.ToLower(t.Seen.Status.String())
	b.facts = append(b.facts, events.Fact{Account: t.Account, Type: kind, Subject: b.c.taskARN(t), Data: taskFact(t)})
	over := t.Seen.Status == nodeapi.Stopped
	if !over && stateKey(before.Status) == stateKey(t.Seen.Status) {
		return
	}
	h := b.entry(t.Account, t.Node)
	if over {
		h.cpu, h.memory, h.room = h.cpu-t.CPU, h.memory-t.Memory, true
	}
	l := b.ledgers[t.Account]
	if l == nil || l.machines[t.Node] == nil {
		return
	}
	need := t.Spec.Need()
	h.anew = h.anew || over && (len(l.keys) > 0 || len(need.Ports)+len(bound(before)) > 0)
	l.move(l.machines[t.Node], t, before.Status)
}

// move enters that a task has gone from one state to another, or has ended.
func (l *ledger) move(m *machine, t Task, from nodeapi.Status) {
	if t.Seen.Status == nodeapi.Stopped {
		l.give(m, t, from)
		return
	}
	if key := stateKey(from); key != "" {
		m.count(t.Cluster, -1, []string{key})
	}
	if key := stateKey(t.Seen.Status); key != "" {
		m.count(t.Cluster, 1, []string{key})
	}
	l.show(m)
}

// saveSeen writes what is known of tasks.
func saveSeen(tx *store.Tx, tasks []Task) error {
	rows := make([][]any, len(tasks))
	for i, t := range tasks {
		seen, err := json.Marshal(t.Seen)
		if err != nil {
			return err
		}
		var settled int64
		if t.Seen.Status == nodeapi.Stopped {
			settled = store.Micros(tx.Now)
		}
		rows[i] = []any{t.ID, t.Seen.Status, string(seen), writePorts(bound(t.Seen)), settled}
	}
	const row = `(cast(? as text), cast(? as bigint), cast(? as text), cast(? as text), cast(? as bigint))`
	_, err := tx.ExecRows(`update tasks set status = v.column2, seen = v.column3, bound = v.column4, settled = case when status < v.column2 then v.column5 else settled end from (values`, row,
		`) as v where id = v.column1 and status <= v.column2`, rows)
	if err == nil {
		err = noteSeen(tx, tasks...)
	}
	return err
}

func bound(r nodeapi.TaskReport) (ports []placement.Port) {
	for _, c := range r.Containers {
		for _, p := range c.Ports {
			ports = append(ports, placement.Port{Number: p.Host, Protocol: p.Protocol})
		}
	}
	return ports
}
