package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/spf13/cobra"

	"slipway/internal/loop"
)

// logsOptions say what to print, and how.
type logsOptions struct {
	container, group, stream, prefix string
	follow, stamps                   bool
	span                             span
	format                           logFormat
}

func logsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "logs TASK|--group GROUP",
		Short: "Print or download what a task printed",
		Long: `Print what the containers of a task printed, running or stopped; with -f go on until it stops.
With --group print a log group or one of its streams, also of tasks that are forgotten.

All of it is printed, however much that is. With -o raw it is the lines as they were printed, to be
kept in a file; with -o json a line of JSON for each, with its time and its stream. --since and
--until take a time, or how long ago that was.`,
		Example: `  slipway logs -f 3f1c9a
  slipway logs 3f1c9a -c app -o raw > app.log
  slipway logs --group /web --since 24h -o json | gzip > web.json.gz
  slipway logs --group /web --stream web/app/3f1c9a --since 2026-03-01T08:00:00Z --until 2026-03-01T09:00:00Z`,
		Args: taskOrGroup,
	}
	data := dataFlag(cmd)
	var o logsOptions
	o.addFlags(cmd)
	cmd.ValidArgsFunction = completeTasks(data)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if o.group == "" && (o.stream != "" || o.prefix != "") {
			return errors.New("--stream and --stream-prefix are of a --group")
		}
		c, err := newClient(cmd.Context(), *data)
		if err != nil {
			return err
		}
		out := &printer{out: cmd.OutOrStdout(), stamps: o.stamps, format: o.format}
		if o.group != "" {
			out.streams = []*stream{o.ofGroup()}
			return out.print(cmd.Context(), c)
		}
		t, err := o.printTask(cmd.Context(), c, out, args[0])
		if why := whyNotStarted(t); err == nil && why != "" {
			fmt.Fprintln(cmd.ErrOrStderr(), why)
		}
		return err
	}
	return cmd
}

func (o *logsOptions) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVarP(&o.follow, "follow", "f", false, "go on printing until the task stops")
	f.BoolVarP(&o.stamps, "timestamps", "t", false, "print the time of each line")
	f.StringVarP(&o.container, "container", "c", "", "one container of the task only")
	f.StringVar(&o.group, "group", "", "a log group, by name or ARN, and not a task")
	f.StringVar(&o.stream, "stream", "", "one stream of the group only")
	f.StringVar(&o.prefix, "stream-prefix", "", "those streams of the group only whose names begin so")
	f.Var(&o.span.since, "since", "lines from then on: 2026-03-01T08:00:00Z, or 90s, 15m, 24h or 7d ago")
	f.Var(&o.span.until, "until", "lines before then, likewise")
	o.format = "text"
	f.VarP(&o.format, "output", "o", "how to print: text, raw or json")
	cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(logFormats, cobra.ShellCompDirectiveNoFileComp))
	cmd.MarkFlagsMutuallyExclusive("stream", "stream-prefix")
	for _, ofTask := range []string{"follow", "container"} {
		cmd.MarkFlagsMutuallyExclusive("group", ofTask)
	}
}

// taskOrGroup wants the name of a task, unless a group is named.
func taskOrGroup(cmd *cobra.Command, args []string) error {
	wanted := 1
	if cmd.Flags().Changed("group") {
		wanted = 0
	}
	if len(args) != wanted {
		return errors.New("name one task, or a log group with --group")
	}
	return nil
}

// ofGroup is the stream or the streams of a group that are asked for.
func (o *logsOptions) ofGroup() *stream {
	return &stream{group: o.group, name: o.stream, prefix: o.prefix, span: o.span, required: true}
}

func (o *logsOptions) printTask(ctx context.Context, c *client, out *printer, name string) (types.Task, error) {
	t, err := c.findTask(ctx, name)
	if err != nil {
		return t, err
	}
	if out.streams, err = c.streamsOf(ctx, t, o.container); err != nil {
		return t, err
	}
	for _, s := range out.streams {
		s.span = o.span
	}
	if !o.follow {
		return t, out.print(ctx, c)
	}
	return out.follow(ctx, c, t)
}

// whyNotStarted is why a task has printed nothing that never ran.
func whyNotStarted(t types.Task) string {
	if t.StopCode != types.TaskStopCodeTaskFailedToStart {
		return ""
	}
	return fmt.Sprintf("task %s did not start: %s", shortID(t), aws.ToString(t.StoppedReason))
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
		return stream{container: name, group: "/slipway/" + clusterName(t.ClusterArn), name: aws.ToString(def.Family) + "/" + name + "/" + taskID(t)}
	}
	options := d.LogConfiguration.Options
	prefix := options["awslogs-stream-prefix"]
	if prefix == "" {
		return stream{container: name, group: options["awslogs-group"], name: taskID(t) + "/" + name}
	}
	return stream{container: name, group: options["awslogs-group"], name: prefix + "/" + name + "/" + taskID(t)}
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
func pause(ctx context.Context) error { return loop.Pause(ctx, 200*time.Millisecond) }
