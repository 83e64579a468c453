package containerd

import (
	"context"
	"fmt"
	"maps"
	"slices"
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
	containers, err := e.recorded(ctx)
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
	list := make([]engine.Container, 0, len(containers))
	for _, id := range slices.Sorted(maps.Keys(containers)) {
		attempts := containers[id]
		self, err := e.folder(id).about()
		if err != nil {
			return nil, err
		}
		if record := self.counts(attempts); record != nil {
			list = append(list, e.seen(*record, processes[record.ID]))
		} else {
			list = append(list, begun(attempts[0]))
		}
	}
	return list, nil
}

// recorded gives the records of all attempts at each of our containers, by the container's id.
func (e *Engine) recorded(ctx context.Context) (map[string][]containers.Container, error) {
	records, err := e.client.ContainerService().List(ctx, fmt.Sprintf("labels.%q", taskLabel))
	byID := map[string][]containers.Container{}
	for _, r := range records {
		byID[r.Labels[idLabel]] = append(byID[r.Labels[idLabel]], r)
	}
	return byID, err
}

// see tells one container.
func (e *Engine) see(ctx context.Context, id string) (engine.Container, error) {
	attempt, err := e.current(ctx, id)
	if err != nil {
		return engine.Container{}, err
	}
	record, err := e.client.ContainerService().Get(ctx, attempt)
	if errdefs.IsNotFound(err) {
		return engine.Container{}, fmt.Errorf("%w: %s", engine.ErrNotFound, id)
	} else if err != nil {
		return engine.Container{}, err
	}
	answer, err := e.client.TaskService().Get(ctx, &tasks.GetRequest{ContainerID: attempt})
	if err = errgrpc.ToNative(err); err != nil && !errdefs.IsNotFound(err) {
		return engine.Container{}, err
	}
	return e.seen(record, answer.GetProcess()), nil
}

// begun is what a record tells by itself.
func begun(record containers.Container) engine.Container {
	return engine.Container{
		ID:     record.Labels[idLabel],
		Task:   record.Labels[taskLabel],
		Name:   record.Labels[nameLabel],
		Digest: record.Labels[digestLabel],
		State:  engine.Creating,
	}
}

// seen puts together what containerd and the container's folder know; process is nil where
// containerd has none.
func (e *Engine) seen(record containers.Container, process *tasktypes.Process) engine.Container {
	c := begun(record)
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
	case process.Status == tasktypes.Status_CREATED && !started && !e.folder(c.ID).whole(record.ID):
		c.State = engine.Creating // an engine that died was not told that it is made
	case process.Status == tasktypes.Status_CREATED:
		c.State, c.StartedAt = engine.Created, time.Time{} // marked as started, but killed before it was
	default:
		c.State, c.Pid = engine.Running, int(process.Pid)
	}
	return c
}
