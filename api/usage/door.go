// Package usage is the door by which one learns what the containers of tasks use, as it changes. It is
// Slipway's own: at AWS only a container itself, or CloudWatch, is told.
package usage

import (
	"context"
	"time"

	"slipway/api/awswire"
	"slipway/cluster"
	"slipway/internal/arn"
)

// API is the service. Its calls are signed for "slipway".
var API = &awswire.API{
	Name: "slipway", ServiceID: "Slipway", Version: "2026-11-21", Protocols: []awswire.Protocol{awswire.JSON11}, Target: "Slipway_20261121",
	Invalid: "InvalidParameterException", ServerFault: "ServerException", Operations: []string{"DescribeTaskUsage"},
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
	notConnected     = awswire.FaultType{Shape: "TargetNotConnectedException", Status: 400}
)

var faults = awswire.Faults{
	{Cause: cluster.ErrNoCluster, Fault: clusterNotFound, Text: "Cluster not found."},
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
	return awswire.NewService(API, faults, DescribeTaskUsage.Handle(d.describe, d.onDescribe))
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
	account := awswire.CallerOf(ctx).Account
	place := cluster.ClusterARN(d.region, account, clusterOf(in))
	var asks []awswire.Ask
	for _, id := range in.Tasks {
		task := arn.ARN{Service: "ecs", Region: d.region, Account: account, Resource: "task/" + clusterOf(in) + "/" + id}.String()
		asks = append(asks, awswire.Ask{
			Action: "ecs:DescribeTasks", Resource: task, Keys: map[string][]string{"ecs:cluster": {place}}, Tags: func(ctx context.Context) (map[string]string, error) { return d.control.TagValues(ctx, account, task) },
		})
	}
	return asks
}
