package ecs_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsecs "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"slipway/api/awswire/wiretest"
	"slipway/cluster/clustertest"
)

// A machine that has joined is given attributes and tags; none joins by the call.
func TestTheSDKRegistersAMachine(t *testing.T) {
	client, s := sdk(t)
	ctx := t.Context()
	call := func(in *awsecs.RegisterContainerInstanceInput) (*awsecs.RegisterContainerInstanceOutput, error) {
		return client.RegisterContainerInstance(ctx, in)
	}
	id := aws.String(ours + "container-instance/default/" + nodeID)
	in := &awsecs.RegisterContainerInstanceInput{
		ContainerInstanceArn: id, Attributes: []types.Attribute{{Name: aws.String("rack"), Value: aws.String("r1")}},
		Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("edge")}},
	}
	for range 2 {
		out, err := call(in)
		if err != nil {
			t.Fatal(err)
		}
		i := out.ContainerInstance
		rack := attribute(i, "rack")
		if *i.ContainerInstanceArn != *id || *i.Status != "ACTIVE" || rack != "r1" || len(i.Tags) != 1 || *i.Tags[0].Value != "edge" {
			t.Errorf("registered %+v", i)
		}
	}
	if _, err := s.control.CreateCluster(ctx, wiretest.Account, "blue", nil); err != nil {
		t.Fatal(err)
	}
	hello := clustertest.Hello('b', 1000, 1000)
	hello.Cluster = "blue"
	clustertest.Join(t, s.control, hello)
	other := strings.Repeat("b", 32)
	for _, c := range []struct {
		in   awsecs.RegisterContainerInstanceInput
		want string
	}{
		{awsecs.RegisterContainerInstanceInput{}, "slipway agent --join"},
		{awsecs.RegisterContainerInstanceInput{ContainerInstanceArn: aws.String(strings.Repeat("f", 32))}, "No machine has joined"},
		{awsecs.RegisterContainerInstanceInput{ContainerInstanceArn: aws.String("arn:aws:ecs:us-east-1:999999999999:container-instance/default/" + nodeID)}, "no container instance of this account"},
		{awsecs.RegisterContainerInstanceInput{ContainerInstanceArn: aws.String(ours + "container-instance/blue/" + other)}, "serves the cluster blue"},
		{awsecs.RegisterContainerInstanceInput{ContainerInstanceArn: id, TotalResources: []types.Resource{{Name: aws.String("CPU"), IntegerValue: 1}}}, "totalResources"},
		{awsecs.RegisterContainerInstanceInput{ContainerInstanceArn: id, Attributes: []types.Attribute{{Name: aws.String("ecs.os-type"), Value: aws.String("windows")}}}, "reserved"},
	} {
		_, err := call(&c.in)
		wantFault[*types.InvalidParameterException](t, err, c.want)
	}
	if _, err := client.DeregisterContainerInstance(ctx, &awsecs.DeregisterContainerInstanceInput{ContainerInstance: id}); err != nil {
		t.Fatal(err)
	}
	_, err := call(in)
	wantFault[*types.InvalidParameterException](t, err, "was deregistered")
}

func attribute(i *types.ContainerInstance, name string) string {
	for _, a := range i.Attributes {
		if *a.Name == name {
			return aws.ToString(a.Value)
		}
	}
	return ""
}
