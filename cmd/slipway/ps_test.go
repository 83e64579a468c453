package main

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/smithy-go"
)

func TestTasksAreJSONAsTheAWSCommandHasThem(t *testing.T) {
	created := time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)
	tests := []struct {
		tasks []types.Task
		want  string
	}{
		{nil, "[]\n"},
		{[]types.Task{{
			TaskArn: aws.String("arn:aws:ecs:us-east-1:123456789012:task/web/3f1c9a"), CreatedAt: &created, Version: 9007199254740993,
			Containers: []types.Container{{Name: aws.String("Web"), ExitCode: aws.Int32(5)}},
		}}, `"containers": [ { "exitCode": 5, "name": "Web" } ], "createdAt": "2026-02-03T04:05:06Z",`},
	}
	for _, test := range tests {
		var out strings.Builder
		if err := printTasks(&out, test.tasks); err != nil {
			t.Fatal(err)
		}
		got := out.String()
		if len(test.tasks) > 0 {
			got = strings.Join(strings.Fields(got), " ")
		}
		if !strings.Contains(got, test.want) || strings.Contains(got, "null") {
			t.Errorf("got %s\nwant %s", got, test.want)
		}
	}
}

// Tasks that one call has started have the first digits of their ids in common.
func TestTasksOfOneCallAreToldApart(t *testing.T) {
	const base = "arn:aws:ecs:us-east-1:123456789012:task/web/01a1ff746a98"
	first, second := types.Task{TaskArn: aws.String(base + "55330c06b86ed7389d56")}, types.Task{TaskArn: aws.String(base + "4d7f2be93e775103793e")}
	want(t, shortID(first), "01a1ff746a985533")
	want(t, shortID(second), "01a1ff746a984d7f")
	want(t, shortTask("01a1ff746a984d7f2be93e775103793e"), shortID(second))
}

func TestImagesAreNamedOnce(t *testing.T) {
	task := types.Task{Containers: []types.Container{
		{Image: aws.String("web:v1")}, {Image: aws.String("log:v1")}, {Image: aws.String("web:v1")},
	}}
	want(t, imagesOf(task), "web:v1,log:v1")
}

func TestWhyNoMachineTakesATask(t *testing.T) {
	failure := func(reason string) types.Failure { return types.Failure{Arn: aws.String("arn"), Reason: &reason} }
	tests := []struct {
		failures  []types.Failure
		why, hint string
	}{
		{[]types.Failure{failure("AGENT"), failure("AGENT")}, "no machine is connected that could take the task: arn: AGENT; arn: AGENT", "slipway agent"},
		{[]types.Failure{failure("AGENT"), failure("RESOURCE:CPU")}, "no machine has room for the task: arn: AGENT; arn: RESOURCE:CPU", "--cpu"},
		{[]types.Failure{failure("DRAINING"), failure("AGENT")}, "no machine takes tasks now: arn: DRAINING; arn: AGENT", "--status ACTIVE"},
		{[]types.Failure{failure("DRAINING"), failure("RESOURCE:CPU")}, "no machine has room for the task: arn: DRAINING; arn: RESOURCE:CPU", "--cpu"},
	}
	for _, test := range tests {
		err := unplaced(test.failures, "default", "web")
		want(t, err.Error(), test.why)
		if !strings.Contains(hintOf(err), test.hint) {
			t.Errorf("%s: hint %q", test.why, hintOf(err))
		}
	}
}

func TestATaskThatDidNotStartSaysWhy(t *testing.T) {
	task := types.Task{TaskArn: aws.String("arn:aws:ecs:us-east-1:123456789012:task/web/3f1c9a0b1c2d3e4f"), StopCode: types.TaskStopCodeTaskFailedToStart, StoppedReason: aws.String("no such secret")}
	want(t, whyNotStarted(task), "task 3f1c9a0b1c2d3e4f did not start: no such secret")
	task.StopCode = types.TaskStopCodeEssentialContainerExited
	want(t, whyNotStarted(task), "")
}

func TestTasksOfSeveralMachinesAreShownWithTheirs(t *testing.T) {
	on := func(machine string) types.Task {
		return types.Task{TaskArn: aws.String("arn:aws:ecs:us-east-1:1:task/web/0123456789ab"), ClusterArn: aws.String("arn:aws:ecs:us-east-1:1:cluster/web"),
			ContainerInstanceArn: aws.String("arn:aws:ecs:us-east-1:1:container-instance/web/" + machine), LastStatus: aws.String("RUNNING")}
	}
	one, several := []types.Task{on("aaaaaaaaaaaaaaaa"), on("aaaaaaaaaaaaaaaa")}, []types.Task{on("aaaaaaaaaaaaaaaa"), on("bbbbbbbbbbbbbbbb")}
	header, cells := psTable(one, time.Now())
	want(t, header, "TASK CLUSTER IMAGE STATUS AGE PORTS")
	want(t, strings.Join(cells(one[0]), "|"), "0123456789ab|web||RUNNING||")
	header, cells = psTable(several, time.Now())
	want(t, header, "TASK CLUSTER MACHINE IMAGE STATUS AGE PORTS")
	want(t, strings.Join(cells(several[1]), "|"), "0123456789ab|web|bbbbbbbbbbbb||RUNNING||")
}

func TestWhereWhatIsNotThereIsLookedFor(t *testing.T) {
	err := explain(&smithy.GenericAPIError{Code: "ServiceNotFoundException", Message: "Service not found."}, nil)
	want(t, err.Error(), "ServiceNotFoundException: Service not found.")
	if !strings.Contains(hintOf(err), "slipway services") {
		t.Errorf("hint %q", hintOf(err))
	}
	err = explain(&smithy.GenericAPIError{Code: "ClientException", Message: "no"}, nil)
	want(t, err.Error()+hintOf(err), "ClientException: no")
}
