package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"slipway/internal/loop"
)

const family = "waiter" // of the task definitions, and the name of their container and image

// contenders are all that start the image, and those among them that the others are set beside.
func contenders(ctx context.Context, p programs, s *slipway) (kinds, peers []*kind, err error) {
	if err := s.command(ctx, "push", p.rootfs, family); err != nil {
		return nil, nil, err
	}
	plain, err := s.task(ctx, "RunTask to RUNNING", family)
	if err != nil {
		return nil, nil, err
	}
	port := types.PortMapping{ContainerPort: aws.Int32(80)}
	published, err := s.task(ctx, "RunTask to RUNNING, a port published", family, port)
	if err != nil {
		return nil, nil, err
	}
	spec, err := s.firstSpec(ctx)
	if err != nil {
		return nil, nil, err
	}
	image, err := s.imageName(ctx)
	if err != nil {
		return nil, nil, err
	}
	ctr := s.ctrRun("ctr run -d", image)
	secure := s.ctrRun("ctr run -d --seccomp", image, "--seccomp")
	runc, err := runcRun(p, s.data, spec)
	if err != nil {
		return nil, nil, err
	}
	networked, err := s.ctrRunCNI(image)
	if err != nil {
		return nil, nil, err
	}
	kinds, peers = []*kind{plain, published, ctr, secure, networked, runc}, []*kind{ctr, runc}
	if p.docker != nil {
		if err := p.docker.load(ctx, p.rootfs); err != nil {
			return nil, nil, err
		}
		run := p.docker.run("docker run -d", family)
		kinds, peers = append(kinds, run), append(peers, run)
	}
	return kinds, peers, nil
}

// task starts tasks as a client does, which asks every two milliseconds whether they run.
func (s *slipway) task(ctx context.Context, name, image string, ports ...types.PortMapping) (*kind, error) {
	registered, err := s.ecs.RegisterTaskDefinition(ctx, &ecs.RegisterTaskDefinitionInput{
		Family: aws.String(family),
		ContainerDefinitions: []types.ContainerDefinition{{
			Name: aws.String(family), Image: aws.String(s.host() + "/" + image),
			Memory: aws.Int32(16), PortMappings: ports,
		}},
	})
	if err != nil {
		return nil, err
	}
	k, task := &kind{name: name}, ""
	k.start = func(ctx context.Context, _ string) (err error) {
		task, err = s.run(ctx, *registered.TaskDefinition.TaskDefinitionArn)
		return err
	}
	k.end = func(string) error { return s.stopTask(task) }
	return k, nil
}

// run returns when the task runs.
func (s *slipway) run(ctx context.Context, definition string) (task string, err error) {
	started, err := s.ecs.RunTask(ctx, &ecs.RunTaskInput{TaskDefinition: &definition})
	if err != nil {
		return "", err
	}
	if len(started.Tasks) != 1 {
		return "", fmt.Errorf("RunTask started no task: %s", aws.ToString(started.Failures[0].Reason))
	}
	task = *started.Tasks[0].TaskArn
	return task, s.reach(ctx, task, "RUNNING")
}

// reach waits until a task is in a state.
func (s *slipway) reach(ctx context.Context, task, status string) error {
	for {
		t, err := s.describe(ctx, task)
		switch {
		case err != nil:
			return err
		case *t.LastStatus == status:
			return nil
		case *t.LastStatus == "STOPPED":
			return fmt.Errorf("the task stopped: %s", aws.ToString(t.StoppedReason))
		}
		if err := loop.Pause(ctx, 2*time.Millisecond); err != nil {
			return err
		}
	}
}

func (s *slipway) describe(ctx context.Context, task string) (types.Task, error) {
	described, err := s.ecs.DescribeTasks(ctx, &ecs.DescribeTasksInput{Tasks: []string{task}})
	if err != nil {
		return types.Task{}, err
	}
	if len(described.Tasks) != 1 {
		return types.Task{}, fmt.Errorf("task %s is not there", task)
	}
	return described.Tasks[0], nil
}

// stopTask waits for the task's end; what is left to be cleared away then, settle is there for.
func (s *slipway) stopTask(task string) error {
	if task == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, err := s.ecs.StopTask(ctx, &ecs.StopTaskInput{Task: &task}); err != nil {
		return err
	}
	return s.reach(ctx, task, "STOPPED")
}

// ctr runs containerd's own client against Slipway's containerd and namespace.
func (s *slipway) ctr(ctx context.Context, args ...string) *exec.Cmd {
	return s.ctrIn(ctx, "slipway", args...)
}

func (s *slipway) ctrIn(ctx context.Context, namespace string, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "ctr", append([]string{"--address", s.socket, "--namespace", namespace}, args...)...)
}

// imageName is what containerd calls the image, once a task has had it pulled.
func (s *slipway) imageName(ctx context.Context) (string, error) {
	names, err := s.ctr(ctx, "images", "list", "-q").Output()
	if err != nil {
		return "", err
	}
	name, _, _ := strings.Cut(string(names), "\n")
	if name == "" {
		return "", errors.New("containerd has no image")
	}
	return name, nil
}

// ctrRun starts containers as people do by hand: detached, their output thrown away.
func (s *slipway) ctrRun(name, image string, flags ...string) *kind {
	return &kind{
		name: name,
		start: func(ctx context.Context, id string) error {
			return do(s.ctr(ctx, s.ctrArgs(image, id, flags...)...))
		},
		end: s.ctrRemove,
	}
}

func (s *slipway) ctrArgs(image, id string, flags ...string) []string {
	args := append([]string{"run", "--detach", "--null-io", "--cgroup", "/slipway-" + id}, flags...)
	return append(args, image, id)
}

func (s *slipway) ctrRemove(id string) error {
	ctx := context.Background()
	return errors.Join(do(s.ctr(ctx, "tasks", "delete", "--force", id)), do(s.ctr(ctx, "containers", "delete", id)))
}
