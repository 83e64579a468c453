package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"slipway/api/awswire"
	"slipway/api/awswire/wiretest"
	"slipway/api/cloudtrail"
	"slipway/audit"
	"slipway/seal/sealtest"
	"slipway/store/storetest"
)

// trail is a door of the audit that real clients call, and that writes down their calls.
type trail struct {
	room   *audit.Control
	config aws.Config
}

func startTrail(t *testing.T) *trail {
	t.Helper()
	db := storetest.SQLite(t)
	room, err := audit.New(t.Context(), db, t.TempDir(), sealtest.Keys(t, db), audit.Config{})
	if err != nil {
		t.Fatal(err)
	}
	w := &trail{room: room}
	w.config = wiretest.Serve(t, awswire.Config{Record: func(_ context.Context, c *awswire.Call) error {
		_, err := room.Record(audit.Entry{Account: c.Who.Account, Principal: audit.Principal{Type: audit.PrincipalRoot, ARN: c.Who.ARN},
			Service: c.Service, Operation: c.Operation, ReadOnly: audit.ReadOnly(c.Operation), RequestID: c.RequestID})
		return err
	}}, cloudtrail.New(room))
	t.Cleanup(func() {
		if err := room.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w *trail) record(t *testing.T, e audit.Entry) {
	t.Helper()
	e.Account, e.Source, e.Region = wiretest.Account, "192.0.2.7", wiretest.Region
	if _, err := w.room.Record(e); err != nil {
		t.Fatal(err)
	}
}

func user(name string) audit.Principal {
	return audit.Principal{Type: audit.PrincipalUser, ARN: "arn:aws:iam::123456789012:user/" + name, UserID: "AIDA" + strings.ToUpper(name)}
}

// fill records a few calls of all sorts.
func (w *trail) fill(t *testing.T) {
	t.Helper()
	cluster, task := audit.Resource{ARN: "arn:aws:ecs:us-east-1:123456789012:cluster/web"}, audit.Resource{ARN: "arn:aws:ecs:us-east-1:123456789012:task/web/0123"}
	role := audit.Principal{Type: audit.PrincipalRole, ARN: "arn:aws:sts::123456789012:assumed-role/deploy/ci", IssuerARN: "arn:aws:iam::123456789012:role/deploy"}
	for _, e := range []audit.Entry{
		{Principal: user("ann"), Service: "ecs", Operation: "RunTask", Resources: []audit.Resource{cluster, task}},
		{Principal: user("bob"), Service: "ecs", Operation: "StopTask", Resources: []audit.Resource{task}, ErrorCode: "AccessDeniedException"},
		{Principal: role, Service: "iam", Operation: "CreateUser"},
		{Principal: user("ann"), Service: "ecr", Operation: "DescribeImages", ErrorCode: "RepositoryNotFoundException"},
		{Principal: audit.Principal{Type: audit.PrincipalService, UserID: "ecs.amazonaws.com"}, Service: "ecs", Operation: "StopTask", Resources: []audit.Resource{task}},
		{Principal: audit.Principal{Type: audit.PrincipalUnknown}, Service: "ecs", Operation: "RunTask", ErrorCode: "InvalidSignatureException"},
	} {
		w.record(t, e)
	}
}

func (w *trail) command(args ...string) *exec.Cmd {
	cmd := exec.Command("slipway", append([]string{"audit"}, args...)...)
	cmd.Env = append(os.Environ(), "AWS_ENDPOINT_URL="+*w.config.BaseEndpoint, "AWS_ACCESS_KEY_ID="+wiretest.AccessKey, "AWS_SECRET_ACCESS_KEY="+wiretest.Secret,
		"AWS_REGION="+wiretest.Region, "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null")
	return cmd
}

func (w *trail) run(t *testing.T, args ...string) string {
	t.Helper()
	out, err := w.command(args...).CombinedOutput()
	if err != nil {
		t.Fatalf("slipway audit %v: %v: %s", args, err, out)
	}
	return string(out)
}

// rows are the lines of a table without their times and with single spaces.
func rows(table string) (rows []string) {
	for _, line := range strings.Split(strings.TrimSpace(table), "\n") {
		rows = append(rows, strings.Join(strings.Fields(line)[1:], " "))
	}
	return rows
}

const auditHeading = "PRINCIPAL ACTION RESOURCE FROM OUTCOME"

func TestAuditTellsWhoDidWhat(t *testing.T) {
	w := startTrail(t)
	w.fill(t)
	want := []string{
		auditHeading,
		"ann ecs:RunTask cluster/web +1 192.0.2.7 ok",
		"bob ecs:StopTask task/web/0123 192.0.2.7 AccessDeniedException",
		"deploy/ci iam:CreateUser - 192.0.2.7 ok",
		"ann ecr:DescribeImages - 192.0.2.7 RepositoryNotFoundException",
		"ecs.amazonaws.com ecs:StopTask task/web/0123 192.0.2.7 ok",
		"- ecs:RunTask - 192.0.2.7 InvalidSignatureException",
	}
	if got := rows(w.run(t)); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("told\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, c := range []struct {
		args []string
		want []int // which of these lines
	}{
		{[]string{"--user", "ann"}, []int{1, 4}},
		{[]string{"--user", "ci"}, []int{3}},
		{[]string{"--action", "ecs:StopTask"}, []int{2, 5}},
		{[]string{"--action", "ecs:*"}, []int{1, 2, 5, 6}},
		{[]string{"--action", "*:*User"}, []int{3}},
		{[]string{"--denied"}, []int{2, 6}},
		{[]string{"--denied", "--action", "ecs:RunTask"}, []int{6}},
		{[]string{"--user", "bob", "--action", "ecs:StopTask", "--denied"}, []int{2}},
		{[]string{"--user", "ann", "--denied"}, nil},
		{[]string{"--since", "7d", "--action", "ec?:[DR]*", "-n", "2"}, []int{4, 6}},
	} {
		lines := []string{auditHeading}
		for _, i := range c.want {
			lines = append(lines, want[i])
		}
		if got := rows(w.run(t, c.args...)); strings.Join(got, "\n") != strings.Join(lines, "\n") {
			t.Errorf("%v told\n%s\nwant\n%s", c.args, strings.Join(got, "\n"), strings.Join(lines, "\n"))
		}
	}
	if got := rows(w.run(t, "--action", "cloudtrail:LookupEvents")); len(got) < 2 || got[1] != "root cloudtrail:LookupEvents - - ok" {
		t.Errorf("of the lookups before, it tells %v", got)
	}
}

func TestAuditPrintsRecordsForPrograms(t *testing.T) {
	w := startTrail(t)
	if got := w.run(t, "-o", "json"); got != "[]\n" {
		t.Errorf("nothing is %q", got)
	}
	w.fill(t)
	var records []map[string]any
	if err := json.Unmarshal([]byte(w.run(t, "-o", "json", "--user", "ann")), &records); err != nil {
		t.Fatal(err)
	}
	if len(records) != 2 || records[0]["eventName"] != "RunTask" || records[0]["eventVersion"] != "1.11" {
		t.Errorf("records %v", records)
	}
}

func TestAuditPagesThroughManyCalls(t *testing.T) {
	w := startTrail(t)
	for i := range 130 {
		w.record(t, audit.Entry{Principal: user("ann"), Service: "ecs", Operation: fmt.Sprint("Do", i)})
	}
	if got := rows(w.run(t)); len(got) != 131 || !strings.HasPrefix(got[1], "ann ecs:Do0 ") || !strings.HasPrefix(got[130], "ann ecs:Do129 ") {
		t.Errorf("%d rows", len(got))
	}
	if got := rows(w.run(t, "--limit", "60", "--user", "ann")); len(got) != 61 || !strings.HasPrefix(got[1], "ann ecs:Do70 ") {
		t.Errorf("%d rows", len(got))
	}
}

// What is done while it follows is told, each call once, its own reading not at all.
func TestAuditFollows(t *testing.T) {
	t.Parallel()
	for _, output := range []string{"table", "json"} {
		t.Run(output, func(t *testing.T) {
			w := startTrail(t)
			w.record(t, audit.Entry{Principal: user("ann"), Service: "ecs", Operation: "Before"})
			cmd := w.command("--follow", "-o", output)
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			cmd.Stderr = t.Output()
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(out)
			expect := func(word string) {
				t.Helper()
				if !lines.Scan() || !strings.Contains(lines.Text(), word) {
					t.Fatalf("told %q, want %q", lines.Text(), word)
				}
			}
			if output == "table" {
				expect("PRINCIPAL")
			}
			expect("Before")
			for i := range 3 {
				w.record(t, audit.Entry{Principal: user("ann"), Service: "ecs", Operation: fmt.Sprint("Later", i)})
				expect(fmt.Sprint("Later", i))
			}
			cmd.Process.Signal(syscall.SIGINT)
			for lines.Scan() {
				t.Errorf("it went on with %q", lines.Text())
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("interrupted, it ended with %v", err)
			}
		})
	}
}

func TestAuditIsCalledWrongly(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"--since yesterday", `slipway: invalid argument "yesterday" for "--since" flag: "yesterday" is no span of time: want one as 90s, 15m, 24h or 7d`},
		{"--since -1h", `"-1h" is no span of time`},
		{"--action [", `slipway: action "[": syntax error in pattern`},
		{"--limit 0", `slipway: --limit 0: want at least 1`},
		{"now", `unknown command "now"`},
	} {
		out, err := exec.Command("slipway", append([]string{"audit"}, strings.Fields(c.args)...)...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), c.want) {
			t.Errorf("%s: %v: %s", c.args, err, out)
		}
	}
}

func TestSpansOfTime(t *testing.T) {
	for text, want := range map[string]time.Duration{"90s": 90 * time.Second, "15m": 15 * time.Minute, "7d": 168 * time.Hour, "0d": 0, "1h30m": 90 * time.Minute} {
		var s sinceFlag
		if err := s.Set(text); err != nil || s.Duration != want {
			t.Errorf("%s is %s, %v", text, s.Duration, err)
		}
	}
	for span, want := range map[time.Duration]string{time.Hour: "1h", 10 * time.Second: "10s", 10 * time.Minute: "10m", 90 * time.Minute: "1h30m", 0: "0s", 20 * time.Hour: "20h"} {
		if got := (&sinceFlag{span}).String(); got != want {
			t.Errorf("%v is written %s", span, got)
		}
	}
}
