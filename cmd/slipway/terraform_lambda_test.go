package main

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"slipway/engine/enginetest"
)

// Functions, aliases, layers, permissions, URLs and concurrency are made, changed and taken away by Terraform, which
// finds nothing to correct in between, and waits until sandboxes are ready that are to be always ready.
func TestTerraformMakesFunctions(t *testing.T) {
	t.Parallel()
	c := startCloud(t)
	tf := startTerraform(t, c, "lambda.tf")
	program, err := enginetest.Compile(t.TempDir(), "slipway/agent/sandbox/testfunction")
	if err != nil {
		t.Fatal(err)
	}
	first, second := zipOf(t, map[string][]byte{"bootstrap": program}), zipOf(t, map[string][]byte{"bootstrap": program, "mark": []byte("second")})
	layer := "layer=" + zipOf(t, map[string][]byte{"bin/tool": []byte("a tool")})
	tf.vars = []string{"-var", "code=" + first, "-var", layer, "-var", "provisioned=1"}
	tf.apply()
	tf.wantSame()
	if got, want := tf.output("seen"), `["1",10,1,"NONE","1",600]`; got != want {
		t.Errorf("seen: %s, want %s", got, want)
	}
	if status, text := c.atURL(strings.Trim(tf.output("url"), `"`)); status != http.StatusOK || !strings.Contains(text, ":function:web:live") {
		t.Errorf("the URL answers %d %s", status, text)
	}
	answer := filepath.Join(t.TempDir(), "answer")
	c.aws("lambda", "invoke", "--function-name", "web:live", "--cli-binary-format", "raw-in-base64-out", "--payload", `{"read":"/opt/bin/tool"}`, answer)
	if text, err := os.ReadFile(answer); err != nil || string(text) != `"a tool"` {
		t.Errorf("of its layer the function sees %s, %v", text, err)
	}

	tf.vars = []string{
		"-var", "code=" + second, "-var", layer, "-var", "provisioned=2", "-var", "memory=256", "-var", "reserved=20", "-var", "greeting=hi", "-var", "team=blue",
		"-var", "auth=AWS_IAM", "-var", "origin=*", "-var", "retries=1", "-var", "bucket=arn:aws:s3:::second",
	}
	tf.apply()
	tf.wantSame()
	for query, want := range map[string]string{
		"get-function --function-name web --query Configuration.[MemorySize,Environment.Variables.GREETING,State,LastUpdateStatus]":         "256 hi Active Successful",
		"get-function --function-name web --query Concurrency.ReservedConcurrentExecutions":                                                 "20",
		"get-function --function-name web --query Tags.team":                                                                                "blue",
		"get-alias --function-name web --name live --query FunctionVersion":                                                                 "2",
		"get-policy --function-name web --qualifier live --query contains(Policy,'arn:aws:s3:::second')":                                    "True",
		"get-function-url-config --function-name web --qualifier live --query [AuthType,Cors.AllowOrigins[0]]":                              "AWS_IAM *",
		"get-function-event-invoke-config --function-name web --query [MaximumRetryAttempts,MaximumEventAgeInSeconds]":                      "1 120",
		"get-provisioned-concurrency-config --function-name web --qualifier live --query [Status,AvailableProvisionedConcurrentExecutions]": "READY 2",
		"get-layer-version --layer-name tools --version-number 1 --query [Description,LicenseInfo]":                                         "tools of all MIT",
		"get-account-settings --query AccountLimit.UnreservedConcurrentExecutions":                                                          "980",
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

// atURL reads what the URL of a function answers. Its host need not be known to this machine.
func (c *cloud) atURL(address string) (int, string) {
	c.t.Helper()
	at, err := url.Parse(address)
	if err != nil {
		c.t.Fatal(err)
	}
	r, err := http.NewRequest(http.MethodGet, c.endpoint+at.Path, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	r.Host = at.Host
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// zipOf writes a zip of programs, and returns its name.
func zipOf(t testing.TB, files map[string][]byte) string {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		head := &zip.FileHeader{Name: name, Method: zip.Deflate}
		head.SetMode(0o755)
		w, err := z.CreateHeader(head)
		if err == nil {
			_, err = w.Write(files[name])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "code.zip")
	if err := errors.Join(z.Close(), os.WriteFile(path, out.Bytes(), 0o644)); err != nil {
		t.Fatal(err)
	}
	return path
}
