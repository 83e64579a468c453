package main

import (
	"strings"
	"testing"
)

// Buckets, objects and what is made of them are made, changed and taken away by Terraform, which finds nothing to
// correct in between.
func TestTerraformMakesObjects(t *testing.T) {
	c := startServer(t)
	tf := startTerraform(t, c, "objects.tf")
	first, second := zipOf(t, map[string][]byte{"bootstrap": []byte("first")}), zipOf(t, map[string][]byte{"bootstrap": []byte("second")})
	tf.vars = []string{"-var", "code=" + first}
	tf.apply()
	tf.wantSame()
	if got, want := tf.output("seen"), `["hello","functions/web.zip","us-east-1","arn:aws:s3:::harbour-code"]`; got != want {
		t.Errorf("seen: %s, want %s", got, want)
	}

	tf.vars = []string{"-var", "code=" + second, "-var", "greeting=hi", "-var", "team=blue", "-var", "versioning=Suspended"}
	tf.apply()
	tf.wantSame()
	for query, want := range map[string]string{
		"s3api get-bucket-versioning --bucket harbour-code --query Status":                            "Suspended",
		"s3api get-bucket-tagging --bucket harbour-code --query TagSet[0].Value":                      "blue",
		"s3api head-object --bucket harbour-code --key greeting --query [ContentType,ContentLength]":  "text/plain 2",
		"s3api head-object --bucket harbour-code --key greeting --query Metadata.greeting":            "hi",
		"lambda get-function --function-name web --query Configuration.[State,LastUpdateStatus]":      "Active Successful",
		"lambda list-layer-versions --layer-name tools --query LayerVersions[0].Version":              "2",
		"s3api get-object-tagging --bucket harbour-code --key functions/web.zip --query TagSet[].Key": "team",
	} {
		if got := c.aws(append(strings.Fields(query), "--output", "text")...); strings.Join(strings.Fields(got), " ") != want {
			t.Errorf("%s is %s, want %s", query, got, want)
		}
	}

	tf.run(append([]string{"destroy", "-auto-approve"}, tf.vars...)...)
	if left := c.aws("s3", "ls"); left != "" {
		t.Errorf("there are left: %s", left)
	}
}

// Terraform keeps its state in a bucket, and holds a lock there while it works.
func TestTerraformKeepsItsStateInABucket(t *testing.T) {
	c := startServer(t)
	c.aws("s3", "mb", "s3://states")
	tf := startTerraform(t, c, "state.tf")
	tf.apply()
	if state := c.aws("s3", "cp", "s3://states/sea/terraform.tfstate", "-"); !strings.Contains(state, `"hello"`) {
		t.Errorf("the state is %s", state)
	}
	tf.vars = []string{"-var", "greeting=hi"}
	tf.apply()
	if got := tf.output("greeting"); got != `"hi"` {
		t.Errorf("the greeting is %s", got)
	}
	if left := c.aws("s3", "ls", "s3://states", "--recursive"); strings.Contains(left, ".tflock") || strings.Count(left, "\n") != 0 {
		t.Errorf("there is left: %s", left)
	}

	c.aws("s3api", "put-object", "--bucket", "states", "--key", "sea/terraform.tfstate.tflock", "--body", zipOf(t, nil))
	if out, err := tf.try("plan"); err == nil || !strings.Contains(out, "PreconditionFailed") {
		t.Errorf("planned under another's lock: %v\n%s", err, out)
	}
}
