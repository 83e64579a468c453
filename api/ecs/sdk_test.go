package ecs_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsecs "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"slipway/api/awswire/wiretest"
	"slipway/api/ecs"
	"slipway/cluster"
	"slipway/cluster/clustertest"
)

func TestEveryOperationIsBound(t *testing.T) {
	if names := ecs.New(nil, wiretest.Region).Unbound(); len(names) > 0 {
		t.Errorf("not bound: %v", names)
	}
}

// sdk is a door with the genuine client before it and an obedient node of 2 cores and 2 GiB behind it.
func sdk(t *testing.T) (*awsecs.Client, *story) {
	t.Helper()
	s := newStory(t)
	s.node = clustertest.Join(t, s.control, clustertest.Hello('a', 2048, 2048))
	s.node.Obey()
	return awsecs.NewFromConfig(s.config), s
}

func register(t *testing.T, client *awsecs.Client, family string) string {
	t.Helper()
	out, err := client.RegisterTaskDefinition(t.Context(), &awsecs.RegisterTaskDefinitionInput{
		Family:               &family,
		ContainerDefinitions: []types.ContainerDefinition{{Name: aws.String("main"), Image: aws.String("busybox"), Cpu: 10, Memory: aws.Int32(64)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return *out.TaskDefinition.TaskDefinitionArn
}

func run(t *testing.T, client *awsecs.Client, definition string, command ...string) types.Task {
	t.Helper()
	out, err := client.RunTask(t.Context(), &awsecs.RunTaskInput{
		TaskDefinition: &definition,
		Overrides:      &types.TaskOverride{ContainerOverrides: []types.ContainerOverride{{Name: aws.String("main"), Command: command}}},
	})
	if err != nil || len(out.Tasks) != 1 {
		t.Fatalf("run: %+v, error %v", out, err)
	}
	return out.Tasks[0]
}

func TestTheSDKWaitsForTasks(t *testing.T) {
	client, _ := sdk(t)
	task := run(t, client, register(t, client, "web"), "sleep", "1000")
	one := &awsecs.DescribeTasksInput{Cluster: task.ClusterArn, Tasks: []string{*task.TaskArn}}

	running := awsecs.NewTasksRunningWaiter(client, func(o *awsecs.TasksRunningWaiterOptions) {
		o.MinDelay, o.MaxDelay = time.Millisecond, 50*time.Millisecond
	})
	if err := running.Wait(t.Context(), one, time.Minute); err != nil {
		t.Fatal(err)
	}
	if _, err := client.StopTask(t.Context(), &awsecs.StopTaskInput{Task: task.TaskArn, Cluster: task.ClusterArn, Reason: aws.String("enough")}); err != nil {
		t.Fatal(err)
	}
	stopped := awsecs.NewTasksStoppedWaiter(client, func(o *awsecs.TasksStoppedWaiterOptions) {
		o.MinDelay, o.MaxDelay = time.Millisecond, 50*time.Millisecond
	})
	out, err := stopped.WaitForOutput(t.Context(), one, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	over := out.Tasks[0]
	if *over.LastStatus != "STOPPED" || over.StopCode != types.TaskStopCodeUserInitiated || *over.StoppedReason != "enough" || *over.Containers[0].ExitCode != 143 {
		t.Errorf("stopped as %s, %s, %s, exit code %d", *over.LastStatus, over.StopCode, *over.StoppedReason, *over.Containers[0].ExitCode)
	}
}

func TestTheSDKSeesTrueExitCodes(t *testing.T) {
	client, _ := sdk(t)
	task := run(t, client, register(t, client, "job"), "exit", "42")
	stopped := awsecs.NewTasksStoppedWaiter(client, func(o *awsecs.TasksStoppedWaiterOptions) {
		o.MinDelay, o.MaxDelay = time.Millisecond, 50*time.Millisecond
	})
	out, err := stopped.WaitForOutput(t.Context(), &awsecs.DescribeTasksInput{Tasks: []string{*task.TaskArn}}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	over := out.Tasks[0]
	if *over.Containers[0].ExitCode != 42 || over.StopCode != types.TaskStopCodeEssentialContainerExited || *over.StoppedReason != "Essential container in task exited" {
		t.Errorf("exit code %d, %s: %s", *over.Containers[0].ExitCode, over.StopCode, *over.StoppedReason)
	}
}

func TestTheSDKPagesThroughListings(t *testing.T) {
	client, _ := sdk(t)
	definition := register(t, client, "web")
	var want, got []string
	for range 5 {
		want = append(want, *run(t, client, definition, "sleep").TaskArn)
	}
	pages := awsecs.NewListTasksPaginator(client, &awsecs.ListTasksInput{MaxResults: aws.Int32(2), Family: aws.String("web")})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil || len(page.TaskArns) > 2 {
			t.Fatalf("page %v, error %v", page, err)
		}
		got = append(got, page.TaskArns...)
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("listed %v, want %v", got, want)
	}
}

func TestTheSDKTellsFaultsApart(t *testing.T) {
	client, _ := sdk(t)
	definition := register(t, client, "web")

	_, err := client.RunTask(t.Context(), &awsecs.RunTaskInput{TaskDefinition: &definition, Cluster: aws.String("nope")})
	wantFault[*types.ClusterNotFoundException](t, err, "Cluster not found.")
	_, err = client.RunTask(t.Context(), &awsecs.RunTaskInput{TaskDefinition: aws.String("nope")})
	wantFault[*types.ClientException](t, err, "TaskDefinition not found.")
	_, err = client.RunTask(t.Context(), &awsecs.RunTaskInput{TaskDefinition: &definition, LaunchType: types.LaunchTypeFargate})
	wantFault[*types.InvalidParameterException](t, err, "not supported by Slipway")

	run(t, client, definition, "sleep")
	_, err = client.DeleteCluster(t.Context(), &awsecs.DeleteClusterInput{Cluster: aws.String("default")})
	wantFault[*types.ClusterContainsTasksException](t, err, "The Cluster cannot be deleted while Tasks are active.")

	first, err := client.RunTask(t.Context(), &awsecs.RunTaskInput{TaskDefinition: &definition, ClientToken: aws.String("once")})
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.RunTask(t.Context(), &awsecs.RunTaskInput{TaskDefinition: &definition, ClientToken: aws.String("once"), Count: aws.Int32(2)})
	var conflict *types.ConflictException
	if !errors.As(err, &conflict) || !slices.Equal(conflict.ResourceIds, []string{*first.Tasks[0].TaskArn}) {
		t.Errorf("a token used again: %v", err)
	}
}

// A machine is described, drained and let go.
func TestTheSDKKeepsInstances(t *testing.T) {
	client, s := sdk(t)
	run(t, client, register(t, client, "web"), "sleep")
	at, target := []string{nodeID}, types.TargetTypeContainerInstance
	put, err := client.PutAttributes(t.Context(), &awsecs.PutAttributesInput{Attributes: []types.Attribute{{Name: aws.String("rack"), Value: aws.String("r1"), TargetId: aws.String(nodeID), TargetType: target}}})
	if err != nil || *put.Attributes[0].TargetId != ours+"container-instance/default/"+nodeID {
		t.Fatalf("%+v, %v", put, err)
	}
	listed, err := client.ListAttributes(t.Context(), &awsecs.ListAttributesInput{TargetType: target, AttributeName: aws.String("rack")})
	if err != nil || len(listed.Attributes) != 1 || *listed.Attributes[0].Value != "r1" {
		t.Fatalf("%+v, %v", listed, err)
	}
	_, err = client.PutAttributes(t.Context(), &awsecs.PutAttributesInput{Attributes: []types.Attribute{{Name: aws.String("rack"), TargetId: aws.String(strings.Repeat("f", 32))}}})
	wantFault[*types.TargetNotFoundException](t, err, strings.Repeat("f", 32))
	wantHealth(t, client, types.InstanceHealthCheckStateOk)
	drained, err := client.UpdateContainerInstancesState(t.Context(), &awsecs.UpdateContainerInstancesStateInput{ContainerInstances: at, Status: types.ContainerInstanceStatusDraining})
	if err != nil || *drained.ContainerInstances[0].Status != "DRAINING" {
		t.Fatalf("%+v, %v", drained, err)
	}
	_, err = client.DeregisterContainerInstance(t.Context(), &awsecs.DeregisterContainerInstanceInput{ContainerInstance: aws.String(nodeID)})
	wantFault[*types.InvalidParameterException](t, err, "Found running tasks on the instance.")
	gone, err := client.DeregisterContainerInstance(t.Context(), &awsecs.DeregisterContainerInstanceInput{ContainerInstance: aws.String(nodeID), Force: aws.Bool(true)})
	if err != nil || *gone.ContainerInstance.Status == "DRAINING" { // it is INACTIVE already where its task was quick to stop
		t.Fatalf("%+v, %v", gone, err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go s.control.Run(ctx)
	if err := s.node.Ended(); !errors.Is(err, cluster.ErrDeregistered) {
		t.Errorf("its session ended with %v", err)
	}
	wantHealth(t, client, types.InstanceHealthCheckStateInsufficientData)
}

// wantHealth: of its container runtime a machine tells by being there.
func wantHealth(t *testing.T, client *awsecs.Client, want types.InstanceHealthCheckState) {
	t.Helper()
	out, err := client.DescribeContainerInstances(t.Context(), &awsecs.DescribeContainerInstancesInput{ContainerInstances: []string{nodeID}, Include: []types.ContainerInstanceField{types.ContainerInstanceFieldContainerInstanceHealth}})
	if err != nil {
		t.Fatal(err)
	}
	h := out.ContainerInstances[0].HealthStatus
	if h == nil || h.OverallStatus != want || len(h.Details) != 1 || h.Details[0].Type != types.InstanceHealthCheckTypeContainerRuntime || h.Details[0].Status != want || h.Details[0].LastUpdated == nil {
		t.Errorf("its health is %+v, want %s", h, want)
	}
}

func wantFault[T interface {
	error
	ErrorMessage() string
}](t *testing.T, err error, text string) {
	t.Helper()
	fault, ok := errors.AsType[T](err)
	if !ok || !strings.Contains(fault.ErrorMessage(), text) {
		var want T
		t.Errorf("error %v, want a %T that says %q", err, want, text)
	}
}

// aws runs the installed aws command against the door and returns what it printed.
func (s *story) aws(args ...string) (stdout string, err error) {
	s.Helper()
	path, lookErr := exec.LookPath("aws")
	if lookErr != nil {
		if os.Getenv("SLIPWAY_TEST_ALL") != "" {
			s.Fatal(lookErr)
		}
		s.Skip("needs the aws command (apt-get install awscli)")
	}
	command := exec.CommandContext(s.Context(), path, append([]string{"--endpoint-url", *s.config.BaseEndpoint, "--output", "json", "ecs"}, args...)...)
	command.Env = append(command.Environ(),
		"AWS_ACCESS_KEY_ID="+wiretest.AccessKey, "AWS_SECRET_ACCESS_KEY="+wiretest.Secret, "AWS_REGION="+wiretest.Region, "AWS_DEFAULT_REGION="+wiretest.Region,
		"AWS_CONFIG_FILE=/nonexistent", "AWS_SHARED_CREDENTIALS_FILE=/nonexistent", "AWS_MAX_ATTEMPTS=1", "AWS_PAGER=")
	var out, errs strings.Builder
	command.Stdout, command.Stderr = &out, &errs
	if err := command.Run(); err != nil {
		return out.String(), errors.New(errs.String())
	}
	return out.String(), nil
}

func (s *story) must(into any, args ...string) {
	s.Helper()
	out, err := s.aws(args...)
	if err != nil {
		s.Fatalf("aws ecs %s: %v", strings.Join(args, " "), err)
	}
	if err := json.Unmarshal([]byte(out), into); err != nil {
		s.Fatalf("aws ecs %s answers %s: %v", strings.Join(args, " "), out, err)
	}
}

// What a person does with the command line, from a new cluster to a stopped task.
func TestTheCLI(t *testing.T) {
	_, s := sdk(t)
	definition := filepath.Join(t.TempDir(), "web.json")
	const text = `{"family": "web", "containerDefinitions": [{"name": "main", "image": "busybox", "cpu": 10, "memory": 64, "essential": true,
		"command": ["exit", "7"], "environment": [{"name": "A", "value": "1"}], "portMappings": [{"containerPort": 80, "hostPort": 8080}],
		"logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/web", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "web"}}}]}`
	if err := os.WriteFile(definition, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var out struct {
		Cluster        struct{ ClusterName string }
		TaskDefinition struct{ TaskDefinitionArn string }
		Failures       []any
		Tasks          []struct {
			TaskArn, LastStatus string
			Containers          []struct {
				ExitCode        *int
				NetworkBindings []struct{ HostPort int }
			}
		}
	}
	s.must(&out, "create-cluster", "--cluster-name", "web")
	s.must(&out, "register-task-definition", "--cli-input-json", "file://"+definition)
	s.must(&out, "run-task", "--cluster", "web", "--task-definition", out.TaskDefinition.TaskDefinitionArn, "--started-by", "me")
	if len(out.Tasks) != 1 || out.Failures == nil {
		t.Fatalf("started %+v", out)
	}
	task := out.Tasks[0].TaskArn
	if text, err := s.aws("wait", "tasks-stopped", "--cluster", "web", "--tasks", task); err != nil {
		t.Fatalf("wait: %s %v", text, err)
	}
	s.must(&out, "describe-tasks", "--cluster", "web", "--tasks", task)
	if got := out.Tasks[0]; got.LastStatus != "STOPPED" || *got.Containers[0].ExitCode != 7 || got.Containers[0].NetworkBindings[0].HostPort != 8080 {
		t.Errorf("the task is %+v", got)
	}
	_, err := s.aws("stop-task", "--cluster", "web", "--task", strings.Repeat("0", 32)) // some versions say how often they tried in the middle
	if err == nil || !strings.Contains(err.Error(), "An error occurred (InvalidParameterException) when calling the StopTask operation") ||
		!strings.Contains(err.Error(), ": The referenced task was not found.") {
		t.Errorf("stop of a task that is not there: %v", err)
	}
}
