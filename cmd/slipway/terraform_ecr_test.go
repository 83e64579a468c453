package main

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/random"
)

// All that Terraform knows of ECR is made, changed and taken away by it, which finds nothing to correct in
// between.
func TestTerraformMakesRegistries(t *testing.T) {
	t.Parallel()
	c := startServer(t)
	c.aws("ecr", "create-repository", "--repository-name", "pushed")
	digest := c.pushRandom("pushed:v1")
	tf := startTerraform(t, c, "ecr.tf")
	key := strings.TrimSpace(c.do(exec.Command("slipway", "registry", "keys", "create", "--data", c.data)))
	tf.vars = []string{"-var", "upstream=" + c.host(), "-var", "key=" + key}
	tf.apply()
	tf.wantSame()
	if got, want := tf.output("seen"), `["MUTABLE","red","AES256","false","v1","newest","5","AWS","prometheus","first","with the key","with another"]`; got != want {
		t.Errorf("seen: %s, want %s", got, want)
	}
	if got := tf.output("proxy"); got != `"`+c.endpoint+`"` {
		t.Errorf("the registry is at %s, want %s", got, c.endpoint)
	}
	if got := tf.output("digest"); got != `"`+digest+`"` {
		t.Errorf("the image is %s, want %s", got, digest)
	}

	tf.vars = append(tf.vars, "-var", "mutability=IMMUTABLE", "-var", "team=blue", "-var", "keep=5", "-var", "scope=V1", "-var", "about=second", "-var", "role=two")
	tf.apply()
	tf.wantSame()
	for query, want := range map[string]string{
		"describe-repositories --repository-names team/web --query repositories[0].imageTagMutability":                            "IMMUTABLE",
		"get-lifecycle-policy --repository-name team/web --query contains(lifecyclePolicyText,'countNumber\":5')":                 "True",
		"get-repository-policy --repository-name team/web --query contains(policyText,'blue')":                                    "True",
		"get-registry-policy --query contains(policyText,'BatchImportUpstreamImage')":                                             "False",
		"describe-pull-through-cache-rules --query length(pullThroughCacheRules)":                                                 "2",
		"describe-pull-through-cache-rules --ecr-repository-prefixes mirror --query pullThroughCacheRules[0].upstreamRegistryUrl": c.host(),
	} {
		if got := c.aws(append([]string{"ecr"}, append(strings.Fields(query), "--output", "text")...)...); got != want {
			t.Errorf("%s is %s, want %s", query, got, want)
		}
	}

	c.pushRandom("team/web:v1") // which force_delete takes with its repository
	tf.run(append([]string{"destroy", "-auto-approve"}, tf.vars...)...)
	left := c.aws("ecr", "describe-repositories", "--query", "repositories[].repositoryName", "--output", "text") +
		c.aws("ecr", "describe-pull-through-cache-rules", "--query", "pullThroughCacheRules[].ecrRepositoryPrefix", "--output", "text")
	if left != "pushed" {
		t.Errorf("there are left: %s", left)
	}
	if _, err := c.tryAWS("ecr", "get-registry-policy"); err == nil || !strings.Contains(err.Error(), "RegistryPolicyNotFoundException") {
		t.Errorf("the policy of the registry is left: %v", err)
	}
}

// pushRandom pushes an image and returns its digest.
func (c *cloud) pushRandom(ref string) string {
	c.t.Helper()
	image, err := random.Image(10_000, 1)
	if err != nil {
		c.t.Fatal(err)
	}
	return c.pushImage(ref, image)
}
