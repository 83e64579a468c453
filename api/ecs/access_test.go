package ecs_test

import (
	"context"
	"maps"
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

const (
	ours   = "arn:aws:ecs:us-east-1:123456789012:"
	theirs = "arn:aws:ecs:us-east-1:210987654321:"
	taskID = "0123456789abcdef0123456789abcdef"
	nodeID = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
)

// The table of what every operation asks for: of what is named, of ARNs of ours, and of ARNs of
// another account.
func TestAccess(t *testing.T) {
	s := newStory(t)
	spec := taskdef.Spec{
		TaskRole: "arn:aws:iam::123456789012:role/web", ExecutionRole: "arn:aws:iam::123456789012:role/pull",
		Containers: []taskdef.Container{{Name: "main", Image: "busybox", Essential: true, Memory: new(64)}},
	}
	for range 2 {
		if _, err := s.control.Register(t.Context(), wiretest.Account, "", "web", spec, nil); err != nil {
			t.Fatal(err)
		}
	}
	containers := []any{map[string]any{"name": "main", "image": "busybox", "memory": 64}}
	named := wiretest.Sample{
		"clusterName": "blue", "cluster": "blue", "clusters": []string{"blue", "red"},
		"family": "web", "containerDefinitions": containers, "cpu": "0.25 vCPU", "memory": "1 GB", "requiresCompatibilities": []string{"EC2"},
		"taskRoleArn": "web", "executionRoleArn": "arn:aws:iam::123456789012:role/pull",
		"taskDefinition": "web", "DeregisterTaskDefinition.taskDefinition": "web:1", "taskDefinitions": []string{"web:1", "web:2"},
		"task": taskID, "tasks": []string{taskID}, "containerInstances": []string{nodeID},
		"tags": []any{map[string]any{"key": "team", "value": "sea"}}, "tagKeys": []string{"team"}, "resourceArn": ours + "cluster/blue",
		"DeregisterContainerInstance.containerInstance": nodeID, "UpdateContainerInstancesState.status": "DRAINING", "targetType": "container-instance",
		"attributes": []any{map[string]any{"name": "rack", "value": "r1", "targetId": nodeID}},
		"container":  "main", "command": "ps", "interactive": true,
		"capacityProvider": "big", "capacityProviders": []string{"big", "small"}, "CreateCapacityProvider.name": "big", "UpdateCapacityProvider.name": "big",
		"defaultCapacityProviderStrategy": share("big"), "capacityProviderStrategy": share("big"), "PutClusterCapacityProviders.cluster": "blue",
		"PutAccountSetting.name": "awsvpcTrunking", "PutAccountSettingDefault.name": "awsvpcTrunking", "DeleteAccountSetting.name": "awsvpcTrunking", "principalArn": "arn:aws:iam::123456789012:user/ann",
	}
	maps.Copy(named, servicesNamed())
	inDefault := maps.Clone(named) // where nothing is said of a cluster
	maps.Copy(inDefault, wiretest.Sample{"clusterName": nil, "cluster": nil, "clusters": nil, "DeleteCluster.cluster": "red", "UpdateCluster.cluster": "red", "UpdateClusterSettings.cluster": "red", "CreateCluster.capacityProviders": nil, "capacityProviderStrategy": nil, "DescribeCapacityProviders.capacityProviders": nil, "principalArn": nil})
	maps.Copy(inDefault, servicesInDefault())
	wiretest.Access(t, ecs.New(s.control, wiretest.Region), named, inDefault, arns(ours), arns(theirs))
}

// arns names things by ARNs that begin alike.
func arns(begin string) wiretest.Sample {
	s := wiretest.Sample{
		"clusterName": "blue", "family": "web", "containerDefinitions": []any{},
		"cluster": begin + "cluster/blue", "clusters": []string{begin + "cluster/blue"},
		"taskDefinition": begin + "task-definition/web:1", "taskDefinitions": []string{begin + "task-definition/web:1"},
		"task": begin + "task/blue/" + taskID, "tasks": []string{begin + "task/blue/" + taskID},
		"containerInstances": []string{begin + "container-instance/blue/" + nodeID}, "containerInstance": begin + "container-instance/blue/" + nodeID,
		"resourceArn": begin + "task/blue/" + taskID, "tagKeys": []string{"team"}, "tags": []any{map[string]any{"key": "team", "value": "sea"}},
		"UpdateContainerInstancesState.status": "DRAINING", "targetType": "container-instance",
		"attributes": []any{map[string]any{"name": "rack", "targetId": begin + "container-instance/blue/" + nodeID}},
		"command":    "ps", "interactive": true,
		"capacityProvider": begin + "capacity-provider/big", "capacityProviders": []string{begin + "capacity-provider/big"},
		"CreateCapacityProvider.name": "big", "UpdateCapacityProvider.name": begin + "capacity-provider/big",
		"defaultCapacityProviderStrategy": share(begin + "capacity-provider/big"), "capacityProviderStrategy": share(begin + "capacity-provider/big"),
		"PutAccountSetting.name": "awsvpcTrunking", "PutAccountSettingDefault.name": "awsvpcTrunking", "DeleteAccountSetting.name": "awsvpcTrunking",
	}
	maps.Copy(s, serviceARNs(begin))
	return s
}

// share is a strategy of one capacity provider.
func share(name string) []any { return []any{map[string]any{"capacityProvider": name, "weight": 1}} }

// roles lets a caller pass those that it holds, and do everything else.
type roles map[string]bool

func (r roles) Authorize(_ context.Context, q *awswire.Request) error {
	service, _ := q.Values("iam:passedtoservice")
	if q.Action == "iam:PassRole" && (!r[q.Resource] || len(service) != 1 || service[0] != "ecs-tasks.amazonaws.com") {
		return awswire.Denied("User: " + q.Who.ARN + " is not authorized to perform: iam:PassRole on resource: " + q.Resource)
	}
	return nil
}

func TestRolesArePassed(t *testing.T) {
	s := newStory(t)
	const web, pull = "arn:aws:iam::123456789012:role/web", "arn:aws:iam::123456789012:role/team/pull"
	config := wiretest.Serve(t, awswire.Config{Access: roles{web: true, pull: true}}, ecs.New(s.control, wiretest.Region))
	client := awsecs.NewFromConfig(config)

	for _, c := range []struct{ task, execution, want string }{
		{"", "", ""},
		{web, pull, ""},
		{"web", "/team/pull", ""}, // names of roles of one's own
		{"arn:aws:iam::123456789012:role/admin", "", "is not authorized to perform: iam:PassRole on resource: arn:aws:iam::123456789012:role/admin"},
		{"admin", "", "is not authorized to perform: iam:PassRole on resource: arn:aws:iam::123456789012:role/admin"},
		{web, "arn:aws:iam::123456789012:role/admin", "is not authorized to perform: iam:PassRole"},
		{"arn:aws:iam::210987654321:role/web", "", "AccessDeniedException: Cross-account pass role is not allowed."},
		{"arn:aws:iam::123456789012:user/web", "", "ClientException: taskRoleArn: Role is not valid"},
		{"arn:aws:ecs:us-east-1:123456789012:role/web", "", "Role is not valid"},
		{"", "arn:web", "ClientException: executionRoleArn: Role is not valid"},
		{"", "/", "ClientException: executionRoleArn: Role is not valid"},
	} {
		in := &awsecs.RegisterTaskDefinitionInput{
			Family:               aws.String("web"),
			ContainerDefinitions: []types.ContainerDefinition{{Name: aws.String("main"), Image: aws.String("busybox"), Memory: aws.Int32(64)}},
		}
		in.TaskRoleArn, in.ExecutionRoleArn = &c.task, &c.execution
		out, err := client.RegisterTaskDefinition(t.Context(), in)
		wantRefusal(t, err, c.want)
		if err == nil && c.task != "" && (*out.TaskDefinition.TaskRoleArn != web || *out.TaskDefinition.ExecutionRoleArn != pull) {
			t.Errorf("%s, %s: kept as %s, %s", c.task, c.execution, *out.TaskDefinition.TaskRoleArn, *out.TaskDefinition.ExecutionRoleArn)
		}
	}
}

// Who may run a definition may not thereby hand its roles to what they run.
func TestRolesOfADefinitionArePassedByWhoRunsIt(t *testing.T) {
	s := newStory(t)
	const web, admin = "arn:aws:iam::123456789012:role/web", "arn:aws:iam::123456789012:role/admin"
	spec := taskdef.Spec{TaskRole: admin, Containers: []taskdef.Container{{Name: "main", Image: "busybox", Essential: true, Memory: new(64)}}}
	if _, err := s.control.Register(t.Context(), wiretest.Account, "", "web", spec, nil); err != nil {
		t.Fatal(err)
	}
	s.node = clustertest.Join(t, s.control, clustertest.Hello('a', 2048, 2048))
	config := wiretest.Serve(t, awswire.Config{Access: roles{web: true}}, ecs.New(s.control, wiretest.Region))
	client := awsecs.NewFromConfig(config)

	for _, c := range []struct{ definition, override, execution, want string }{
		{"web", "", "", "iam:PassRole on resource: " + admin},
		{"web:1", "", "", "iam:PassRole on resource: " + admin},
		{"web", web, "", ""}, // what is not handed out need not be passed
		{"web", web, admin, "iam:PassRole on resource: " + admin},
		{"web", web, "admin", "iam:PassRole on resource: " + admin},
		{"web", "arn:aws:iam::210987654321:role/web", "", "Cross-account pass role is not allowed."},
		{"web", "arn:x", "", "overrides.taskRoleArn: Role is not valid"},
	} {
		overrides := &types.TaskOverride{TaskRoleArn: &c.override, ExecutionRoleArn: &c.execution}
		_, err := client.RunTask(t.Context(), &awsecs.RunTaskInput{TaskDefinition: &c.definition, Overrides: overrides})
		wantRefusal(t, err, c.want)
		_, err = client.StartTask(t.Context(), &awsecs.StartTaskInput{TaskDefinition: &c.definition, Overrides: overrides, ContainerInstances: []string{nodeID}})
		wantRefusal(t, err, c.want)
	}
}

func wantRefusal(t *testing.T, err error, words string) {
	t.Helper()
	if (err == nil) != (words == "") || err != nil && !strings.Contains(err.Error(), words) {
		t.Errorf("answered %v, want %q", err, words)
	}
}

// only allows runs of one revision.
type only string

func (o only) Authorize(_ context.Context, r *awswire.Request) error {
	if r.Action == "ecs:RunTask" && r.Resource != string(o) {
		return awswire.Denied("not " + r.Resource)
	}
	return nil
}

// A family is authorized as the revision that will run.
func TestFamiliesAreAuthorizedByTheirLatestRevision(t *testing.T) {
	s := newStory(t)
	config := wiretest.Serve(t, awswire.Config{Access: only(ours + "task-definition/web:2")}, ecs.New(s.control, wiretest.Region))
	client := awsecs.NewFromConfig(config)
	s.node = clustertest.Join(t, s.control, clustertest.Hello('a', 2048, 2048))
	for revision, want := range []string{"not " + ours + "task-definition/web:*", "not " + ours + "task-definition/web:1", "", "not " + ours + "task-definition/web:3"} {
		if revision > 0 {
			register(t, client, "web")
		}
		_, err := client.RunTask(t.Context(), &awsecs.RunTaskInput{TaskDefinition: aws.String("web")})
		wantRefusal(t, err, want)
	}
}
