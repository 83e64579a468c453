package main

import (
	"strings"
	"testing"
)

// Task definitions with all that is honoured of them are made, changed and taken away by Terraform, which
// finds nothing to correct in between.
func TestTerraformMakesDefinitions(t *testing.T) {
	t.Parallel()
	c := startServer(t)
	tf := startTerraform(t, c, "definition.tf")
	tf.apply()
	tf.wantSame()
	if got, want := tf.output("seen"), `[1,"bridge","ACTIVE"]`; got != want {
		t.Errorf("seen: %s, want %s", got, want)
	}

	tf.vars = []string{"-var", "image=web:2", "-var", "team=blue"}
	tf.apply()
	tf.wantSame()
	for query, want := range map[string]string{
		"describe-task-definition --task-definition web --query taskDefinition.revision":                                                             "2",
		"describe-task-definition --task-definition web --query taskDefinition.containerDefinitions[0].image":                                        "web:2",
		"describe-task-definition --task-definition web --include TAGS --query tags[0].value":                                                        "blue",
		"describe-task-definition --task-definition web --query taskDefinition.containerDefinitions[0].healthCheck.interval":                         "30",
		"describe-task-definition --task-definition vpc --query taskDefinition.containerDefinitions[0].portMappings[0].hostPort":                     "80",
		"describe-task-definition --task-definition web:1 --query taskDefinition.status":                                                             "INACTIVE",
		"describe-task-definition --task-definition web --query taskDefinition.volumes[?name=='shared']|[0].dockerVolumeConfiguration.autoprovision": "True",
	} {
		if got := c.aws(append([]string{"ecs"}, append(strings.Fields(query), "--output", "text")...)...); got != want {
			t.Errorf("%s is %s, want %s", query, got, want)
		}
	}

	tf.run(append([]string{"destroy", "-auto-approve"}, tf.vars...)...)
	if left := c.aws("ecs", "list-task-definitions", "--query", "taskDefinitionArns", "--output", "text"); left != "" {
		t.Errorf("there are left: %s", left)
	}
}
