package ecs

import (
	"strings"

	"slipway/cluster"
	"slipway/cluster/capacity"
	"slipway/cluster/placement"
	"slipway/cluster/taskdef"
)

func (d *door) wireService(from cluster.Service, tags bool) Service {
	w := Service{
		ServiceArn: new(cluster.ServiceARN(d.region, from.Account, from.Cluster, from.Name)), ServiceName: &from.Name,
		ClusterArn: new(cluster.ClusterARN(d.region, from.Account, from.Cluster)), Status: &from.Status,
		TaskDefinition: new(d.definitionARN(from.Account, from.Definition)), CreatedAt: &from.Created, CreatedBy: filled(from.CreatedBy), RoleArn: filled(from.Role),
		DesiredCount: new(int32(from.Desired)), RunningCount: new(int32(from.Running)), PendingCount: new(int32(from.Pending)),
		SchedulingStrategy: new(SchedulingStrategy(from.Strategy)), ResourceManagementType: new(ResourceManagementTypeCustomer),
		DeploymentController: &DeploymentController{Type: DeploymentControllerTypeEcs}, DeploymentConfiguration: wireConfiguration(from.ServiceSpec),
		LaunchType: filled(LaunchType(from.Launch)), CapacityProviderStrategy: each(from.Providers, wireShare),
		LoadBalancers: listed(each(from.Balancers, wireBalancer)), NetworkConfiguration: wireVPC(from.VPC), ServiceRegistries: []ServiceRegistry{},
		PlacementConstraints: listed(each(from.Constraints, wireConstraint)), PlacementStrategy: listed(each(from.Strategies, wireStrategy)),
		PropagateTags: new(PropagateTags(from.PropagateTags)), EnableECSManagedTags: &from.ManagedTags, EnableExecuteCommand: &from.Exec,
		AvailabilityZoneRebalancing: new(wireRebalancing(from.Rebalancing)),
		Deployments:                 listed(each(from.Deployments, d.wireDeployment)), Events: listed(each(from.Events, wireEvent)),
	}
	if from.GracePeriod > 0 || len(from.Balancers) > 0 {
		w.HealthCheckGracePeriodSeconds = new(int32(from.GracePeriod))
	}
	if from.Rollout != "" {
		w.CurrentServiceDeployment = new(cluster.ServiceDeploymentARN(d.region, from.Account, from.Cluster, from.Name, from.Rollout))
	}
	for _, deployment := range from.Deployments {
		w.CurrentServiceRevisions = append(w.CurrentServiceRevisions, d.wireCurrent(from, deployment))
	}
	if tags {
		w.Tags = writeTags(from.Tags)
	}
	return w
}

// wireCurrent counts the tasks of what a deployment brings out, which has its number.
func (d *door) wireCurrent(of cluster.Service, from cluster.Deployment) ServiceCurrentRevisionSummary {
	_, number, _ := strings.Cut(from.ID, "/")
	return ServiceCurrentRevisionSummary{
		Arn:                new(cluster.ServiceRevisionARN(d.region, of.Account, of.Cluster, of.Name, number)),
		RequestedTaskCount: new(int32(from.Desired)), RunningTaskCount: new(int32(from.Running)), PendingTaskCount: new(int32(from.Pending)),
	}
}

func (d *door) definitionARN(account string, ref taskdef.Ref) string {
	return cluster.DefinitionARN(d.region, account, ref.Family, ref.Revision)
}

func wireConfiguration(from cluster.ServiceSpec) *DeploymentConfiguration {
	return &DeploymentConfiguration{
		MinimumHealthyPercent: new(int32(from.MinPercent)), MaximumPercent: new(int32(from.MaxPercent)), Strategy: new(DeploymentStrategyRolling),
		DeploymentCircuitBreaker: &DeploymentCircuitBreaker{Enable: from.Breaker.Enable, Rollback: from.Breaker.Rollback},
		Alarms:                   &DeploymentAlarms{AlarmNames: listed(from.Alarms.Names), Enable: from.Alarms.Enable, Rollback: from.Alarms.Rollback},
		BakeTimeInMinutes:        new(int32(0)),
	}
}

func (d *door) wireDeployment(from cluster.Deployment) Deployment {
	return Deployment{
		Id: &from.ID, Status: &from.Status, TaskDefinition: new(d.definitionARN(from.Account, from.Revision.Definition)),
		DesiredCount: new(int32(from.Desired)), PendingCount: new(int32(from.Pending)), RunningCount: new(int32(from.Running)), FailedTasks: new(int32(from.Failed)),
		CreatedAt: &from.Created, UpdatedAt: moment(from.Updated), RolloutState: filled(DeploymentRolloutState(from.State)), RolloutStateReason: filled(from.Reason),
		LaunchType: filled(LaunchType(from.Revision.Launch)), CapacityProviderStrategy: each(from.Revision.Providers, wireShare), NetworkConfiguration: wireVPC(from.Revision.VPC),
	}
}

func wireEvent(from cluster.ServiceEvent) ServiceEvent {
	return ServiceEvent{Id: &from.ID, CreatedAt: &from.Created, Message: &from.Text}
}

func wireShare(from capacity.Share) CapacityProviderStrategyItem {
	return CapacityProviderStrategyItem{CapacityProvider: from.Provider, Weight: new(int32(from.Weight)), Base: new(int32(from.Base))}
}

func wireBalancer(from cluster.LoadBalancer) LoadBalancer {
	return LoadBalancer{TargetGroupArn: filled(from.TargetGroup), ContainerName: filled(from.Container), ContainerPort: new(int32(from.Port))}
}

func wireVPC(from *taskdef.VPC) *NetworkConfiguration {
	if from == nil {
		return nil
	}
	public := AssignPublicIpDisabled
	if from.PublicAddress {
		public = AssignPublicIpEnabled
	}
	return &NetworkConfiguration{AwsvpcConfiguration: &AwsVpcConfiguration{Subnets: listed(from.Subnets), SecurityGroups: listed(from.SecurityGroups), AssignPublicIp: &public}}
}

func wireConstraint(from placement.Constraint) PlacementConstraint {
	return PlacementConstraint{Type: new(PlacementConstraintType(from.Type)), Expression: filled(from.Expression)}
}

func wireStrategy(from placement.Strategy) PlacementStrategy {
	return PlacementStrategy{Type: new(PlacementStrategyType(from.Type)), Field: filled(from.Field)}
}

func wireRebalancing(on bool) AvailabilityZoneRebalancing {
	if on {
		return AvailabilityZoneRebalancingEnabled
	}
	return AvailabilityZoneRebalancingDisabled
}
