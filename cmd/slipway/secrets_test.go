package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The aws command keeps parameters and secrets, and no value of theirs is in the log, in the audit or in a file
// of the data folder as it is.
func TestTheCLIKeepsSecrets(t *testing.T) {
	t.Parallel()
	c := startServer(t)
	c.aws("ssm", "put-parameter", "--name", "/app/db", "--type", "SecureString", "--value", "hunter2-parameter", "--tags", "Key=team,Value=sea")
	c.aws("ssm", "put-parameter", "--name", "/app/db", "--value", "hunter2-changed", "--overwrite")
	c.aws("secretsmanager", "create-secret", "--name", "app/db", "--secret-string", `{"password":"hunter2-secret"}`)
	if _, err := c.tryAWS("ssm", "put-parameter", "--name", "/app/db", "--value", "hunter2-refused", "--allowed-pattern", "^x$", "--overwrite"); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a value that does not match: %v", err)
	}
	for query, want := range map[string]string{
		"ssm get-parameter --name /app/db --with-decryption --query Parameter.Value":                          "hunter2-changed",
		"ssm get-parameter --name /app/db:1 --with-decryption --query Parameter.Value":                        "hunter2-parameter",
		"ssm get-parameters-by-path --path /app --query Parameters[].Version":                                 "2",
		"ssm describe-parameters --query Parameters[0].Type":                                                  "SecureString",
		"ssm list-tags-for-resource --resource-type Parameter --resource-id /app/db --query TagList[0].Value": "sea",
		"secretsmanager get-secret-value --secret-id app/db --query SecretString":                             `{"password":"hunter2-secret"}`,
		"secretsmanager list-secrets --filters Key=name,Values=app --query SecretList[].Name":                 "app/db",
	} {
		if got := c.aws(append(strings.Fields(query), "--output", "text")...); got != want {
			t.Errorf("%s is %s, want %s", query, got, want)
		}
	}
	c.aws("secretsmanager", "delete-secret", "--secret-id", "app/db")
	if _, err := c.tryAWS("secretsmanager", "get-secret-value", "--secret-id", "app/db"); err == nil || !strings.Contains(err.Error(), "marked for deletion") {
		t.Errorf("a deleted one: %v", err)
	}
	if events := c.recorded("PutParameter", 3) + c.recorded("CreateSecret", 1); strings.Contains(events, "hunter2") {
		t.Errorf("the audit says %s", events)
	}
	if log := c.log.String(); strings.Contains(log, "hunter2") {
		t.Errorf("the log says %s", log)
	}
	c.wantNowhere("hunter2")
}

// recorded waits until the audit has some records of an operation, and returns them.
func (c *cloud) recorded(operation string, n int) string {
	c.t.Helper()
	for {
		events := c.aws("cloudtrail", "lookup-events", "--lookup-attributes", "AttributeKey=EventName,AttributeValue="+operation, "--output", "json")
		if strings.Count(events, `"EventId"`) >= n {
			return events
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// wantNowhere looks for a text in all that the data folder holds.
func (c *cloud) wantNowhere(text string) {
	c.t.Helper()
	looked := 0
	err := filepath.WalkDir(c.data, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) { // it went meanwhile
			return nil
		}
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		looked++
		raw, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if bytes.Contains(raw, []byte(text)) {
			c.t.Errorf("%s holds %s", path, text)
		}
		return err
	})
	if err != nil || looked < 3 {
		c.t.Errorf("looked into %d files: %v", looked, err)
	}
}

// Parameters and secrets, with their versions and policies, are made, changed and taken away by Terraform, which
// finds nothing to correct in between.
func TestTerraformKeepsSecrets(t *testing.T) {
	t.Parallel()
	c := startServer(t)
	tf := startTerraform(t, c, "secrets.tf")
	tf.apply()
	tf.wantSame()
	if got, want := tf.output("seen"), `["hunter2-one","/app/list /app/plain /app/secure","first","hunter2-one","20","1"]`; got != want {
		t.Errorf("seen: %s, want %s", got, want)
	}

	tf.vars = []string{"-var", "value=two", "-var", "team=blue", "-var", "about=second", "-var", "pattern="}
	tf.apply()
	tf.wantSame()
	for query, want := range map[string]string{
		"ssm get-parameter --name /app/secure --with-decryption --query Parameter.Value":                                            "hunter2-two",
		"ssm get-parameter --name /app/secure:1 --with-decryption --query Parameter.Value":                                          "hunter2-one",
		"ssm describe-parameters --parameter-filters Key=Name,Values=/app/plain --query Parameters[0].[Description,AllowedPattern]": "second\tNone",
		"secretsmanager get-secret-value --secret-id app/db --query SecretString":                                                   `{"password":"hunter2-two"}`,
		"secretsmanager describe-secret --secret-id app/db --query Tags[0].Value":                                                   "blue",
		"secretsmanager get-resource-policy --secret-id app/db --query contains(ResourcePolicy,'blue')":                             "True",
		"secretsmanager get-secret-value --secret-id bytes --version-stage tested --query SecretBinary":                             "dHdv",
	} {
		if got := c.aws(append(strings.Fields(query), "--output", "text")...); got != want {
			t.Errorf("%s is %q, want %q", query, got, want)
		}
	}

	tf.run(append([]string{"destroy", "-auto-approve"}, tf.vars...)...)
	left := c.aws("ssm", "describe-parameters", "--query", "Parameters[].Name", "--output", "text") +
		c.aws("secretsmanager", "list-secrets", "--query", "SecretList[].Name", "--output", "text")
	if left != "" {
		t.Errorf("there are left: %s", left)
	}
}
