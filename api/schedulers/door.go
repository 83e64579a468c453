package schedulers

import (
	"context"
	"strings"
	"time"

	"slipway/api/awswire"
	"slipway/cluster"
	"slipway/cluster/placement"
	"slipway/cluster/taskdef"
	"slipway/internal/arn"
	"slipway/schedulers/wire"
)

type door struct {
	control *cluster.Control
	region  string
}

// New returns the door of a control plane in region.
func New(c *cluster.Control, region string) *awswire.Service {
	d := &door{c, region}
	return awswire.NewService(API, faults,
		PutScheduler.Handle(d.put, func(ctx context.Context, in *PutSchedulerInput) []awswire.Ask { return d.on(ctx, in.Cluster, in.Name) }),
		DeleteScheduler.Handle(d.delete, d.onOne),
		ListSchedulers.Handle(d.list, func(ctx context.Context, in *ListSchedulersInput) []awswire.Ask { return d.on(ctx, in.Cluster, "*") }),
		ConnectScheduler.Handle(d.connect, d.onOne),
		TestScheduler.Handle(d.test, func(ctx context.Context, in *TestSchedulerInput) []awswire.Ask {
			return append(d.on(ctx, in.Cluster, in.Name), awswire.Ask{Action: "ecs:DescribeTaskDefinition"})
		}),
	)
}

func clusterOf(name *string) string { return awswire.Or(name, cluster.DefaultCluster) }

// on asks for the operation's own action on a scheduler.
func (d *door) on(ctx context.Context, of *string, name string) []awswire.Ask {
	account := awswire.CallerOf(ctx).Account
	return []awswire.Ask{{
		Resource: cluster.SchedulerARN(d.region, account, clusterOf(of), name),
		Keys:     map[string][]string{"ecs:cluster": {cluster.ClusterARN(d.region, account, clusterOf(of))}},
	}}
}

func (d *door) onOne(ctx context.Context, in *SchedulerInput) []awswire.Ask {
	return d.on(ctx, in.Cluster, in.Name)
}

func (d *door) put(ctx context.Context, in *PutSchedulerInput) (*PutSchedulerOutput, error) {
	s := cluster.Scheduler{
		Account: awswire.CallerOf(ctx).Account, Cluster: strings.Clone(clusterOf(in.Cluster)), Name: strings.Clone(in.Name), Default: awswire.Or(in.Default, false),
		Deadline: time.Duration(awswire.Or(in.Deadline, int32(cluster.DefaultDeadline.Milliseconds()))) * time.Millisecond,
	}
	for _, f := range in.Fallback {
		s.Fallback = append(s.Fallback, placement.Strategy{Type: strings.Clone(awswire.Or(f.Type, "")), Field: strings.Clone(awswire.Or(f.Field, ""))})
	}
	made, err := d.control.PutScheduler(ctx, s)
	if err != nil {
		return nil, err
	}
	return &PutSchedulerOutput{new(d.shown(cluster.SchedulerState{Scheduler: made}))}, nil
}

func (d *door) delete(ctx context.Context, in *SchedulerInput) (*DeleteSchedulerOutput, error) {
	return nil, d.control.DeleteScheduler(ctx, awswire.CallerOf(ctx).Account, clusterOf(in.Cluster), in.Name)
}

func (d *door) list(ctx context.Context, in *ListSchedulersInput) (*ListSchedulersOutput, error) {
	all, err := d.control.Schedulers(ctx, awswire.CallerOf(ctx).Account, clusterOf(in.Cluster))
	out := &ListSchedulersOutput{Schedulers: []Scheduler{}}
	for _, s := range all {
		shown := d.shown(s)
		shown.Connected, shown.Asked, shown.Failed = &s.Connected, &s.Asked, &s.Failed
		if s.Failure != "" {
			shown.Failure = &s.Failure
		}
		if !s.Paused.IsZero() {
			shown.PausedUntil = &s.Paused
		}
		out.Schedulers = append(out.Schedulers, shown)
	}
	return out, err
}

// shown is a scheduler without how it does.
func (d *door) shown(s cluster.SchedulerState) Scheduler {
	fallback := []Strategy{}
	for _, f := range s.Fallback {
		one := Strategy{Type: new(f.Type)}
		if f.Field != "" {
			one.Field = new(f.Field)
		}
		fallback = append(fallback, one)
	}
	return Scheduler{
		Arn:     new(cluster.SchedulerARN(d.region, s.Account, s.Cluster, s.Name)),
		Cluster: new(s.Cluster), Name: new(s.Name), Deadline: new(int32(s.Deadline.Milliseconds())), Fallback: fallback, Default: new(s.Default), CreatedAt: new(s.Created),
	}
}

func (d *door) connect(ctx context.Context, in *SchedulerInput) (*ConnectSchedulerOutput, error) {
	line, err := d.control.ConnectScheduler(ctx, awswire.CallerOf(ctx).Account, strings.Clone(clusterOf(in.Cluster)), strings.Clone(in.Name))
	if err != nil {
		return nil, err
	}
	base := "http://" + line.Server
	return &ConnectSchedulerOutput{new(base + wire.StreamPath), new(base + wire.AnswerPath), &line.Token}, nil
}

func (d *door) test(ctx context.Context, in *TestSchedulerInput) (*TestSchedulerOutput, error) {
	name := in.TaskDefinition
	account := awswire.CallerOf(ctx).Account
	if a, err := arn.Parse(name); err == nil && a.Account == account {
		name = strings.TrimPrefix(a.Resource, "task-definition/")
	}
	ref, err := taskdef.ParseRef(name)
	if err != nil {
		return nil, err
	}
	t, err := d.control.TryScheduler(ctx, account, clusterOf(in.Cluster), in.Name, ref, int(awswire.Or(in.Count, 1)))
	if err != nil {
		return nil, err
	}
	out := &TestSchedulerOutput{Rank: t.Answer.Rank, Choose: t.Answer.Choose, Took: new(float64(t.Took.Microseconds()) / 1000)}
	if t.Answer.Pass {
		out.Pass = &t.Answer.Pass
	}
	if t.Failure != "" {
		out.Failure = &t.Failure
	}
	return out, nil
}
