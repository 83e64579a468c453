package elbv2_test

import (
	"maps"
	"testing"

	"slipway/api/awswire/wiretest"
	door "slipway/api/elbv2"
	"slipway/store/storetest"
)

// The table of what every operation asks for: of one's own things, with tags, and of another account's.
func TestAccess(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	const arn = "arn:aws:elasticloadbalancing:us-east-1:123456789012:"
	own := wiretest.Sample{
		"Name": "web", "CreateLoadBalancer.Type": "application", "CreateTargetGroup.Name": "web",
		"DefaultActions": []any{map[string]any{"Type": "forward"}}, "Actions": []any{map[string]any{"Type": "forward"}}, "Conditions": []any{map[string]any{"Field": "path-pattern"}},
		"Attributes": []any{map[string]any{"Key": "a", "Value": "b"}}, "LoadBalancerArn": arn + "loadbalancer/app/web/1", "TargetGroupArn": arn + "targetgroup/web/2",
		"ListenerArn": arn + "listener/app/web/1/3", "RuleArn": arn + "listener-rule/app/web/1/3/4", "ResourceArns": []string{arn + "targetgroup/web/2"},
		"TagKeys": []string{"team"}, "Tags": []any{map[string]any{"Key": "team", "Value": "sea"}}, "RulePriorities": []any{map[string]any{"RuleArn": arn + "listener-rule/app/web/1/3/4", "Priority": 1}},
	}
	theirs := maps.Clone(own)
	const other = "arn:aws:elasticloadbalancing:us-east-1:999999999999:"
	maps.Copy(theirs, wiretest.Sample{
		"CreateLoadBalancer.Type": "network", "LoadBalancerArn": other + "loadbalancer/net/web/1", "TargetGroupArn": other + "targetgroup/web/2", "ListenerArn": other + "listener/net/web/1/3",
		"RuleArn": other + "listener-rule/app/web/1/3/4", "ResourceArns": []string{other + "targetgroup/web/2"}, "CreateLoadBalancer.Tags": nil, "CreateTargetGroup.Tags": nil,
		"CreateListener.Tags": nil, "CreateRule.Tags": nil, "RulePriorities": []any{map[string]any{"RuleArn": other + "listener-rule/app/web/1/3/4", "Priority": 1}},
	})
	wiretest.Access(t, door.New(w.room), own, theirs)
}
