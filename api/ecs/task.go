package ecs

import (
	"slices"
	"strconv"
	"time"

	"slipway/api/awswire"
	"slipway/cluster"
)

func (d *door) stopTask(c ctx, in *StopTaskInput) (*StopTaskOutput, error) {
	name, err := d.cluster(c, in.Cluster)
	if err != nil {
		return nil, err
	}
	id, err := d.id(c, "task", name, in.Task)
	if err != nil {
		return nil, err
	}
	stopped, err := d.control.StopTask(c, awswire.CallerOf(c).Account, name, id, awswire.Or(in.Reason, ""))
	if err != nil {
		return nil, err
	}
	return &StopTaskOutput{Task: new(d.wireTask(stopped, false))}, nil
}

func (d *door) describeTasks(c ctx, in *DescribeTasksInput) (*DescribeTasksOutput, error) {
	switch {
	case len(in.Tasks) == 0:
		return nil, InvalidParameterException.New("Tasks cannot be empty.")
	case len(in.Tasks) > 100:
		return nil, InvalidParameterException.Newf("tasks: %d are more than 100.", len(in.Tasks))
	}
	name, ids, err := d.inCluster(c, "task", in.Cluster, in.Tasks)
	if err != nil {
		return nil, err
	}
	found, missing, err := d.control.Tasks(c, awswire.CallerOf(c).Account, name, ids)
	if err != nil {
		return nil, err
	}
	return &DescribeTasksOutput{Tasks: d.wireTasks(found, slices.Contains(in.Include, TaskFieldTags)), Failures: d.missing(c, "task", in.Cluster, missing)}, nil
}

func (d *door) listTasks(c ctx, in *ListTasksInput) (*ListTasksOutput, error) {
	honoured := []string{"cluster", "containerInstance", "desiredStatus", "family", "launchType", "maxResults", "nextToken", "serviceName", "startedBy"}
	if err := honour(in, InvalidParameterException, honoured); err != nil {
		return nil, err
	}
	part, err := page(in.NextToken, in.MaxResults)
	if err != nil {
		return nil, err
	}
	filter := cluster.TaskFilter{
		Stopped: awswire.Or(in.DesiredStatus, DesiredStatusRunning) == DesiredStatusStopped,
		Family:  awswire.Or(in.Family, ""), StartedBy: awswire.Or(in.StartedBy, ""), Launch: string(awswire.Or(in.LaunchType, "")),
	}
	if filter.Cluster, err = d.cluster(c, in.Cluster); err != nil {
		return nil, err
	}
	if in.ServiceName != nil {
		if filter.Group, err = d.groupOf(c, filter.Cluster, *in.ServiceName); err != nil {
			return nil, err
		}
	}
	if in.ContainerInstance != nil {
		if filter.Node, err = d.id(c, "container-instance", filter.Cluster, *in.ContainerInstance); err != nil {
			return nil, err
		}
	}
	account := awswire.CallerOf(c).Account
	ids, next, err := d.control.ListTasks(c, account, filter, part)
	if err != nil {
		return nil, err
	}
	out := &ListTasksOutput{TaskArns: []string{}}
	if awswire.Or(in.DesiredStatus, "") == DesiredStatusPending { // nothing ever is, in ECS neither
		return out, nil
	}
	out.NextToken = filled(next)
	for _, id := range ids {
		out.TaskArns = append(out.TaskArns, cluster.TaskARN(d.region, account, filter.Cluster, id))
	}
	return out, nil
}

func (d *door) wireTasks(from []cluster.Task, tags bool) []Task {
	list := []Task{}
	for _, t := range from {
		list = append(list, d.wireTask(t, tags))
	}
	return list
}

