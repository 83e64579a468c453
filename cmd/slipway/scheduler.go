package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func schedulerCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "scheduler",
		Short: "Have programs of your own say where tasks go",
		Long: `Have programs of your own say where tasks go. A scheduler is made here by its name; the program
that it is connects by itself, with credentials that allow slipway:ConnectScheduler, is told of the
machines and tasks of the cluster, and answers where tasks should go.
What it answers is a wish: a machine that cannot take the task takes none. Where it does not
answer in time, or answers nonsense, its fallback decides, and the events scheduler.failed and
scheduler.paused tell why.`,
		Example: `  slipway scheduler add cheap --fallback binpack:memory
  slipway scheduler list
  slipway scheduler test cheap web:1
  slipway run --strategy scheduler:cheap hello`,
		Args: cobra.NoArgs,
	}
	cmd.AddCommand(schedulerAddCommand(), schedulerListCommand(), schedulerRemoveCommand(), schedulerTestCommand(), schedulerConnectCommand())
	return cmd
}

// scheduler is a scheduler as the API tells of it.
type scheduler struct {
	Name        string     `json:"name"`
	Cluster     string     `json:"cluster"`
	Arn         string     `json:"arn"`
	Deadline    int        `json:"deadline"` // milliseconds
	Fallback    []strategy `json:"fallback"`
	Default     bool       `json:"default"`
	Connected   bool       `json:"connected"`
	Asked       int64      `json:"asked"`
	Failed      int64      `json:"failed"`
	Failure     string     `json:"failure,omitempty"`
	PausedUntil float64    `json:"pausedUntil,omitempty"` // seconds
}

// strategy is a placementStrategy.
type strategy struct {
	Type  string `json:"type"`
	Field string `json:"field,omitempty"`
}

func (s strategy) String() string {
	if s.Field == "" {
		return s.Type
	}
	return s.Type + ":" + s.Field
}

// state is how a scheduler does, in a word.
func (s scheduler) state() string {
	switch {
	case !s.Connected:
		return "away"
	case s.PausedUntil > 0:
		return "paused"
	}
	return "connected"
}

func (s scheduler) cells() []string {
	var fallback []string
	for _, f := range s.Fallback {
		fallback = append(fallback, f.String())
	}
	name := s.Name
	if s.Default {
		name += " (default)"
	}
	return []string{name, s.state(), fmt.Sprintf("%dms", s.Deadline), fmt.Sprint(s.Asked), fmt.Sprint(s.Failed), cmp.Or(strings.Join(fallback, ","), "-"), cmp.Or(s.Failure, "-")}
}

const schedulerHeader = "NAME STATE DEADLINE ASKED FAILED FALLBACK FAILURE"

// callScheduler makes a call about schedulers. No SDK knows them, for they are Slipway's own.
func (c *client) callScheduler(ctx context.Context, operation string, in, out any) error {
	return explain(c.call(ctx, "SlipwaySchedulers_20261121."+operation, in, out), c)
}

func schedulerAddCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "add NAME",
		Short: "Make a scheduler of a cluster, or change it",
		Long: `Make a scheduler of a cluster, or change what it was. It is asked about tasks that name it as a
placementStrategy of type "scheduler", and as the default also about those that name none.
The fallback is what decides where it does not, as TYPE[:FIELD]; without one it is what else the
request says.`,
		Example: `  slipway scheduler add cheap --fallback spread:attribute:zone --fallback binpack:memory
  slipway scheduler add cheap --default --deadline 500ms`,
		Args: cobra.ExactArgs(1),
	}
	data := dataFlag(cmd)
	cluster := cmd.Flags().String("cluster", "default", "cluster that it is for")
	deadline := cmd.Flags().Duration("deadline", 250*time.Millisecond, "how long an answer may take")
	fallback := cmd.Flags().StringArray("fallback", nil, "what decides where it does not; more than one break each other's ties")
	chosen := cmd.Flags().Bool("default", false, "ask it about tasks that name no strategy, too")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := newClient(cmd.Context(), *data)
		if err != nil {
			return err
		}
		in := map[string]any{"cluster": *cluster, "name": args[0], "deadline": deadline.Milliseconds(), "default": *chosen, "fallback": strategiesOf(*fallback)}
		var out struct{ Scheduler scheduler }
		if err := c.callScheduler(cmd.Context(), "PutScheduler", in, &out); err != nil {
			return err
		}
		_, err = fmt.Fprintln(cmd.OutOrStdout(), out.Scheduler.Arn)
		return err
	}
	return cmd
}

func strategiesOf(texts []string) []strategy {
	all := []strategy{}
	for _, text := range texts {
		kind, field, _ := strings.Cut(text, ":")
		all = append(all, strategy{kind, field})
	}
	return all
}

func schedulerListCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "Show the schedulers of a cluster, and how they do",
		Long: `Show the schedulers of a cluster, and how they do. Whether one is connected, and how often it
was asked and failed, is what the server that answers has seen since it was started.`,
		Example: "  slipway scheduler list -o json",
		Args:    cobra.NoArgs,
	}
	data := dataFlag(cmd)
	cluster := cmd.Flags().String("cluster", "default", "cluster")
	output := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := newClient(cmd.Context(), *data)
		if err != nil {
			return err
		}
		var out struct{ Schedulers []scheduler }
		if err := c.callScheduler(cmd.Context(), "ListSchedulers", map[string]any{"cluster": *cluster}, &out); err != nil {
			return err
		}
		return printRows(cmd.OutOrStdout(), output, out.Schedulers, schedulerHeader, scheduler.cells)
	}
	return cmd
}

func schedulerRemoveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "remove NAME",
		Short: "Take a scheduler from a cluster",
		Long: `Take a scheduler from a cluster. Its program is told so. Tasks of services that name it are placed
by their other strategies; a "run" that names it is refused.`,
		Example: "  slipway scheduler remove cheap",
		Args:    cobra.ExactArgs(1),
	}
	data := dataFlag(cmd)
	cluster := cmd.Flags().String("cluster", "default", "cluster")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := newClient(cmd.Context(), *data)
		if err != nil {
			return err
		}
		return c.callScheduler(cmd.Context(), "DeleteScheduler", map[string]any{"cluster": *cluster, "name": args[0]}, &struct{}{})
	}
	return cmd
}

func schedulerTestCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "test NAME TASK-DEFINITION",
		Short: "Ask a scheduler where tasks would go, and place nothing",
		Long: `Ask a scheduler where tasks of a definition would go, and place nothing. It is asked also while it
is left alone, and its failures do not count. The exit code is 1 where it gives no answer of use.`,
		Example: "  slipway scheduler test cheap web:1 --count 3",
		Args:    cobra.ExactArgs(2),
	}
	data := dataFlag(cmd)
	cluster := cmd.Flags().String("cluster", "default", "cluster")
	count := cmd.Flags().Int("count", 1, "how many tasks to ask about")
	output := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := newClient(cmd.Context(), *data)
		if err != nil {
			return err
		}
		var said trial
		in := map[string]any{"cluster": *cluster, "name": args[0], "taskDefinition": args[1], "count": *count}
		if err := c.callScheduler(cmd.Context(), "TestScheduler", in, &said); err != nil {
			return err
		}
		if said.Failure != "" {
			return fmt.Errorf("scheduler %s gives no answer of use: %s", args[0], said.Failure)
		}
		if *output == "json" {
			return printJSON(cmd.OutOrStdout(), said)
		}
		_, err = fmt.Fprintln(cmd.OutOrStdout(), said)
		return err
	}
	return cmd
}

func schedulerConnectCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "connect NAME",
		Short: "Print where a program opens its line as a scheduler",
		Long: `Print where a program opens its line as a scheduler, as JSON: within a minute, once, by a GET of
streamUrl with the header "Authorization: Bearer TOKEN". It is for programs that sign no calls; those
that are made with the Go library ask for it by themselves.`,
		Example: "  slipway scheduler connect cheap | python3 cheap.py",
		Args:    cobra.ExactArgs(1),
	}
	data := dataFlag(cmd)
	cluster := cmd.Flags().String("cluster", "default", "cluster")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := newClient(cmd.Context(), *data)
		if err != nil {
			return err
		}
		var line struct {
			StreamURL string `json:"streamUrl"`
			AnswerURL string `json:"answerUrl"`
			Token     string `json:"token"`
		}
		if err := c.callScheduler(cmd.Context(), "ConnectScheduler", map[string]any{"cluster": *cluster, "name": args[0]}, &line); err != nil {
			return err
		}
		return printJSON(cmd.OutOrStdout(), line)
	}
	return cmd
}

// trial is what a scheduler said when it was tried.
type trial struct {
	Rank    []string `json:"rank,omitempty"`
	Choose  []string `json:"choose,omitempty"`
	Pass    bool     `json:"pass,omitempty"`
	Failure string   `json:"failure,omitempty"`
	Took    float64  `json:"took"` // milliseconds
}

func (t trial) String() string {
	what := "passes, so that its fallback decides"
	switch {
	case len(t.Rank) > 0:
		what = "ranks " + strings.Join(t.Rank, " ")
	case len(t.Choose) > 0:
		what = "chooses " + strings.Join(t.Choose, " ")
	}
	return fmt.Sprintf("%s (%.1f ms)", what, t.Took)
}
