package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"slipway/internal/loop"
)

// floods measures how fast what a container prints gets where it is kept: lines of 100 bytes, and
// then one that says "end". The start of the container is in the time.
func floods(ctx context.Context, out io.Writer, p programs, s *slipway, mb, rounds int) error {
	ours, err := s.flood(ctx, mb)
	if err != nil {
		return err
	}
	image, err := s.imageName(ctx)
	if err != nil {
		return err
	}
	kinds := []*kind{ours, s.ctrFlood(image, mb)}
	if p.docker != nil {
		kinds = append(kinds, p.docker.flood(mb))
	}
	if err := interleave(ctx, rounds, kinds); err != nil {
		return err
	}
	var rates []*rate
	for _, k := range kinds {
		r := &rate{name: k.name}
		for _, took := range k.took {
			r.seen = append(r.seen, float64(mb)/took.Seconds())
		}
		rates = append(rates, r)
	}
	printRates(out, fmt.Sprintf("A container that prints %d MB, in MB", mb), rates, rates[1:]...)
	return nil
}

const group = "bench" // of logs

// flood lasts until the last line can be read from the log.
func (s *slipway) flood(ctx context.Context, mb int) (*kind, error) {
	registered, err := s.ecs.RegisterTaskDefinition(ctx, &ecs.RegisterTaskDefinitionInput{
		Family: aws.String("flood"),
		ContainerDefinitions: []types.ContainerDefinition{{
			Name: aws.String(family), Image: aws.String(s.host() + "/" + family), Memory: aws.Int32(64), Command: []string{strconv.Itoa(mb)},
			LogConfiguration: &types.LogConfiguration{LogDriver: types.LogDriverAwslogs, Options: map[string]string{
				"awslogs-group": group, "awslogs-region": s.Region, "awslogs-stream-prefix": "bench", "awslogs-create-group": "true",
			}},
		}},
	})
	if err != nil {
		return nil, err
	}
	k, task := &kind{name: "RunTask, awslogs, to GetLogEvents"}, ""
	k.start = func(ctx context.Context, _ string) error {
		started, err := s.ecs.RunTask(ctx, &ecs.RunTaskInput{TaskDefinition: registered.TaskDefinition.TaskDefinitionArn})
		if err != nil {
			return err
		}
		if len(started.Tasks) != 1 {
			return fmt.Errorf("RunTask started no task: %s", aws.ToString(started.Failures[0].Reason))
		}
		task = *started.Tasks[0].TaskArn
		return s.readEnd(ctx, "bench/"+family+"/"+filepath.Base(task))
	}
	k.end = func(string) error { return s.stopTask(task) }
	return k, nil
}

// readEnd waits until the last line of a stream of logs is the end.
func (s *slipway) readEnd(ctx context.Context, stream string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for {
		out, err := s.logs.GetLogEvents(ctx, &cloudwatchlogs.GetLogEventsInput{
			LogGroupName: aws.String(group), LogStreamName: &stream, Limit: aws.Int32(1), StartFromHead: aws.Bool(false),
		})
		if err == nil && len(out.Events) == 1 && *out.Events[0].Message == "end" {
			return nil
		}
		if paused := loop.Pause(ctx, 10*time.Millisecond); paused != nil {
			return fmt.Errorf("the end of %s is not in the log: %w", stream, errors.Join(paused, err))
		}
	}
}

// ctrFlood has containerd's shim write a file.
func (s *slipway) ctrFlood(image string, mb int) *kind {
	return &kind{
		name: "ctr, to a file",
		start: func(ctx context.Context, id string) error {
			return do(s.ctr(ctx, "run", "--cgroup", "/slipway-"+id, "--log-uri", "file://"+filepath.Join(s.data, id+".log"), image, id, waiter, strconv.Itoa(mb)))
		},
		end: func(id string) error { return do(s.ctr(context.Background(), "containers", "delete", id)) },
	}
}

// flood has dockerd write a file of JSON.
func (d *docker) flood(mb int) *kind {
	k := d.run("docker, a file", family)
	k.start = func(ctx context.Context, id string) error {
		if err := do(d.command(ctx, d.runArgs(family, id, strconv.Itoa(mb))...)); err != nil {
			return err
		}
		return do(d.command(ctx, "wait", id))
	}
	return k
}
