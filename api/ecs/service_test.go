package ecs_test

import (
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsecs "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"slipway/api/awswire"
	"slipway/api/awswire/wiretest"
	"slipway/api/ecs"
	"slipway/cluster/clustertest"
	"slipway/cluster/taskdef"
)

// asked is a service of one task with what change makes of it.
func asked(change func(*awsecs.CreateServiceInput)) *awsecs.CreateServiceInput {
	in := &awsecs.CreateServiceInput{ServiceName: aws.String("web"), TaskDefinition: aws.String("web"), DesiredCount: aws.Int32(1)}
	change(in)
	return in
}

// What is wrong with a service, or not done by Slipway, is said by the name of the member.
func TestServicesThatAreRefused(t *testing.T) {
	client, _ := sdk(t)
	register(t, client, "web")
	breaker := func(d types.DeploymentConfiguration) func(*awsecs.CreateServiceInput) {
		return func(in *awsecs.CreateServiceInput) { in.DeploymentConfiguration = &d }
	}
	for want, change := range map[string]func(*awsecs.CreateServiceInput){
		"Invalid service name":                   func(in *awsecs.CreateServiceInput) { in.ServiceName = aws.String("a b") },
		"Cluster not found.":                     func(in *awsecs.CreateServiceInput) { in.Cluster = aws.String("none") },
		"TaskDefinition not found.":              func(in *awsecs.CreateServiceInput) { in.TaskDefinition = aws.String("none") },
		"TaskDefinition can not be blank.":       func(in *awsecs.CreateServiceInput) { in.TaskDefinition = nil },
		"desiredCount: it must be given":         func(in *awsecs.CreateServiceInput) { in.DesiredCount = nil },
		"desiredCount: -1":                       func(in *awsecs.CreateServiceInput) { in.DesiredCount = aws.Int32(-1) },
		"does not support a desired count":       func(in *awsecs.CreateServiceInput) { in.SchedulingStrategy = types.SchedulingStrategyDaemon },
		`launchType: "FARGATE" is not supported`: func(in *awsecs.CreateServiceInput) { in.LaunchType = types.LaunchTypeFargate },
		"Remove one and try again.": func(in *awsecs.CreateServiceInput) {
			in.LaunchType, in.CapacityProviderStrategy = types.LaunchTypeEc2, []types.CapacityProviderStrategyItem{{CapacityProvider: aws.String("big")}}
		},
		`deploymentController.type: "CODE_DEPLOY"`: func(in *awsecs.CreateServiceInput) {
			in.DeploymentController = &types.DeploymentController{Type: types.DeploymentControllerTypeCodeDeploy}
		},
		`deploymentConfiguration.strategy: "BLUE_GREEN"`: breaker(types.DeploymentConfiguration{Strategy: types.DeploymentStrategyBlueGreen}),
		"deploymentConfiguration.alarms.enable: true":    breaker(types.DeploymentConfiguration{Alarms: &types.DeploymentAlarms{AlarmNames: []string{"high"}, Enable: true}}),
		"deploymentConfiguration.bakeTimeInMinutes: 5":   breaker(types.DeploymentConfiguration{BakeTimeInMinutes: aws.Int32(5)}),
		"deploymentConfiguration.lifecycleHooks is not":  breaker(types.DeploymentConfiguration{LifecycleHooks: []types.DeploymentLifecycleHook{{HookTargetArn: aws.String("arn")}}}),
		"minimumHealthyPercent: 101":                     breaker(types.DeploymentConfiguration{MinimumHealthyPercent: aws.Int32(101)}),
		"maximumPercent: 50":                             breaker(types.DeploymentConfiguration{MaximumPercent: aws.Int32(50)}),
		"cannot be 100 as this will block deployments":   breaker(types.DeploymentConfiguration{MinimumHealthyPercent: aws.Int32(100), MaximumPercent: aws.Int32(100)}),
		"loadBalancers[0].loadBalancerName": func(in *awsecs.CreateServiceInput) {
			in.LoadBalancers = []types.LoadBalancer{{LoadBalancerName: aws.String("classic")}}
		},
		"loadBalancers[0].advancedConfiguration": func(in *awsecs.CreateServiceInput) {
			in.LoadBalancers = []types.LoadBalancer{{AdvancedConfiguration: &types.AdvancedConfiguration{RoleArn: aws.String("arn")}}}
		},
		"The container db does not exist in the": func(in *awsecs.CreateServiceInput) {
			in.LoadBalancers = []types.LoadBalancer{{TargetGroupArn: aws.String("arn"), ContainerName: aws.String("db"), ContainerPort: aws.Int32(80)}}
		},
		"serviceRegistries is not supported": func(in *awsecs.CreateServiceInput) {
			in.ServiceRegistries = []types.ServiceRegistry{{RegistryArn: aws.String("arn")}}
		},
		"serviceConnectConfiguration is not supported": func(in *awsecs.CreateServiceInput) {
			in.ServiceConnectConfiguration = &types.ServiceConnectConfiguration{Enabled: true}
		},
		"volumeConfigurations is not supported": func(in *awsecs.CreateServiceInput) {
			in.VolumeConfigurations = []types.ServiceVolumeConfiguration{{Name: aws.String("data")}}
		},
		`platformVersion: "LATEST" is not supported`: func(in *awsecs.CreateServiceInput) { in.PlatformVersion = aws.String("LATEST") },
		"Health check grace period is only valid":    func(in *awsecs.CreateServiceInput) { in.HealthCheckGracePeriodSeconds = aws.Int32(60) },
		"nearest": func(in *awsecs.CreateServiceInput) {
			in.PlacementStrategy = []types.PlacementStrategy{{Type: "nearest"}}
		},
		`schedulingStrategy' failed to satisfy constraint`: func(in *awsecs.CreateServiceInput) { in.SchedulingStrategy = "SOME" },
		`role: Role is not valid: "arn:nothing"`:           func(in *awsecs.CreateServiceInput) { in.Role = aws.String("arn:nothing") },
		"up to 36 printable characters":                    func(in *awsecs.CreateServiceInput) { in.ClientToken = aws.String(strings.Repeat("x", 37)) },
		"Tag key \"aws:a\" begins with aws:": func(in *awsecs.CreateServiceInput) {
			in.Tags = []types.Tag{{Key: aws.String("aws:a"), Value: aws.String("")}}
		},
		"Network Configuration is not valid for the given netw": func(in *awsecs.CreateServiceInput) {
			in.NetworkConfiguration = &types.NetworkConfiguration{AwsvpcConfiguration: &types.AwsVpcConfiguration{Subnets: []string{"subnet-1"}}}
		},
	} {
		_, err := client.CreateService(t.Context(), asked(change))
		wantRefusal(t, err, want)
	}
	if out, err := client.ListServices(t.Context(), &awsecs.ListServicesInput{}); err != nil || len(out.ServiceArns) > 0 {
		t.Errorf("after all that there are %v, error %v", out.ServiceArns, err)
	}
}

