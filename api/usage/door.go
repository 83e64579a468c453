// Package usage is the door by which one learns what the containers of tasks and the machines under them use, and why
// tasks are where they are; and by which machines are told to fetch images ahead. It is Slipway's own: at AWS only a container itself, or CloudWatch, is told of the first, and
// nobody of the second.
package usage

import (
	"context"
	"time"

	"slipway/api/awswire"
	"slipway/cluster"
)

// API is the service. Its calls are signed for "slipway".
var API = &awswire.API{
	Name: "slipway", ServiceID: "Slipway", Version: "2026-11-21", Protocols: []awswire.Protocol{awswire.JSON11}, Target: "Slipway_20261121",
	Invalid: "InvalidParameterException", ServerFault: "ServerException", Operations: []string{"DeletePrefetch", "DescribeMachineUsage", "DescribePlacement", "DescribePrefetches", "DescribePulls", "DescribeTaskUsage", "PrefetchImage"},
}

// DescribeTaskUsage admits sessions that tell what the containers of tasks use, one for each node that they
// are on. Each message of a session is a JSON document: {"containers": [{"task": ..., "cpu": ...}]}.
var DescribeTaskUsage = awswire.NewOp[DescribeTaskUsageInput, DescribeTaskUsageOutput](API, "DescribeTaskUsage", "POST", "/", 200)

// DescribeTaskUsageInput asks for tasks of one cluster.
type DescribeTaskUsageInput struct {
	Cluster *string  `aws:"cluster"` // name; none: default
	Period  *int32   `aws:"period"`  // seconds between two messages; none: 2
	Tasks   []string `aws:"tasks"`   // ids
}

// DescribeTaskUsageOutput names the sessions. Tasks that do not run are in none.
type DescribeTaskUsageOutput struct {
	Sessions []Session `aws:"sessions"`
}

// Session is a data channel as that of ecs:ExecuteCommand.
type Session struct {
	SessionId  *string `aws:"sessionId"`
	StreamUrl  *string `aws:"streamUrl"`
	TokenValue *string `aws:"tokenValue"`
}

// What can go wrong, in the words of ECS.
var (
	clusterNotFound  = awswire.FaultType{Shape: "ClusterNotFoundException", Status: 400}
	invalidParameter = awswire.FaultType{Shape: "InvalidParameterException", Status: 400}
	notFound         = awswire.FaultType{Shape: "ResourceNotFoundException", Status: 400}
	notConnected     = awswire.FaultType{Shape: "TargetNotConnectedException", Status: 400}
)

var faults = awswire.Faults{
	{Cause: cluster.ErrNoCluster, Fault: clusterNotFound, Text: "Cluster not found."},
	{Cause: cluster.ErrNoTask, Fault: invalidParameter, Text: "The referenced task was not found."},
	{Cause: cluster.ErrNoRefusal, Fault: notFound, Text: "Of this task, service or group nothing is remembered: all of its tasks that were asked for found machines, or none were asked for."},
	{Cause: cluster.ErrInvalid, Fault: invalidParameter},
	{Cause: cluster.ErrNotConnected, Fault: notConnected, Text: "The container instance of a task is not connected. Wait and try again."},
}

type door struct {
	control *cluster.Control
	region  string
}

// New returns the door of a control plane in region.
func New(c *cluster.Control, region string) *awswire.Service {
	d := &door{c, region}
	return awswire.NewService(API, faults,
		DescribeTaskUsage.Handle(d.describe, d.onDescribe),
		DescribeMachineUsage.Handle(d.machines, d.onMachines),
		DescribePlacement.Handle(d.placement, d.onPlacement),
		DescribePulls.Handle(d.pulls, d.onPulls),
		PrefetchImage.Handle(d.prefetch, d.onPrefetch),
		DescribePrefetches.Handle(d.prefetches, d.onPrefetches),
		DeletePrefetch.Handle(d.deletePrefetch, d.onDeletePrefetch),
	)
}

func (d *door) describe(ctx context.Context, in *DescribeTaskUsageInput) (*DescribeTaskUsageOutput, error) {
	period := time.Duration(awswire.Or(in.Period, 2)) * time.Second
	all, err := d.control.Usage(ctx, awswire.CallerOf(ctx).Account, clusterOf(in), in.Tasks, period)
	if err != nil {
		return nil, err
	}
	out := &DescribeTaskUsageOutput{Sessions: []Session{}}
	for _, a := range all {
		out.Sessions = append(out.Sessions, Session{new(a.SessionID()), new(a.URL()), &a.Token})
	}
	return out, nil
}

func clusterOf(in *DescribeTaskUsageInput) string {
	return awswire.Or(in.Cluster, cluster.DefaultCluster)
}

// onDescribe asks for what ecs:DescribeTasks asks for: what tasks use is no more secret than what they are.
func (d *door) onDescribe(ctx context.Context, in *DescribeTaskUsageInput) []awswire.Ask {
	var asks []awswire.Ask
	for _, id := range in.Tasks {
		asks = append(asks, d.ask(ctx, "ecs:DescribeTasks", clusterOf(in), "task", id))
	}
	return asks
}
