package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

func whyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "why TASK|SERVICE|GROUP",
		Short: "Tell why a task is where it is, and why machines took no more",
		Long: `Tell where a task was placed and by which rules. If its service or group wanted more tasks than machines
took, tell for the latest such wish what every machine lacked, and what would have to change.
A group is that of tasks; those of a service have service:NAME, and others without one family:NAME of
their definition. Both may be named without what comes before the colon.`,
		Example: "  slipway why 3f1c9a\n  slipway why web --cluster blue\n  slipway why family:batch -o json",
		Args:    cobra.ExactArgs(1),
	}
	data := dataFlag(cmd)
	cluster := cmd.Flags().String("cluster", "", "cluster of the service or group (default: that of the task, or default)")
	output := outputFlag(cmd)
	cmd.ValidArgsFunction = completeTasks(data)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := newClient(cmd.Context(), *data)
		if err != nil {
			return err
		}
		in, err := c.subjectOf(cmd.Context(), args[0], *cluster)
		if err != nil {
			return err
		}
		why, err := c.why(cmd.Context(), in)
		if err != nil {
			return err
		}
		if *output == "json" {
			return printJSON(cmd.OutOrStdout(), why)
		}
		return why.print(cmd.OutOrStdout())
	}
	return cmd
}

// whyAnswer is what DescribePlacement answers.
type whyAnswer struct {
	Group   string      `json:"group"`
	Task    *whyPlaced  `json:"task,omitempty"`
	Refusal *whyRefused `json:"refusal,omitempty"`
}

type whyPlaced struct {
	Task        string    `json:"taskArn"`
	Status      string    `json:"lastStatus"`
	Instance    string    `json:"containerInstanceArn"`
	Provider    string    `json:"capacityProviderName,omitempty"`
	Created     float64   `json:"createdAt"` // seconds, as on the wire
	Constraints []whyRule `json:"placementConstraints"`
	Strategies  []whyRule `json:"placementStrategy"`
}

type whyRule struct {
	Type  string `json:"type"`
	Value string `json:"value,omitempty"`
}

func (r whyRule) String() string {
	if r.Value == "" {
		return r.Type
	}
	return r.Type + " " + r.Value
}

type whyRefused struct {
	At      float64 `json:"refusedAt"`
	Wanted  int     `json:"wanted"`
	Placed  int     `json:"placed"`
	Since   float64 `json:"placedSince,omitempty"`
	Reasons []struct {
		Reason   string `json:"reason"`
		Machines int    `json:"containerInstances"`
	} `json:"reasons"`
	Machines []struct {
		ARN    string `json:"containerInstanceArn"`
		Reason string `json:"reason"`
		Detail string `json:"detail,omitempty"`
	} `json:"containerInstances"`
	Remedies []string `json:"remedies"`
}

// subjectOf finds out what is asked about: a task, by what its id begins with, or else a service or group.
func (c *client) subjectOf(ctx context.Context, name, cluster string) (map[string]any, error) {
	if looksLikeTask(name) {
		found, err := c.tasksLike(ctx, name)
		switch {
		case err != nil:
			return nil, err
		case len(found) > 1:
			return nil, ambiguous(name, len(found))
		case len(found) == 1:
			return map[string]any{"subject": taskID(found[0]), "cluster": clusterName(found[0].ClusterArn)}, nil
		}
	}
	in := map[string]any{"subject": name}
	if cluster != "" {
		in["cluster"] = cluster
	}
	return in, nil
}

// looksLikeTask tells whether a name could be the beginning of a task's id, or its ARN.
func looksLikeTask(name string) bool {
	return strings.HasPrefix(name, "arn:") || len(name) <= 32 && strings.Trim(name, "0123456789abcdef") == ""
}

// why asks why. No SDK knows the call, for it is Slipway's own.
func (c *client) why(ctx context.Context, in map[string]any) (whyAnswer, error) {
	var out whyAnswer
	err := c.call(ctx, "Slipway_20261121.DescribePlacement", in, &out)
	if err != nil && strings.HasPrefix(err.Error(), "ResourceNotFoundException: ") {
		return out, withHint(fmt.Errorf("of %q nothing is remembered: all of its tasks found machines, or none were asked for", in["subject"]),
			`"slipway ps -a" lists tasks; --cluster names another cluster than default`)
	}
	return out, explain(err, c)
}

func (a whyAnswer) print(w io.Writer) error {
	var text strings.Builder
	if t := a.Task; t != nil {
		fmt.Fprintf(&text, "task %s of %s is %s on %s, by %s\n", shortTask(t.Task), a.Group, t.Status, shortened(t.Instance), rulesOf(*t))
	}
	if r := a.Refusal; r != nil {
		if text.Len() > 0 {
			text.WriteString("\n")
		}
		if r.Since != 0 {
			fmt.Fprintf(&text, "%s is placed since %s; before that, machines did not take all of it\n\n", a.Group, instant(wireTime(r.Since)))
		}
		fmt.Fprintf(&text, "%s wanted %d at %s, and machines took %d\n", a.Group, r.Wanted, instant(wireTime(r.At)), r.Placed)
		r.printMachines(&text)
		for _, remedy := range r.Remedies {
			fmt.Fprintf(&text, "\n%s", remedy)
		}
		if len(r.Remedies) > 0 {
			text.WriteString("\n")
		}
	}
	_, err := io.WriteString(w, text.String())
	return err
}

// printMachines names machines with their reasons, and counts those that are not named.
func (r whyRefused) printMachines(w io.Writer) {
	table := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(table, "\nMACHINE\tREASON\tDETAIL")
	named := map[string]int{}
	for _, m := range r.Machines {
		named[m.Reason]++
		fmt.Fprintf(table, "%s\t%s\t%s\n", shortened(m.ARN), m.Reason, m.Detail)
	}
	for _, reason := range r.Reasons {
		if more := reason.Machines - named[reason.Reason]; more > 0 {
			fmt.Fprintf(table, "%d more\t%s\t\n", more, reason.Reason)
		}
	}
	_ = table.Flush() // what it writes to does not fail
}

// rulesOf names what a task was placed by.
func rulesOf(t whyPlaced) string {
	var parts []string
	for _, s := range t.Strategies {
		parts = append(parts, s.String())
	}
	text := "the strategy of those who name none"
	if len(parts) > 0 {
		text = strings.Join(parts, ", then ")
	}
	for _, c := range t.Constraints {
		text += ", where " + c.String()
	}
	if t.Provider != "" {
		text += ", of capacity provider " + t.Provider
	}
	return text
}

// wireTime is a time as JSON has it on the wire: seconds with a fraction.
func wireTime(seconds float64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(seconds * 1000))
}
