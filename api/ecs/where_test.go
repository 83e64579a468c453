package ecs_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsecs "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"slipway/cluster/clustertest"
)

func constraint(kind, expression string) types.PlacementConstraint {
	return types.PlacementConstraint{Type: types.PlacementConstraintType(kind), Expression: &expression}
}

func strategy(kind, field string) types.PlacementStrategy {
	return types.PlacementStrategy{Type: types.PlacementStrategyType(kind), Field: &field}
}

// What is wrong with where tasks are wanted is named, with its place in the text, and nothing is placed.
func TestTheSDKIsToldWhatIsWrongWithAPlacement(t *testing.T) {
	client, _ := sdk(t)
	definition := register(t, client, "web")
	member := func(expression string) func(*awsecs.RunTaskInput) {
		return func(in *awsecs.RunTaskInput) {
			in.PlacementConstraints = []types.PlacementConstraint{constraint("memberOf", expression)}
		}
	}
	for _, c := range []struct {
		change func(*awsecs.RunTaskInput)
		want   string
	}{
		{member("attribute:zone = north"), "Invalid placement constraint: number 1: Invalid expression: at column 16"},
		{member("attribute:zone == north and"), "at column 28"},
		{member("(agentConnected == true"), "at column 24"},
		{member("attribute:zone =~ ["), "at column 19"},
		{member(""), "number 1"},
		{member(strings.Repeat("(", 1000)), "at column"},
		{member("attribute:a == " + strings.Repeat("x", 3000)), "more than 2000"},
		{func(in *awsecs.RunTaskInput) {
			in.PlacementConstraints = []types.PlacementConstraint{constraint("distinctInstance", ""), constraint("nearby", "x")}
		}, `number 2: "nearby" is none of distinctInstance, memberOf`},
		{func(in *awsecs.RunTaskInput) {
			in.PlacementConstraints = slices.Repeat([]types.PlacementConstraint{constraint("distinctInstance", "")}, 11)
		}, "11 constraints"},
		{func(in *awsecs.RunTaskInput) {
			in.PlacementStrategy = []types.PlacementStrategy{strategy("binpack", "disk")}
		}, "Invalid placement strategy: number 1"},
		{func(in *awsecs.RunTaskInput) {
			in.PlacementStrategy = []types.PlacementStrategy{strategy("spread", "zone")}
		}, "Invalid placement strategy: number 1"},
		{func(in *awsecs.RunTaskInput) { in.PlacementStrategy = []types.PlacementStrategy{strategy("lucky", "")} }, `"lucky" is none of random, spread`},
		{func(in *awsecs.RunTaskInput) {
			in.PlacementStrategy = slices.Repeat([]types.PlacementStrategy{strategy("random", "")}, 6)
		}, "6 strategies are more than 5"},
		{func(in *awsecs.RunTaskInput) { in.Count = aws.Int32(0) }, "count: 0 is not between 1 and 10"},
		{func(in *awsecs.RunTaskInput) { in.Count = aws.Int32(1 << 30) }, "count: 1073741824"},
		{func(in *awsecs.RunTaskInput) { in.Overrides = &types.TaskOverride{Cpu: aws.String("-256")} }, "overrides.cpu"},
		{func(in *awsecs.RunTaskInput) {
			in.Overrides = &types.TaskOverride{Memory: aws.String("99999999999999999999")}
		}, "overrides.memory"},
		{func(in *awsecs.RunTaskInput) {
			in.Overrides = &types.TaskOverride{ContainerOverrides: []types.ContainerOverride{{Name: aws.String("main"), Memory: aws.Int32(-1)}}}
		}, "memory"},
		{func(in *awsecs.RunTaskInput) {
			in.CapacityProviderStrategy = []types.CapacityProviderStrategyItem{{CapacityProvider: aws.String("FARGATE_SPOT")}}
		}, `capacityProviderStrategy[0].capacityProvider: "FARGATE_SPOT" is not supported by Slipway`},
		{func(in *awsecs.RunTaskInput) {
			in.CapacityProviderStrategy = []types.CapacityProviderStrategyItem{{CapacityProvider: aws.String("none"), Weight: 2000}}
		}, "capacityProviderStrategy.1.member.weight"},
		{func(in *awsecs.RunTaskInput) {
			in.CapacityProviderStrategy = []types.CapacityProviderStrategyItem{{CapacityProvider: aws.String("none")}}
		}, "not associated with the cluster"},
		{func(in *awsecs.RunTaskInput) {
			in.LaunchType = types.LaunchTypeEc2
			in.CapacityProviderStrategy = []types.CapacityProviderStrategyItem{{CapacityProvider: aws.String("none")}}
		}, "Specifying both a launch type and capacity provider strategy is not supported."},
	} {
		in := &awsecs.RunTaskInput{TaskDefinition: &definition}
		c.change(in)
		_, err := client.RunTask(t.Context(), in)
		wantFault[*types.InvalidParameterException](t, err, c.want)
	}
	if listed, err := client.ListTasks(t.Context(), &awsecs.ListTasksInput{}); err != nil || len(listed.TaskArns) != 0 {
		t.Errorf("placed in spite of it: %v, %v", listed, err)
	}
	_, err := client.ListContainerInstances(t.Context(), &awsecs.ListContainerInstancesInput{Filter: aws.String("attribute:zone == 'north")})
	wantFault[*types.InvalidParameterException](t, err, "filter: Invalid expression: at column 19")
}

