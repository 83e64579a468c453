package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

func rebalanceCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rebalance [SERVICE]",
		Short: "Spread the tasks of services anew over the machines",
		Long: `Move tasks of a service, or of all services of a cluster, to where their placement strategies would
have them now: after machines have joined, or came back. For each task one starts at its new place, and
when it is well the old one stops, a few at a time, so that the service stays within its healthy
percentages. Protected tasks stay where they are, and so do those of daemons.
A service that was made with availability zone rebalancing is balanced without being asked.`,
		Example: "  slipway rebalance --dry-run\n  slipway rebalance web",
		Args:    cobra.MaximumNArgs(1),
	}
	data := dataFlag(cmd)
	cluster := cmd.Flags().String("cluster", "default", "cluster of the services")
	dry := cmd.Flags().Bool("dry-run", false, "only tell which tasks would move")
	output := outputFlag(cmd)
	services := completeServices(data)
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, start string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return services(cmd, args, start)
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := newClient(cmd.Context(), *data)
		if err != nil {
			return err
		}
		in := map[string]any{"cluster": *cluster, "dryRun": *dry}
		if len(args) > 0 {
			in["service"] = args[0]
		}
		moves, err := c.rebalance(cmd.Context(), in)
		if err != nil {
			return err
		}
		return printMoves(cmd.OutOrStdout(), output, moves)
	}
	return cmd
}

// taskMove is a task that goes from one machine to another.
type taskMove struct {
	Service string `json:"serviceArn"`
	Task    string `json:"taskArn"`
	From    string `json:"fromContainerInstanceArn"`
	To      string `json:"toContainerInstanceArn"`
}

// rebalance asks for moves. No SDK knows the call, for it is Slipway's own.
func (c *client) rebalance(ctx context.Context, in map[string]any) ([]taskMove, error) {
	var out struct {
		Moves []taskMove `json:"moves"`
	}
	err := c.call(ctx, "SlipwayRebalance_20261121.RebalanceServices", in, &out)
	return out.Moves, explain(err, c)
}

func printMoves(w io.Writer, output *listing, moves []taskMove) error {
	if len(moves) == 0 && *output == "table" {
		fmt.Fprintln(w, "nothing to move")
		return nil
	}
	return printRows(w, output, moves, "SERVICE TASK FROM TO", func(m taskMove) []string {
		return []string{lastPart(&m.Service), shortTask(m.Task), shortened(m.From), shortened(m.To)}
	})
}

// shortened is as much of the id of a machine at the end of an ARN as tells it apart.
func shortened(arn string) string {
	id := lastPart(&arn)
	return id[:min(12, len(id))]
}
