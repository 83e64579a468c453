package ecs

import (
	"strconv"

	"slipway/api/awswire"
	"slipway/cluster"
	"slipway/cluster/capacity"
	"slipway/cluster/placement"
)

// What of a service is honoured. What is on no list here is refused by its name: service discovery and Service
// Connect, volumes and VPC Lattice, deployments of other kinds than rolling ones, task sets.
var (
	honouredInService = []string{
		"cluster", "taskDefinition", "desiredCount", "availabilityZoneRebalancing", "capacityProviderStrategy",
		"deploymentConfiguration.maximumPercent", "deploymentConfiguration.minimumHealthyPercent", "deploymentConfiguration.strategy",
		"deploymentConfiguration.deploymentCircuitBreaker", "deploymentConfiguration.alarms.alarmNames", "deploymentConfiguration.alarms.rollback",
		"deploymentController", "enableECSManagedTags", "enableExecuteCommand", "healthCheckGracePeriodSeconds", "propagateTags",
		"loadBalancers[].targetGroupArn", "loadBalancers[].containerName", "loadBalancers[].containerPort",
		"networkConfiguration.awsvpcConfiguration", "placementConstraints", "placementStrategy",
	}
	honouredInCreateService = append([]string{"serviceName", "clientToken", "launchType", "role", "schedulingStrategy", "tags"}, honouredInService...)
	honouredInUpdateService = append([]string{"service", "forceNewDeployment"}, honouredInService...)
)

// readNewService reads what CreateService is asked for.
func (d *door) readNewService(c ctx, in *CreateServiceInput) (n cluster.NewService, err error) {
	if err := refuseInService(in.DeploymentConfiguration, in.DeploymentController); err != nil {
		return n, err
	}
	n = cluster.NewService{
		Name: in.ServiceName, Strategy: string(awswire.Or(in.SchedulingStrategy, SchedulingStrategyReplica)), CreatedBy: awswire.CallerOf(c).ARN,
		Token: awswire.Or(in.ClientToken, ""), Tags: readTags(in.Tags),
	}
	if n.Cluster, err = d.cluster(c, in.Cluster); err != nil {
		return n, err
	}
	if n.Role, err = d.roleARN(c, "role", in.Role); err != nil {
		return n, err
	}
	n.ServiceSpec, err = d.readServiceSpec(c, in, n.Strategy)
	return n, err
}

func (d *door) readServiceSpec(c ctx, in *CreateServiceInput, strategy string) (s cluster.ServiceSpec, err error) {
	if s.Definition, err = d.definition(c, awswire.Or(in.TaskDefinition, "")); err != nil {
		return s, err
	}
	if s.Launch, err = readLaunch(in.LaunchType, in.CapacityProviderStrategy); err != nil {
		return s, err
	}
	if s.Desired, err = readDesired(in.DesiredCount, strategy == cluster.Daemon); err != nil {
		return s, err
	}
	s.MinPercent, s.MaxPercent = cluster.DefaultPercents(strategy)
	if configured := in.DeploymentConfiguration; configured != nil {
		s.MinPercent = int(awswire.Or(configured.MinimumHealthyPercent, int32(s.MinPercent)))
		s.MaxPercent = int(awswire.Or(configured.MaximumPercent, int32(s.MaxPercent)))
		s.Breaker, s.Alarms = awswire.Or(readBreaker(configured), cluster.Breaker{}), awswire.Or(readAlarms(configured), cluster.Alarms{})
	}
	s.Providers, s.Balancers, s.VPC = each(in.CapacityProviderStrategy, readShare), each(in.LoadBalancers, readBalancer), readVPC(in.NetworkConfiguration)
	s.Constraints, s.Strategies = each(in.PlacementConstraints, readConstraint), each(in.PlacementStrategy, readStrategy)
	s.GracePeriod = int(awswire.Or(in.HealthCheckGracePeriodSeconds, 0))
	s.PropagateTags, s.ManagedTags = string(awswire.Or(in.PropagateTags, PropagateTagsNone)), awswire.Or(in.EnableECSManagedTags, false)
	s.Exec, s.Rebalancing = awswire.Or(in.EnableExecuteCommand, false), rebalances(in.AvailabilityZoneRebalancing)
	return s, nil
}

