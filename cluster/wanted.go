package cluster

import (
	"cmp"
	"context"

	"slipway/cluster/taskdef"
	"slipway/nodeapi"
)

// wanted is what the node is told of a task.
func (c *Control) wanted(ctx context.Context, t Task) (nodeapi.Task, error) {
	w := nodeapi.Task{
		ID: t.ID, ARN: c.taskARN(t), Cluster: t.Cluster, Family: t.Family, Revision: t.Revision, Role: t.Role(),
		Stop: t.Wanted.Stop, StopCode: t.Wanted.StopCode, StopReason: t.Wanted.StopReason,
		Recorded: t.Seen.Status, CPU: t.Spec.CPU, Memory: t.Spec.Memory,
		Network: t.Spec.NetworkMode, PIDMode: t.Spec.PIDMode, IPCMode: t.Spec.IPCMode, Volumes: t.Spec.WireVolumes(t.Account), Disk: t.Spec.Disk,
		Secret: t.Spec.ReadsByReference(), LaunchType: t.Launch,
	}
	tags, err := c.Tags(ctx, t.Account, w.ARN)
	if err != nil {
		return w, err
	}
	w.Tags = tagMap(tags)
	for i := range t.Spec.Containers {
		container := wantedContainer(t, i)
		container.ARN = ContainerARN(c.config.Region, t, container.Name)
		if container.Ref != "" && !t.Wanted.Stop {
			login, err := c.config.Images.Login(ctx, t.Account, t.Images[i])
			if err != nil {
				return w, err
			}
			container.Login = &login
		}
		w.Containers = append(w.Containers, container)
	}
	return w, nil
}

func tagMap(tags []Tag) map[string]string {
	if len(tags) == 0 {
		return nil
	}
	all := make(map[string]string, len(tags))
	for _, t := range tags {
		all[t.Key] = t.Value
	}
	return all
}

// wantedContainer is what the node is told of a container, but for who may pull its image.
func wantedContainer(t Task, i int) nodeapi.Container {
	image, seen, log := t.Images[i], t.Container(i), logOf(t, t.Spec.Containers[i])
	w := t.Spec.Wire(i)
	w.Ref, w.Digest = image.Ref, cmp.Or(image.Digest, seen.Digest) // once one is known, no other is meant
	w.Restarts, w.Log = seen.Restarts, &log
	return w
}

// logOf says where a container's output goes. Without a log configuration it is kept all the
// same, under the cluster's name.
func logOf(t Task, s taskdef.Container) nodeapi.Log {
	if s.Log == nil {
		return nodeapi.Log{Group: "/slipway/" + t.Cluster, Stream: t.Family + "/" + s.Name + "/" + t.ID, CreateGroup: true}
	}
	log := nodeapi.Log{Group: s.Log.Options["awslogs-group"], Stream: t.ID + "/" + s.Name}
	log.CreateGroup = t.Spec.CreatesGroup(log.Group)
	if prefix := s.Log.Options["awslogs-stream-prefix"]; prefix != "" {
		log.Stream = prefix + "/" + s.Name + "/" + t.ID
	}
	return log
}
