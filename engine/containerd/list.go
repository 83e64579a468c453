package containerd

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/containerd/containerd/api/services/tasks/v1"
	tasktypes "github.com/containerd/containerd/api/types/task"
	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/errdefs"
	"github.com/containerd/errdefs/pkg/errgrpc"

	"slipway/engine"
)

// lost is the exit code of a container whose process is gone with its shim.
const lost = 137

// List tells our containers as containerd has them now, in the order of their ids.
func (e *Engine) List(ctx context.Context) ([]engine.Container, error) {
	list, err := e.list(e.context(ctx))
	return list, told("list containers", err)
}

func (e *Engine) list(ctx context.Context) ([]engine.Container, error) {
	records, err := e.client.ContainerService().List(ctx, fmt.Sprintf("labels.%q", taskLabel))
	if err != nil {
		return nil, err
	}
	// Before the processes are asked for: what has been started by then has one, or is lost.
	counting := map[string]attempt{}
	for _, r := range records {
		counting[r.Labels[idLabel]] = e.attempt(r.Labels[idLabel])
	}
	answer, err := e.client.TaskService().List(ctx, &tasks.ListTasksRequest{})
	if err != nil {
		return nil, errgrpc.ToNative(err)
	}
	processes := map[string]*tasktypes.Process{}
	for _, p := range answer.Tasks {
		processes[p.ID] = p
	}
	list := map[string]engine.Container{}
	for _, r := range records {
		id := r.Labels[idLabel]
		if _, told := list[id]; !told || counting[id].counts(r.ID) {
			list[id] = e.seen(r, counting[id], processes[r.ID])
		}
	}
	return slices.SortedFunc(maps.Values(list), func(a, b engine.Container) int { return strings.Compare(a.ID, b.ID) }), nil
}

// see tells one container.
func (e *Engine) see(ctx context.Context, id string) (engine.Container, error) {
	a := e.attempt(id)
	record, err := e.recordOf(ctx, id, a)
	if errdefs.IsNotFound(err) {
		return engine.Container{}, fmt.Errorf("%w: %s", engine.ErrNotFound, id)
	} else if err != nil {
		return engine.Container{}, err
	}
	answer, err := e.client.TaskService().Get(ctx, &tasks.GetRequest{ContainerID: record.ID})
	if err = errgrpc.ToNative(err); err != nil && !errdefs.IsNotFound(err) {
		return engine.Container{}, err
	}
	return e.seen(record, a, answer.GetProcess()), nil
}

func (e *Engine) recordOf(ctx context.Context, id string, a attempt) (containers.Container, error) {
	if a.key != "" {
		return e.client.ContainerService().Get(ctx, a.key)
	}
	records, err := e.records(ctx, id)
	if len(records) > 0 {
		return records[0], nil
	}
	return containers.Container{}, cmp.Or(err, error(errdefs.ErrNotFound))
}

// seen puts together what containerd and the container's folder know. The attempt that counts was looked
// at before containerd was asked for the process, which is nil where there is none.
func (e *Engine) seen(record containers.Container, a attempt, process *tasktypes.Process) engine.Container {
	c := engine.Container{
		ID:     record.Labels[idLabel],
		Task:   record.Labels[taskLabel],
		Name:   record.Labels[nameLabel],
		Digest: record.Labels[digestLabel],
	}
	if process != nil && !a.started {
		a = e.attempt(c.ID) // it may have been in between
	}
	if !a.counts(record.ID) {
		return c
	}
	c.StartedAt = a.startedAt
	switch {
	case process == nil && a.started:
		c.State, c.ExitCode = engine.Exited, lost
	case process == nil || !a.made:
		c.State = engine.Creating
	case process.Status == tasktypes.Status_STOPPED:
		c.State, c.ExitCode = engine.Exited, int(process.ExitStatus)
		c.ExitedAt = process.ExitedAt.AsTime()
		c.OOMKilled = e.cgroups.oomKills(c.Task, record.ID) > 0
	case process.Status == tasktypes.Status_CREATED || !a.started:
		c.State, c.StartedAt = engine.Created, time.Time{} // marked as started, but killed before it was
	default:
		c.State, c.Pid = engine.Running, int(process.Pid)
	}
	return c
}
