package main

import (
	"strings"
	"testing"
)

// Capacity providers, the clusters that have them, and what definitions say of machines are made, changed and taken
// away by Terraform, which finds nothing to correct in between.
func TestTerraformMakesCapacityProviders(t *testing.T) {
	t.Parallel()
	c := startServer(t)
	tf := startTerraform(t, c, "provider.tf")
	tf.apply()
	tf.wantSame()
	if got, want := tf.output("seen"), `["DISABLED","enabled"]`; got != want {
		t.Errorf("seen: %s, want %s", got, want)
	}

	tf.vars = []string{"-var", "weight=3", "-var", "team=blue", "-var", "target=80"}
	tf.apply()
	tf.wantSame()
	for query, want := range map[string]string{
		"describe-clusters --clusters web --query clusters[0].defaultCapacityProviderStrategy[?capacityProvider=='north']|[0].[base,weight]":         "1 3",
		"describe-clusters --clusters web --query clusters[0].capacityProviders":                                                                     "north south",
		"describe-capacity-providers --capacity-providers south --include TAGS --query capacityProviders[0].tags[0].value":                           "blue",
		"describe-capacity-providers --capacity-providers south --query capacityProviders[0].autoScalingGroupProvider.managedScaling.targetCapacity": "80",
		"describe-task-definition --task-definition web --query taskDefinition.placementConstraints[0].expression":                                   "attribute:zone in [north, south]",
		"list-account-settings --name awsvpcTrunking --effective-settings --query settings[0].value":                                                 "enabled",
	} {
		if got := c.aws(append([]string{"ecs"}, append(strings.Fields(query), "--output", "text")...)...); strings.Join(strings.Fields(got), " ") != want {
			t.Errorf("%s is %s, want %s", query, got, want)
		}
	}

	tf.run(append([]string{"destroy", "-auto-approve"}, tf.vars...)...)
	if left := c.aws("ecs", "describe-capacity-providers", "--query", "capacityProviders[].name", "--output", "text"); left != "" {
		t.Errorf("there are left: %s", left)
	}
}