func TestTheSDKTellsFaultsOfServicesApart(t *testing.T) {
	client, _ := sdk(t)
	register(t, client, "web")
	made, err := client.CreateService(t.Context(), asked(func(in *awsecs.CreateServiceInput) { in.ClientToken = aws.String("once") }))
	if err != nil {
		t.Fatal(err)
	}
	again, err := client.CreateService(t.Context(), asked(func(in *awsecs.CreateServiceInput) { in.ClientToken = aws.String("once") }))
	if err != nil || *again.Service.Deployments[0].Id != *made.Service.Deployments[0].Id {
		t.Errorf("the same request again: %v", err)
	}
	_, err = client.CreateService(t.Context(), asked(func(*awsecs.CreateServiceInput) {}))
	wantFault[*types.InvalidParameterException](t, err, "Creation of service was not idempotent.")
	_, err = client.DeleteService(t.Context(), &awsecs.DeleteServiceInput{Service: aws.String("web")})
	wantFault[*types.InvalidParameterException](t, err, "The service cannot be stopped while it is scaled above 0.")
	_, err = client.DeleteService(t.Context(), &awsecs.DeleteServiceInput{Service: aws.String("none")})
	wantFault[*types.ServiceNotFoundException](t, err, "Service not found.")
	_, err = client.UpdateService(t.Context(), &awsecs.UpdateServiceInput{Service: aws.String("none")})
	wantFault[*types.ServiceNotFoundException](t, err, "Service not found.")
	_, err = client.UpdateService(t.Context(), &awsecs.UpdateServiceInput{Service: aws.String("web"), Cluster: aws.String("none")})
	wantFault[*types.ClusterNotFoundException](t, err, "Cluster not found.")
	_, err = client.UpdateService(t.Context(), &awsecs.UpdateServiceInput{Service: aws.String("web"), TaskDefinition: aws.String("none")})
	wantFault[*types.ClientException](t, err, "TaskDefinition not found.")
	_, err = client.ListTasks(t.Context(), &awsecs.ListTasksInput{ServiceName: aws.String("none")})
	wantFault[*types.ServiceNotFoundException](t, err, "Service not found.")
	_, err = client.DescribeServices(t.Context(), &awsecs.DescribeServicesInput{Services: []string{}})
	wantFault[*types.InvalidParameterException](t, err, "Services cannot be empty.")
	_, err = client.DescribeServices(t.Context(), &awsecs.DescribeServicesInput{Services: strings.Split("abcdefghijk", "")})
	wantFault[*types.InvalidParameterException](t, err, "services: 11 are more than 10.")
	_, err = client.ListServices(t.Context(), &awsecs.ListServicesInput{MaxResults: aws.Int32(101)})
	wantFault[*types.InvalidParameterException](t, err, "maxResults: 101 is not between 1 and 100.")
	_, err = client.CreateCluster(t.Context(), &awsecs.CreateClusterInput{ClusterName: aws.String("blue")})
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.CreateService(t.Context(), asked(func(in *awsecs.CreateServiceInput) { in.Cluster = aws.String("blue") }))
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.DeleteCluster(t.Context(), &awsecs.DeleteClusterInput{Cluster: aws.String("blue")})
	wantFault[*types.ClusterContainsServicesException](t, err, "The Cluster cannot be deleted while Services are active.")
	described, err := client.DescribeClusters(t.Context(), &awsecs.DescribeClustersInput{Clusters: []string{"blue"}})
	if err != nil || described.Clusters[0].ActiveServicesCount != 1 {
		t.Errorf("a cluster with a service: %+v, error %v", described, err)
	}
}

