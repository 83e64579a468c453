package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/spf13/cobra"
)

func psCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ps",
		Short: "List tasks",
		Long: `List the tasks of all clusters: those that are wanted running, and with -a the stopped ones too.
Where they are on several machines, it is told on which.
With -o json they are printed as "aws ecs describe-tasks" has them.`,
		Example: "  slipway ps\n  slipway ps -a -o json",
		Args:    cobra.NoArgs,
	}
	data := dataFlag(cmd)
	all := cmd.Flags().BoolP("all", "a", false, "stopped tasks too")
	output := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := newClient(cmd.Context(), *data)
		if err != nil {
			return err
		}
		tasks, err := c.tasks(cmd.Context(), *all)
		if err != nil {
			return err
		}
		if *output == "json" {
			return printTasks(cmd.OutOrStdout(), tasks)
		}
		header, cells := psTable(tasks, time.Now())
		return printRows(cmd.OutOrStdout(), output, tasks, header, cells)
	}
	return cmd
}

// psTable is how tasks are shown: with their machines, where these are more than one.
func psTable(tasks []types.Task, now time.Time) (header string, cells func(types.Task) []string) {
	machines := map[string]bool{}
	for _, t := range tasks {
		if t.ContainerInstanceArn != nil {
			machines[*t.ContainerInstanceArn] = true
		}
	}
	if len(machines) < 2 {
		return "TASK CLUSTER IMAGE STATUS AGE PORTS", func(t types.Task) []string {
			return []string{shortID(t), clusterName(t.ClusterArn), imagesOf(t), statusOf(t), ageOf(t, now), portsOf(t)}
		}
	}
	return "TASK CLUSTER MACHINE IMAGE STATUS AGE PORTS", func(t types.Task) []string {
		return []string{shortID(t), clusterName(t.ClusterArn), shortened(aws.ToString(t.ContainerInstanceArn)), imagesOf(t), statusOf(t), ageOf(t, now), portsOf(t)}
	}
}

func printTasks(w io.Writer, tasks []types.Task) error {
	if len(tasks) == 0 {
		tasks = []types.Task{}
	}
	rows, err := asAWS(tasks)
	if err != nil {
		return err
	}
	return printJSON(w, rows)
}

// imagesOf names each image once, however many containers of the task run it.
func imagesOf(t types.Task) string {
	var images []string
	for _, c := range t.Containers {
		if image := aws.ToString(c.Image); !slices.Contains(images, image) {
			images = append(images, image)
		}
	}
	return strings.Join(images, ",")
}

// statusOf adds the exit code of the container that ended the task.
func statusOf(t types.Task) string {
	status := aws.ToString(t.LastStatus)
	if status != "STOPPED" {
		return status
	}
	for _, c := range t.Containers {
		if c.ExitCode != nil {
			return fmt.Sprintf("%s(%d)", status, *c.ExitCode)
		}
	}
	return status
}

func ageOf(t types.Task, now time.Time) string {
	if t.CreatedAt == nil {
		return ""
	}
	return age(*t.CreatedAt, now)
}

func age(since, now time.Time) string {
	age := now.Sub(since)
	switch {
	case age < time.Minute:
		return fmt.Sprintf("%ds", int(age.Seconds()))
	case age < time.Hour:
		return fmt.Sprintf("%dm", int(age.Minutes()))
	case age < 48*time.Hour:
		return fmt.Sprintf("%dh", int(age.Hours()))
	}
	return fmt.Sprintf("%dd", int(age.Hours()/24))
}

func portsOf(t types.Task) string {
	var ports []string
	for _, c := range t.Containers {
		for _, b := range c.NetworkBindings {
			ports = append(ports, fmt.Sprintf("%d->%d/%s", aws.ToInt32(b.HostPort), aws.ToInt32(b.ContainerPort), b.Protocol))
		}
	}
	return strings.Join(ports, ",")
}
