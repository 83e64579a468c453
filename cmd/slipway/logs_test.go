package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
)

var logsLines = flag.Int("logs.lines", 100_000, "how many lines the tests of downloads write")

// A container prints a great many lines and ends, and nothing of it is there any more: but for all it printed.
func TestLogsOfATaskAreDownloaded(t *testing.T) {
	c := startCloud(t)
	c.pushApp()
	app, other := c.app("app", "count", strconv.Itoa(*logsLines)), c.app("other", "print", "a word", "", " of another ")
	other.Essential = aws.Bool(false)
	task := taskID(c.until("STOPPED", c.run("count", app, other)))

	got := c.do(c.slipway("logs", task, "--container", "app", "-o", "raw"))
	wantLines(t, "all lines", got, numbered(0, *logsLines))
	got = c.do(c.slipway("logs", task, "-o", "raw"))
	wantLines(t, "those of both containers", got, numbered(0, *logsLines)+"a word\n\n of another \n")
	got = c.do(c.slipway("logs", "--group", "/slipway/default", "--stream", "count/other/"+task, "-o", "raw"))
	want(t, got, "a word\n\n of another \n")
	want(t, c.do(c.slipway("logs", task, "-c", "other", "--until", "1h")), "")
	want(t, c.do(c.slipway("logs", task, "-c", "other", "--since", "1h")), got)
}

func TestLogsOfAGroupAreDownloaded(t *testing.T) {
	c := startServer(t, "--throttle", "off")
	l := c.writeNumbered("/web", "app/1", *logsLines)
	all := numbered(0, *logsLines)
	stream := func(args ...string) *exec.Cmd {
		return c.slipway(append([]string{"logs", "--group", "/web", "--stream", "app/1"}, args...)...)
	}

	wantLines(t, "a stream", c.do(stream("-o", "raw")), all)
	wantLines(t, "a group", c.do(c.slipway("logs", "--group", "/web", "-o", "raw")), all)
	wantLines(t, "a group with names", c.do(c.slipway("logs", "--group", "/web", "--stream-prefix", "app/")), strings.ReplaceAll(all, "line ", "app/1 | line "))

	middle := l.time(*logsLines / 2)
	early, late := c.do(stream("-o", "raw", "--until", middle)), c.do(stream("-o", "raw", "--since", middle))
	if early == "" || late == "" {
		t.Errorf("%d and %d bytes before and after %s", len(early), len(late), middle)
	}
	wantLines(t, "a stream in two parts", early+late, all)
	earlyOfAll := c.do(c.slipway("logs", "--group", "/web", "-o", "raw", "--until", middle))
	wantLines(t, "the first part of a group", earlyOfAll, early)

	var line jsonLine
	text, _, _ := strings.Cut(c.do(c.slipway("logs", "--group", "/web", "-o", "json")), "\n")
	if err := json.Unmarshal([]byte(text), &line); err != nil {
		t.Fatal(err)
	}
	if want := (jsonLine{Time: l.time(0), Group: "/web", Stream: "app/1", Message: "line 0"}); line != want {
		t.Errorf("as JSON: %+v, want %+v", line, want)
	}
}

// A download that breaks off says how to get the rest.
func TestADownloadGoesOn(t *testing.T) {
	c := startServer(t, "--throttle", "off")
	l := c.writeNumbered("/web", "app/1", 45_000)
	download := c.slipway("logs", "--group", "/web", "--stream", "app/1", "-o", "raw")
	download.Env = append(download.Env, "AWS_ENDPOINT_URL="+breaking(t, c.endpoint, 3))
	var part, said bytes.Buffer
	download.Stdout, download.Stderr = &part, &said
	if err := download.Run(); err == nil {
		t.Fatal("a download that broke off ended well")
	}

	since := regexp.MustCompile(`\nhint: --since (\S+) goes on, `).FindStringSubmatch(said.String())
	if since == nil {
		t.Fatalf("it said %q", said.String())
	}
	whole := l.before(t, since[1])
	if !strings.HasPrefix(part.String(), whole) || whole == "" {
		t.Errorf("of %d bytes, those before %s are not the first %d lines", part.Len(), since[1], strings.Count(whole, "\n"))
	}
	rest := c.do(c.slipway("logs", "--group", "/web", "--stream", "app/1", "-o", "raw", "--since", since[1]))
	wantLines(t, "both parts", whole+rest, numbered(0, 45_000))
}

