// Package rebalance is the door by which the tasks of services are spread anew over the machines that there are
// now. It is Slipway's own: AWS balances services by itself, among zones, and has no call for it.
package rebalance

import (
	"context"

	"slipway/api/awswire"
	"slipway/cluster"
)

// API is the service. Its calls are signed for "slipway".
var API = &awswire.API{
	Name: "slipway", ServiceID: "Slipway Rebalance", Version: "2026-11-21", Protocols: []awswire.Protocol{awswire.JSON11}, Target: "SlipwayRebalance_20261121",
	Invalid: "InvalidParameterException", ServerFault: "ServerException", Operations: []string{"RebalanceServices"},
}

// RebalanceServices moves tasks to where the placement strategies of their services would have them now, a few at a
// time, so that the services stay within their healthy percentages; a dry run only tells which.
var RebalanceServices = awswire.NewOp[RebalanceServicesInput, RebalanceServicesOutput](API, "RebalanceServices", "POST", "/", 200)

// RebalanceServicesInput asks for services of one cluster.
type RebalanceServicesInput struct {
	Cluster *string `aws:"cluster"` // name; none: default
	Service *string `aws:"service"` // name; none: every service of the cluster
	DryRun  *bool   `aws:"dryRun"`
}

// RebalanceServicesOutput tells the moves that have begun, or would.
type RebalanceServicesOutput struct {
	Moves []Move `aws:"moves"`
}

// Move is a task that goes from one machine to another: one starts there, and when it is well this one stops.
type Move struct {
	ServiceArn *string `aws:"serviceArn"`
	TaskArn    *string `aws:"taskArn"`
	From       *string `aws:"fromContainerInstanceArn"`
	To         *string `aws:"toContainerInstanceArn"`
}

// What can go wrong, in the words of ECS.
var (
	clusterNotFound  = awswire.FaultType{Shape: "ClusterNotFoundException", Status: 400}
	serviceNotFound  = awswire.FaultType{Shape: "ServiceNotFoundException", Status: 400}
	serviceNotActive = awswire.FaultType{Shape: "ServiceNotActiveException", Status: 400}
	invalidParameter = awswire.FaultType{Shape: "InvalidParameterException", Status: 400}
)

var faults = awswire.Faults{
	{Cause: cluster.ErrNoCluster, Fault: clusterNotFound, Text: "Cluster not found."},
	{Cause: cluster.ErrNoService, Fault: serviceNotFound, Text: "Service not found."},
	{Cause: cluster.ErrServiceInactive, Fault: serviceNotActive, Text: "Service was not ACTIVE."},
	{Cause: cluster.ErrInvalid, Fault: invalidParameter},
}

type door struct {
	control *cluster.Control
	region  string
}

// New returns the door of a control plane in region.
func New(c *cluster.Control, region string) *awswire.Service {
	d := &door{c, region}
	return awswire.NewService(API, faults, RebalanceServices.Handle(d.rebalance, d.onRebalance))
}

func (d *door) rebalance(ctx context.Context, in *RebalanceServicesInput) (*RebalanceServicesOutput, error) {
	account, place := awswire.CallerOf(ctx).Account, clusterOf(in)
	moves, err := d.control.Rebalance(ctx, account, place, awswire.Or(in.Service, ""), awswire.Or(in.DryRun, false))
	if err != nil {
		return nil, err
	}
	out := &RebalanceServicesOutput{Moves: []Move{}}
	for _, m := range moves {
		out.Moves = append(out.Moves, Move{
			ServiceArn: new(cluster.ServiceARN(d.region, account, place, m.Service)), TaskArn: new(cluster.TaskARN(d.region, account, place, m.Task)),
			From: new(cluster.InstanceARN(d.region, account, place, m.From)), To: new(cluster.InstanceARN(d.region, account, place, m.To)),
		})
	}
	return out, nil
}

func clusterOf(in *RebalanceServicesInput) string {
	return awswire.Or(in.Cluster, cluster.DefaultCluster)
}

// onRebalance asks for what moves a task by itself: ecs:UpdateService, or for a dry run ecs:DescribeServices.
func (d *door) onRebalance(ctx context.Context, in *RebalanceServicesInput) []awswire.Ask {
	account := awswire.CallerOf(ctx).Account
	service := cluster.ServiceARN(d.region, account, clusterOf(in), awswire.Or(in.Service, "*"))
	action := "ecs:UpdateService"
	if awswire.Or(in.DryRun, false) {
		action = "ecs:DescribeServices"
	}
	return []awswire.Ask{{
		Action: action, Resource: service, Keys: map[string][]string{"ecs:cluster": {cluster.ClusterARN(d.region, account, clusterOf(in))}},
		Tags: func(ctx context.Context) (map[string]string, error) {
			return d.control.TagValues(ctx, account, service)
		},
	}}
}
