package main

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"slipway/engine/enginetest"
)

// The genuine "aws s3" puts, lists, gets, syncs and presigns objects, and functions are made of them.
func TestObjects(t *testing.T) {
	c := startCloud(t)
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	large := make([]byte, 20<<20) // comes in parts
	rand.NewChaCha8([32]byte{}).Read(large)
	small, big := write("tree/small ü.txt", []byte("small")), write("tree/deep/big", large)

	c.aws("s3", "mb", "s3://harbour")
	c.aws("s3", "sync", "--no-progress", filepath.Join(dir, "tree"), "s3://harbour/tree")
	if out := c.aws("s3", "sync", "--no-progress", filepath.Join(dir, "tree"), "s3://harbour/tree"); out != "" {
		t.Errorf("synced again: %s", out)
	}
	if out := c.aws("s3", "ls", "s3://harbour/tree/"); !strings.Contains(out, "PRE deep/") || !strings.Contains(out, "5 small ü.txt") {
		t.Errorf("there is\n%s", out)
	}
	c.aws("s3", "cp", "--no-progress", "s3://harbour/tree/deep/big", filepath.Join(dir, "back"))
	if back, err := os.ReadFile(filepath.Join(dir, "back")); err != nil || !bytes.Equal(back, large) {
		t.Errorf("%s came back as %d other bytes, %v", big, len(back), err)
	}
	c.aws("s3", "mv", "--no-progress", "s3://harbour/tree/deep/big", "s3://harbour/moved")
	c.aws("s3", "cp", "--no-progress", small, "s3://harbour/copy")
	c.presigned("s3://harbour/copy", "small")

	c.functionOfObject(t)

	c.aws("s3", "rm", "s3://harbour", "--recursive", "--quiet")
	c.aws("s3", "rb", "s3://harbour")
	if out := c.aws("s3", "ls"); out != "" {
		t.Errorf("there is left: %s", out)
	}
}

// presigned gets an object by a URL that needs no other proof.
func (c *cloud) presigned(object, want string) {
	c.t.Helper()
	config := filepath.Join(c.t.TempDir(), "config")
	if err := os.WriteFile(config, []byte("[default]\ns3 =\n  signature_version = s3v4\n"), 0o600); err != nil {
		c.t.Fatal(err)
	}
	cmd := exec.Command(program(c.t, "aws"), "--endpoint-url", c.endpoint, "s3", "presign", object)
	cmd.Env = append(c.env(), "AWS_CONFIG_FILE="+config)
	url, err := cmd.Output()
	if err != nil {
		c.t.Fatal(err)
	}
	answer, err := http.Get(strings.TrimSpace(string(url)))
	if err != nil {
		c.t.Fatal(err)
	}
	defer answer.Body.Close()
	if text, err := io.ReadAll(answer.Body); err != nil || string(text) != want {
		c.t.Errorf("%s is %d %s, %v", url, answer.StatusCode, text, err)
	}
}

// functionOfObject makes a function of a zip in a bucket, and calls it.
func (c *cloud) functionOfObject(t *testing.T) {
	compiled, err := enginetest.Compile(t.TempDir(), "slipway/agent/sandbox/testfunction")
	if err != nil {
		t.Fatal(err)
	}
	c.aws("s3", "cp", "--no-progress", zipOf(t, map[string][]byte{"bootstrap": compiled}), "s3://harbour/web.zip")
	role := c.aws("iam", "create-role", "--role-name", "web", "--assume-role-policy-document", trustsFunctions, "--query", "Role.Arn", "--output", "text")
	c.aws("lambda", "create-function", "--function-name", "web", "--role", role, "--runtime", "provided.al2023", "--handler", "bootstrap", "--code", "S3Bucket=harbour,S3Key=web.zip")
	c.aws("lambda", "wait", "function-active-v2", "--function-name", "web")
	answer := filepath.Join(t.TempDir(), "answer")
	c.aws("lambda", "invoke", "--function-name", "web", "--cli-binary-format", "raw-in-base64-out", "--payload", `{}`, answer)
	if text, err := os.ReadFile(answer); err != nil || len(text) == 0 || strings.Contains(string(text), "errorMessage") {
		t.Errorf("the function answers %s, %v", text, err)
	}
	if _, err := c.tryAWS("lambda", "update-function-code", "--function-name", "web", "--s3-bucket", "harbour", "--s3-key", "none"); err == nil ||
		!strings.Contains(err.Error(), "Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The specified key does not exist.") {
		t.Errorf("code that is not there: %v", err)
	}
}
