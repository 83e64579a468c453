package main

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// deployment is one as it is described: "new PRIMARY IN_PROGRESS 1/3".
func deployment(id, status string, state types.DeploymentRolloutState, reason string) types.Deployment {
	return types.Deployment{
		Id: &id, Status: &status, RolloutState: state, RolloutStateReason: &reason,
		TaskDefinition: aws.String("arn:aws:ecs:us-east-1:123456789012:task-definition/web:" + map[string]string{"new": "2", "old": "1", "newer": "3"}[id]),
	}
}

// How a rollout ends, as what is described of the service tells, look by look.
func TestOutcomeOfARollout(t *testing.T) {
	const progress, complete, failed = types.DeploymentRolloutStateInProgress, types.DeploymentRolloutStateCompleted, types.DeploymentRolloutStateFailed
	service := func(running, desired int32, deployments ...types.Deployment) types.Service {
		return types.Service{Status: aws.String("ACTIVE"), RunningCount: running, DesiredCount: desired, Deployments: deployments}
	}
	taking := deployment("old", "PRIMARY", progress, "rolling back")
	for name, c := range map[string]struct {
		looks []types.Service
		want  string // the last look's: "goes on", "steady" or an error
	}{
		"it begins": {[]types.Service{service(3, 3, deployment("new", "PRIMARY", progress, ""), deployment("old", "ACTIVE", "", ""))}, "goes on"},
		"its tasks run, and those of the old one still do": {[]types.Service{service(4, 3, deployment("new", "PRIMARY", progress, ""), deployment("old", "ACTIVE", "", ""))}, "goes on"},
		"it is alone, and not yet complete":                {[]types.Service{service(3, 3, deployment("new", "PRIMARY", progress, ""))}, "goes on"},
		"it is complete":                                   {[]types.Service{service(3, 3, deployment("new", "PRIMARY", complete, ""))}, "steady"},
		"it is complete, and a task has died since":        {[]types.Service{service(2, 3, deployment("new", "PRIMARY", complete, ""))}, "goes on"},
		"it failed, and nobody takes it back":              {[]types.Service{service(0, 3, deployment("new", "PRIMARY", failed, "tasks failed to start"))}, "the rollout failed: tasks failed to start"},
		"it failed, and is being taken back":               {[]types.Service{service(3, 3, taking, deployment("new", "ACTIVE", failed, "tasks failed"))}, "goes on"},
		"it failed, and was taken back": {[]types.Service{
			service(3, 3, taking, deployment("new", "ACTIVE", failed, "tasks failed")),
			service(3, 3, deployment("old", "PRIMARY", complete, "")),
		}, "the rollout failed and was taken back, web:1 runs again: tasks failed"},
		"another one came in between": {[]types.Service{service(3, 3, deployment("newer", "PRIMARY", progress, ""), deployment("new", "ACTIVE", "", ""))}, "another deployment of web has begun meanwhile"},
		"it was deleted":              {[]types.Service{{Status: aws.String("DRAINING")}}, "service web was deleted meanwhile"},
	} {
		r := &rollout{service: "web", id: "new", out: io.Discard, told: map[string]bool{}}
		got := ""
		for _, s := range c.looks {
			over, err := r.outcome(s)
			switch {
			case err != nil:
				got = err.Error()
			case over:
				got = "steady"
			default:
				got = "goes on"
			}
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// Who has interrupted a rollout waits for what was there before.
func TestOutcomeOfARolloutThatIsTakenBack(t *testing.T) {
	r := &rollout{service: "web", id: "new", interruptedYet: true}
	s := types.Service{Status: aws.String("ACTIVE"), RunningCount: 1, DesiredCount: 2, Deployments: []types.Deployment{deployment("old", "PRIMARY", types.DeploymentRolloutStateInProgress, "")}}
	if over, err := r.outcome(s); over || err != nil {
		t.Errorf("over %v, error %v, while a task is missing", over, err)
	}
	s.RunningCount, s.Deployments[0].RolloutState = 2, types.DeploymentRolloutStateCompleted
	if over, err := r.outcome(s); !over || err != nil {
		t.Errorf("over %v, error %v, when all is as before", over, err)
	}
}

// Only what is new is told.
func TestProgressIsToldOnce(t *testing.T) {
	var out strings.Builder
	event := func(id, text string) types.ServiceEvent { return types.ServiceEvent{Id: &id, Message: &text} }
	d := deployment("new", "PRIMARY", types.DeploymentRolloutStateInProgress, "")
	d.DesiredCount = 2
	s := types.Service{Deployments: []types.Deployment{d}, Events: []types.ServiceEvent{event("1", "old news")}}
	r := newRollout(nil, s, &out)
	r.tell(s)
	r.tell(s)
	s.Deployments[0].RunningCount, s.Deployments[0].FailedTasks = 1, 1
	s.Events = []types.ServiceEvent{event("3", "second"), event("2", "first"), event("1", "old news")}
	r.tell(s)
	r.tell(s)
	s.Deployments[0].RunningCount = 2
	old := deployment("old", "ACTIVE", "", "")
	old.RunningCount = 1
	s.Deployments = append(s.Deployments, old)
	r.tell(s)
	want(t, out.String(), "  web:2 0/2 running\n  first\n  second\n  web:2 1/2 running, 1 failed\n  web:2 2/2 running, 1 failed; web:1 1 running\n")
}

func TestConditionOfAService(t *testing.T) {
	primary := func(state types.DeploymentRolloutState) []types.Deployment {
		return []types.Deployment{deployment("new", "PRIMARY", state, "")}
	}
	for _, c := range []struct {
		s    types.Service
		want string
	}{
		{types.Service{Status: aws.String("ACTIVE"), Deployments: primary(types.DeploymentRolloutStateCompleted), RunningCount: 2, DesiredCount: 2}, "steady"},
		{types.Service{Status: aws.String("ACTIVE"), Deployments: primary(types.DeploymentRolloutStateCompleted), RunningCount: 1, DesiredCount: 2}, "recovering"},
		{types.Service{Status: aws.String("ACTIVE"), Deployments: primary(types.DeploymentRolloutStateInProgress)}, "rolling out"},
		{types.Service{Status: aws.String("ACTIVE"), Deployments: primary(types.DeploymentRolloutStateFailed)}, "failed"},
		{types.Service{Status: aws.String("DRAINING")}, "draining"},
	} {
		want(t, conditionOf(c.s), c.want)
	}
}

// A new revision is what the old one was, but for the image and what the options say.
func TestADefinitionIsRevised(t *testing.T) {
	pair := func(name, value string) types.KeyValuePair { return types.KeyValuePair{Name: &name, Value: &value} }
	given := map[string]bool{"memory": true, "port": true}
	o := deployOptions{service: "web", env: []string{"A=2", "C=3"}, memory: 256, cpu: 999, publish: []string{"80:8080"}, given: func(flag string) bool { return given[flag] }}
	def := registrationOf(&types.TaskDefinition{
		Family: aws.String("web"), TaskRoleArn: aws.String("role"), NetworkMode: types.NetworkModeBridge,
		ContainerDefinitions: []types.ContainerDefinition{{Name: aws.String("main"), Cpu: 64, Environment: []types.KeyValuePair{pair("A", "1"), pair("B", "1")}}},
	}, nil)
	i, err := o.containerOf(def.ContainerDefinitions)
	if err == nil {
		err = o.change(def, i)
	}
	d := def.ContainerDefinitions[0]
	if err != nil || *def.TaskRoleArn != "role" || d.Cpu != 64 || *d.Memory != 256 || len(d.PortMappings) != 1 || *d.PortMappings[0].HostPort != 80 {
		t.Fatalf("%+v, error %v", d, err)
	}
	var env []string
	for _, v := range d.Environment {
		env = append(env, *v.Name+"="+*v.Value)
	}
	want(t, strings.Join(env, " "), "B=1 A=2 C=3")

	two := []types.ContainerDefinition{{Name: aws.String("main")}, {Name: aws.String("log")}}
	if _, err := o.containerOf(two); err == nil || !strings.Contains(hintOf(err), `["main" "log"]`) {
		t.Errorf("one of two containers: %v", err)
	}
	o.container = "log"
	if i, err := o.containerOf(two); i != 1 || err != nil {
		t.Errorf("container %d, error %v", i, err)
	}
	o.container = "web"
	if _, err := o.containerOf(two); err == nil || !strings.Contains(err.Error(), `the tasks of web have no container "web"`) {
		t.Errorf("one that is not there: %v", err)
	}
}

func TestAFailedRolloutSaysWhereToLook(t *testing.T) {
	err := (&rollout{service: "web"}).failed("the rollout failed")
	want(t, err.Error(), "the rollout failed")
	want(t, hintOf(err), `"slipway services web" tells what happened, "slipway ps -a" lists its tasks, "slipway logs TASK" tells what one has printed`)
}

// A target group gets the port that is named, or the only one.
func TestPortsOfTargetGroups(t *testing.T) {
	container := func(name string, ports ...int32) types.ContainerDefinition {
		c := types.ContainerDefinition{Name: &name}
		for _, p := range ports {
			c.PortMappings = append(c.PortMappings, types.PortMapping{ContainerPort: &p, Protocol: types.TransportProtocolTcp})
		}
		return c
	}
	udp := types.ContainerDefinition{Name: aws.String("dns"), PortMappings: []types.PortMapping{{ContainerPort: aws.Int32(53), Protocol: types.TransportProtocolUdp}}}
	for _, c := range []struct {
		target, container string
		containers        []types.ContainerDefinition
		want              string
	}{
		{"arn:group/web", "", []types.ContainerDefinition{container("side"), container("web", 80), udp}, "arn:group/web web 80"},
		{"arn:group/web", "", []types.ContainerDefinition{container("web", 80, 80)}, "arn:group/web web 80"},
		{"arn:group/web=81", "", []types.ContainerDefinition{container("web", 80, 81)}, "arn:group/web web 81"},
		{"arn:group/web", "log", []types.ContainerDefinition{container("web", 80), container("log", 90)}, "arn:group/web log 90"},
		{"arn:group/web", "", []types.ContainerDefinition{container("web", 80), container("log", 90)}, "--target-group: the tasks of web have several ports"},
		{"arn:group/web=82", "", []types.ContainerDefinition{container("web", 80, 81)}, "--target-group: the tasks of web have no port 82"},
		{"arn:group/web", "", []types.ContainerDefinition{udp}, "--target-group: the tasks of web have no port"},
		{"arn:group/web=http", "", []types.ContainerDefinition{container("web", 80)}, `--target-group arn:group/web=http: "http" is not a port`},
		{"arn:group/web=0", "", []types.ContainerDefinition{container("web", 80)}, `--target-group arn:group/web=0: "0" is not a port`},
	} {
		b, err := deployOptions{service: "web", container: c.container}.balancer(c.target, c.containers)
		got := fmt.Sprint(aws.ToString(b.TargetGroupArn), " ", aws.ToString(b.ContainerName), " ", aws.ToInt32(b.ContainerPort))
		if err != nil {
			got = err.Error()
		}
		want(t, got, c.want)
	}
}
