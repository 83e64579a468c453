package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/spf13/cobra"
)

func scaleCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "scale SERVICE COUNT",
		Short: "Set how many tasks of a service run",
		Long: `Set how many tasks of a service run, and wait until so many do. A rollout that is under way goes
on towards the new number. Ctrl-C stops the waiting and nothing else.`,
		Example: "  slipway scale web 5\n  slipway scale web 0 --detach",
		Args:    cobra.ExactArgs(2),
	}
	data := dataFlag(cmd)
	cluster := cmd.Flags().String("cluster", "default", "cluster of the service")
	detach := cmd.Flags().BoolP("detach", "d", false, "return at once")
	cmd.ValidArgsFunction = completeDeploy(data)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		count, err := strconv.ParseInt(args[1], 10, 32)
		if err != nil || count < 0 {
			return withHint(fmt.Errorf("%q is no number of tasks", args[1]), `"slipway scale --help" shows how it is used`)
		}
		c, err := newClient(cmd.Context(), *data)
		if err != nil {
			return err
		}
		s, err := c.service(cmd.Context(), *cluster, args[0])
		if err != nil {
			return err
		}
		out, err := c.ecs.UpdateService(cmd.Context(), &ecs.UpdateServiceInput{Cluster: cluster, Service: &args[0], DesiredCount: aws.Int32(int32(count))})
		if err != nil {
			return explain(err, c)
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s: from %d to %d\n", args[0], s.DesiredCount, count)
		if *detach {
			return nil
		}
		return followScale(cmd.Context(), cmd.OutOrStdout(), newRollout(c, *out.Service, cmd.OutOrStdout()))
	}
	return cmd
}

// followScale tells the progress until the service has the number that is wanted of it.
func followScale(ctx context.Context, out io.Writer, r *rollout) error {
	for {
		s, err := r.c.service(ctx, r.cluster, r.service)
		if err != nil {
			return err
		}
		r.tell(s)
		if d := primaryOf(s); d != nil && d.RolloutState == types.DeploymentRolloutStateFailed {
			return r.failed("no tasks are started, for the rollout failed: " + aws.ToString(d.RolloutStateReason))
		}
		if isScaled(s) {
			fmt.Fprintf(out, "%s is steady: %d of %s, after %s\n", r.service, s.RunningCount, lastPart(s.TaskDefinition), time.Since(r.begun).Round(time.Second))
			return nil
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
}

// isScaled tells whether the service has its number, and no rollout is under way that may still change that.
func isScaled(s types.Service) bool {
	d := primaryOf(s)
	return isSteady(s) && s.PendingCount == 0 && d != nil && d.RolloutState != types.DeploymentRolloutStateInProgress
}