// A constraint that nobody fits is told for each machine.
func TestTheSDKSeesWhyMachinesTookNoTask(t *testing.T) {
	client, s := sdk(t)
	definition := register(t, client, "web")
	clustertest.Join(t, s.control, clustertest.Hello('b', 2048, 2048)).Leave()
	out, err := client.RunTask(t.Context(), &awsecs.RunTaskInput{TaskDefinition: &definition, PlacementConstraints: []types.PlacementConstraint{constraint("memberOf", "attribute:nobody == has")}})
	if err != nil || len(out.Failures) != 2 || len(out.Tasks) != 0 {
		t.Fatalf("answered %+v, %v", out, err)
	}
	reasons := map[string]string{}
	for _, f := range out.Failures {
		reasons[(*f.Arn)[strings.LastIndex(*f.Arn, "/")+1:][:1]] = *f.Reason + " " + aws.ToString(f.Detail)
	}
	if !strings.HasPrefix(reasons["a"], "MemberOf placement constraint unsatisfied.") || !strings.HasPrefix(reasons["b"], "AGENT") {
		t.Errorf("reasons %v", reasons)
	}
}

// Of more machines than anybody reads, the rest is summed up.
func TestTheSDKIsToldOfManyMachinesInBrief(t *testing.T) {
	client, s := sdk(t)
	definition := register(t, client, "web")
	for i := range 120 {
		hello := clustertest.Hello('b', 2048, 32)
		hello.Node = fmt.Sprintf("%032x", i)
		clustertest.Join(t, s.control, hello)
	}
	in := &awsecs.RunTaskInput{TaskDefinition: &definition, Overrides: &types.TaskOverride{Cpu: aws.String("4096")}}
	out, err := client.RunTask(t.Context(), in)
	if err != nil || len(out.Failures) != 100 {
		t.Fatalf("%d failures, %v", len(out.Failures), err)
	}
	last := out.Failures[99]
	if *last.Reason != "RESOURCE:CPU" || *last.Detail != "22 more container instances took no task: 22 RESOURCE:CPU" || !strings.HasSuffix(*last.Arn, ":cluster/default") {
		t.Errorf("the last is %s, %s, %s", *last.Arn, *last.Reason, *last.Detail)
	}
}

// Attributes are bounded, each by itself and all of a machine.
func TestTheSDKSaysOnlySoMuchOfAMachine(t *testing.T) {
	client, s := sdk(t)
	put := func(attributes ...types.Attribute) error {
		_, err := client.PutAttributes(t.Context(), &awsecs.PutAttributesInput{Attributes: attributes})
		return err
	}
	said := func(name, value string) types.Attribute {
		return types.Attribute{Name: &name, Value: &value, TargetId: &s.node.ID}
	}
	var ten, million []types.Attribute
	for i := range 10 {
		ten = append(ten, said(fmt.Sprint("a", i), "x"))
	}
	for i := range 100_000 {
		million = append(million, said(fmt.Sprint("a", i), "x"))
	}
	if err := put(ten...); err != nil {
		t.Fatal(err)
	}
	wantFault[*types.AttributeLimitExceededException](t, put(said("eleventh", "x")), "")
	wantFault[*types.InvalidParameterException](t, put(append(ten, said("eleventh", "x"))...), "11 are not between 1 and 10")
	wantFault[*types.InvalidParameterException](t, put(said(strings.Repeat("n", 129), "x")), "is not a name of 1 to 128")
	wantFault[*types.InvalidParameterException](t, put(said("zone", strings.Repeat("v", 129))), "is not of up to 128")
	wantFault[*types.InvalidParameterException](t, put(said("ecs.os-type", "plan9")), "reserved")
	if err := put(million...); err == nil {
		t.Error("a hundred thousand attributes are taken")
	}
	listed, err := client.ListAttributes(t.Context(), &awsecs.ListAttributesInput{TargetType: types.TargetTypeContainerInstance, AttributeName: aws.String("a3")})
	if err != nil || len(listed.Attributes) != 1 {
		t.Errorf("listed %v, %v", listed, err)
	}
}

