package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Services are made, changed, rolled out and taken away by Terraform, which waits until they are steady and finds
// nothing to correct in between. A rollout that fails is taken back.
func TestTerraformMakesServices(t *testing.T) {
	t.Parallel()
	c := startServices(t)
	tf := startTerraform(t, c, "service.tf")
	image := []string{"-var", "image=" + c.host() + "/hello:v1"}
	tf.vars = image
	tf.apply()
	tf.wantSame()
	want(t, tf.output("seen"), `[2,"EC2","REPLICA"]`)
	c.wantServices(map[string]string{
		"--services web --query services[0].[desiredCount,runningCount]":                               "2 2",
		"--services web --query services[0].deployments[*].rolloutState":                               "COMPLETED",
		"--services web --query services[0].placementStrategy[*].type":                                 "spread binpack",
		"--services web --query services[0].deploymentConfiguration.deploymentCircuitBreaker.rollback": "True",
		"--services everywhere --query services[0].[schedulingStrategy,status]":                        "DAEMON ACTIVE",
	})

	tf.vars = slices.Concat(image, []string{"-var", "count_wanted=3", "-var", "team=blue", "-var", `command=["wait","0"]`})
	tf.apply()
	tf.wantSame()
	c.wantServices(map[string]string{
		"--services web --query services[0].[desiredCount,runningCount]":   "3 3",
		"--services web --include TAGS --query services[0].tags[*].value":  "blue",
		"--services web --query services[0].deployments[*].taskDefinition": c.definition("web:2"),
	})

	broken := slices.Concat(image, []string{"-var", "count_wanted=3", "-var", "team=blue", "-var", `command=["exit","3"]`})
	tf.try(append([]string{"apply", "-auto-approve"}, broken...)...) // whether it is told of it depends on the provider's version
	c.aws("ecs", "wait", "services-stable", "--cluster", "blue", "--services", "web")
	c.wantServices(map[string]string{"--services web --query services[0].taskDefinition": c.definition("web:2")})

	tf.run(append([]string{"destroy", "-auto-approve"}, tf.vars...)...)
	want(t, c.aws("ecs", "describe-services", "--cluster", "blue", "--services", "web", "everywhere", "--query", "services[*].status", "--output", "text"), "INACTIVE\tINACTIVE")
}

func (c *cloud) wantServices(answers map[string]string) {
	c.t.Helper()
	for query, want := range answers {
		ask := append([]string{"ecs", "describe-services", "--cluster", "blue", "--output", "text"}, strings.Fields(query)...)
		within(c.t, fmt.Sprintf("describe-services %s to be %s", query, want), func() bool { // a rollout is over a moment after its tasks run
			return strings.Join(strings.Fields(c.aws(ask...)), " ") == want
		})
	}
}

func (c *cloud) definition(name string) string {
	c.t.Helper()
	return c.aws("ecs", "describe-task-definition", "--task-definition", name, "--query", "taskDefinition.taskDefinitionArn", "--output", "text")
}
