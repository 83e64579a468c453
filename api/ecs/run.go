package ecs

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"slipway/api/awswire"
	"slipway/cluster"
	"slipway/cluster/placement"
	"slipway/cluster/taskdef"
	"slipway/internal/arn"
)

var honouredInOverrides = []string{
	"overrides.cpu", "overrides.memory", "overrides.taskRoleArn", "overrides.executionRoleArn", "overrides.ephemeralStorage",
	"networkConfiguration.awsvpcConfiguration",
	"overrides.containerOverrides[].name", "overrides.containerOverrides[].command", "overrides.containerOverrides[].environment", "overrides.containerOverrides[].environmentFiles",
	"overrides.containerOverrides[].cpu", "overrides.containerOverrides[].memory", "overrides.containerOverrides[].memoryReservation",
}

var (
	honouredInRun   = append([]string{"clientToken", "capacityProviderStrategy", "cluster", "count", "enableECSManagedTags", "enableExecuteCommand", "group", "launchType", "placementConstraints", "placementStrategy", "propagateTags", "startedBy", "tags", "taskDefinition"}, honouredInOverrides...)
	honouredInStart = append([]string{"cluster", "containerInstances", "enableECSManagedTags", "enableExecuteCommand", "group", "propagateTags", "startedBy", "tags", "taskDefinition"}, honouredInOverrides...)
)

func (d *door) runTask(c ctx, in *RunTaskInput) (*RunTaskOutput, error) {
	if err := honour(in, InvalidParameterException, honouredInRun); err != nil {
		return nil, err
	}
	launch := awswire.Or(in.LaunchType, "")
	if launch != "" && launch != LaunchTypeEc2 && launch != LaunchTypeExternal {
		return nil, unsupported(InvalidParameterException, "launchType", strconv.Quote(string(launch)), "; use EC2 or EXTERNAL, or leave it out")
	}
	run, err := d.readRun(c, in.Cluster, in.TaskDefinition, in.Overrides, in.PropagateTags)
	run.VPC = readVPC(in.NetworkConfiguration)
	if err != nil {
		return nil, err
	}
	if run.Shares, err = d.readShares(c, "capacityProviderStrategy", in.CapacityProviderStrategy); err != nil {
		return nil, err
	}
	run.Constraints, run.Strategies = each(in.PlacementConstraints, readConstraint), each(in.PlacementStrategy, readStrategy)
	run.ManagedTags = awswire.Or(in.EnableECSManagedTags, false)
	run.Permit = d.permit(func(definition string) awswire.Ask { return d.asksOfRun(c, in, definition)[0] }, run)
	run.Exec = awswire.Or(in.EnableExecuteCommand, false)
	run.Count, run.Launch, run.Token = int(awswire.Or(in.Count, 1)), string(launch), awswire.Or(in.ClientToken, "")
	run.Group, run.StartedBy, run.Tags = awswire.Or(in.Group, ""), awswire.Or(in.StartedBy, ""), readTags(in.Tags)
	started, err := d.control.RunTask(c, awswire.CallerOf(c).Account, run)
	if err != nil {
		return nil, d.reused(c, run.Cluster, err)
	}
	return &RunTaskOutput{Tasks: d.wireTasks(started.Tasks, true), Failures: d.refusals(c, run.Cluster, started.Refused, maxFailures)}, nil
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
	run.Exec, run.ManagedTags = awswire.Or(in.EnableExecuteCommand, false), awswire.Or(in.EnableECSManagedTags, false)
	run.Permit = d.permit(func(definition string) awswire.Ask { return d.asksOfStart(c, in, definition)[0] }, run)
	run.Group, run.StartedBy, run.Tags = awswire.Or(in.Group, ""), awswire.Or(in.StartedBy, ""), readTags(in.Tags)
	started, err := d.control.StartTask(c, awswire.CallerOf(c).Account, run)
	if err != nil {
		return nil, err
	}
	return &StartTaskOutput{Tasks: d.wireTasks(started.Tasks, true), Failures: d.refusals(c, run.Cluster, started.Refused, len(started.Refused))}, nil
}

// readRun reads what RunTask and StartTask have in common.
func (d *door) readRun(c ctx, name *string, definition string, overrides *TaskOverride, propagate *PropagateTags) (run cluster.Run, err error) {
	if run.Cluster, err = d.cluster(c, name); err != nil {
		return run, err
	}
	if run.Definition, err = d.definition(c, definition); err != nil {
		return run, err
	}
	run.By = principal(c, nil)
	switch p := awswire.Or(propagate, PropagateTagsNone); p {
	case PropagateTagsTaskDefinition:
		run.PropagateTags = true
	case PropagateTagsService:
		return run, InvalidParameterException.Newf("propagateTags: %q is for the tasks of services.", p)
	}
	run.Overrides, err = d.readOverrides(c, overrides)
	return run, err
}

func (d *door) readOverrides(c ctx, from *TaskOverride) (o taskdef.Overrides, err error) {
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
	o.Containers = each(from.ContainerOverrides, func(c ContainerOverride) taskdef.ContainerOverride {
		return taskdef.ContainerOverride{
			Name: or(c.Name), Command: c.Command, Env: readVariables(c.Environment), EnvFiles: each(c.EnvironmentFiles, readEnvFile),
			CPU: number(c.Cpu), Memory: number(c.Memory), MemoryReservation: number(c.MemoryReservation),
		}
	})
	return o, nil
}

func readVPC(n *NetworkConfiguration) *taskdef.VPC {
	if n == nil || n.AwsvpcConfiguration == nil {
		return nil
	}
	v := n.AwsvpcConfiguration
	return &taskdef.VPC{Subnets: v.Subnets, SecurityGroups: v.SecurityGroups, PublicAddress: awswire.Or(v.AssignPublicIp, "") == AssignPublicIpEnabled}
}

// maxFailures is how many failures RunTask answers with. Where more machines took no task, the last failure tells how
// many more there were, and why.
const maxFailures = 100

// refusals tells for container instances why they took no task, of most of them at most.
func (d *door) refusals(c ctx, name string, refused []placement.Refusal, most int) []Failure {
	rest := refused[:0]
	if len(refused) > most {
		refused, rest = refused[:most-1], refused[most-1:]
	}
	failures := []Failure{}
	for _, r := range refused {
		at := r.Node
		if !arn.Is(at) {
			at = cluster.InstanceARN(d.region, awswire.CallerOf(c).Account, name, r.Node)
		}
		failures = append(failures, Failure{Arn: &at, Reason: new(string(r.Reason)), Detail: filled(r.Detail)})
	}
	if len(rest) > 0 {
		failures = append(failures, summary(cluster.ClusterARN(d.region, awswire.CallerOf(c).Account, name), rest))
	}
	return failures
}

// summary tells of many refusals at once, the most frequent reason first.
func summary(cluster string, refused []placement.Refusal) Failure {
	counts := map[string]int{}
	for _, r := range refused {
		counts[string(r.Reason)]++
	}
	reasons := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(counts[b]-counts[a], strings.Compare(a, b))
	})
	parts := all(reasons, func(r string) string { return fmt.Sprintf("%d %s", counts[r], strings.TrimSuffix(r, ".")) })
	return Failure{Arn: &cluster, Reason: &reasons[0], Detail: new(fmt.Sprintf("%d more container instances took no task: %s", len(refused), strings.Join(parts, ", ")))}
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
