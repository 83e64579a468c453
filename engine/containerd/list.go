package containerd

import (
	"context"
	"fmt"
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

// List tells our containers as containerd has them now.
func (e *Engine) List(ctx context.Context) ([]engine.Container, error) {
	list, err := e.list(e.context(ctx))
	return list, told("list containers", err)
}

func (e *Engine) list(ctx context.Context) ([]engine.Container, error) {
	records, err := e.client.ContainerService().List(ctx, fmt.Sprintf("labels.%q", taskLabel))
	if err != nil {
		return nil, err
	}
	answer, err := e.client.TaskService().List(ctx, &tasks.ListTasksRequest{})
	if err != nil {
		return nil, errgrpc.ToNative(err)
	}
	processes := map[string]*tasktypes.Process{}
	for _, p := range answer.Tasks {
		processes[p.ID] = p
	}
	list := make([]engine.Container, len(records))
	for i, record := range records {
		list[i] = e.seen(record, processes[record.ID])
	}
	return list, nil
}

// see tells one container.
func (e *Engine) see(ctx context.Context, id string) (engine.Container, error) {
	record, err := e.client.ContainerService().Get(ctx, keyOf(id))
	if errdefs.IsNotFound(err) {
		return engine.Container{}, fmt.Errorf("%w: %s", engine.ErrNotFound, id)
	} else if err != nil {
		return engine.Container{}, err
	}
	answer, err := e.client.TaskService().Get(ctx, &tasks.GetRequest{ContainerID: keyOf(id)})
	if err = errgrpc.ToNative(err); err != nil && !errdefs.IsNotFound(err) {
		return engine.Container{}, err
	}
	return e.seen(record, answer.GetProcess()), nil
}

// seen puts together what containerd and the container's folder know; process is nil where
// containerd has none.
func (e *Engine) seen(record containers.Container, process *tasktypes.Process) engine.Container {
	c := engine.Container{
		ID:     record.Labels[idLabel],
		Task:   record.Labels[taskLabel],
		Name:   record.Labels[nameLabel],
		Digest: record.Labels[digestLabel],
	}
	startedAt, started := e.folder(c.ID).started()
	c.StartedAt = startedAt
	switch {
	case process == nil && started:
		c.State, c.ExitCode = engine.Exited, lost
	case process == nil:
		c.State = engine.Creating
	case process.Status == tasktypes.Status_STOPPED:
		c.State, c.ExitCode = engine.Exited, int(process.ExitStatus)
		c.ExitedAt = process.ExitedAt.AsTime()
		c.OOMKilled = e.cgroups.oomKills(c.Task, record.ID) > 0
	case process.Status == tasktypes.Status_CREATED:
		c.State, c.StartedAt = engine.Created, time.Time{} // marked as started, but killed before it was
	default:
		c.State, c.Pid = engine.Running, int(process.Pid)
	}
	return c
}