// Services are listed in pages, by name, and chosen by what they are.
func TestTheSDKPagesThroughServices(t *testing.T) {
	client, _ := sdk(t)
	register(t, client, "web")
	want := ""
	for _, name := range []string{"a", "b", "c", "d"} {
		in := asked(func(in *awsecs.CreateServiceInput) { in.ServiceName = &name })
		if name > "b" {
			in.SchedulingStrategy, in.DesiredCount = types.SchedulingStrategyDaemon, nil
		}
		if _, err := client.CreateService(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		want += " " + ours + "service/default/" + name
	}
	got, count := "", 0
	pages := awsecs.NewListServicesPaginator(client, &awsecs.ListServicesInput{MaxResults: aws.Int32(3)})
	for ; pages.HasMorePages(); count++ {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, arn := range page.ServiceArns {
			got += " " + arn
		}
	}
	if got != want || count != 2 {
		t.Errorf("%d pages of%s, want%s", count, got, want)
	}
	daemons, err := client.ListServices(t.Context(), &awsecs.ListServicesInput{SchedulingStrategy: types.SchedulingStrategyDaemon})
	if err != nil || len(daemons.ServiceArns) != 2 {
		t.Errorf("daemons %v, error %v", daemons.ServiceArns, err)
	}
	_, err = client.ListServices(t.Context(), &awsecs.ListServicesInput{NextToken: aws.String("made up")})
	wantFault[*types.InvalidParameterException](t, err, "Invalid token.")
}

func TestTheSDKTagsServices(t *testing.T) {
	client, _ := sdk(t)
	register(t, client, "web")
	made, err := client.CreateService(t.Context(), asked(func(in *awsecs.CreateServiceInput) {
		in.Tags = []types.Tag{{Key: aws.String("team"), Value: aws.String("sea")}}
	}))
	if err != nil {
		t.Fatal(err)
	}
	arn := made.Service.ServiceArn
	if _, err := client.TagResource(t.Context(), &awsecs.TagResourceInput{ResourceArn: arn, Tags: []types.Tag{{Key: aws.String("tier"), Value: aws.String("1")}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.UntagResource(t.Context(), &awsecs.UntagResourceInput{ResourceArn: arn, TagKeys: []string{"team"}}); err != nil {
		t.Fatal(err)
	}
	listed, err := client.ListTagsForResource(t.Context(), &awsecs.ListTagsForResourceInput{ResourceArn: arn})
	if err != nil || len(listed.Tags) != 1 || *listed.Tags[0].Key != "tier" {
		t.Errorf("listed %+v, error %v", listed, err)
	}
	for include, want := range map[types.ServiceField]int{"": 0, types.ServiceFieldTags: 1} {
		in := &awsecs.DescribeServicesInput{Services: []string{*arn}}
		if include != "" {
			in.Include = []types.ServiceField{include}
		}
		if out, err := client.DescribeServices(t.Context(), in); err != nil || len(out.Services[0].Tags) != want {
			t.Errorf("described with %q: %+v, error %v", include, out, err)
		}
	}
}

// A deployment has a record, which clients find by the number of the deployment.
func TestDeploymentsHaveRecords(t *testing.T) {
	client, _ := sdk(t)
	register(t, client, "web")
	made, err := client.CreateService(t.Context(), asked(func(*awsecs.CreateServiceInput) {}))
	if err != nil {
		t.Fatal(err)
	}
	updated, err := client.UpdateService(t.Context(), &awsecs.UpdateServiceInput{Service: aws.String("web"), ForceNewDeployment: true})
	if err != nil || len(updated.Service.Deployments) != 2 {
		t.Fatalf("%+v, error %v", updated, err)
	}
	list, err := client.ListServiceDeployments(t.Context(), &awsecs.ListServiceDeploymentsInput{Service: made.Service.ServiceArn, MaxResults: aws.Int32(1), CreatedAt: &types.CreatedAt{After: made.Service.CreatedAt}})
	if err != nil || len(list.ServiceDeployments) != 1 || list.NextToken == nil {
		t.Fatalf("%+v, error %v", list, err)
	}
	brief := list.ServiceDeployments[0]
	_, number, _ := strings.Cut(*updated.Service.Deployments[0].Id, "/")
	if !strings.HasSuffix(*brief.TargetServiceRevisionArn, "/"+number) || brief.Status != types.ServiceDeploymentStatusInProgress {
		t.Errorf("of deployment %s the record is %+v", number, brief)
	}
	lost := []string{ours + "service-deployment/default/other/" + lastOf(*brief.ServiceDeploymentArn), theirs + "service-deployment/default/web/x", ours + "service-deployment/default/web/x"}
	described, err := client.DescribeServiceDeployments(t.Context(), &awsecs.DescribeServiceDeploymentsInput{ServiceDeploymentArns: append(lost, *brief.ServiceDeploymentArn)})
	if err != nil || len(described.ServiceDeployments) != 1 || len(described.Failures) != 3 {
		t.Fatalf("%+v, error %v", described, err)
	}
	if d := described.ServiceDeployments[0]; *d.ServiceArn != *made.Service.ServiceArn || len(d.SourceServiceRevisions) != 1 || *d.DeploymentConfiguration.MaximumPercent != 200 {
		t.Errorf("%+v", d)
	}
	revisions, err := client.DescribeServiceRevisions(t.Context(), &awsecs.DescribeServiceRevisionsInput{ServiceRevisionArns: []string{*brief.TargetServiceRevisionArn, theirs + "service-revision/default/web/1"}})
	if err != nil || len(revisions.ServiceRevisions) != 1 || len(revisions.Failures) != 1 || *revisions.ServiceRevisions[0].TaskDefinition != ours+"task-definition/web:1" || len(revisions.ServiceRevisions[0].ContainerImages) != 1 {
		t.Errorf("%+v, error %v", revisions, err)
	}
	_, err = client.DescribeServiceRevisions(t.Context(), &awsecs.DescribeServiceRevisionsInput{ServiceRevisionArns: []string{"web"}})
	wantFault[*types.InvalidParameterException](t, err, `serviceRevisionArns: "web" is not the ARN of a service revision.`)
	_, err = client.ListServiceDeployments(t.Context(), &awsecs.ListServiceDeploymentsInput{Service: aws.String("none")})
	wantFault[*types.ServiceNotFoundException](t, err, "Service not found.")
	wantStopsRefused(t, client, *brief.ServiceDeploymentArn)
}

func lastOf(arn string) string { return arn[strings.LastIndex(arn, "/")+1:] }

func wantStopsRefused(t *testing.T, client *awsecs.Client, deployment string) {
	t.Helper()
	_, err := client.StopServiceDeployment(t.Context(), &awsecs.StopServiceDeploymentInput{ServiceDeploymentArn: aws.String(ours + "service-deployment/default/web/x")})
	wantFault[*types.ServiceDeploymentNotFoundException](t, err, "The service deployment was not found.")
	_, err = client.StopServiceDeployment(t.Context(), &awsecs.StopServiceDeploymentInput{ServiceDeploymentArn: aws.String(theirs + "service-deployment/default/web/" + lastOf(deployment))})
	wantFault[*types.ServiceDeploymentNotFoundException](t, err, "The service deployment was not found.")
	_, err = client.StopServiceDeployment(t.Context(), &awsecs.StopServiceDeploymentInput{ServiceDeploymentArn: &deployment, StopType: types.StopServiceDeploymentStopTypeAbort})
	wantFault[*types.InvalidParameterException](t, err, `stopType: "ABORT" is not supported by Slipway; use ROLLBACK`)
	_, err = client.StopServiceDeployment(t.Context(), &awsecs.StopServiceDeploymentInput{ServiceDeploymentArn: &deployment})
	wantFault[*types.ConflictException](t, err, "The service has no deployment that it could go back to.")
}

// Who may change a service may not thereby hand a definition's roles to what runs in it.
func TestRolesOfADefinitionArePassedByWhoDeploysIt(t *testing.T) {
	s := newStory(t)
	const web, admin = "arn:aws:iam::123456789012:role/web", "arn:aws:iam::123456789012:role/admin"
	for family, role := range map[string]string{"web": web, "admin": admin} {
		spec := taskdef.Spec{TaskRole: role, Containers: []taskdef.Container{{Name: "main", Image: "busybox", Essential: true, Memory: new(64)}}}
		if _, err := s.control.Register(t.Context(), wiretest.Account, "", family, spec, nil); err != nil {
			t.Fatal(err)
		}
	}
	client := awsecs.NewFromConfig(wiretest.Serve(t, awswire.Config{Access: roles{web: true}}, ecs.New(s.control, wiretest.Region)))
	_, err := client.CreateService(t.Context(), asked(func(in *awsecs.CreateServiceInput) { in.TaskDefinition = aws.String("admin") }))
	wantRefusal(t, err, "iam:PassRole on resource: "+admin)
	_, err = client.CreateService(t.Context(), asked(func(in *awsecs.CreateServiceInput) { in.Role = aws.String("admin") }))
	wantRefusal(t, err, "iam:PassRole on resource: "+admin)
	_, err = client.CreateService(t.Context(), asked(func(*awsecs.CreateServiceInput) {}))
	wantRefusal(t, err, "")
	_, err = client.UpdateService(t.Context(), &awsecs.UpdateServiceInput{Service: aws.String("web"), TaskDefinition: aws.String("admin")})
	wantRefusal(t, err, "iam:PassRole on resource: "+admin)
	_, err = client.UpdateService(t.Context(), &awsecs.UpdateServiceInput{Service: aws.String("web"), DesiredCount: aws.Int32(3)})
	wantRefusal(t, err, "")
}

// onlyDefinition allows services of one revision.
type onlyDefinition string

func (o onlyDefinition) Authorize(_ context.Context, r *awswire.Request) error {
	if definition, said := r.Values("ecs:task-definition"); said && definition[0] != string(o) {
		return awswire.Denied("not " + definition[0])
	}
	return nil
}

// A family is authorized as the revision that will run.
func TestServicesAreAuthorizedByTheLatestRevision(t *testing.T) {
	s := newStory(t)
	client := awsecs.NewFromConfig(wiretest.Serve(t, awswire.Config{Access: onlyDefinition(ours + "task-definition/web:1")}, ecs.New(s.control, wiretest.Region)))
	register(t, client, "web")
	_, err := client.CreateService(t.Context(), asked(func(*awsecs.CreateServiceInput) {}))
	wantRefusal(t, err, "")
	register(t, client, "web")
	_, err = client.UpdateService(t.Context(), &awsecs.UpdateServiceInput{Service: aws.String("web"), TaskDefinition: aws.String("web")})
	wantRefusal(t, err, "not "+ours+"task-definition/web:2")
	_, err = client.UpdateService(t.Context(), &awsecs.UpdateServiceInput{Service: aws.String("web"), DesiredCount: aws.Int32(2)})
	wantRefusal(t, err, "")
}

func TestProtectionThatIsRefused(t *testing.T) {
	client, s := sdk(t)
	task := run(t, client, register(t, client, "web"), "sleep", "1000")
	s.node = clustertest.Join(t, s.control, clustertest.Hello('b', 100, 100))
	none := ours + "task/default/" + taskID
	out, err := client.UpdateTaskProtection(t.Context(), &awsecs.UpdateTaskProtectionInput{Cluster: aws.String("default"), Tasks: []string{*task.TaskArn, none}, ProtectionEnabled: true})
	if err != nil || len(out.ProtectedTasks) != 0 || len(out.Failures) != 2 {
		t.Fatalf("%+v, error %v", out, err)
	}
	for _, f := range out.Failures {
		if want := map[string]string{*task.TaskArn: "TASK_NOT_VALID", none: "MISSING"}[*f.Arn]; *f.Reason != want {
			t.Errorf("%s: %s, want %s", *f.Arn, *f.Reason, want)
		}
	}
	for want, change := range map[string]func(*awsecs.UpdateTaskProtectionInput){
		"Tasks cannot be empty.": func(in *awsecs.UpdateTaskProtectionInput) { in.Tasks = []string{} },
		"tasks: 11 are more than 10.": func(in *awsecs.UpdateTaskProtectionInput) {
			in.Tasks = strings.Split(strings.Repeat(none+" ", 11), " ")[:11]
		},
		"expiresInMinutes: 0 is not between 1 and 2880.":    func(in *awsecs.UpdateTaskProtectionInput) { in.ExpiresInMinutes = aws.Int32(0) },
		"expiresInMinutes: 2881 is not between 1 and 2880.": func(in *awsecs.UpdateTaskProtectionInput) { in.ExpiresInMinutes = aws.Int32(2881) },
		"Cluster not found.":                                func(in *awsecs.UpdateTaskProtectionInput) { in.Cluster = aws.String("none") },
		"taskId length should be one of [32,36]: \"short\"": func(in *awsecs.UpdateTaskProtectionInput) { in.Tasks = []string{"short"} },
	} {
		in := &awsecs.UpdateTaskProtectionInput{Cluster: aws.String("default"), Tasks: []string{none}, ProtectionEnabled: true}
		change(in)
		_, err := client.UpdateTaskProtection(t.Context(), in)
		wantRefusal(t, err, want)
	}
}
