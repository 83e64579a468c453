package ecs_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsecs "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"slipway/cluster/clustertest"
)

// served is sdk with a control plane whose loops run.
func served(t *testing.T) (*awsecs.Client, *story) {
	t.Helper()
	client, s := sdk(t)
	ctx, end := context.WithCancel(context.Background())
	var loops sync.WaitGroup
	loops.Go(func() { s.control.Run(ctx) })
	t.Cleanup(func() { end(); loops.Wait() })
	return client, s
}

// serve makes a service of a command, with the circuit breaker on.
func serve(t *testing.T, client *awsecs.Client, name string, count int32, command ...string) types.Service {
	t.Helper()
	out, err := client.CreateService(t.Context(), &awsecs.CreateServiceInput{
		ServiceName: &name, TaskDefinition: aws.String(definitionOf(t, client, name, command...)), DesiredCount: &count, PropagateTags: types.PropagateTagsService,
		EnableECSManagedTags: true, Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("sea")}},
		DeploymentConfiguration: &types.DeploymentConfiguration{DeploymentCircuitBreaker: &types.DeploymentCircuitBreaker{Enable: true, Rollback: true}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return *out.Service
}

func definitionOf(t *testing.T, client *awsecs.Client, family string, command ...string) string {
	t.Helper()
	out, err := client.RegisterTaskDefinition(t.Context(), &awsecs.RegisterTaskDefinitionInput{
		Family:               &family,
		ContainerDefinitions: []types.ContainerDefinition{{Name: aws.String("main"), Image: aws.String("busybox"), Cpu: 10, Memory: aws.Int32(64), Command: command}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return *out.TaskDefinition.TaskDefinitionArn
}

// stable waits as the SDK does, and until the deployment is complete, which is a moment later.
func stable(t *testing.T, client *awsecs.Client, name string) types.Service {
	t.Helper()
	w := awsecs.NewServicesStableWaiter(client, func(o *awsecs.ServicesStableWaiterOptions) {
		o.MinDelay, o.MaxDelay = time.Millisecond, 50*time.Millisecond
	})
	for deadline := time.Now().Add(2 * time.Minute); ; {
		out, err := w.WaitForOutput(t.Context(), &awsecs.DescribeServicesInput{Services: []string{name}}, time.Until(deadline))
		if err != nil {
			t.Fatalf("service %s: %v: %+v", name, err, described(t, client, name))
		}
		if s := out.Services[0]; s.Deployments[0].RolloutState == types.DeploymentRolloutStateCompleted {
			return s
		}
		time.Sleep(time.Millisecond)
	}
}

func described(t *testing.T, client *awsecs.Client, name string) types.Service {
	t.Helper()
	out, err := client.DescribeServices(t.Context(), &awsecs.DescribeServicesInput{Services: []string{name}})
	if err != nil || len(out.Services) != 1 {
		t.Fatalf("%+v, error %v", out, err)
	}
	return out.Services[0]
}

// says waits until an event of a service does.
func says(t *testing.T, client *awsecs.Client, name, text string) types.Service {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(5 * time.Millisecond) {
		s := described(t, client, name)
		if slices.ContainsFunc(s.Events, func(e types.ServiceEvent) bool { return strings.Contains(*e.Message, text) }) {
			return s
		}
		if time.Now().After(deadline) {
			var all []string
			for _, e := range s.Events {
				all = append(all, *e.Message)
			}
			t.Fatalf("service %s never says %q, but %q", name, text, all)
		}
	}
}

// A service as the SDK sees it: its tasks, a new version, protection, and its end.
func TestTheSDKWaitsForServices(t *testing.T) {
	client, _ := served(t)
	serve(t, client, "web", 2, "sleep")
	s := stable(t, client, "web")
	if d := s.Deployments[0]; s.RunningCount != 2 || d.RolloutState != types.DeploymentRolloutStateCompleted {
		t.Fatalf("%+v", s)
	}
	tasks := tasksOf(t, client, "web")
	task := tasks[0]
	if len(tasks) != 2 || *task.Group != "service:web" || *task.StartedBy != *s.Deployments[0].Id {
		t.Fatalf("%d tasks, group %s, started by %s", len(tasks), *task.Group, *task.StartedBy)
	}
	tags := map[string]string{}
	for _, tag := range task.Tags {
		tags[*tag.Key] = *tag.Value
	}
	if tags["team"] != "sea" || tags["aws:ecs:serviceName"] != "web" || tags["aws:ecs:clusterName"] != "default" {
		t.Errorf("its tags are %v", tags)
	}
	wantProtection(t, client, *task.TaskArn)

	updated, err := client.UpdateService(t.Context(), &awsecs.UpdateServiceInput{Service: aws.String("web"), TaskDefinition: aws.String(definitionOf(t, client, "web", "sleep", "2"))})
	if err != nil || len(updated.Service.Deployments) != 2 || updated.Service.CurrentServiceDeployment == nil || len(updated.Service.CurrentServiceRevisions) != 2 {
		t.Fatalf("%+v, error %v", updated, err)
	}
	if s := stable(t, client, "web"); *s.Deployments[0].TaskDefinition != ours+"task-definition/web:2" {
		t.Errorf("it runs %s", *s.Deployments[0].TaskDefinition)
	}
	record, err := client.DescribeServiceDeployments(t.Context(), &awsecs.DescribeServiceDeploymentsInput{ServiceDeploymentArns: []string{*updated.Service.CurrentServiceDeployment}})
	if err != nil || record.ServiceDeployments[0].Status != types.ServiceDeploymentStatusSuccessful {
		t.Errorf("its record is %+v, error %v", record, err)
	}
	if _, err := client.DeleteService(t.Context(), &awsecs.DeleteServiceInput{Service: aws.String("web"), Force: aws.Bool(true)}); err != nil {
		t.Fatal(err)
	}
	gone := awsecs.NewServicesInactiveWaiter(client, func(o *awsecs.ServicesInactiveWaiterOptions) {
		o.MinDelay, o.MaxDelay = time.Millisecond, 50*time.Millisecond
	})
	if err := gone.Wait(t.Context(), &awsecs.DescribeServicesInput{Services: []string{"web"}}, 2*time.Minute); err != nil {
		t.Error(err)
	}
	_, err = client.TagResource(t.Context(), &awsecs.TagResourceInput{ResourceArn: s.ServiceArn, Tags: []types.Tag{{Key: aws.String("a")}}})
	wantFault[*types.InvalidParameterException](t, err, "The specified service is inactive. Specify an active service and try again.")
}

func tasksOf(t *testing.T, client *awsecs.Client, service string) []types.Task {
	t.Helper()
	list, err := client.ListTasks(t.Context(), &awsecs.ListTasksInput{ServiceName: &service})
	if err != nil {
		t.Fatal(err)
	}
	out, err := client.DescribeTasks(t.Context(), &awsecs.DescribeTasksInput{Tasks: list.TaskArns, Include: []types.TaskField{types.TaskFieldTags}})
	if err != nil {
		t.Fatal(err)
	}
	return out.Tasks
}

// wantProtection protects a task for an hour, looks, and ends it.
func wantProtection(t *testing.T, client *awsecs.Client, task string) {
	t.Helper()
	place := aws.String("default")
	done, err := client.UpdateTaskProtection(t.Context(), &awsecs.UpdateTaskProtectionInput{Cluster: place, Tasks: []string{task}, ProtectionEnabled: true, ExpiresInMinutes: aws.Int32(60)})
	if err != nil || len(done.ProtectedTasks) != 1 || !done.ProtectedTasks[0].ProtectionEnabled {
		t.Fatalf("%+v, error %v", done, err)
	}
	found, err := client.GetTaskProtection(t.Context(), &awsecs.GetTaskProtectionInput{Cluster: place})
	if err != nil || len(found.ProtectedTasks) != 2 || len(found.Failures) != 0 {
		t.Fatalf("%+v, error %v", found, err)
	}
	for _, p := range found.ProtectedTasks {
		if on := *p.TaskArn == task; p.ProtectionEnabled != on || (p.ExpirationDate != nil) != on {
			t.Errorf("%+v", p)
		}
	}
	ended, err := client.UpdateTaskProtection(t.Context(), &awsecs.UpdateTaskProtectionInput{Cluster: place, Tasks: []string{task}})
	if err != nil || len(ended.ProtectedTasks) != 1 || ended.ProtectedTasks[0].ProtectionEnabled || ended.ProtectedTasks[0].ExpirationDate != nil {
		t.Errorf("%+v, error %v", ended, err)
	}
}

// What goes wrong with a service ends in a state that describe-services explains.
func TestServicesSayWhatIsWrong(t *testing.T) {
	client, s := served(t)

	// The tasks of its first version exit at once: there is nothing to go back to.
	serve(t, client, "exits", 1, "exit", "3")
	broken := says(t, client, "exits", "deployment failed: tasks failed to start.")
	if d := broken.Deployments[0]; d.RolloutState != types.DeploymentRolloutStateFailed || !strings.Contains(*d.RolloutStateReason, "circuit breaker") || d.FailedTasks < 3 {
		t.Errorf("%+v", d)
	}
	says(t, client, "exits", "exit code 3")

	// Those of a later one do: what there was before comes back.
	serve(t, client, "web", 1, "sleep")
	stable(t, client, "web")
	if _, err := client.UpdateService(t.Context(), &awsecs.UpdateServiceInput{Service: aws.String("web"), TaskDefinition: aws.String(definitionOf(t, client, "web", "exit", "4"))}); err != nil {
		t.Fatal(err)
	}
	says(t, client, "web", "rolling back to deployment")
	if back := stable(t, client, "web"); *back.TaskDefinition != ours+"task-definition/web:1" {
		t.Errorf("it runs %s", *back.TaskDefinition)
	}
	list, err := client.ListServiceDeployments(t.Context(), &awsecs.ListServiceDeploymentsInput{Service: aws.String("web"), Status: []types.ServiceDeploymentStatus{types.ServiceDeploymentStatusRollbackSuccessful}})
	if err != nil || len(list.ServiceDeployments) != 1 {
		t.Errorf("taken back are %+v, error %v", list, err)
	}

	// No machine is large enough; scaled to 0 in the middle of it, it is steady.
	if _, err := client.CreateService(t.Context(), &awsecs.CreateServiceInput{ServiceName: aws.String("large"), TaskDefinition: aws.String(largeDefinition(t, client)), DesiredCount: aws.Int32(1)}); err != nil {
		t.Fatal(err)
	}
	says(t, client, "large", "was unable to place a task because no container instance met all of its requirements. The closest matching (container-instance "+nodeID+") has insufficient memory available.")
	if _, err := client.UpdateService(t.Context(), &awsecs.UpdateServiceInput{Service: aws.String("large"), DesiredCount: aws.Int32(0)}); err != nil {
		t.Fatal(err)
	}
	if s := stable(t, client, "large"); s.Deployments[0].RolloutState != types.DeploymentRolloutStateCompleted {
		t.Errorf("%+v", s.Deployments)
	}

	// The only machine is away: what is wanted more has no place.
	s.node.Leave()
	if _, err := client.UpdateService(t.Context(), &awsecs.UpdateServiceInput{Service: aws.String("web"), DesiredCount: aws.Int32(2)}); err != nil {
		t.Fatal(err)
	}
	says(t, client, "web", "was unable to place a task")
	clustertest.Join(t, s.control, clustertest.Hello('a', 2048, 2048)).Obey()
	stable(t, client, "web")
}

func largeDefinition(t *testing.T, client *awsecs.Client) string {
	t.Helper()
	out, err := client.RegisterTaskDefinition(t.Context(), &awsecs.RegisterTaskDefinitionInput{
		Family: aws.String("large"), ContainerDefinitions: []types.ContainerDefinition{{Name: aws.String("main"), Image: aws.String("busybox"), Memory: aws.Int32(100_000)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return *out.TaskDefinition.TaskDefinitionArn
}

// A deployment in the middle of another takes its place; taken back, the last good one comes back.
func TestADeploymentInTheMiddleOfADeployment(t *testing.T) {
	client, _ := served(t)
	serve(t, client, "web", 1, "sleep")
	stable(t, client, "web")
	large := largeDefinition(t, client)
	for range 2 {
		if _, err := client.UpdateService(t.Context(), &awsecs.UpdateServiceInput{Service: aws.String("web"), TaskDefinition: &large, ForceNewDeployment: true}); err != nil {
			t.Fatal(err)
		}
	}
	says(t, client, "web", "has insufficient memory available")
	open, err := client.ListServiceDeployments(t.Context(), &awsecs.ListServiceDeploymentsInput{Service: aws.String("web"), Status: []types.ServiceDeploymentStatus{types.ServiceDeploymentStatusInProgress}})
	if err != nil || len(open.ServiceDeployments) != 1 {
		t.Fatalf("under way are %+v, error %v", open, err)
	}
	stopped, err := client.StopServiceDeployment(t.Context(), &awsecs.StopServiceDeploymentInput{ServiceDeploymentArn: open.ServiceDeployments[0].ServiceDeploymentArn})
	if err != nil || *stopped.ServiceDeploymentArn != *open.ServiceDeployments[0].ServiceDeploymentArn {
		t.Fatalf("%+v, error %v", stopped, err)
	}
	if s := stable(t, client, "web"); *s.TaskDefinition != ours+"task-definition/web:1" {
		t.Errorf("it runs %s", *s.TaskDefinition)
	}
	_, err = client.StopServiceDeployment(t.Context(), &awsecs.StopServiceDeploymentInput{ServiceDeploymentArn: stopped.ServiceDeploymentArn})
	wantFault[*types.ConflictException](t, err, "cannot be stopped")
}
