package ecs_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsecs "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// The SDK asks for a session in a container, and is told where to go with which token.
func TestExecuteCommand(t *testing.T) {
	client, s := sdk(t)
	started, err := client.RunTask(t.Context(), &awsecs.RunTaskInput{TaskDefinition: new(register(t, client, "web")), EnableExecuteCommand: true})
	if err != nil {
		t.Fatal(err)
	}
	task := started.Tasks[0]
	running := untilRunning(t, client, task)
	agents := running.Containers[0].ManagedAgents
	if !running.EnableExecuteCommand || len(agents) != 1 || agents[0].Name != types.ManagedAgentNameExecuteCommandAgent || *agents[0].LastStatus != "RUNNING" {
		t.Errorf("the task does not say that commands may be run in it: %+v", agents)
	}
	out, err := client.ExecuteCommand(t.Context(), &awsecs.ExecuteCommandInput{Task: task.TaskArn, Command: aws.String("/bin/sh -c 'ls -l'"), Interactive: true})
	if err != nil {
		t.Fatal(err)
	}
	if *out.TaskArn != *task.TaskArn || *out.ClusterArn != *task.ClusterArn || *out.ContainerArn != *running.Containers[0].ContainerArn || *out.ContainerName != "main" || !out.Interactive {
		t.Errorf("answered %+v", out)
	}
	id := aws.ToString(out.Session.SessionId)
	if !strings.HasPrefix(id, "ecs-execute-command-") || !strings.HasPrefix(*out.Session.StreamUrl, "ws://127.0.0.1:4600/v1/data-channel/"+id) || len(*out.Session.TokenValue) < 32 {
		t.Errorf("session %s at %s", id, *out.Session.StreamUrl)
	}

	shut := untilRunning(t, client, run(t, client, "web"))
	const missing = "0123456789abcdef0123456789abcdef"
	for _, c := range []struct {
		cluster, task, container, command, want string
	}{
		{"default", *shut.TaskArn, "", "ls", "InvalidParameterException: The execute command failed because execute command was not enabled when the task was run or the execute command agent isn't running. Wait and try again or run a new task with execute command enabled and try again."},
		{"default", *task.TaskArn, "side", "ls", "InvalidParameterException: The container was not found in the task."},
		{"default", *task.TaskArn, "", `ls "`, "InvalidParameterException: command: a quotation mark is not closed, or nothing follows the last backslash."},
		{"default", *task.TaskArn, "", " ", "InvalidParameterException: command: it names no program."},
		{"default", missing, "", "ls", "InvalidParameterException: The referenced task was not found."},
		{"default", ours + "task/default/" + missing, "", "ls", "InvalidParameterException: The referenced task was not found."},
		{"default", theirs + "task/default/" + strings.TrimPrefix(*task.TaskArn, ours+"task/default/"), "", "ls", "InvalidParameterException: The referenced task was not found."},
		{"nowhere", missing, "", "ls", "ClusterNotFoundException: Cluster not found."},
		{theirs + "cluster/default", missing, "", "ls", "ClusterNotFoundException: Cluster not found."},
	} {
		in := &awsecs.ExecuteCommandInput{Cluster: &c.cluster, Task: &c.task, Command: &c.command, Interactive: true}
		if c.container != "" {
			in.Container = &c.container
		}
		_, err := client.ExecuteCommand(t.Context(), in)
		wantRefusal(t, err, c.want)
	}
	s.node.Leave()
	_, err = client.ExecuteCommand(t.Context(), &awsecs.ExecuteCommandInput{Task: task.TaskArn, Command: aws.String("ls"), Interactive: true})
	wantRefusal(t, err, "TargetNotConnectedException")
}

func untilRunning(t *testing.T, client *awsecs.Client, task types.Task) types.Task {
	t.Helper()
	for {
		out, err := client.DescribeTasks(t.Context(), &awsecs.DescribeTasksInput{Tasks: []string{*task.TaskArn}})
		if err != nil {
			t.Fatal(err)
		}
		if *out.Tasks[0].LastStatus == "RUNNING" {
			return out.Tasks[0]
		}
	}
}
