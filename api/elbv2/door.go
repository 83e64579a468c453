// Package elbv2 is the door of room ingress: it speaks the part of the Elastic Load Balancing API, version
// 2015-12-01, that load balancers on one's own machines have a use for, and holds no state.
//
// Certificates, and with them listeners of HTTPS and TLS, users to be authenticated, transforms, trust stores and
// targets that are functions are refused by name and never ignored.
package elbv2

import (
	"context"

	"slipway/api/awswire"
	"slipway/ingress"
)

type ctx = context.Context

type door struct{ room *ingress.Control }

// New returns the door of the room.
func New(c *ingress.Control) *awswire.Service {
	d := &door{c}
	return awswire.NewService(API, faults,
		AddTags.Handle(d.addTags, d.onAddTags),
		CreateListener.Handle(d.createListener, d.onCreateListener),
		CreateLoadBalancer.Handle(d.createLoadBalancer, d.onCreateLoadBalancer),
		CreateRule.Handle(d.createRule, d.onCreateRule),
		CreateTargetGroup.Handle(d.createTargetGroup, d.onCreateTargetGroup),
		DeleteListener.Handle(d.deleteListener, d.onDeleteListener),
		DeleteLoadBalancer.Handle(d.deleteLoadBalancer, d.onDeleteLoadBalancer),
		DeleteRule.Handle(d.deleteRule, d.onDeleteRule),
		DeleteTargetGroup.Handle(d.deleteTargetGroup, d.onDeleteTargetGroup),
		DeregisterTargets.Handle(d.deregisterTargets, d.onDeregisterTargets),
		DescribeAccountLimits.Handle(d.describeAccountLimits, awswire.Any),
		DescribeCapacityReservation.Handle(d.describeCapacityReservation, awswire.Any),
		DescribeListenerAttributes.Handle(d.describeListenerAttributes, awswire.Any),
		DescribeListeners.Handle(d.describeListeners, awswire.Any),
		DescribeLoadBalancerAttributes.Handle(d.describeLoadBalancerAttributes, awswire.Any),
		DescribeLoadBalancers.Handle(d.describeLoadBalancers, awswire.Any),
		DescribeRules.Handle(d.describeRules, awswire.Any),
		DescribeSSLPolicies.Handle(d.describeSSLPolicies, awswire.Any),
		DescribeTags.Handle(d.describeTags, awswire.Any),
		DescribeTargetGroupAttributes.Handle(d.describeTargetGroupAttributes, awswire.Any),
		DescribeTargetGroups.Handle(d.describeTargetGroups, awswire.Any),
		DescribeTargetHealth.Handle(d.describeTargetHealth, awswire.Any),
		ModifyListener.Handle(d.modifyListener, d.onModifyListener),
		ModifyListenerAttributes.Handle(d.modifyListenerAttributes, d.onModifyListenerAttributes),
		ModifyLoadBalancerAttributes.Handle(d.modifyLoadBalancerAttributes, d.onModifyLoadBalancerAttributes),
		ModifyRule.Handle(d.modifyRule, d.onModifyRule),
		ModifyTargetGroup.Handle(d.modifyTargetGroup, d.onModifyTargetGroup),
		ModifyTargetGroupAttributes.Handle(d.modifyTargetGroupAttributes, d.onModifyTargetGroupAttributes),
		RegisterTargets.Handle(d.registerTargets, d.onRegisterTargets),
		RemoveTags.Handle(d.removeTags, d.onRemoveTags),
		SetRulePriorities.Handle(d.setRulePriorities, d.onSetRulePriorities),
		SetSecurityGroups.Handle(d.setSecurityGroups, d.onSetSecurityGroups),
		SetSubnets.Handle(d.setSubnets, d.onSetSubnets),
	)
}

func account(c ctx) string { return awswire.CallerOf(c).Account }