// Capacity providers, as the SDK makes them and puts them to use.
func TestTheSDKUsesCapacityProviders(t *testing.T) {
	client, s := sdk(t)
	definition := register(t, client, "web")
	clustertest.Join(t, s.control, clustertest.Hello('b', 2048, 2048)).Obey()
	const group = "arn:aws:autoscaling:us-east-1:123456789012:autoScalingGroup:1a2b:autoScalingGroupName/racks"
	made, err := client.CreateCapacityProvider(t.Context(), &awsecs.CreateCapacityProviderInput{
		Name: aws.String("racks"), AutoScalingGroupProvider: &types.AutoScalingGroupProvider{AutoScalingGroupArn: aws.String(group)},
		Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("a")}},
	})
	if err != nil || made.CapacityProvider.Status != types.CapacityProviderStatusActive || made.CapacityProvider.AutoScalingGroupProvider.ManagedScaling.Status != types.ManagedScalingStatusDisabled {
		t.Fatalf("made %+v, %v", made, err)
	}
	arn := *made.CapacityProvider.CapacityProviderArn
	described, err := client.DescribeCapacityProviders(t.Context(), &awsecs.DescribeCapacityProvidersInput{CapacityProviders: []string{arn, "none"}, Include: []types.CapacityProviderField{types.CapacityProviderFieldTags}})
	if err != nil || len(described.CapacityProviders) != 1 || *described.CapacityProviders[0].Tags[0].Value != "a" || len(described.Failures) != 1 || *described.Failures[0].Reason != "MISSING" {
		t.Errorf("described %+v, %v", described, err)
	}
	_, err = client.PutClusterCapacityProviders(t.Context(), &awsecs.PutClusterCapacityProvidersInput{
		Cluster: aws.String("default"), CapacityProviders: []string{"racks"}, DefaultCapacityProviderStrategy: []types.CapacityProviderStrategyItem{{CapacityProvider: aws.String("racks"), Weight: 1}},
	})
	if err != nil {
		t.Fatal(err)
	}
	out, err := client.RunTask(t.Context(), &awsecs.RunTaskInput{TaskDefinition: &definition})
	if err != nil || len(out.Tasks) != 0 || len(out.Failures) != 2 {
		t.Fatalf("no machine is one of the group, and answered %+v, %v", out, err)
	}
	b := strings.Repeat("b", 32)
	if _, err := client.PutAttributes(t.Context(), &awsecs.PutAttributesInput{Attributes: []types.Attribute{{Name: aws.String("slipway.group"), Value: aws.String("racks"), TargetId: &b}}}); err != nil {
		t.Fatal(err)
	}
	task := run(t, client, definition, "sleep")
	if aws.ToString(task.CapacityProviderName) != "racks" || !strings.HasSuffix(*task.ContainerInstanceArn, b) {
		t.Errorf("placed on %s by %s", *task.ContainerInstanceArn, aws.ToString(task.CapacityProviderName))
	}
	machines, err := client.DescribeContainerInstances(t.Context(), &awsecs.DescribeContainerInstancesInput{ContainerInstances: []string{b}})
	if err != nil || aws.ToString(machines.ContainerInstances[0].CapacityProviderName) != "racks" {
		t.Errorf("the machine is %+v, %v", machines, err)
	}

	_, err = client.DeleteCapacityProvider(t.Context(), &awsecs.DeleteCapacityProviderInput{CapacityProvider: &arn})
	wantFault[*types.ClientException](t, err, "associated with a cluster")
	none := &awsecs.PutClusterCapacityProvidersInput{Cluster: aws.String("default"), CapacityProviders: []string{}, DefaultCapacityProviderStrategy: []types.CapacityProviderStrategyItem{}}
	_, err = client.PutClusterCapacityProviders(t.Context(), none)
	wantFault[*types.ResourceInUseException](t, err, "in use and cannot be removed")
	_, err = client.CreateCapacityProvider(t.Context(), &awsecs.CreateCapacityProviderInput{Name: aws.String("auto"), AutoScalingGroupProvider: &types.AutoScalingGroupProvider{
		AutoScalingGroupArn: aws.String("auto"), ManagedScaling: &types.ManagedScaling{Status: types.ManagedScalingStatusEnabled},
	}})
	wantFault[*types.InvalidParameterException](t, err, `autoScalingGroupProvider.managedScaling.status: "ENABLED" is not supported by Slipway`)
}

