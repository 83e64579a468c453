package main

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/spf13/cobra"
)

func stopCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "stop TASK...",
		Short:   "Stop tasks",
		Long:    "Ask tasks to stop: their containers get their stop signal and, 30 seconds later, SIGKILL.",
		Example: "  slipway stop 3f1c9a\n  slipway stop --all",
	}
	data := dataFlag(cmd)
	all := cmd.Flags().Bool("all", false, "stop every task of every cluster")
	wait := cmd.Flags().Bool("wait", false, "return only when they have stopped")
	cmd.ValidArgsFunction = completeTasks(data)
	cmd.Args = func(_ *cobra.Command, args []string) error {
		if *all == (len(args) > 0) {
			return fmt.Errorf("name the tasks to stop, or give --all")
		}
		return nil
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := newClient(cmd.Context(), *data)
		if err != nil {
			return err
		}
		tasks, err := tasksNamed(cmd, c, args)
		if err != nil {
			return err
		}
		for _, t := range tasks {
			_, err := c.ecs.StopTask(cmd.Context(), &ecs.StopTaskInput{Cluster: t.ClusterArn, Task: t.TaskArn, Reason: aws.String("Stopped by slipway stop")})
			if err != nil {
				return explain(err, c)
			}
			fmt.Fprintln(cmd.OutOrStdout(), taskID(t))
		}
		if *wait {
			return waitStopped(cmd, c, tasks)
		}
		return nil
	}
	return cmd
}

func tasksNamed(cmd *cobra.Command, c *client, names []string) ([]types.Task, error) {
	if len(names) == 0 {
		return c.tasks(cmd.Context(), false)
	}
	var tasks []types.Task
	for _, name := range names {
		t, err := c.findTask(cmd.Context(), name)
		if err != nil {
			return nil, err
		}
		tasks = append(tasks, t)
	}
	return tasks, nil
}

func waitStopped(cmd *cobra.Command, c *client, tasks []types.Task) error {
	for _, t := range tasks {
		for aws.ToString(t.LastStatus) != "STOPPED" {
			if err := pause(cmd.Context()); err != nil {
				return err
			}
			var err error
			if t, err = c.task(cmd.Context(), t); err != nil {
				return err
			}
		}
	}
	return nil
}
