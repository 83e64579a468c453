package sandbox

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"slipway/nodeapi"
)

func linesOf(asJSON bool) *lines {
	return &lines{json: asJSON, image: "sha256:1234", instance: "sb-1", release: &nodeapi.Assignment{Name: "hello", Version: "7", Memory: 128}}
}

func TestLinesAreAsAWSPrintsThem(t *testing.T) {
	l := linesOf(false)
	exit := &nodeapi.FunctionError{Type: "Runtime.ExitError", Message: "RequestId: r-1 Error: Runtime exited with error: exit status 1"}
	for name, row := range map[string]struct {
		got  []string
		want []string
	}{
		"init":  {[]string{l.initStart()}, []string{"INIT_START Runtime Version: sha256:1234"}},
		"start": {[]string{l.start("r-1")}, []string{"START RequestId: r-1 Version: 7"}},
		"first call": {
			l.end(report{request: "r-1", duration: 1234567 * time.Nanosecond, init: 155285 * time.Microsecond, memory: 45<<20 + 1}),
			[]string{"END RequestId: r-1", "REPORT RequestId: r-1\tDuration: 1.23 ms\tBilled Duration: 157 ms\tMemory Size: 128 MB\tMax Memory Used: 46 MB\tInit Duration: 155.29 ms\t"},
		},
		"next call": {
			l.end(report{request: "r-2", duration: 3 * time.Millisecond, memory: 300 << 20}),
			[]string{"END RequestId: r-2", "REPORT RequestId: r-2\tDuration: 3.00 ms\tBilled Duration: 3 ms\tMemory Size: 128 MB\tMax Memory Used: 128 MB\t"},
		},
		"exit": {
			l.end(report{request: "r-1", duration: time.Millisecond, memory: 1 << 20, failed: exit}),
			[]string{
				"RequestId: r-1 Error: Runtime exited with error: exit status 1\nRuntime.ExitError", "END RequestId: r-1",
				"REPORT RequestId: r-1\tDuration: 1.00 ms\tBilled Duration: 1 ms\tMemory Size: 128 MB\tMax Memory Used: 1 MB\tStatus: error\tError Type: Runtime.ExitError",
			},
		},
		"its own error": {
			l.end(report{request: "r-1", duration: time.Millisecond, memory: 1 << 20, failed: &nodeapi.FunctionError{Type: "errorString"}}),
			[]string{"END RequestId: r-1", "REPORT RequestId: r-1\tDuration: 1.00 ms\tBilled Duration: 1 ms\tMemory Size: 128 MB\tMax Memory Used: 1 MB\t"},
		},
		"init exit": {
			l.initFailed(10*time.Millisecond, &nodeapi.FunctionError{Type: "Runtime.ExitError", Message: "Error: Runtime exited with error: exit status 1"}),
			[]string{"Error: Runtime exited with error: exit status 1\nRuntime.ExitError", "INIT_REPORT Init Duration: 10.00 ms\tPhase: init\tStatus: error\tError Type: Runtime.ExitError"},
		},
		"init timeout": {
			l.initFailed(10*time.Second, &nodeapi.FunctionError{Type: "Sandbox.Timedout"}),
			[]string{"INIT_REPORT Init Duration: 10000.00 ms\tPhase: init\tStatus: timeout"},
		},
	} {
		if !slices.Equal(row.got, row.want) {
			t.Errorf("%s: %q, want %q", name, row.got, row.want)
		}
	}
	late := l.end(report{request: "r-1", timeout: 3 * time.Second, duration: 3001 * time.Millisecond, failed: &nodeapi.FunctionError{Type: "Sandbox.Timedout"}})
	if want := `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z r-1 Task timed out after 3\.00 seconds$`; !regexp.MustCompile(want).MatchString(late[0]) || !strings.HasSuffix(late[2], "\tStatus: timeout") {
		t.Errorf("a call that took too long: %q", late)
	}
}

func TestLinesOfAProvisionedSandbox(t *testing.T) {
	l := linesOf(true)
	l.release.Provisioned = true
	for _, line := range append(l.initFailed(time.Millisecond, &nodeapi.FunctionError{}), l.initStart()) {
		if !strings.Contains(line, `"initializationType":"provisioned-concurrency"`) {
			t.Errorf("the line is %s", line)
		}
	}
}

func TestLinesAsJSON(t *testing.T) {
	l := linesOf(true)
	failed := &nodeapi.FunctionError{Type: "Runtime.ExitError", Message: "x"}
	all := slices.Concat([]string{l.initStart(), l.start("r-1")}, l.end(report{request: "r-1", duration: time.Millisecond, init: time.Second, memory: 1}),
		l.end(report{request: "r-2", duration: time.Millisecond, failed: failed}), l.initFailed(time.Millisecond, failed))
	var got []string
	for _, line := range all {
		var e struct {
			Time   time.Time
			Type   string
			Record map[string]any
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil || time.Since(e.Time) > time.Hour {
			t.Errorf("%s: %v", line, err)
		}
		record, _ := json.Marshal(e.Record)
		got = append(got, e.Type+" "+string(record))
	}
	want := []string{
		`platform.initStart {"functionName":"hello","functionVersion":"7","initializationType":"on-demand","instanceId":"sb-1","instanceMaxMemory":134217728,"phase":"init","runtimeVersion":"sha256:1234"}`,
		`platform.start {"requestId":"r-1","version":"7"}`,
		`platform.report {"metrics":{"billedDurationMs":1001,"durationMs":1,"initDurationMs":1000,"maxMemoryUsedMB":1,"memorySizeMB":128},"requestId":"r-1","status":"success"}`,
		`platform.report {"errorType":"Runtime.ExitError","metrics":{"billedDurationMs":1,"durationMs":1,"maxMemoryUsedMB":0,"memorySizeMB":128},"requestId":"r-2","status":"error"}`,
		`platform.initReport {"errorType":"Runtime.ExitError","initializationType":"on-demand","metrics":{"durationMs":1},"phase":"init","status":"error"}`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("the lines are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
