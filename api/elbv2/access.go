package elbv2

import (
	"slipway/api/awswire"
	"slipway/internal/arn"
)

// What each operation asks for; testdata/access.golden shows it as a table. Source: Service Authorization
// Reference, "Actions, resources, and condition keys for AWS Elastic Load Balancing V2". What describes things asks
// for no resource, as there.

// on asks for the operation on something that an ARN names.
func (d *door) on(c ctx, name string) awswire.Ask {
	ask := awswire.Ask{Resource: name}
	if a, err := arn.Parse(name); err == nil && a.Account == account(c) {
		ask.Tags = func(c ctx) (map[string]string, error) { return d.room.DecidingTags(c, a.Account, name) }
	}
	return ask
}

func (d *door) onAll(c ctx, names []string) []awswire.Ask {
	asks := make([]awswire.Ask, len(names))
	for i, name := range names {
		asks[i] = d.on(c, name)
	}
	return asks
}

// making asks for making something, and for its tags if it is to have any.
func (d *door) making(c ctx, resource string, tags []Tag) []awswire.Ask {
	a := arn.ARN{Service: API.Name, Region: d.room.Region(), Account: account(c), Resource: resource}
	return tagging(awswire.Ask{Resource: a.String()}, tags)
}

func tagging(ask awswire.Ask, tags []Tag) []awswire.Ask {
	if len(tags) == 0 {
		return []awswire.Ask{ask}
	}
	more := awswire.Ask{Resource: ask.Resource, Action: API.Name + ":AddTags"}
	return []awswire.Ask{ask, more}
}

func (d *door) onAddTags(c ctx, in *AddTagsInput) []awswire.Ask { return d.onAll(c, in.ResourceArns) }

func (d *door) onRemoveTags(c ctx, in *RemoveTagsInput) []awswire.Ask {
	return d.onAll(c, in.ResourceArns)
}

func (d *door) onCreateLoadBalancer(c ctx, in *CreateLoadBalancerInput) []awswire.Ask {
	kind := "app"
	if awswire.Or(in.Type, LoadBalancerTypeEnumApplication) == LoadBalancerTypeEnumNetwork {
		kind = "net"
	}
	return d.making(c, "loadbalancer/"+kind+"/"+in.Name+"/*", in.Tags)
}

func (d *door) onDeleteLoadBalancer(c ctx, in *DeleteLoadBalancerInput) []awswire.Ask {
	return d.onAll(c, []string{in.LoadBalancerArn})
}

func (d *door) onModifyLoadBalancerAttributes(c ctx, in *ModifyLoadBalancerAttributesInput) []awswire.Ask {
	return d.onAll(c, []string{in.LoadBalancerArn})
}

func (d *door) onSetSecurityGroups(c ctx, in *SetSecurityGroupsInput) []awswire.Ask {
	return d.onAll(c, []string{in.LoadBalancerArn})
}

func (d *door) onSetSubnets(c ctx, in *SetSubnetsInput) []awswire.Ask {
	return d.onAll(c, []string{in.LoadBalancerArn})
}

func (d *door) onCreateTargetGroup(c ctx, in *CreateTargetGroupInput) []awswire.Ask {
	return d.making(c, "targetgroup/"+in.Name+"/*", in.Tags)
}

func (d *door) onModifyTargetGroup(c ctx, in *ModifyTargetGroupInput) []awswire.Ask {
	return d.onAll(c, []string{in.TargetGroupArn})
}

func (d *door) onModifyTargetGroupAttributes(c ctx, in *ModifyTargetGroupAttributesInput) []awswire.Ask {
	return d.onAll(c, []string{in.TargetGroupArn})
}

func (d *door) onDeleteTargetGroup(c ctx, in *DeleteTargetGroupInput) []awswire.Ask {
	return d.onAll(c, []string{in.TargetGroupArn})
}

func (d *door) onRegisterTargets(c ctx, in *RegisterTargetsInput) []awswire.Ask {
	return d.onAll(c, []string{in.TargetGroupArn})
}

func (d *door) onDeregisterTargets(c ctx, in *DeregisterTargetsInput) []awswire.Ask {
	return d.onAll(c, []string{in.TargetGroupArn})
}

func (d *door) onCreateListener(c ctx, in *CreateListenerInput) []awswire.Ask {
	return tagging(d.on(c, in.LoadBalancerArn), in.Tags)
}

func (d *door) onModifyListener(c ctx, in *ModifyListenerInput) []awswire.Ask {
	return d.onAll(c, []string{in.ListenerArn})
}

func (d *door) onModifyListenerAttributes(c ctx, in *ModifyListenerAttributesInput) []awswire.Ask {
	return d.onAll(c, []string{in.ListenerArn})
}

func (d *door) onDeleteListener(c ctx, in *DeleteListenerInput) []awswire.Ask {
	return d.onAll(c, []string{in.ListenerArn})
}

func (d *door) onCreateRule(c ctx, in *CreateRuleInput) []awswire.Ask {
	return tagging(d.on(c, in.ListenerArn), in.Tags)
}

func (d *door) onModifyRule(c ctx, in *ModifyRuleInput) []awswire.Ask {
	return d.onAll(c, []string{in.RuleArn})
}

func (d *door) onSetRulePriorities(c ctx, in *SetRulePrioritiesInput) []awswire.Ask {
	var names []string
	for _, p := range in.RulePriorities {
		names = append(names, awswire.Or(p.RuleArn, ""))
	}
	return d.onAll(c, names)
}

func (d *door) onDeleteRule(c ctx, in *DeleteRuleInput) []awswire.Ask {
	return d.onAll(c, []string{in.RuleArn})
}
