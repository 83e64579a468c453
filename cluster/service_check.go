package cluster

import (
	"context"
	"fmt"
	"reflect"
	"slices"

	"slipway/cluster/capacity"
	"slipway/cluster/placement"
	"slipway/cluster/taskdef"
	"slipway/internal/errs"
)

// The limits of a service. Source: Amazon ECS API Reference, CreateService.
const (
	maxDesired      = 10_000
	maxPercent      = 10_000
	maxGracePeriod  = 1<<31 - 1
	maxConstraints  = 10
	maxStrategies   = 5
	maxBalancers    = 5
	maxServiceToken = 36
)

// DefaultPercents are the minimum and maximum healthy percent of a service of which nothing else was said.
// Source: Amazon ECS API Reference, DeploymentConfiguration.
func DefaultPercents(strategy string) (least, most int) {
	if strategy == Daemon {
		return 0, 100
	}
	return 100, 200
}

// fill fills in what was left out and refuses what no service can have.
func (n *NewService) fill() error {
	replaceEmpty(&n.Strategy, Replica)
	replaceEmpty(&n.PropagateTags, "NONE")
	switch {
	case !taskdef.IsName(n.Name):
		return errs.Say(ErrInvalid, "Invalid service name %q: up to 255 letters, digits, hyphens and underscores are allowed.", n.Name)
	case n.Strategy != Replica && n.Strategy != Daemon:
		return errs.Say(ErrInvalid, "schedulingStrategy: %q is neither REPLICA nor DAEMON.", n.Strategy)
	case len(n.Token) > maxServiceToken || !printable(n.Token):
		return errs.Say(ErrInvalid, "clientToken: %.100q is not of up to %d printable characters.", n.Token, maxServiceToken)
	case !printable(n.Role) || len(n.Role) > 2048:
		return errs.Say(ErrInvalid, "role: %.100q is not the name or the ARN of a role.", n.Role)
	}
	if n.Strategy == Daemon {
		n.Desired = 0
	}
	return checkTags(n.Tags)
}

// check finds what is wrong with what is wanted of a service, given its definition.
func (s ServiceSpec) check(strategy string, d Definition) error {
	if err := s.checkNumbers(strategy); err != nil {
		return err
	}
	switch {
	case len(s.Constraints) > maxConstraints:
		return errs.Say(ErrInvalid, "placementConstraints: %d are more than %d.", len(s.Constraints), maxConstraints)
	case len(s.Strategies) > maxStrategies:
		return errs.Say(ErrInvalid, "placementStrategy: %d are more than %d.", len(s.Strategies), maxStrategies)
	case strategy == Daemon && len(s.Strategies) > 0:
		return errs.Say(ErrInvalid, "Placement strategies are not supported for services using the DAEMON scheduling strategy.")
	case strategy == Daemon && len(s.Providers) > 0:
		return errs.Say(ErrInvalid, "Capacity provider strategies are not supported for services using the DAEMON scheduling strategy.")
	case s.Launch != "" && len(s.Providers) > 0:
		return errs.Say(ErrInvalid, "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again.")
	case !slices.Contains([]string{"", "NONE", TagsOfService, TagsOfDefinition}, s.PropagateTags):
		return errs.Say(ErrInvalid, "propagateTags: %q is none of TASK_DEFINITION, SERVICE and NONE.", s.PropagateTags)
	}
	if err := placement.Check(s.Constraints, s.Strategies); err != nil {
		return invalid(err)
	}
	if err := capacity.Check(s.Providers); err != nil {
		return invalid(err)
	}
	if err := s.checkBalancers(d); err != nil {
		return err
	}
	return invalid(d.Spec.CheckVPC(s.VPC))
}

func (s ServiceSpec) checkNumbers(strategy string) error {
	switch {
	case s.Desired < 0 || s.Desired > maxDesired:
		return errs.Say(ErrInvalid, "desiredCount: %d is not between 0 and %d.", s.Desired, maxDesired)
	case s.MinPercent < 0 || s.MinPercent > 100:
		return errs.Say(ErrInvalid, "minimumHealthyPercent: %d is not between 0 and 100.", s.MinPercent)
	case s.MaxPercent < 100 || s.MaxPercent > maxPercent:
		return errs.Say(ErrInvalid, "maximumPercent: %d is not between 100 and %d.", s.MaxPercent, maxPercent)
	case s.MinPercent == 100 && s.MaxPercent == 100:
		return errs.Say(ErrInvalid, "Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments.")
	case s.GracePeriod < 0 || s.GracePeriod > maxGracePeriod:
		return errs.Say(ErrInvalid, "healthCheckGracePeriodSeconds: %d is not between 0 and %d.", s.GracePeriod, maxGracePeriod)
	case s.GracePeriod > 0 && len(s.Balancers) == 0:
		return errs.Say(ErrInvalid, "Health check grace period is only valid for services configured to use load balancers")
	}
	return nil
}

