package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

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
	if r.Machine != nil {
		if err := c.told(ctx, r.Node, *r.Machine); err != nil || len(r.Tasks) == 0 {
			return ack, err
		}
	}
	c.revokeReported(ctx, r)
	err = c.db.Update(ctx, func(tx *store.Tx) error {
		var advanced []Task
		ack = nodeapi.ReportAck{}
		for _, report := range r.Tasks {
			t, moved, err := observe(tx, r.Node, report)
			switch {
			case errors.Is(err, ErrNoTask):
				ack.Unknown = append(ack.Unknown, report.ID)
			case err != nil:
				return err
			case moved:
				advanced = append(advanced, t)
			case t.Seen.Status == nodeapi.Stopped && report.Status < nodeapi.Stopped:
				ack.Unknown = append(ack.Unknown, report.ID) // it is over here, whatever the node still runs
			}
		}
		for _, t := range advanced {
			kind := "task." + strings.ToLower(t.Seen.Status.String())
			if err := events.Append(tx, t.Account, kind, c.taskARN(t), taskFact(t)); err != nil {
				return err
			}
		}
		return nil
	})
	return ack, err
}

// observe merges a report into a task's record, and tells whether its status moved.
func observe(tx *store.Tx, node string, report nodeapi.TaskReport) (t Task, moved bool, err error) {
	if t, err = taskOnNode(tx, node, report.ID); err != nil {
		return t, false, err
	}
	report.Containers = slices.DeleteFunc(slices.Clone(report.Containers), func(c nodeapi.ContainerReport) bool {
		return !slices.ContainsFunc(t.Spec.Containers, func(s ContainerSpec) bool { return s.Name == c.Name })
	})
	before := t.Seen
	t.Seen = merge(before, report)
	if reflect.DeepEqual(before, t.Seen) {
		return t, false, nil
	}
	return t, t.Seen.Status > before.Status, saveSeen(tx, t)
}

// saveSeen writes what is known of a task. Only observe calls it.
func saveSeen(tx *store.Tx, t Task) error {
	seen, err := json.Marshal(t.Seen)
	if err != nil {
		return err
	}
	var settled int64
	if t.Seen.Status == nodeapi.Stopped {
		settled = store.Micros(tx.Now)
	}
	_, err = tx.Exec(`update tasks set status = $2, seen = $3, bound = $4, settled = case when status < $2 then $5 else settled end where id = $1 and status <= $2`,
		t.ID, t.Seen.Status, string(seen), writePorts(bound(t.Seen)), settled)
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

// merge is all that two reports of one task tell: the state of the later, whichever came first,
// and what only one of them knows.
func merge(a, b nodeapi.TaskReport) nodeapi.TaskReport {
	later := b.Status == a.Status // as far as can be told
	if b.Status > a.Status {
		a, b = b, a
	}
	fill(&a.StopCode, b.StopCode)
	fill(&a.StopReason, b.StopReason)
	fill(&a.PullStartedAt, b.PullStartedAt)
	fill(&a.PullStoppedAt, b.PullStoppedAt)
	fill(&a.StartedAt, b.StartedAt)
	fill(&a.StoppingAt, b.StoppingAt)
	fill(&a.ExecStoppedAt, b.ExecStoppedAt)
	fill(&a.StoppedAt, b.StoppedAt)
	fill(&a.Address, b.Address)
	a.Containers = slices.Clone(a.Containers)
	for _, c := range b.Containers {
		if i := slices.IndexFunc(a.Containers, func(have nodeapi.ContainerReport) bool { return have.Name == c.Name }); i >= 0 {
			a.Containers[i] = mergeContainer(a.Containers[i], c, later)
		} else {
			a.Containers = append(a.Containers, c)
		}
	}
	slices.SortFunc(a.Containers, func(x, y nodeapi.ContainerReport) int { return strings.Compare(x.Name, y.Name) })
	return a
}

// mergeContainer takes how well a container is from b if that is of a later report, unless it is known to be of
// an earlier time.
func mergeContainer(a, b nodeapi.ContainerReport, later bool) nodeapi.ContainerReport {
	if later && b.Status == a.Status && b.Restarts >= a.Restarts && b.Health != "" {
		a.Health = b.Health
	}
	if b.Status > a.Status {
		a, b = b, a
	}
	fill(&a.Health, b.Health)
	a.Restarts = max(a.Restarts, b.Restarts)
	fill(&a.RuntimeID, b.RuntimeID)
	fill(&a.Digest, b.Digest)
	fill(&a.ExitCode, b.ExitCode)
	fill(&a.Reason, b.Reason)
	if len(a.Ports) == 0 && len(b.Ports) > 0 {
		a.Ports = b.Ports
	}
	return a
}

// fill sets what is not known yet.
func fill[T comparable](known *T, more T) {
	var nothing T
	if *known == nothing {
		*known = more
	}
}
