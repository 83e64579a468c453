package cloudtrail_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"slipway/api/awswire/wiretest"
)

// cli runs the genuine aws command.
func (w *world) cli(t *testing.T, args ...string) (out, errs string, err error) {
	t.Helper()
	path, err := exec.LookPath("/usr/bin/aws")
	if err != nil {
		if path, err = exec.LookPath("aws"); err != nil {
			if os.Getenv("SLIPWAY_TEST_ALL") == "" {
				t.Skip("needs the aws command (apt-get install awscli)")
			}
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), path, append([]string{"--endpoint-url", *w.config.BaseEndpoint, "--output", "json", "cloudtrail"}, args...)...)
	cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID="+wiretest.AccessKey, "AWS_SECRET_ACCESS_KEY="+wiretest.Secret, "AWS_DEFAULT_REGION="+wiretest.Region,
		"AWS_CONFIG_FILE=/nonexistent", "AWS_SHARED_CREDENTIALS_FILE=/nonexistent", "AWS_MAX_ATTEMPTS=1", "AWS_PAGER=")
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	return stdout.String(), stderr.String(), err
}

func (w *world) cliEvents(t *testing.T, args ...string) (names string) {
	t.Helper()
	out, errs, err := w.cli(t, append([]string{"lookup-events"}, args...)...)
	if err != nil {
		t.Fatalf("%v: %s", err, errs)
	}
	var page struct {
		Events []struct{ EventName, CloudTrailEvent string }
	}
	must(t, json.Unmarshal([]byte(out), &page))
	for _, e := range page.Events {
		names += e.EventName + " "
	}
	return strings.TrimSpace(names)
}

func TestTheCLILooksUpEvents(t *testing.T) {
	w := newWorld(t)
	for i := range 60 { // more than a page
		w.record(t, ann(fmt.Sprint("Run", i), "r"))
	}
	if got := w.cliEvents(t); !strings.HasPrefix(got, "Run59 Run58 ") || !strings.HasSuffix(got, " Run1 Run0") {
		t.Errorf("found %s", got)
	}
	if got := w.cliEvents(t, "--lookup-attributes", "AttributeKey=EventName,AttributeValue=Run7"); got != "Run7" {
		t.Errorf("found %s", got)
	}
	if got := w.cliEvents(t, "--start-time", time.Now().Add(-time.Hour).Format(time.RFC3339), "--max-items", "3"); got != "Run59 Run58 Run57" {
		t.Errorf("found %s", got)
	}
	_, errs, err := w.cli(t, "lookup-events", "--start-time", "2026-01-02", "--end-time", "2026-01-01")
	if err == nil || !strings.Contains(errs, "(InvalidTimeRangeException)") {
		t.Errorf("%v: %s", err, errs)
	}
	_, errs, err = w.cli(t, "describe-trails")
	if err == nil || !strings.Contains(errs, "(UnsupportedOperationException)") || !strings.Contains(errs, "DescribeTrails is an operation of CloudTrail that is not supported by Slipway.") {
		t.Errorf("%v: %s", err, errs)
	}
}
