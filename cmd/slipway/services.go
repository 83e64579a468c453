package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/spf13/cobra"
)

func servicesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "services [SERVICE...]",
		Short: "List services, or tell all about some",
		Long: `List the services of all clusters: what they run, how many tasks of those that are wanted, and
whether a rollout is under way. With names it tells the deployments and the latest events of each.
With -o json they are printed as "aws ecs describe-services" has them.`,
		Example: "  slipway services\n  slipway services web\n  slipway services -o json",
		Args:    cobra.ArbitraryArgs,
	}
	data := dataFlag(cmd)
	cluster := cmd.Flags().String("cluster", "", "services of this cluster only")
	output := outputFlag(cmd)
	cmd.ValidArgsFunction = completeServices(data)
	cmd.RunE = func(cmd *cobra.Command, names []string) error {
		c, err := newClient(cmd.Context(), *data)
		if err != nil {
			return err
		}
		all, err := c.services(cmd.Context(), *cluster)
		if err == nil {
			all, err = servicesNamed(all, names)
		}
		if err != nil {
			return err
		}
		return printServices(cmd.OutOrStdout(), output, all, len(names) > 0)
	}
	return cmd
}

// services tells the services of a cluster, or of all with "", by cluster and name.
func (c *client) services(ctx context.Context, cluster string) ([]types.Service, error) {
	clusters := []string{cluster}
	if cluster == "" {
		var err error
		if clusters, err = c.clusters(ctx); err != nil {
			return nil, err
		}
	}
	var all []types.Service
	for _, cluster := range clusters {
		pages := ecs.NewListServicesPaginator(c.ecs, &ecs.ListServicesInput{Cluster: &cluster, MaxResults: aws.Int32(10)})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, explain(err, c)
			}
			if len(page.ServiceArns) == 0 {
				continue
			}
			out, err := c.ecs.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: &cluster, Services: page.ServiceArns})
			if err != nil {
				return nil, explain(err, c)
			}
			all = append(all, out.Services...)
		}
	}
	slices.SortFunc(all, func(a, b types.Service) int {
		return cmp.Compare(aws.ToString(a.ServiceArn), aws.ToString(b.ServiceArn))
	})
	return all, nil
}

func (c *client) clusters(ctx context.Context) ([]string, error) {
	var all []string
	pages := ecs.NewListClustersPaginator(c.ecs, &ecs.ListClustersInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, explain(err, c)
		}
		all = append(all, page.ClusterArns...)
	}
	return all, nil
}

// servicesNamed are the services of those names, or all if there are none.
func servicesNamed(all []types.Service, names []string) ([]types.Service, error) {
	if len(names) == 0 {
		return all, nil
	}
	var found []types.Service
	for _, name := range names {
		before := len(found)
		for _, s := range all {
			if aws.ToString(s.ServiceName) == name {
				found = append(found, s)
			}
		}
		if len(found) == before {
			return nil, noService(name)
		}
	}
	return found, nil
}

func noService(name string) error {
	return withHint(fmt.Errorf("no service %q", name), `"slipway services" lists them all, and "slipway deploy %s IMAGE" makes one`, name)
}

// service reads one service of a cluster that is there.
func (c *client) service(ctx context.Context, cluster, name string) (types.Service, error) {
	out, err := c.ecs.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: &cluster, Services: []string{name}})
	if isAPIError(err, "ClusterNotFoundException") {
		return types.Service{}, noCluster(cluster)
	}
	if err != nil {
		return types.Service{}, explain(err, c)
	}
	if len(out.Services) == 0 || aws.ToString(out.Services[0].Status) == "INACTIVE" {
		return types.Service{}, noService(name)
	}
	return out.Services[0], nil
}

func noCluster(name string) error {
	return withHint(fmt.Errorf("no cluster %q", name), `"aws ecs create-cluster --cluster-name %s" makes it; machines are invited for an account, and for one of its clusters or all`, name)
}