// readServiceUpdate reads what UpdateService changes: what is not said stays as it is.
func (d *door) readServiceUpdate(c ctx, in *UpdateServiceInput) (u cluster.ServiceUpdate, err error) {
	if err := refuseInService(in.DeploymentConfiguration, in.DeploymentController); err != nil {
		return u, err
	}
	if in.TaskDefinition != nil {
		ref, err := d.definition(c, *in.TaskDefinition)
		if err != nil {
			return u, err
		}
		u.Definition = &ref
	}
	if configured := in.DeploymentConfiguration; configured != nil {
		u.MinPercent, u.MaxPercent = number(configured.MinimumHealthyPercent), number(configured.MaximumPercent)
		u.Breaker, u.Alarms = readBreaker(configured), readAlarms(configured)
	}
	u.Desired, u.GracePeriod, u.VPC = number(in.DesiredCount), number(in.HealthCheckGracePeriodSeconds), readVPC(in.NetworkConfiguration)
	u.Constraints, u.Strategies = whole(in.PlacementConstraints, readConstraint), whole(in.PlacementStrategy, readStrategy)
	u.Providers, u.Balancers = whole(in.CapacityProviderStrategy, readShare), whole(in.LoadBalancers, readBalancer)
	u.ManagedTags, u.Exec, u.Force = in.EnableECSManagedTags, in.EnableExecuteCommand, awswire.Or(in.ForceNewDeployment, false)
	if in.PropagateTags != nil {
		u.PropagateTags = new(string(*in.PropagateTags))
	}
	if in.AvailabilityZoneRebalancing != nil {
		u.Rebalancing = new(rebalances(in.AvailabilityZoneRebalancing))
	}
	return u, nil
}

// refuseInService refuses values that are not honoured, of members that are.
func refuseInService(configured *DeploymentConfiguration, controller *DeploymentController) error {
	if controller != nil && controller.Type != DeploymentControllerTypeEcs {
		return unsupported(InvalidParameterException, "deploymentController.type", strconv.Quote(string(controller.Type)), "; use ECS, or leave it out")
	}
	if configured == nil {
		return nil
	}
	if s := awswire.Or(configured.Strategy, DeploymentStrategyRolling); s != DeploymentStrategyRolling {
		return unsupported(InvalidParameterException, "deploymentConfiguration.strategy", strconv.Quote(string(s)), "; use ROLLING, or leave it out")
	}
	return nil
}

func readLaunch(given *LaunchType, providers []CapacityProviderStrategyItem) (string, error) {
	switch {
	case given == nil:
		return "", nil // what the cluster says, or EC2
	case len(providers) > 0:
		return "", InvalidParameterException.New("Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again.")
	}
	launch := *given
	if launch != LaunchTypeEc2 && launch != LaunchTypeExternal {
		return "", unsupported(InvalidParameterException, "launchType", strconv.Quote(string(launch)), "; use EC2 or EXTERNAL, or leave it out")
	}
	return string(launch), nil
}

func readDesired(given *int32, daemon bool) (int, error) {
	switch {
	case daemon && given != nil:
		return 0, InvalidParameterException.New("The daemon scheduling strategy does not support a desired count for services. Remove the desired count value and try again.")
	case !daemon && given == nil:
		return 0, InvalidParameterException.New("desiredCount: it must be given for a service with the REPLICA scheduling strategy.")
	}
	return int(awswire.Or(given, 0)), nil
}

func readBreaker(from *DeploymentConfiguration) *cluster.Breaker {
	if from.DeploymentCircuitBreaker == nil {
		return nil
	}
	return &cluster.Breaker{Enable: from.DeploymentCircuitBreaker.Enable, Rollback: from.DeploymentCircuitBreaker.Rollback}
}

func readAlarms(from *DeploymentConfiguration) *cluster.Alarms {
	if from.Alarms == nil {
		return nil
	}
	return &cluster.Alarms{Names: from.Alarms.AlarmNames, Enable: from.Alarms.Enable, Rollback: from.Alarms.Rollback}
}

func readShare(from CapacityProviderStrategyItem) capacity.Share {
	return capacity.Share{Provider: from.CapacityProvider, Weight: int(awswire.Or(from.Weight, 0)), Base: int(awswire.Or(from.Base, 0))}
}

func readBalancer(from LoadBalancer) cluster.LoadBalancer {
	return cluster.LoadBalancer{TargetGroup: or(from.TargetGroupArn), Container: or(from.ContainerName), Port: int(awswire.Or(from.ContainerPort, 0))}
}

func readConstraint(from PlacementConstraint) placement.Constraint {
	return placement.Constraint{Type: string(awswire.Or(from.Type, "")), Expression: or(from.Expression)}
}

func readStrategy(from PlacementStrategy) placement.Strategy {
	return placement.Strategy{Type: string(awswire.Or(from.Type, "")), Field: or(from.Field)}
}

func rebalances(given *AvailabilityZoneRebalancing) bool {
	return awswire.Or(given, AvailabilityZoneRebalancingDisabled) == AvailabilityZoneRebalancingEnabled
}

// whole reads a list that takes the place of another, even if nothing is on it; one that is not there changes nothing.
func whole[F, T any](list []F, read func(F) T) *[]T {
	if list == nil {
		return nil
	}
	return new(each(list, read))
}