func (d *door) wireTask(from cluster.Task, tags bool) Task {
	seen := from.Seen
	w := Task{
		TaskArn:              new(cluster.TaskARN(d.region, from.Account, from.Cluster, from.ID)),
		ClusterArn:           new(cluster.ClusterARN(d.region, from.Account, from.Cluster)),
		TaskDefinitionArn:    new(cluster.DefinitionARN(d.region, from.Account, from.Family, from.Revision)),
		ContainerInstanceArn: new(cluster.InstanceARN(d.region, from.Account, from.Cluster, from.Node)),
		LastStatus:           new(seen.Status.String()), DesiredStatus: new(from.Desired().String()),
		Cpu: new(strconv.Itoa(from.CPU)), Memory: new(strconv.Itoa(from.Memory)),
		Group: &from.Group, StartedBy: filled(from.StartedBy), LaunchType: new(LaunchType(from.Launch)), CapacityProviderName: filled(from.Provider),
		CreatedAt: &from.Created, PullStartedAt: moment(seen.PullStartedAt), PullStoppedAt: moment(seen.PullStoppedAt), StartedAt: moment(seen.StartedAt),
		ExecutionStoppedAt: moment(seen.ExecStoppedAt), StoppedAt: moment(first(seen.StoppedAt, from.Settled)),
		HealthStatus: new(HealthStatus(from.Health())), EnableExecuteCommand: new(from.Exec), Version: new(int64(version(from))),
		EphemeralStorage: wireDisk(from.Spec.Disk),
		Attachments:      wireAttachments(from), Attributes: []Attribute{}, InferenceAccelerators: []InferenceAccelerator{}, Tags: []Tag{},
		Overrides: wireOverrides(from), Containers: []Container{},
	}
	w.Connectivity, w.ConnectivityAt = connectivity(from)
	if from.StoppingOrOver() {
		code, reason := from.Stop()
		w.StopCode, w.StoppedReason = filled(TaskStopCode(code)), filled(reason)
		w.StoppingAt = moment(first(seen.StoppingAt, from.Wanted.Asked))
	}
	if tags {
		w.Tags = writeTags(from.Tags)
	}
	for i := range from.Spec.Containers {
		w.Containers = append(w.Containers, d.wireContainer(from, i))
	}
	return w
}

func (d *door) wireContainer(t cluster.Task, i int) Container {
	spec, seen := t.Spec.Containers[i], t.Container(i)
	w := Container{
		ContainerArn: new(cluster.ContainerARN(d.region, t, spec.Name)),
		TaskArn:      new(cluster.TaskARN(d.region, t.Account, t.Cluster, t.ID)),
		Name:         &spec.Name, Image: &spec.Image, LastStatus: new(seen.Status.String()), HealthStatus: new(HealthStatus(t.ContainerHealth(i))),
		ImageDigest: filled(seen.Digest), RuntimeId: filled(seen.RuntimeID), Reason: filled(seen.Reason), ExitCode: number32(seen.ExitCode),
		Cpu: new(strconv.Itoa(spec.CPU)), Memory: text(spec.Memory), MemoryReservation: text(spec.MemoryReservation),
		NetworkBindings: wireBindings(t, i), NetworkInterfaces: wireInterfaces(t),
	}
	if w.ImageDigest == nil {
		w.ImageDigest = filled(t.Images[i].Digest)
	}
	if t.Exec {
		w.ManagedAgents = []ManagedAgent{execAgent(t, seen.Status.String())}
	}
	return w
}

// execAgent is what runs commands in a container: it is there as long as the container is.
func execAgent(t cluster.Task, status string) ManagedAgent {
	a := ManagedAgent{Name: new(ManagedAgentNameExecuteCommandAgent), LastStatus: new("PENDING")}
	switch status {
	case "RUNNING":
		a.LastStatus, a.LastStartedAt = &status, moment(t.Seen.StartedAt)
	case "STOPPED":
		a.LastStatus = &status
	}
	return a
}

// wireOverrides names every container, as ECS does, overridden or not.
func wireOverrides(t cluster.Task) *TaskOverride {
	w := &TaskOverride{
		Cpu: amount(t.Overrides.CPU), Memory: amount(t.Overrides.Memory), EphemeralStorage: wireDisk(t.Overrides.Disk), TaskRoleArn: filled(t.Overrides.TaskRole), ExecutionRoleArn: filled(t.Overrides.ExecutionRole),
		InferenceAcceleratorOverrides: []InferenceAcceleratorOverride{},
	}
	for _, c := range t.Spec.Containers {
		co := ContainerOverride{Name: &c.Name}
		for _, o := range t.Overrides.Containers {
			if o.Name == c.Name {
				co.EnvironmentFiles = each(o.EnvFiles, wireEnvFile)
				co.Command, co.Cpu, co.Memory, co.MemoryReservation = o.Command, number32(o.CPU), number32(o.Memory), number32(o.MemoryReservation)
				if len(o.Env) > 0 {
					co.Environment = writeVariables(o.Env)
				}
			}
		}
		w.ContainerOverrides = append(w.ContainerOverrides, co)
	}
	return w
}

// connectivity tells whether the task's node is connected, and since when.
func connectivity(t cluster.Task) (*Connectivity, *time.Time) {
	since := t.Changed
	if since.Before(t.Created) {
		since = t.Created
	}
	if !t.Connected {
		return new(ConnectivityDisconnected), &since
	}
	return new(ConnectivityConnected), &since
}

// version grows with every change of the task's state.
func version(t cluster.Task) int {
	n := int(t.Seen.Status) - 1
	if t.Wanted.Stop {
		n++
	}
	return n
}

func first(times ...time.Time) time.Time {
	for _, t := range times {
		if !t.IsZero() {
			return t
		}
	}
	return time.Time{}
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func text(n *int) *string {
	if n == nil {
		return nil
	}
	return new(strconv.Itoa(*n))
}