func printServices(w io.Writer, output *listing, all []types.Service, closely bool) error {
	if *output == "json" {
		if all == nil {
			all = []types.Service{}
		}
		rows, err := asAWS(all)
		if err != nil {
			return err
		}
		return printJSON(w, rows)
	}
	if closely {
		for i, s := range all {
			if i > 0 {
				fmt.Fprintln(w)
			}
			printService(w, s)
		}
		return nil
	}
	now := time.Now()
	return printRows(w, output, all, "SERVICE CLUSTER DEFINITION RUNNING STATUS AGE", func(s types.Service) []string {
		return []string{
			aws.ToString(s.ServiceName), clusterName(s.ClusterArn), lastPart(s.TaskDefinition),
			fmt.Sprintf("%d/%d", s.RunningCount, s.DesiredCount), conditionOf(s), age(aws.ToTime(s.CreatedAt), now),
		}
	})
}

// shownEvents is how many of the latest events are told of one service.
const shownEvents = 10

func printService(w io.Writer, s types.Service) {
	fmt.Fprintf(w, "%s in cluster %s: %s, %d/%d running\n", aws.ToString(s.ServiceName), clusterName(s.ClusterArn), conditionOf(s), s.RunningCount, s.DesiredCount)
	for _, d := range s.Deployments {
		fmt.Fprintf(w, "  %-8s %s\n", aws.ToString(d.Status), countsOf(d))
		if reason := aws.ToString(d.RolloutStateReason); reason != "" {
			fmt.Fprintf(w, "           %s\n", reason)
		}
	}
	for i := min(len(s.Events), shownEvents) - 1; i >= 0; i-- { // the latest is the first
		fmt.Fprintf(w, "  %s  %s\n", instant(aws.ToTime(s.Events[i].CreatedAt)), aws.ToString(s.Events[i].Message))
	}
}

// countsOf says how far a deployment is: "web:3 2/3 running, 1 pending", or "web:2 3 running" of one on its way out.
func countsOf(d types.Deployment) string {
	text := fmt.Sprintf("%s %d/%d running", lastPart(d.TaskDefinition), d.RunningCount, d.DesiredCount)
	if aws.ToString(d.Status) != "PRIMARY" {
		text = fmt.Sprintf("%s %d running", lastPart(d.TaskDefinition), d.RunningCount)
	}
	if d.PendingCount > 0 {
		text += fmt.Sprintf(", %d pending", d.PendingCount)
	}
	if d.FailedTasks > 0 {
		text += fmt.Sprintf(", %d failed", d.FailedTasks)
	}
	return text
}

// conditionOf is the state of a service in a word or two.
func conditionOf(s types.Service) string {
	if status := aws.ToString(s.Status); status != "ACTIVE" {
		return strings.ToLower(status)
	}
	for _, d := range s.Deployments {
		if aws.ToString(d.Status) != "PRIMARY" {
			continue
		}
		switch {
		case d.RolloutState == types.DeploymentRolloutStateFailed:
			return "failed"
		case d.RolloutState == types.DeploymentRolloutStateInProgress:
			return "rolling out"
		}
	}
	if isSteady(s) {
		return "steady"
	}
	return "recovering"
}

// isSteady tells what the waiter services-stable waits for.
func isSteady(s types.Service) bool {
	return len(s.Deployments) == 1 && s.RunningCount == s.DesiredCount
}

// lastPart is what stands behind the last slash of an ARN, such as "web:3" of a definition's.
func lastPart(arn *string) string {
	text := aws.ToString(arn)
	return text[strings.LastIndex(text, "/")+1:]
}

// completeServices offers the names of services to the shell.
func completeServices(data *string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, start string) ([]string, cobra.ShellCompDirective) {
		c, err := newClient(cmd.Context(), *data)
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		all, err := c.services(cmd.Context(), "")
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		var names []string
		for _, s := range all {
			if name := aws.ToString(s.ServiceName); strings.HasPrefix(name, start) {
				names = append(names, name+"\t"+conditionOf(s))
			}
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}
