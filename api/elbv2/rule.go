package elbv2

import (
	"fmt"

	"slipway/api/awswire"
	"slipway/ingress"
	"slipway/ingress/route"
)

func (d *door) createRule(c ctx, in *CreateRuleInput) (*CreateRuleOutput, error) {
	list, specs, err := readRule(in.Transforms, in.Actions, in.Conditions)
	if err != nil {
		return nil, err
	}
	u, err := d.room.CreateRule(c, ingress.Rule{
		Account: account(c), Listener: in.ListenerArn, Priority: int(in.Priority), Conditions: specs, Actions: list, Tags: tagsOf(in.Tags),
	})
	return &CreateRuleOutput{Rules: []Rule{rule(u)}}, err
}

// readRule reads what a rule does, and when.
func readRule(transforms []RuleTransform, does []Action, when []RuleCondition) (list []ingress.Action, specs []route.Spec, err error) {
	if err := refuse(member{"Transforms", len(transforms) > 0}); err != nil {
		return nil, nil, err
	}
	if list, err = actionsOf(does); err != nil {
		return nil, nil, err
	}
	specs, err = conditionsOf(when)
	return list, specs, err
}

// rule is a rule as the wire has it.
func rule(u ingress.Rule) Rule {
	priority := "default"
	if u.Priority > 0 {
		priority = num(u.Priority)
	}
	return Rule{RuleArn: &u.ARN, Priority: &priority, IsDefault: new(u.Priority == 0), Conditions: conditions(u.Conditions), Actions: actions(u.Actions), Transforms: []RuleTransform{}}
}

func described(list []ingress.Rule) []Rule {
	wire := []Rule{}
	for _, u := range list {
		wire = append(wire, rule(u))
	}
	return wire
}

func (d *door) describeRules(c ctx, in *DescribeRulesInput) (*DescribeRulesOutput, error) {
	if (in.ListenerArn == nil) == (len(in.RuleArns) == 0) {
		return nil, validation.New("You must specify either listener rule ARNs or a listener ARN")
	}
	list, err := d.room.Rules(c, account(c), ingress.Find{ARNs: in.RuleArns, Of: awswire.Or(in.ListenerArn, "")})
	if err != nil {
		return nil, err
	}
	list, next, err := paged(list, "rules", in.Marker, in.PageSize, order)
	return &DescribeRulesOutput{Rules: described(list), NextMarker: next}, err
}

// order is a key by which rules are in the order in which they are asked.
func order(u ingress.Rule) string {
	if u.Priority == 0 {
		return "default"
	}
	return fmt.Sprintf("%05d", u.Priority)
}

func (d *door) modifyRule(c ctx, in *ModifyRuleInput) (*ModifyRuleOutput, error) {
	list, specs, err := readRule(in.Transforms, in.Actions, in.Conditions)
	if err != nil {
		return nil, err
	}
	u, err := d.room.ModifyRule(c, account(c), in.RuleArn, func(u *ingress.Rule) {
		if len(list) > 0 {
			u.Actions = list
		}
		if len(specs) > 0 {
			u.Conditions = specs
		}
	})
	return &ModifyRuleOutput{Rules: []Rule{rule(u)}}, err
}

func (d *door) setRulePriorities(c ctx, in *SetRulePrioritiesInput) (*SetRulePrioritiesOutput, error) {
	priorities := map[string]int{}
	for _, p := range in.RulePriorities {
		priorities[awswire.Or(p.RuleArn, "")] = int(awswire.Or(p.Priority, 0))
	}
	list, err := d.room.SetPriorities(c, account(c), priorities)
	return &SetRulePrioritiesOutput{Rules: described(list)}, err
}

func (d *door) deleteRule(c ctx, in *DeleteRuleInput) (*DeleteRuleOutput, error) {
	return nil, d.room.DeleteRule(c, account(c), in.RuleArn)
}
