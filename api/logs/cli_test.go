package logs_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"slipway/accounts"
)

// cli is the genuine aws command with a key.
func (w *world) cli(t *testing.T, key accounts.Key, args ...string) *exec.Cmd {
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
	cmd := exec.CommandContext(t.Context(), path, append([]string{"--endpoint-url", *w.config.BaseEndpoint, "--output", "json"}, args...)...)
	cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID="+key.ID, "AWS_SECRET_ACCESS_KEY="+key.Secret, "AWS_DEFAULT_REGION="+w.config.Region,
		"AWS_CONFIG_FILE=/nonexistent", "AWS_SHARED_CREDENTIALS_FILE=/nonexistent", "AWS_MAX_ATTEMPTS=1", "AWS_PAGER=", "PYTHONUNBUFFERED=1")
	return cmd
}

func (w *world) run(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := w.cli(t, w.root, args...)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("aws %s: %v\n%s", strings.Join(args, " "), err, errs.String())
	}
	return out
}

func TestTheCLIReadsAndFollows(t *testing.T) {
	client, w := app(t)
	put(t, client, "web", "one", "two", "three")

	var page struct {
		Events           []struct{ Message string }
		NextForwardToken string
	}
	must(t, json.Unmarshal(w.run(t, "logs", "get-log-events", "--log-group-name", "/app", "--log-stream-name", "web", "--start-from-head", "--limit", "2"), &page))
	if fmt.Sprint(page.Events) != "[{one} {two}]" {
		t.Errorf("read %v", page.Events)
	}
	must(t, json.Unmarshal(w.run(t, "logs", "get-log-events", "--log-group-name", "/app", "--log-stream-name", "web", "--next-token", page.NextForwardToken), &page))
	if fmt.Sprint(page.Events) != "[{three}]" {
		t.Errorf("then %v", page.Events)
	}

	follow := w.cli(t, w.root, "logs", "tail", "/app", "--follow", "--format", "short", "--since", "1h")
	out, err := follow.StdoutPipe()
	must(t, err)
	follow.Stderr = t.Output()
	must(t, follow.Start())
	lines := bufio.NewScanner(out)
	expect := func(message string) {
		t.Helper()
		if !lines.Scan() || !strings.HasSuffix(lines.Text(), " "+message) {
			t.Fatalf("tail printed %q, want %q", lines.Text(), message)
		}
	}
	for _, message := range []string{"one", "two", "three"} {
		expect(message)
	}
	put(t, client, "web", "four")
	expect("four")
	must(t, follow.Process.Signal(syscall.SIGINT))
	for lines.Scan() {
		if lines.Text() != "" { // it ends its line when interrupted
			t.Errorf("tail went on with %q", lines.Text())
		}
	}
	follow.Wait() // how it ends when interrupted is its own affair
}

func TestTheCLIManages(t *testing.T) {
	_, w := app(t)
	w.run(t, "logs", "create-log-group", "--log-group-name", "/cli", "--tags", "a=b")
	w.run(t, "logs", "create-log-stream", "--log-group-name", "/cli", "--log-stream-name", "s")
	w.run(t, "logs", "put-retention-policy", "--log-group-name", "/cli", "--retention-in-days", "30")
	var groups struct {
		LogGroups []struct {
			LogGroupName    string
			RetentionInDays int
		}
	}
	must(t, json.Unmarshal(w.run(t, "logs", "describe-log-groups"), &groups))
	if fmt.Sprint(groups.LogGroups) != "[{/app 0} {/cli 30}]" {
		t.Errorf("groups %v", groups.LogGroups)
	}
	w.run(t, "logs", "delete-log-stream", "--log-group-name", "/cli", "--log-stream-name", "s")
	w.run(t, "logs", "delete-log-group", "--log-group-name", "/cli")

	out, err := w.cli(t, w.root, "logs", "tail", "/cli").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "(ResourceNotFoundException)") || !strings.Contains(string(out), noGroup) {
		t.Errorf("tail of a group that is gone: %v, %s", err, out)
	}
}