// Settings of accounts, and the one that lets a call start more tasks.
func TestTheSDKSetsUpItsAccount(t *testing.T) {
	client, _ := sdk(t)
	definition := register(t, client, "web")
	const most = types.SettingName("slipwayTasksPerCall")
	_, err := client.RunTask(t.Context(), &awsecs.RunTaskInput{TaskDefinition: &definition, Count: aws.Int32(12)})
	wantFault[*types.InvalidParameterException](t, err, "count: 12 is not between 1 and 10")
	set, err := client.PutAccountSettingDefault(t.Context(), &awsecs.PutAccountSettingDefaultInput{Name: most, Value: aws.String("12")})
	if err != nil || *set.Setting.PrincipalArn != "arn:aws:iam::123456789012:root" {
		t.Fatalf("set %+v, %v", set, err)
	}
	out, err := client.RunTask(t.Context(), &awsecs.RunTaskInput{TaskDefinition: &definition, Count: aws.Int32(12)})
	if err != nil || len(out.Tasks) != 12 {
		t.Fatalf("%d tasks, failures %v, %v", len(out.Tasks), out.Failures, err)
	}
	pages := awsecs.NewListAccountSettingsPaginator(client, &awsecs.ListAccountSettingsInput{EffectiveSettings: true})
	values := map[types.SettingName]string{}
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range page.Settings {
			values[s.Name] = *s.Value
		}
	}
	if len(values) != 12 || values[most] != "12" || values["taskLongArnFormat"] != "enabled" {
		t.Errorf("the settings are %v", values)
	}
	_, err = client.PutAccountSetting(t.Context(), &awsecs.PutAccountSettingInput{Name: "lunch", Value: aws.String("on")})
	wantFault[*types.InvalidParameterException](t, err, `"lunch" is none of`)
	_, err = client.PutAccountSetting(t.Context(), &awsecs.PutAccountSettingInput{Name: types.SettingNameContainerInsights, Value: aws.String("enhanced")})
	wantFault[*types.InvalidParameterException](t, err, "not supported by Slipway")
	_, err = client.PutAccountSetting(t.Context(), &awsecs.PutAccountSettingInput{Name: most, Value: aws.String("5"), PrincipalArn: aws.String("arn:aws:iam::210987654321:root")})
	wantFault[*types.InvalidParameterException](t, err, "principalArn")
	if _, err := client.DeleteAccountSetting(t.Context(), &awsecs.DeleteAccountSettingInput{Name: most}); err != nil {
		t.Fatal(err)
	}
	_, err = client.RunTask(t.Context(), &awsecs.RunTaskInput{TaskDefinition: &definition, Count: aws.Int32(12)})
	wantFault[*types.InvalidParameterException](t, err, "between 1 and 10")
}

// Where tasks go, by the aws command.
func TestTheCLISaysWhereTasksGo(t *testing.T) {
	client, s := sdk(t)
	definition := register(t, client, "web")
	s.must(&struct{}{}, "put-attributes", "--attributes", "name=zone,value=north,targetId="+s.node.ID)
	var out struct {
		ContainerInstanceArns []string
		Failures              []struct{ Reason, Detail string }
		Tasks                 []struct{ ContainerInstanceArn string }
		Setting               struct{ Value string }
	}
	s.must(&out, "list-container-instances", "--filter", "attribute:zone == north and agentConnected == true")
	if len(out.ContainerInstanceArns) != 1 {
		t.Errorf("found %v", out.ContainerInstanceArns)
	}
	s.must(&out, "run-task", "--task-definition", definition, "--count", "2", "--placement-strategy", "type=spread,field=attribute:zone", "type=leastloaded,field=cpu",
		"--placement-constraints", "type=memberOf,expression=attribute:zone == north")
	if len(out.Tasks) != 2 || len(out.Failures) != 0 {
		t.Errorf("started %+v", out)
	}
	s.must(&out, "run-task", "--task-definition", definition, "--placement-constraints", "type=memberOf,expression=attribute:zone == south")
	if len(out.Tasks) != 0 || len(out.Failures) != 1 || out.Failures[0].Reason != "MemberOf placement constraint unsatisfied." {
		t.Errorf("started %+v", out)
	}
	s.must(&out, "put-account-setting-default", "--name", "slipwayTasksPerCall", "--value", "100")
	if out.Setting.Value != "100" {
		t.Errorf("set %+v", out.Setting)
	}
}
