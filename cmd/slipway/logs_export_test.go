package main

import (
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"slipway/blob/s3/s3test"
)

// The aws command has a log group written into a bucket, which a server of others keeps.
func TestLogsAreExported(t *testing.T) {
	bucket := s3test.Start(t)
	t.Setenv("AWS_ACCESS_KEY_ID", s3test.AccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", s3test.Secret)
	if err := os.Mkdir(filepath.Join(bucket.Dir, "kept"), 0o700); err != nil {
		t.Fatal(err)
	}
	c := startServer(t, "--throttle", "off", "--blobs", bucket.Location("slipway"))
	const lines = 25_000
	l := c.writeNumbered("/web", "app/1", lines)
	start, end := strconv.FormatInt(l.start, 10), strconv.FormatInt(l.start+lines/perMilli, 10)

	id := c.aws("logs", "create-export-task", "--log-group-name", "/web", "--from", start, "--to", end, "--destination", "kept",
		"--destination-prefix", "night", "--query", "taskId", "--output", "text")
	within(t, "the export", func() bool {
		return c.aws("logs", "describe-export-tasks", "--task-id", id, "--query", "exportTasks[0].status.code", "--output", "text") == "COMPLETED"
	})
	tested, err := os.ReadFile(filepath.Join(bucket.Dir, "kept/night/aws-logs-write-test"))
	if err != nil {
		t.Fatal(err)
	}
	want(t, string(tested), "Permission Check Successful")
	var all strings.Builder
	for i, line := range strings.SplitAfter(numbered(0, lines), "\n") {
		if line != "" {
			all.WriteString(l.time(i) + " " + line)
		}
	}
	wantLines(t, "the object", exportedLines(t, filepath.Join(bucket.Dir, "kept/night", id, "app-1/000000.gz")), all.String())

	for into, refusal := range map[string]string{
		bucket.Bucket: "it lies where blobs are kept",
		"missing":     "NoSuchBucket",
	} {
		_, err := c.tryAWS("logs", "create-export-task", "--log-group-name", "/web", "--from", start, "--to", end, "--destination", into, "--destination-prefix", "slipway/x")
		if err == nil || !strings.Contains(err.Error(), "InvalidParameterException") || !strings.Contains(err.Error(), refusal) {
			t.Errorf("into %s: %v", into, err)
		}
	}
}

func TestExportsNeedABucket(t *testing.T) {
	c := startServer(t)
	c.writeNumbered("/web", "app/1", 3)
	_, err := c.tryAWS("logs", "create-export-task", "--log-group-name", "/web", "--from", "1", "--to", "2", "--destination", "kept")
	if err == nil || !strings.Contains(err.Error(), "start slipway with --blobs s3://BUCKET/PREFIX?endpoint=URL to export them.") {
		t.Errorf("without a bucket: %v", err)
	}
}

// exportedLines is the text of an object.
func exportedLines(t *testing.T, name string) string {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	in, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	text, err1 := io.ReadAll(in)
	if err := errors.Join(err1, in.Close()); err != nil {
		t.Fatal(err)
	}
	return string(text)
}
