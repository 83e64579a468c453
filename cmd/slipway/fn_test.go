package main

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// said runs a command of ours against this cloud, and tells what it printed and its exit code.
func (c *cloud) said(args ...string) (stdout, stderr string, code int) {
	c.t.Helper()
	cmd := c.slipway(args...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		c.t.Fatalf("slipway %s: %v", strings.Join(args, " "), err)
	}
	return out.String(), errOut.String(), cmd.ProcessState.ExitCode()
}

// wantSaid runs a command that succeeds and prints some words.
func (c *cloud) wantSaid(t *testing.T, words []string, args ...string) string {
	t.Helper()
	out, errOut, code := c.said(args...)
	if code != 0 {
		t.Fatalf("slipway %s: exit code %d: %s%s", strings.Join(args, " "), code, out, errOut)
	}
	contains(t, "slipway "+strings.Join(args, " "), out+errOut, words...)
	return out
}

// A folder with a Go program is deployed, called, watched, changed and taken back, by commands alone.
func TestFnOnAMachine(t *testing.T) {
	c := startCloud(t)
	const source = "../../agent/sandbox/testfunction"
	c.wantSaid(t, []string{"greet: a Go program, built for linux/", "made the role slipway-functions", "greet: version 1 is in service"},
		"fn", "deploy", source, "greet", "-e", "WHO=ann", "--timeout", "30")
	out := c.wantSaid(t, []string{"START RequestId: ", "\nahoy\n", "REPORT RequestId: "}, "invoke", "greet", "-d", `{"print":["ahoy"],"environ":"WHO"}`, "--tail")
	want(t, out, "\"ann\"\n")
	c.wantSaid(t, []string{"version 2 is in service"}, "fn", "deploy", source, "greet", "-e", "WHO=bob")
	want(t, c.wantSaid(t, nil, "invoke", "greet", "-d", `{"environ":"WHO"}`), "\"bob\"\n")
	showsLatest := func(number string) {
		t.Helper()
		for line := range strings.Lines(c.wantSaid(t, nil, "fn", "show", "greet")) {
			if version, is := strings.CutPrefix(line, "  version  "); is && strings.HasPrefix(version, number+" ") != strings.Contains(line, "(as it is now)") {
				t.Errorf("of the versions %s is as it is now; it is said: %s", number, line)
			}
		}
	}
	showsLatest("2")
	c.wantSaid(t, []string{"greet: back to version 1"}, "fn", "rollback", "greet")
	want(t, c.wantSaid(t, nil, "invoke", "greet", "-d", `{"environ":"WHO"}`), "\"ann\"\n")
	showsLatest("1")
	want(t, c.wantSaid(t, nil, "invoke", "greet:2", "-d", `{"environ":"WHO"}`), "\"bob\"\n")

	c.comesBackFromWhatDoesNotStart(t, source)
	out, errOut, code := c.said("invoke", "greet", "-d", `{"print":["uh"],"fail":"no"}`)
	want(t, fmt.Sprint(code, " ", out), "1 {\"errorMessage\":\"no\",\"errorType\":\"errorString\"}\n")
	contains(t, "what is said of a function that fails", errOut, "\nuh\n", "slipway: greet failed: errorString: no\n", `hint: "slipway fn logs greet"`)
	within(t, "the log to have all of it", func() bool {
		out, _, _ := c.said("fn", "logs", "greet")
		return strings.Contains(out, "\nahoy\n") && strings.Count(out, "REPORT RequestId: ") == 7
	})
	out = c.wantSaid(t, nil, "fn", "list", "-o", "json")
	contains(t, "the list", out, `"name": "greet"`, `"memoryMiB": 128`, `"timeoutSeconds": 30`)
}

// comesBackFromWhatDoesNotStart updates greet by what is no program, and takes that back, and mends it.
func (c *cloud) comesBackFromWhatDoesNotStart(t *testing.T, source string) {
	t.Helper()
	broken := t.TempDir()
	if err := os.WriteFile(filepath.Join(broken, "bootstrap"), []byte("no program"), 0o755); err != nil {
		t.Fatal(err)
	}
	breaks := func() {
		t.Helper()
		_, errOut, code := c.said("fn", "deploy", broken, "greet")
		contains(t, fmt.Sprint("what is said of an update that does not start, with exit code ", code), errOut, "slipway: greet: the update does not start: Error: fork/exec /var/task/bootstrap: exec format error\n", "stays in service")
	}
	breaks()
	c.wantSaid(t, []string{"greet: back to version 1"}, "fn", "rollback", "greet") // which was in service, and not 2, which is newer
	want(t, c.wantSaid(t, nil, "invoke", "greet", "-d", `{"environ":"WHO"}`), "\"ann\"\n")
	breaks()
	c.wantSaid(t, []string{"version 3 is in service"}, "fn", "deploy", source, "greet", "-e", "WHO=eve")
	want(t, c.wantSaid(t, nil, "invoke", "greet", "-d", `{"environ":"WHO"}`), "\"eve\"\n")
}