func TestLogsOfAnotherAccountAreRefused(t *testing.T) {
	c := startServer(t, "--account-id", "123456789012")
	c.writeNumbered("/web", "app/1", 3)
	id := strings.TrimSpace(c.do(c.slipway("account", "create", "team", "--email", "team@example.com")))
	var keys struct{ AccessKeyId, SecretAccessKey, SessionToken string }
	if err := json.Unmarshal([]byte(c.do(c.slipway("account", "keys", id, "-o", "json"))), &keys); err != nil {
		t.Fatal(err)
	}
	for group, refusal := range map[string]string{
		"/web": "slipway: ResourceNotFoundException: The specified log group does not exist.\n",
		"arn:aws:logs:us-east-1:123456789012:log-group:/web": "slipway: AccessDeniedException: ",
	} {
		for _, which := range [][]string{nil, {"--stream", "app/1"}} {
			theirs := c.slipway(append([]string{"logs", "--group", group}, which...)...)
			theirs.Env = append(theirs.Env, "AWS_ACCESS_KEY_ID="+keys.AccessKeyId, "AWS_SECRET_ACCESS_KEY="+keys.SecretAccessKey, "AWS_SESSION_TOKEN="+keys.SessionToken)
			out, err := theirs.CombinedOutput()
			if err == nil || !strings.HasPrefix(string(out), refusal) {
				t.Errorf("%s %v: %v, %s", group, which, err, out)
			}
		}
	}
	want(t, c.do(c.slipway("logs", "--group", "arn:aws:logs:us-east-1:123456789012:log-group:/web", "-o", "raw")), numbered(0, 3))
}

func TestLogsPastTheirRetentionAreNotDownloaded(t *testing.T) {
	c := startServer(t)
	c.writeNumbered("/web", "app/1", 3)
	c.putEvents("/web", "app/1", []types.InputLogEvent{{Timestamp: aws.Int64(time.Now().Add(-30 * time.Hour).UnixMilli()), Message: aws.String("old")}})
	download := func() string { return c.do(c.slipway("logs", "--group", "/web", "-o", "raw")) }
	want(t, download(), "old\n"+numbered(0, 3))
	c.aws("logs", "put-retention-policy", "--log-group-name", "/web", "--retention-in-days", "1")
	want(t, download(), numbered(0, 3))
	want(t, c.do(c.slipway("logs", "--group", "/web", "--stream", "app/1", "-o", "raw", "--since", "7d")), numbered(0, 3))
}

// numbered are the lines from a number to before another.
func numbered(from, to int) string {
	var b strings.Builder
	for i := from; i < to; i++ {
		fmt.Fprintln(&b, "line", i)
	}
	return b.String()
}

// wantLines compares more than anybody would want to read.
func wantLines(t testing.TB, what, got, want string) {
	t.Helper()
	if got == want {
		return
	}
	g, w := strings.SplitAfter(got, "\n"), strings.SplitAfter(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			t.Fatalf("%s: line %d of %d is %.80q, want %.80q of %d", what, i, len(g), g[i], w[i], len(w))
		}
	}
	t.Fatalf("%s: %d lines, want %d", what, len(g), len(w))
}

// numberedLog is a stream of numbered lines, perMilli of them in a millisecond.
type numberedLog struct{ start int64 }

const perMilli = 10

func (c *cloud) writeNumbered(group, stream string, lines int) numberedLog {
	c.t.Helper()
	_, err := c.logs.CreateLogGroup(c.t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &group})
	if err == nil {
		_, err = c.logs.CreateLogStream(c.t.Context(), &cloudwatchlogs.CreateLogStreamInput{LogGroupName: &group, LogStreamName: &stream})
	}
	if err != nil {
		c.t.Fatal(err)
	}
	l := numberedLog{time.Now().Add(-time.Hour).UnixMilli()}
	var events []types.InputLogEvent
	for i := range lines {
		events = append(events, types.InputLogEvent{Timestamp: aws.Int64(l.start + int64(i/perMilli)), Message: aws.String(fmt.Sprint("line ", i))})
		if len(events) == 10_000 || i == lines-1 {
			c.putEvents(group, stream, events)
			events = nil
		}
	}
	return l
}

func (c *cloud) putEvents(group, stream string, events []types.InputLogEvent) {
	c.t.Helper()
	out, err := c.logs.PutLogEvents(c.t.Context(), &cloudwatchlogs.PutLogEventsInput{LogGroupName: &group, LogStreamName: &stream, LogEvents: events})
	if err != nil || out.RejectedLogEventsInfo != nil {
		c.t.Fatalf("PutLogEvents: %v, %+v", err, out)
	}
}

// time is when a line was printed.
func (l numberedLog) time(line int) string {
	return time.UnixMilli(l.start + int64(line/perMilli)).UTC().Format(stampLayout)
}

// before are the lines that were printed before a time.
func (l numberedLog) before(t testing.TB, text string) string {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return numbered(0, int(at.UnixMilli()-l.start)*perMilli)
}

// breaking passes calls on to an endpoint, and refuses to read events after so many pages.
func breaking(t *testing.T, endpoint string, pages int32) string {
	t.Helper()
	to, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	var read atomic.Int32
	pass := httputil.NewSingleHostReverseProxy(to)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".GetLogEvents") && read.Add(1) > pages {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"__type": "OperationAbortedException", "message": "The line broke."}`)
			return
		}
		pass.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL
}