// checkBalancers looks for the ports that target groups are to be given.
func (s ServiceSpec) checkBalancers(d Definition) error {
	if len(s.Balancers) > maxBalancers {
		return errs.Say(ErrInvalid, "loadBalancers: %d are more than %d.", len(s.Balancers), maxBalancers)
	}
	for _, b := range s.Balancers {
		i := d.Spec.Index(b.Container)
		switch {
		case b.TargetGroup == "":
			return errs.Say(ErrInvalid, "loadBalancers: a target group must be given.")
		case len(b.TargetGroup) > 1024 || !printable(b.TargetGroup):
			return errs.Say(ErrInvalid, "loadBalancers: %.100q is not the ARN of a target group.", b.TargetGroup)
		case i < 0:
			return errs.Say(ErrInvalid, "The container %s does not exist in the task definition.", b.Container)
		case !slices.ContainsFunc(d.Spec.Containers[i].Ports, func(p taskdef.Port) bool { return p.Container == b.Port }):
			return errs.Say(ErrInvalid, "The container %s did not have a container port %d defined.", b.Container, b.Port)
		}
	}
	return nil
}

// checkGroups looks for the target groups themselves: a task that none takes is never well.
func (c *Control) checkGroups(ctx context.Context, account string, balancers []LoadBalancer) error {
	if c.config.Balancer == nil {
		return nil
	}
	for _, b := range balancers {
		there, err := c.config.Balancer.Has(ctx, account, b.TargetGroup)
		if err != nil {
			return fmt.Errorf("target group %s: %w", b.TargetGroup, err)
		}
		if !there {
			return errs.Say(ErrInvalid, "The target group with targetGroupArn %s does not exist.", b.TargetGroup)
		}
	}
	return nil
}

// checkGroups looks for the target groups that are given. Those that a service has already are left: it must be
// possible to change what else it has when one of them is gone.
func (u ServiceUpdate) checkGroups(ctx context.Context, c *Control, account string, d Definition) error {
	if u.Balancers == nil {
		return nil
	}
	if err := (ServiceSpec{Revision: Revision{Balancers: *u.Balancers}}).checkBalancers(d); err != nil {
		return err
	}
	return c.checkGroups(ctx, account, *u.Balancers)
}

// deploys tells whether the update may be of another revision than there is.
func (u ServiceUpdate) deploys() bool {
	return u.Force || u.Definition != nil || u.Providers != nil || u.Balancers != nil || u.VPC != nil
}

// permit is who is asked: only a new deployment has something run that was not run before.
func (u ServiceUpdate) permit() func(context.Context, Definition) error {
	if u.deploys() {
		return u.Permit
	}
	return nil
}

// apply changes what is given.
func (u ServiceUpdate) apply(s *ServiceSpec) {
	set(&s.Desired, u.Desired)
	set(&s.MinPercent, u.MinPercent)
	set(&s.MaxPercent, u.MaxPercent)
	set(&s.Breaker, u.Breaker)
	set(&s.Alarms, u.Alarms)
	set(&s.Constraints, u.Constraints)
	set(&s.Strategies, u.Strategies)
	set(&s.Providers, u.Providers)
	set(&s.Balancers, u.Balancers)
	set(&s.GracePeriod, u.GracePeriod)
	set(&s.PropagateTags, u.PropagateTags)
	set(&s.ManagedTags, u.ManagedTags)
	set(&s.Exec, u.Exec)
	set(&s.Rebalancing, u.Rebalancing)
	if u.VPC != nil {
		s.VPC = u.VPC
	}
	if u.Providers != nil && len(*u.Providers) > 0 {
		s.Launch = ""
	}
}

func set[T any](value *T, given *T) {
	if given != nil {
		*value = *given
	}
}

// sameRevision tells whether two revisions bring out the same. An empty list is none.
func sameRevision(a, b Revision) bool {
	return a.Definition == b.Definition && a.Launch == b.Launch && slices.Equal(a.Providers, b.Providers) && slices.Equal(a.Balancers, b.Balancers) && reflect.DeepEqual(a.VPC, b.VPC)
}
