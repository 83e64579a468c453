package ecs

import (
	"context"

	"slipway/api/awswire"
	"slipway/internal/arn"
)

type ctx = context.Context

// What each operation acts on. Source: Service Authorization Reference, "Actions, resources, and
// condition keys for Amazon Elastic Container Service"; where it names no resource, the door binds
// the operation to awswire.Any.

func (d *door) onClusters(c ctx, in *DescribeClustersInput) []awswire.Ask {
	return awswire.On(all(orDefault(in.Clusters), func(s string) string { return d.named(c, "cluster", s) })...)
}

func (d *door) onDeleteCluster(c ctx, in *DeleteClusterInput) []awswire.Ask {
	return awswire.On(d.named(c, "cluster", in.Cluster))
}

func (d *door) onRunTask(c ctx, in *RunTaskInput) []awswire.Ask {
	return awswire.On(d.named(c, "task-definition", in.TaskDefinition))
}

func (d *door) onStartTask(c ctx, in *StartTaskInput) []awswire.Ask {
	return awswire.On(d.named(c, "task-definition", in.TaskDefinition))
}

func (d *door) onStopTask(c ctx, in *StopTaskInput) []awswire.Ask {
	return awswire.On(d.member(c, "task", in.Cluster, in.Task))
}

func (d *door) onDescribeTasks(c ctx, in *DescribeTasksInput) []awswire.Ask {
	return awswire.On(all(in.Tasks, func(s string) string { return d.member(c, "task", in.Cluster, s) })...)
}

func (d *door) onListTasks(c ctx, in *ListTasksInput) []awswire.Ask {
	return awswire.On(d.member(c, "container-instance", in.Cluster, awswire.Or(in.ContainerInstance, "*")))
}

func (d *door) onListInstances(c ctx, in *ListContainerInstancesInput) []awswire.Ask {
	return awswire.On(d.named(c, "cluster", awswire.Or(in.Cluster, "default")))
}

func (d *door) onDescribeInstances(c ctx, in *DescribeContainerInstancesInput) []awswire.Ask {
	return awswire.On(all(in.ContainerInstances, func(s string) string { return d.member(c, "container-instance", in.Cluster, s) })...)
}

// named is the ARN of what a caller names, or the ARN that was given.
func (d *door) named(c ctx, kind, name string) string {
	if arn.Is(name) {
		return name
	}
	return arn.ARN{Service: "ecs", Region: d.region, Account: awswire.CallerOf(c).Account, Resource: kind + "/" + name}.String()
}

// member is the ARN of what a caller names inside of a cluster, or the ARN that was given.
func (d *door) member(c ctx, kind string, cluster *string, id string) string {
	if arn.Is(id) {
		return id
	}
	name, err := d.cluster(c, cluster)
	if err != nil {
		name = "*"
	}
	return d.named(c, kind, name+"/"+id)
}

func all(names []string, to func(string) string) []string {
	arns := make([]string, len(names))
	for i, name := range names {
		arns[i] = to(name)
	}
	return arns
}
