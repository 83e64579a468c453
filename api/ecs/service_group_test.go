package ecs_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsecs "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"slipway/api/awswire/wiretest"
	"slipway/api/ecs"
	"slipway/cluster"
	"slipway/cluster/clustertest"
	"slipway/events"
	"slipway/store/storetest"
)

// A service is refused whose target group, container or port is not there, when it is made and when it is changed.
func TestTargetGroupsOfServices(t *testing.T) {
	const there, none = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web/73e2d6bc24d8a067", "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/none/73e2d6bc24d8a067"
	db := storetest.SQLite(t)
	if err := events.Migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	control := clustertest.NewWithConfig(t, db, func(c *cluster.Config) { c.Balancer = &clustertest.Balancer{Missing: []string{none}} })
	client := awsecs.NewFromConfig(wiretest.Start(t, ecs.New(control, wiretest.Region)))
	_, err := client.RegisterTaskDefinition(t.Context(), &awsecs.RegisterTaskDefinitionInput{Family: aws.String("web"), ContainerDefinitions: []types.ContainerDefinition{
		{Name: aws.String("main"), Image: aws.String("busybox"), Memory: aws.Int32(64), PortMappings: []types.PortMapping{{ContainerPort: aws.Int32(80)}}}}})
	if err != nil {
		t.Fatal(err)
	}
	to := func(group, container string, port int32) []types.LoadBalancer {
		return []types.LoadBalancer{{TargetGroupArn: &group, ContainerName: &container, ContainerPort: &port}}
	}
	refused := map[string][]types.LoadBalancer{
		"The target group with targetGroupArn " + none + " does not exist.": to(none, "main", 80),
		"The container other does not exist in the task definition.":        to(there, "other", 80),
		"The container main did not have a container port 81 defined.":      to(there, "main", 81),
	}
	create := func(list []types.LoadBalancer) error {
		_, err := client.CreateService(t.Context(), asked(func(in *awsecs.CreateServiceInput) { in.LoadBalancers = list }))
		return err
	}
	for want, list := range refused {
		wantFault[*types.InvalidParameterException](t, create(list), want)
	}
	wantRefusal(t, create(to(there, "main", 80)), "")
	for want, list := range refused {
		_, err := client.UpdateService(t.Context(), &awsecs.UpdateServiceInput{Service: aws.String("web"), LoadBalancers: list})
		wantFault[*types.InvalidParameterException](t, err, want)
	}
	_, err = client.UpdateService(t.Context(), &awsecs.UpdateServiceInput{Service: aws.String("web"), LoadBalancers: to(there, "main", 80), ForceNewDeployment: true})
	wantRefusal(t, err, "")
}
