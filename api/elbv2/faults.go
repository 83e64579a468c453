package elbv2

import (
	"slipway/api/awswire"
	"slipway/ingress"
	"slipway/internal/page"
)

// validation is a fault that the service answers with and its model does not have.
var validation = awswire.FaultType{Shape: "ValidationError", Status: 400}

// faults names the room's causes.
var faults = awswire.Faults{
	{Cause: ingress.ErrNoBalancer, Fault: LoadBalancerNotFoundException},
	{Cause: ingress.ErrNoGroup, Fault: TargetGroupNotFoundException},
	{Cause: ingress.ErrNoListener, Fault: ListenerNotFoundException},
	{Cause: ingress.ErrNoRule, Fault: RuleNotFoundException},
	{Cause: ingress.ErrBalancerThere, Fault: DuplicateLoadBalancerNameException},
	{Cause: ingress.ErrGroupThere, Fault: DuplicateTargetGroupNameException},
	{Cause: ingress.ErrListenerThere, Fault: DuplicateListenerException},
	{Cause: ingress.ErrPriority, Fault: PriorityInUseException},
	{Cause: ingress.ErrInUse, Fault: ResourceInUseException},
	{Cause: ingress.ErrNotPermitted, Fault: OperationNotPermittedException},
	{Cause: ingress.ErrInput, Fault: validation},
	{Cause: ingress.ErrTarget, Fault: InvalidTargetException},
	{Cause: ingress.ErrConfiguration, Fault: InvalidConfigurationRequestException},
	{Cause: ingress.ErrProtocol, Fault: UnsupportedProtocolException},
	{Cause: ingress.ErrIncompatible, Fault: IncompatibleProtocolsException},
	{Cause: ingress.ErrAction, Fault: InvalidLoadBalancerActionException},
	{Cause: ingress.ErrTooManyBalancers, Fault: TooManyLoadBalancersException},
	{Cause: ingress.ErrTooManyGroups, Fault: TooManyTargetGroupsException},
	{Cause: ingress.ErrTooManyListeners, Fault: TooManyListenersException},
	{Cause: ingress.ErrTooManyRules, Fault: TooManyRulesException},
	{Cause: ingress.ErrTooManyTargets, Fault: TooManyTargetsException},
	{Cause: ingress.ErrTooManyActions, Fault: TooManyActionsException},
	{Cause: ingress.ErrTooManyTags, Fault: TooManyTagsException},
	{Cause: page.ErrToken, Fault: validation, Text: "Invalid marker"},
}

// refuse is the refusal of members that ask for what Slipway does not do: of the first that is given.
func refuse(members ...member) error {
	for _, m := range members {
		if m.given {
			return InvalidConfigurationRequestException.Newf("%s is not supported by Slipway", m.name)
		}
	}
	return nil
}

type member struct {
	name  string
	given bool
}
