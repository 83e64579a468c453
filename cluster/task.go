package cluster

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"slipway/cluster/taskdef"
	"slipway/nodeapi"
	"slipway/store"
)

// idPattern is the form of the ids of tasks and nodes.
var idPattern = regexp.MustCompile(`^[0-9a-f]{32}$`)

// Task is a group of containers on one node: what was asked for, what is wanted of it now, and
// what its node has seen of it.
type Task struct {
	ID          string // 32 hexadecimal digits
	Account     string
	Cluster     string
	taskdef.Ref        // the definition it was made from
	Node        string // id of its instance
	Created     time.Time
	Group       string
	StartedBy   string
	Launch      string // EC2, EXTERNAL
	Provider    string // capacity provider by which it was placed; "": none
	Where       Where  // it was wanted
	Exec        bool   // commands may be run in its containers
	Overrides   taskdef.Overrides
	Spec        taskdef.Spec // as overridden
	VPC         *taskdef.VPC // where it was wanted; nil unless it has an address of its own
	Images      []Image      // where the containers of Spec are pulled from, pinned when the task was placed
	CPU         int          // what it holds of its node
	Memory      int
	Tags        []Tag

	Wanted    Wanted
	Seen      nodeapi.TaskReport // all reports of its node, merged
	Settled   time.Time          // when it was seen stopped
	Connected bool               // whether its node is
	Changed   time.Time          // since when
}

// Wanted is what is desired of a task.
type Wanted struct {
	Stop       bool
	StopCode   string // UserInitiated
	StopReason string
	Asked      time.Time // when the stop was asked for
}

// StoppingOrOver tells whether a task is on its way out, wanted so or by itself.
func (t Task) StoppingOrOver() bool { return t.Wanted.Stop || t.Seen.Status > nodeapi.Running }

// Stop returns why the task stopped or stops: what its node says, or else what was asked for.
func (t Task) Stop() (code, reason string) {
	if t.Seen.StopCode != "" || t.Seen.StopReason != "" {
		return t.Seen.StopCode, t.Seen.StopReason
	}
	return t.Wanted.StopCode, t.Wanted.StopReason
}

// Container returns what is known of the i-th container of the task's Spec.
func (t Task) Container(i int) nodeapi.ContainerReport {
	for _, c := range t.Seen.Containers {
		if c.Name == t.Spec.Containers[i].Name {
			return c
		}
	}
	status := nodeapi.Pending
	if t.Seen.Status == nodeapi.Stopped {
		status = nodeapi.Stopped // it never came to be, and will not
	}
	return nodeapi.ContainerReport{Name: t.Spec.Containers[i].Name, Status: status}
}

// Tasks describes tasks of a cluster, in the order of their ids as given, and tells which are not there.
func (c *Control) Tasks(ctx context.Context, account, cluster string, ids []string) (found []Task, missing []string, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		if _, err := clusterStatus(tx, account, cluster); err != nil {
			return err
		}
		rows, err := tasksByID(tx, account, cluster, ids)
		if err != nil {
			return err
		}
		found, missing = inOrder(ids, rows, func(t Task) string { return t.ID })
		return nil
	})
	return found, missing, err
}

// TaskFilter chooses tasks of one cluster. An empty member chooses all.
type TaskFilter struct {
	Cluster   string
	Stopped   bool // those that are stopped or wanted so, and not the others
	Family    string
	StartedBy string
	Group     string // "service:" and the name of a service
	Node      string
	Launch    string
}

// ListTasks names tasks by id.
func (c *Control) ListTasks(ctx context.Context, account string, f TaskFilter, page Page) (ids []string, next string, err error) {
	if strings.ContainsRune(f.Family+f.StartedBy+f.Group+f.Node+f.Launch, 0) {
		return nil, "", nil // PostgreSQL holds no such text, so no task has it
	}
	name := fmt.Sprintf("tasks/%s/%+v", account, f)
	return list(ctx, c.db, page, name, itself, func(tx *store.Tx, after string, limit int) ([]string, error) {
		if _, err := clusterStatus(tx, account, f.Cluster); err != nil {
			return nil, err
		}
		return taskIDs(tx, account, f, after, limit)
	})
}