// Which version a function goes back to, by those that were in service.
func TestVersionBefore(t *testing.T) {
	version := func(number int) types.FunctionConfiguration {
		return types.FunctionConfiguration{Version: aws.String(fmt.Sprint(number)), CodeSha256: aws.String(fmt.Sprint("code ", number))}
	}
	all := []types.FunctionConfiguration{version(1), version(2), version(3), version(4)}
	for _, c := range []struct {
		deployed string // the tag
		now      int    // whose code is there; 9: that of none
		want     string // "": none
	}{
		{"", 4, "3"}, {"", 2, "1"}, {"", 9, "4"}, {"", 1, ""},
		{"1 2 3 4", 4, "3"},
		{"1 2 3 4", 9, "4"},
		{"1", 9, "1"},   // gone back to 1, and then what does not start
		{"1 4", 4, "1"}, // deployed over 1
		{"1 4 7", 4, "1"},
		{"1", 1, ""},
	} {
		now := version(c.now)
		got, err := versionBefore("greet", "", &now, servedOf(map[string]string{deployedTag: c.deployed}), all)
		if number := ""; err == nil {
			number = *got.Version
			want(t, fmt.Sprintf("%q %d: %s", c.deployed, c.now, number), fmt.Sprintf("%q %d: %s", c.deployed, c.now, c.want))
		} else if c.want != "" {
			t.Errorf("%q %d: %v", c.deployed, c.now, err)
		}
	}
	s := servedOf(map[string]string{deployedTag: "1 2 3"})
	want(t, fmt.Sprint([]served{s.with("4"), s.with("2"), s.backTo("2"), s.backTo("7")}), "[1 2 3 4 1 3 2 1 2 1 2 3 7]")
	for i := range 200 {
		s = s.with(fmt.Sprint(1000 + i))
	}
	if text := s.String(); len(text) > maxTagValue || !strings.HasSuffix(text, " 1198 1199") {
		t.Errorf("the tag is %q", text)
	}
}

// What cannot be done to a function is said with what can.
func TestFnTellsWhatToDo(t *testing.T) {
	c := startServer(t)
	for want, args := range map[string][]string{
		`no call "nothing" was given up` + "\nhint: \"slipway fn dead list\"":                                                       {"fn", "dead", "show", "nothing"},
		`no call "nothing" was given up` + "\nhint: \"slipway fn dead list\" lists":                                                 {"fn", "dead", "replay", "nothing"},
		`Deletion of aliases is not currently supported.` + "\nhint: \"aws lambda delete-alias --function-name greet --name live\"": {"fn", "delete", "greet:live"},
	} {
		_, errOut, code := c.said(args...)
		contains(t, fmt.Sprint(args, " with exit code ", code), errOut, want)
	}
}

// Calls that nobody waits for outlive the server that took them: each is made, and one that fails is kept until somebody
// has it made again.
func TestEventCallsOutliveTheServer(t *testing.T) {
	c := startCloud(t)
	c.wantSaid(t, nil, "fn", "deploy", "../../agent/sandbox/testfunction", "greet", "--timeout", "30")
	c.aws("lambda", "put-function-event-invoke-config", "--function-name", "greet", "--maximum-retry-attempts", "0")
	var marks []string
	for i := range 20 {
		mark := fmt.Sprintf("mark-%d.", i)
		marks = append(marks, mark)
		c.wantSaid(t, nil, "invoke", "greet", "--event", "-d", fmt.Sprintf(`{"print":[%q],"sleep":"1s"}`, mark))
	}
	c.kill()
	c.restart()
	within(t, "each call to be made", func() bool {
		out, _, _ := c.said("fn", "logs", "greet")
		for _, mark := range marks {
			if !strings.Contains(out, mark) {
				return false
			}
		}
		return true
	})
	id := strings.TrimSpace(c.wantSaid(t, nil, "invoke", "greet", "--event", "-d", `{"fail":"never"}`))
	within(t, "the call that fails to be given up", func() bool {
		out, _, _ := c.said("fn", "dead", "list", "greet")
		return strings.Contains(out, id)
	})
	c.wantSaid(t, []string{id, "RetriesExhausted", "errorString: never"}, "fn", "dead", "list")
	c.wantSaid(t, []string{`"payload": "{\"fail\":\"never\"}"`, `"condition": "RetriesExhausted"`}, "fn", "dead", "show", id)
	c.wantSaid(t, []string{"calls that are made again: 1"}, "fn", "dead", "replay", "--all", "greet")
	within(t, "it to fail again", func() bool {
		out, _, _ := c.said("fn", "dead", "list", "greet")
		return strings.Contains(out, id)
	})
}

// A bootstrap is a program, also where its file does not say that it may be run.
func TestBootstrapsMayBeRun(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"bootstrap", "data"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte("#!/bin/sh\n"), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	code, err := readCode(t.Context(), folder, "amd64")
	if err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(code.zip), int64(len(code.zip)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range z.File {
		if f.Name == "bootstrap" && f.Mode().Perm()&0o111 != 0o111 || f.Name == "data" && f.Mode().Perm() != 0o640 {
			t.Errorf("%s has mode %o", f.Name, f.Mode().Perm())
		}
	}
	want(t, fmt.Sprint(len(z.File)), "2")
}
