package main

import (
	"archive/zip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Functions, aliases, layers, permissions, URLs and concurrency are made, changed and taken away by Terraform, which
// finds nothing to correct in between.
func TestTerraformMakesFunctions(t *testing.T) {
	c := startServer(t)
	tf := startTerraform(t, c, "lambda.tf")
	first, second, layer := zipOf(t, "bootstrap", "first"), zipOf(t, "bootstrap", "second"), zipOf(t, "bin/tool", "tool")
	tf.vars = []string{"-var", "code=" + first, "-var", "layer=" + layer, "-var", "provisioned=0"}
	tf.apply()
	tf.wantSame()
	if got, want := tf.output("seen"), `["1",10,1,"NONE","1",600]`; got != want {
		t.Errorf("seen: %s, want %s", got, want)
	}
	if got := tf.output("url"); !strings.Contains(got, ".lambda-url.us-east-1.") {
		t.Errorf("the URL is %s", got)
	}

	tf.vars = []string{
		"-var", "code=" + second, "-var", "layer=" + layer, "-var", "provisioned=0", "-var", "memory=256", "-var", "reserved=20", "-var", "greeting=hi", "-var", "team=blue",
		"-var", "auth=AWS_IAM", "-var", "origin=*", "-var", "retries=1", "-var", "bucket=arn:aws:s3:::second",
	}
	tf.apply()
	tf.wantSame()
	for query, want := range map[string]string{
		"get-function --function-name web --query Configuration.[MemorySize,Environment.Variables.GREETING,State,LastUpdateStatus]": "256 hi Active Successful",
		"get-function --function-name web --query Concurrency.ReservedConcurrentExecutions":                                         "20",
		"get-function --function-name web --query Tags.team":                                                                        "blue",
		"get-alias --function-name web --name live --query FunctionVersion":                                                         "2",
		"get-policy --function-name web --qualifier live --query contains(Policy,'arn:aws:s3:::second')":                            "True",
		"get-function-url-config --function-name web --qualifier live --query [AuthType,Cors.AllowOrigins[0]]":                      "AWS_IAM *",
		"get-function-event-invoke-config --function-name web --query [MaximumRetryAttempts,MaximumEventAgeInSeconds]":              "1 120",
		"get-layer-version --layer-name tools --version-number 1 --query [Description,LicenseInfo]":                                 "tools of all MIT",
		"get-account-settings --query AccountLimit.UnreservedConcurrentExecutions":                                                  "980",
	} {
		if got := c.aws(append([]string{"lambda"}, append(strings.Fields(query), "--output", "text")...)...); strings.Join(strings.Fields(got), " ") != want {
			t.Errorf("%s is %s, want %s", query, got, want)
		}
	}

	tf.run(append([]string{"destroy", "-auto-approve"}, tf.vars...)...)
	left := c.aws("lambda", "list-functions", "--query", "Functions[].FunctionName", "--output", "text") + c.aws("lambda", "list-layers", "--query", "Layers[].LayerName", "--output", "text")
	if left != "" {
		t.Errorf("there are left: %s", left)
	}
}

// zipOf writes a zip with one file, and returns its name.
func zipOf(t testing.TB, name, says string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "code.zip")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	z := zip.NewWriter(file)
	head := &zip.FileHeader{Name: name, Method: zip.Deflate}
	head.SetMode(0o755)
	w, err := z.CreateHeader(head)
	if err == nil {
		_, err = w.Write([]byte(says))
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}
