package main

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/spf13/cobra"
)

func rollbackCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rollback SERVICE",
		Short: "Bring a service back to what it ran before",
		Long: `Take the rollout of a service back that is under way; without one, bring back what the service
ran before the latest deployment. The progress is told as by slipway deploy.`,
		Example: "  slipway rollback web\n  slipway rollback web --detach",
		Args:    cobra.ExactArgs(1),
	}
	data := dataFlag(cmd)
	cluster := cmd.Flags().String("cluster", "default", "cluster of the service")
	detach := cmd.Flags().BoolP("detach", "d", false, "return when the rollback has begun")
	cmd.ValidArgsFunction = completeServices(data)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := newClient(cmd.Context(), *data)
		if err != nil {
			return err
		}
		s, err := c.service(cmd.Context(), *cluster, args[0])
		if err == nil {
			s, err = c.backOf(cmd.Context(), *cluster, s)
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s: back to %s\n", args[0], lastPart(s.TaskDefinition))
		if *detach {
			return nil
		}
		return newRollout(c, s, cmd.OutOrStdout()).follow(cmd.Context())
	}
	return cmd
}

// backOf brings a service back, and returns it as it is then.
func (c *client) backOf(ctx context.Context, cluster string, s types.Service) (types.Service, error) {
	name := aws.ToString(s.ServiceName)
	if d := primaryOf(s); d != nil && d.RolloutState == types.DeploymentRolloutStateInProgress {
		if err := c.takeBack(ctx, cluster, name); err != nil {
			return s, err
		}
		return c.afterTakingBack(ctx, cluster, name, aws.ToString(d.Id))
	}
	definition, err := c.definitionBefore(ctx, cluster, s)
	if err != nil {
		return s, err
	}
	out, err := c.ecs.UpdateService(ctx, &ecs.UpdateServiceInput{Cluster: &cluster, Service: &name, TaskDefinition: &definition})
	if err != nil {
		return s, explain(err, c)
	}
	return *out.Service, nil
}

// takeBack has the deployment that is under way go back, if one is.
func (c *client) takeBack(ctx context.Context, cluster, service string) error {
	open := []types.ServiceDeploymentStatus{types.ServiceDeploymentStatusPending, types.ServiceDeploymentStatusInProgress}
	out, err := c.ecs.ListServiceDeployments(ctx, &ecs.ListServiceDeploymentsInput{Cluster: &cluster, Service: &service, Status: open})
	if err != nil {
		return explain(err, c)
	}
	if len(out.ServiceDeployments) == 0 {
		return nil // it is over, or on its way back already
	}
	_, err = c.ecs.StopServiceDeployment(ctx, &ecs.StopServiceDeploymentInput{
		ServiceDeploymentArn: out.ServiceDeployments[0].ServiceDeploymentArn, StopType: types.StopServiceDeploymentStopTypeRollback,
	})
	return explain(err, c)
}

// afterTakingBack waits until the service has turned round: another deployment than the one of before is its
// primary one, or that one is over.
func (c *client) afterTakingBack(ctx context.Context, cluster, service, before string) (types.Service, error) {
	for {
		s, err := c.service(ctx, cluster, service)
		if err != nil {
			return s, err
		}
		if d := primaryOf(s); d != nil && (aws.ToString(d.Id) != before || d.RolloutState != types.DeploymentRolloutStateInProgress) {
			return s, nil
		}
		if err := pause(ctx); err != nil {
			return s, err
		}
	}
}

// definitionBefore is what the service ran, with success, before what it runs now.
func (c *client) definitionBefore(ctx context.Context, cluster string, s types.Service) (string, error) {
	good := []types.ServiceDeploymentStatus{types.ServiceDeploymentStatusSuccessful}
	in := &ecs.ListServiceDeploymentsInput{Cluster: &cluster, Service: s.ServiceName, Status: good, MaxResults: aws.Int32(20)}
	for more := true; more; more = in.NextToken != nil { // the latest comes first
		page, err := c.ecs.ListServiceDeployments(ctx, in)
		if err != nil {
			return "", explain(err, c)
		}
		definition, err := c.otherDefinition(ctx, page.ServiceDeployments, aws.ToString(s.TaskDefinition))
		if definition != "" || err != nil {
			return definition, err
		}
		in.NextToken = page.NextToken
	}
	return "", withHint(fmt.Errorf("nothing is known that %s ran before %s", aws.ToString(s.ServiceName), lastPart(s.TaskDefinition)),
		`"slipway deploy %s --definition FAMILY:REVISION" brings what you name`, aws.ToString(s.ServiceName))
}

// otherDefinition is the first definition of some deployments that is not the one of now.
func (c *client) otherDefinition(ctx context.Context, all []types.ServiceDeploymentBrief, now string) (string, error) {
	var revisions []string
	for _, d := range all {
		revisions = append(revisions, aws.ToString(d.TargetServiceRevisionArn))
	}
	if len(revisions) == 0 {
		return "", nil
	}
	out, err := c.ecs.DescribeServiceRevisions(ctx, &ecs.DescribeServiceRevisionsInput{ServiceRevisionArns: revisions})
	if err != nil {
		return "", explain(err, c)
	}
	definitions := map[string]string{}
	for _, r := range out.ServiceRevisions {
		definitions[aws.ToString(r.ServiceRevisionArn)] = aws.ToString(r.TaskDefinition)
	}
	for _, revision := range revisions {
		if d := definitions[revision]; d != "" && d != now {
			return d, nil
		}
	}
	return "", nil
}
