package main

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/spf13/cobra"
)

func fnLogsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "logs NAME",
		Short: "Print what a function printed",
		Long: `Print what a function printed, and when its calls began and ended; with -f go on until Ctrl-C. Without
--since it is what was printed in the last hour. With -o json each line has its time and its stream,
which there is one of for each sandbox.`,
		Example: "  slipway fn logs -f greet\n  slipway fn logs greet --since 24h -t",
		Args:    cobra.ExactArgs(1),
	}
	data := dataFlag(cmd)
	out := &printer{format: "raw"}
	from := moment{time.Now().Add(-time.Hour)}
	f := cmd.Flags()
	follow := f.BoolP("follow", "f", false, "go on printing")
	f.BoolVarP(&out.stamps, "timestamps", "t", false, "print the time of each line")
	f.Var(&from, "since", "lines from then on: 2026-03-01T08:00:00Z, or 90s, 15m, 24h or 7d ago")
	f.Lookup("since").DefValue = ""
	f.VarP(&out.format, "output", "o", "how to print: text, raw or json")
	f.Lookup("output").DefValue = "raw"
	cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(logFormats, cobra.ShellCompDirectiveNoFileComp))
	cmd.ValidArgsFunction = completeFunctions(data)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := newClient(cmd.Context(), *data)
		if err != nil {
			return err
		}
		fn, err := c.function(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		out.out = cmd.OutOrStdout()
		t := tail{group: groupOf(fn.Configuration), from: from.UnixMilli(), seen: map[string]int64{}}
		return t.print(cmd.Context(), c, out, *follow)
	}
	return cmd
}

// tail is the lines of a log group as they come. Lines of streams that were written at the same time come in any order,
// so it looks again at what is a little older than the last, and knows what it has seen.
type tail struct {
	group string
	from  int64            // milliseconds since 1970
	seen  map[string]int64 // ids of events, and their times
}

// tailOverlap is how long after its time a line may come, in milliseconds.
const tailOverlap = 10_000

func (t *tail) print(ctx context.Context, c *client, out *printer, follow bool) error {
	for {
		lines, err := t.next(ctx, c)
		if err != nil {
			return explain(err, c)
		}
		if err := out.printLines(&stream{group: t.group}, lines); err != nil || !follow {
			return err
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
}

// next reads what has come since it was called last.
func (t *tail) next(ctx context.Context, c *client) (lines []logLine, err error) {
	last := t.from
	pages := cloudwatchlogs.NewFilterLogEventsPaginator(c.logs, &cloudwatchlogs.FilterLogEventsInput{LogGroupName: &t.group, StartTime: &t.from})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if isAPIError(err, "ResourceNotFoundException") {
			return nil, nil // nothing was printed yet
		}
		if err != nil {
			return nil, err
		}
		for _, e := range page.Events {
			if line, is := t.unseen(e); is {
				lines = append(lines, line)
			}
			last = max(last, aws.ToInt64(e.Timestamp))
		}
	}
	t.forget(last - tailOverlap)
	return lines, nil
}

func (t *tail) unseen(e types.FilteredLogEvent) (logLine, bool) {
	id := aws.ToString(e.EventId)
	if _, seen := t.seen[id]; seen {
		return logLine{}, false
	}
	t.seen[id] = aws.ToInt64(e.Timestamp)
	return logLine{time.UnixMilli(aws.ToInt64(e.Timestamp)), aws.ToString(e.LogStreamName), aws.ToString(e.Message)}, true
}

// forget forgets lines that will not be read again.
func (t *tail) forget(before int64) {
	t.from = max(t.from, before)
	for id, at := range t.seen {
		if at < t.from {
			delete(t.seen, id)
		}
	}
}
