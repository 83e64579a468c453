package ecs

import (
	"errors"
	"strconv"

	"slipway/api/awswire"
	"slipway/cluster"
	"slipway/cluster/placement"
	"slipway/internal/arn"
)

var honouredInOverrides = []string{
	"overrides.cpu", "overrides.memory", "overrides.taskRoleArn", "overrides.executionRoleArn", "overrides.ephemeralStorage",
	"networkConfiguration.awsvpcConfiguration",
	"overrides.containerOverrides[].name", "overrides.containerOverrides[].command", "overrides.containerOverrides[].environment", "overrides.containerOverrides[].environmentFiles",
	"overrides.containerOverrides[].cpu", "overrides.containerOverrides[].memory", "overrides.containerOverrides[].memoryReservation",
}

var (
	honouredInRun   = append([]string{"clientToken", "cluster", "count", "enableExecuteCommand", "group", "launchType", "propagateTags", "startedBy", "tags", "taskDefinition"}, honouredInOverrides...)
	honouredInStart = append([]string{"cluster", "containerInstances", "enableExecuteCommand", "group", "propagateTags", "startedBy", "tags", "taskDefinition"}, honouredInOverrides...)
)

func (d *door) runTask(c ctx, in *RunTaskInput) (*RunTaskOutput, error) {
	if err := honour(in, InvalidParameterException, honouredInRun); err != nil {
		return nil, err
	}
	launch := awswire.Or(in.LaunchType, LaunchTypeEc2)
	if launch != LaunchTypeEc2 && launch != LaunchTypeExternal {
		return nil, unsupported(InvalidParameterException, "launchType", strconv.Quote(string(launch)), "; use EC2 or EXTERNAL, or leave it out")
	}
	run, err := d.readRun(c, in.Cluster, in.TaskDefinition, in.Overrides, in.PropagateTags)
	run.VPC = readVPC(in.NetworkConfiguration)
	if err != nil {
		return nil, err
	}
	run.Permit = d.permit(func(definition string) awswire.Ask { return d.asksOfRun(c, in, definition)[0] }, run)
	run.Exec = awswire.Or(in.EnableExecuteCommand, false)
	run.Count, run.Launch, run.Token = int(awswire.Or(in.Count, 1)), string(launch), awswire.Or(in.ClientToken, "")
	run.Group, run.StartedBy, run.Tags = awswire.Or(in.Group, ""), awswire.Or(in.StartedBy, ""), readTags(in.Tags)
	started, err := d.control.RunTask(c, awswire.CallerOf(c).Account, run)
	if err != nil {
		return nil, d.reused(c, run.Cluster, err)
	}
	return &RunTaskOutput{Tasks: d.wireTasks(started.Tasks, true), Failures: d.refusals(c, run.Cluster, started.Refused)}, nil
}

func (d *door) startTask(c ctx, in *StartTaskInput) (*StartTaskOutput, error) {
	if err := honour(in, InvalidParameterException, honouredInStart); err != nil {
		return nil, err
	}
	run, err := d.readRun(c, in.Cluster, in.TaskDefinition, in.Overrides, in.PropagateTags)
	run.VPC = readVPC(in.NetworkConfiguration)
	if err != nil {
		return nil, err
	}
	if run.Nodes, err = d.ids(c, "container-instance", run.Cluster, in.ContainerInstances); err != nil {
		return nil, err
	}
	run.Exec = awswire.Or(in.EnableExecuteCommand, false)
	run.Permit = d.permit(func(definition string) awswire.Ask { return d.asksOfStart(c, in, definition)[0] }, run)
	run.Group, run.StartedBy, run.Tags = awswire.Or(in.Group, ""), awswire.Or(in.StartedBy, ""), readTags(in.Tags)
	started, err := d.control.StartTask(c, awswire.CallerOf(c).Account, run)
	if err != nil {
		return nil, err
	}
	return &StartTaskOutput{Tasks: d.wireTasks(started.Tasks, true), Failures: d.refusals(c, run.Cluster, started.Refused)}, nil
}

// readRun reads what RunTask and StartTask have in common.
func (d *door) readRun(c ctx, name *string, definition string, overrides *TaskOverride, propagate *PropagateTags) (run cluster.Run, err error) {
	if run.Cluster, err = d.cluster(c, name); err != nil {
		return run, err
	}
	if run.Definition, err = d.definition(c, definition); err != nil {
		return run, err
	}
	switch p := awswire.Or(propagate, PropagateTagsNone); p {
	case PropagateTagsTaskDefinition:
		run.PropagateTags = true
	case PropagateTagsService:
		return run, InvalidParameterException.Newf("propagateTags: %q is for the tasks of services.", p)
	}
	run.Overrides, err = d.readOverrides(c, overrides)
	return run, err
}

func (d *door) readOverrides(c ctx, from *TaskOverride) (o cluster.Overrides, err error) {
	if from == nil {
		return o, nil
	}
	if o.CPU, err = readCPU("overrides.cpu", from.Cpu, InvalidParameterException); err != nil {
		return o, err
	}
	if o.Memory, err = readMemory("overrides.memory", from.Memory, InvalidParameterException); err != nil {
		return o, err
	}
	if o.TaskRole, err = d.roleARN(c, "overrides.taskRoleArn", from.TaskRoleArn); err != nil {
		return o, err
	}
	if o.ExecutionRole, err = d.roleARN(c, "overrides.executionRoleArn", from.ExecutionRoleArn); err != nil {
		return o, err
	}
	if o.Disk, err = readDisk("overrides.ephemeralStorage", from.EphemeralStorage, InvalidParameterException); err != nil {
		return o, err
	}
	o.Containers = each(from.ContainerOverrides, func(c ContainerOverride) cluster.ContainerOverride {
		return cluster.ContainerOverride{
			Name: or(c.Name), Command: c.Command, Env: readVariables(c.Environment), EnvFiles: each(c.EnvironmentFiles, readEnvFile),
			CPU: number(c.Cpu), Memory: number(c.Memory), MemoryReservation: number(c.MemoryReservation),
		}
	})
	return o, nil
}

func readVPC(n *NetworkConfiguration) *cluster.VPC {
	if n == nil || n.AwsvpcConfiguration == nil {
		return nil
	}
	v := n.AwsvpcConfiguration
	return &cluster.VPC{Subnets: v.Subnets, SecurityGroups: v.SecurityGroups, PublicAddress: awswire.Or(v.AssignPublicIp, "") == AssignPublicIpEnabled}
}

// refusals tells for every container instance why it took no task.
func (d *door) refusals(c ctx, name string, refused []placement.Refusal) []Failure {
	failures := []Failure{}
	for _, r := range refused {
		if arn.Is(r.Node) {
			failures = append(failures, Failure{Arn: &r.Node, Reason: new(string(r.Reason))})
			continue
		}
		failures = append(failures, Failure{
			Arn:    new(cluster.InstanceARN(d.region, awswire.CallerOf(c).Account, name, r.Node)),
			Reason: new(string(r.Reason)),
		})
	}
	return failures
}

// reused says which tasks a client token stands for, when it comes with other parameters.
func (d *door) reused(c ctx, name string, err error) error {
	reused, ok := errors.AsType[*cluster.TokenReusedError](err)
	if !ok {
		return err
	}
	arns := all(reused.Tasks, func(id string) string { return cluster.TaskARN(d.region, awswire.CallerOf(c).Account, name, id) })
	return ConflictException.New("The provided clientToken is already in use with a different RunTask request.").With("resourceIds", arns)
}
