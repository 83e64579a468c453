package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/spf13/cobra"
)

func logsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "logs TASK",
		Short:   "Print what a task printed",
		Long:    "Print what the containers of a task printed, running or stopped; with -f go on until it stops.",
		Example: "  slipway logs -f 3f1c9a",
		Args:    cobra.ExactArgs(1),
	}
	data := dataFlag(cmd)
	follow := cmd.Flags().BoolP("follow", "f", false, "go on printing until the task stops")
	stamps := cmd.Flags().BoolP("timestamps", "t", false, "print the time of each line")
	container := cmd.Flags().StringP("container", "c", "", "one container of the task only")
	cmd.ValidArgsFunction = completeTasks(data)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := newClient(cmd.Context(), *data)
		if err != nil {
			return err
		}
		t, err := c.findTask(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		out := &printer{out: cmd.OutOrStdout(), stamps: *stamps}
		if out.streams, err = c.streamsOf(cmd.Context(), t, *container); err != nil {
			return err
		}
		if !*follow {
			return out.print(cmd.Context(), c)
		}
		_, err = out.follow(cmd.Context(), c, t)
		return err
	}
	return cmd
}

// stream is one container's log stream and how far it has been printed.
type stream struct {
	container, group, name string
	token                  *string
}

// streamsOf tells where the containers of a task log to.
func (c *client) streamsOf(ctx context.Context, t types.Task, only string) ([]*stream, error) {
	def, err := c.ecs.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: t.TaskDefinitionArn})
	if err != nil {
		return nil, explain(err, c)
	}
	var streams []*stream
	for _, d := range def.TaskDefinition.ContainerDefinitions {
		if name := aws.ToString(d.Name); only == "" || only == name {
			s := streamOf(t, def.TaskDefinition, d)
			streams = append(streams, &s)
		}
	}
	if len(streams) == 0 {
		return nil, fmt.Errorf("task %s has no container %q", shortID(t), only)
	}
	return streams, nil
}

// streamOf names the stream as Amazon ECS does for the awslogs driver; without a log
// configuration the output goes to the group of the cluster.
func streamOf(t types.Task, def *types.TaskDefinition, d types.ContainerDefinition) stream {
	name := aws.ToString(d.Name)
	if d.LogConfiguration == nil {
		return stream{name, "/slipway/" + clusterName(t.ClusterArn), aws.ToString(def.Family) + "/" + name + "/" + taskID(t), nil}
	}
	options := d.LogConfiguration.Options
	prefix := options["awslogs-stream-prefix"]
	if prefix == "" {
		return stream{name, options["awslogs-group"], taskID(t) + "/" + name, nil}
	}
	return stream{name, options["awslogs-group"], prefix + "/" + name + "/" + taskID(t), nil}
}

// printer prints streams as they grow.
type printer struct {
	out     io.Writer
	stamps  bool
	pulling *pulling // nil: nobody is told
	streams []*stream
}

// print prints what is new in every stream.
func (p *printer) print(ctx context.Context, c *client) error {
	for _, s := range p.streams {
		if err := p.printStream(ctx, c, s); err != nil {
			return explain(err, c)
		}
	}
	return nil
}

func (p *printer) printStream(ctx context.Context, c *client, s *stream) error {
	for {
		page, err := c.logs.GetLogEvents(ctx, &cloudwatchlogs.GetLogEventsInput{
			LogGroupName: &s.group, LogStreamName: &s.name, NextToken: s.token, StartFromHead: aws.Bool(true),
		})
		if isAPIError(err, "ResourceNotFoundException") {
			return nil // it has not started yet
		}
		if err != nil {
			return err
		}
		for _, e := range page.Events {
			p.line(s, aws.ToInt64(e.Timestamp), aws.ToString(e.Message))
		}
		if s.token = page.NextForwardToken; len(page.Events) == 0 {
			return nil
		}
	}
}

func (p *printer) line(s *stream, millis int64, message string) {
	if p.stamps {
		fmt.Fprint(p.out, time.UnixMilli(millis).UTC().Format("2006-01-02T15:04:05.000Z "))
	}
	if len(p.streams) > 1 {
		fmt.Fprint(p.out, s.container, " | ")
	}
	fmt.Fprintln(p.out, message)
}

// follow prints until the task has stopped, and returns it as it was then.
func (p *printer) follow(ctx context.Context, c *client, t types.Task) (types.Task, error) {
	for {
		var err error
		if t, err = c.task(ctx, t); err != nil {
			return t, err
		}
		p.pulling.tell(t, time.Now())
		stopped := aws.ToString(t.LastStatus) == "STOPPED" // looked at first: all it printed is there then
		if err := p.print(ctx, c); err != nil || stopped {
			return t, err
		}
		if err := pause(ctx); err != nil {
			return t, err
		}
	}
}

// pause is the wait between two looks.
func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(200 * time.Millisecond):
		return nil
	}
}
