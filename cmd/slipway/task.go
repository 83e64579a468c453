package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/spf13/cobra"

	"slipway/internal/arn"
)

// taskID is the last part of a task's ARN.
func taskID(t types.Task) string {
	a := aws.ToString(t.TaskArn)
	return a[strings.LastIndex(a, "/")+1:]
}

func shortID(t types.Task) string { return shortTask(taskID(t)) }

// taskDigits is how much of a task's id tells it apart: the first twelve digits are when it was made, which is the same
// for tasks that one call has started.
const taskDigits = 16

// shortTask is as much of the id of a task, at the end of an ARN or alone, as tells it apart.
func shortTask(arn string) string {
	id := lastPart(&arn)
	return id[:min(taskDigits, len(id))]
}

// clusterName is the last part of a cluster's ARN.
func clusterName(clusterARN *string) string {
	a, err := arn.Parse(aws.ToString(clusterARN))
	if err != nil {
		return aws.ToString(clusterARN)
	}
	_, name := a.ResourceID()
	return name
}

// findTask finds the one task that name means: an ARN, an id or the start of an id, in any cluster.
func (c *client) findTask(ctx context.Context, name string) (types.Task, error) {
	found, err := c.tasksLike(ctx, name)
	switch {
	case err != nil:
		return types.Task{}, err
	case len(found) == 1:
		return found[0], nil
	case len(found) == 0:
		return types.Task{}, withHint(fmt.Errorf("no task %q", name), `"slipway ps -a" lists them all`)
	}
	return types.Task{}, ambiguous(name, len(found))
}

// tasksLike finds the tasks that name may mean.
func (c *client) tasksLike(ctx context.Context, name string) (found []types.Task, err error) {
	all, err := c.tasks(ctx, true)
	for _, t := range all {
		if aws.ToString(t.TaskArn) == name || strings.HasPrefix(taskID(t), name) {
			found = append(found, t)
		}
	}
	return found, err
}

func ambiguous(name string, tasks int) error {
	return withHint(fmt.Errorf("%q means %d tasks", name, tasks), "give more digits of its id")
}

// tasks tells the tasks of all clusters that are wanted running, and with stopped the others too.
func (c *client) tasks(ctx context.Context, stopped bool) ([]types.Task, error) {
	wanted := []types.DesiredStatus{types.DesiredStatusRunning}
	if stopped {
		wanted = append(wanted, types.DesiredStatusStopped)
	}
	var all []types.Task
	clusters := ecs.NewListClustersPaginator(c.ecs, &ecs.ListClustersInput{})
	for clusters.HasMorePages() {
		page, err := clusters.NextPage(ctx)
		if err != nil {
			return nil, explain(err, c)
		}
		for _, cluster := range page.ClusterArns {
			for _, status := range wanted {
				some, err := c.tasksOf(ctx, cluster, status)
				if err != nil {
					return nil, explain(err, c)
				}
				all = append(all, some...)
			}
		}
	}
	return all, nil
}

func (c *client) tasksOf(ctx context.Context, cluster string, status types.DesiredStatus) ([]types.Task, error) {
	var all []types.Task
	pages := ecs.NewListTasksPaginator(c.ecs, &ecs.ListTasksInput{Cluster: &cluster, DesiredStatus: status})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		if len(page.TaskArns) == 0 {
			continue
		}
		out, err := c.ecs.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: &cluster, Tasks: page.TaskArns})
		if err != nil {
			return nil, err
		}
		all = append(all, out.Tasks...)
	}
	return all, nil
}

// task reads one task anew.
func (c *client) task(ctx context.Context, t types.Task) (types.Task, error) {
	out, err := c.ecs.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: t.ClusterArn, Tasks: []string{*t.TaskArn}})
	if err != nil {
		return t, explain(err, c)
	}
	if len(out.Tasks) == 0 {
		return t, fmt.Errorf("task %s is gone", shortID(t))
	}
	return out.Tasks[0], nil
}

// completeTasks offers the ids of running tasks to the shell.
func completeTasks(data *string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, start string) ([]string, cobra.ShellCompDirective) {
		c, err := newClient(cmd.Context(), *data)
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		all, err := c.tasks(cmd.Context(), false)
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		var ids []string
		for _, t := range all {
			if strings.HasPrefix(taskID(t), start) {
				ids = append(ids, shortID(t)+"\t"+imagesOf(t))
			}
		}
		return ids, cobra.ShellCompDirectiveNoFileComp
	}
}
