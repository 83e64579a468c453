package sandbox

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"slipway/nodeapi"
)

// Lines that the platform writes into a function's log, as AWS Lambda does: as text, or as JSON where the function's
// logging configuration says so. Source: Lambda Developer Guide, "Working with Lambda function logs" and "Telemetry API
// event schema reference".

// lines words them for one sandbox.
type lines struct {
	json     bool
	release  *nodeapi.Assignment
	image    string // digest
	instance string
}

// report is what is told of a call that has ended.
type report struct {
	request  string
	timeout  time.Duration // that the call had
	duration time.Duration
	init     time.Duration // 0: it was not the sandbox's first call
	memory   int64         // bytes, at most
	failed   *nodeapi.FunctionError
}

// kinds of what the platform says, as its JSON has them.
const (
	initStart  = "platform.initStart"
	initReport = "platform.initReport"
	callStart  = "platform.start"
	callReport = "platform.report"
)

func (l *lines) record(kind string, record any) string {
	text, _ := json.Marshal(struct { // of types that it knows
		Time   string `json:"time"`
		Type   string `json:"type"`
		Record any    `json:"record"`
	}{time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), kind, record})
	return string(text)
}

func (l *lines) initStart() string {
	if l.json {
		return l.record(initStart, map[string]any{
			"initializationType": initType(l.release), "phase": "init", "runtimeVersion": l.image, "functionName": l.release.Name,
			"functionVersion": l.release.Version, "instanceId": l.instance, "instanceMaxMemory": l.release.Memory << 20,
		})
	}
	return "INIT_START Runtime Version: " + l.image
}

// initFailed is what is told of an init phase only where it failed.
func (l *lines) initFailed(took time.Duration, f *nodeapi.FunctionError) []string {
	status := statusOf(f)
	if l.json {
		return []string{l.record(initReport, map[string]any{
			"initializationType": initType(l.release), "phase": "init", "status": status, "errorType": f.Type,
			"metrics": map[string]any{"durationMs": milliseconds(took)},
		})}
	}
	line := fmt.Sprintf("INIT_REPORT Init Duration: %.2f ms\tPhase: init\tStatus: %s", milliseconds(took), status)
	if status == "error" {
		line += "\tError Type: " + f.Type
	}
	return append(l.failure("", 0, f), line)
}

func (l *lines) start(request string) string {
	if l.json {
		return l.record(callStart, map[string]any{"requestId": request, "version": l.release.Version})
	}
	return "START RequestId: " + request + " Version: " + l.release.Version
}

// end is all that is told when a call has ended, in order.
func (l *lines) end(r report) []string {
	if l.json {
		return []string{l.jsonReport(r)}
	}
	told := l.failure(r.request, r.timeout, r.failed)
	return append(told, "END RequestId: "+r.request, l.report(r))
}

// failure is what the platform says of its own errors; those of the function it has printed itself.
func (l *lines) failure(request string, timeout time.Duration, f *nodeapi.FunctionError) []string {
	switch {
	case f == nil || l.json:
		return nil
	case f.Type == timedOut && request != "":
		at := time.Now().UTC().Format("2006-01-02T15:04:05.000Z")
		return []string{fmt.Sprintf("%s %s Task timed out after %.2f seconds", at, request, timeout.Seconds())}
	case isPlatform(f.Type):
		return []string{f.Message + "\n" + f.Type}
	}
	return nil
}

// Types of errors that are the platform's.
const (
	timedOut = "Sandbox.Timedout"
	tooLarge = "Function.ResponseSizeTooLarge"
)

// isPlatform tells the platform's errors from those of a runtime.
func isPlatform(kind string) bool {
	switch kind {
	case "Runtime.ExitError", "Runtime.OutOfMemory", "Runtime.InvalidEntrypoint", "Runtime.InvalidWorkingDir", tooLarge,
		"Extension.Crash", "Extension.LaunchError":
		return true
	}
	return false
}

func statusOf(f *nodeapi.FunctionError) string {
	switch {
	case f == nil:
		return "success"
	case f.Type == timedOut:
		return "timeout"
	}
	return "error"
}

// report is the line REPORT. Durations are rounded up to whole milliseconds for the bill.
func (l *lines) report(r report) string {
	b := make([]byte, 0, 256)
	b = append(append(b, "REPORT RequestId: "...), r.request...)
	b = append(b, "\tDuration: "...)
	b = strconv.AppendFloat(b, milliseconds(r.duration), 'f', 2, 64)
	b = append(b, " ms\tBilled Duration: "...)
	b = strconv.AppendInt(b, billed(r.duration+r.init), 10)
	b = append(b, " ms\tMemory Size: "...)
	b = strconv.AppendInt(b, int64(l.release.Memory), 10)
	b = append(b, " MB\tMax Memory Used: "...)
	b = strconv.AppendInt(b, l.megabytes(r.memory), 10)
	b = append(b, " MB\t"...)
	if r.init > 0 {
		b = append(b, "Init Duration: "...)
		b = strconv.AppendFloat(b, milliseconds(r.init), 'f', 2, 64)
		b = append(b, " ms\t"...)
	}
	if r.failed != nil && (isPlatform(r.failed.Type) || r.failed.Type == timedOut) {
		status := statusOf(r.failed)
		b = append(append(b, "Status: "...), status...)
		if status == "error" {
			b = append(append(b, "\tError Type: "...), r.failed.Type...)
		}
	}
	return string(b)
}

func (l *lines) jsonReport(r report) string {
	metrics := map[string]any{
		"durationMs": milliseconds(r.duration), "billedDurationMs": billed(r.duration + r.init),
		"memorySizeMB": l.release.Memory, "maxMemoryUsedMB": l.megabytes(r.memory),
	}
	if r.init > 0 {
		metrics["initDurationMs"] = milliseconds(r.init)
	}
	record := map[string]any{"requestId": r.request, "status": statusOf(r.failed), "metrics": metrics}
	if r.failed != nil {
		record["errorType"] = r.failed.Type
	}
	return l.record(callReport, record)
}

// megabytes are rounded up, and never more than there are.
func (l *lines) megabytes(bytes int64) int64 {
	used := (bytes + 1<<20 - 1) >> 20
	if l.release.Memory > 0 {
		used = min(used, int64(l.release.Memory))
	}
	return used
}

func milliseconds(d time.Duration) float64 {
	return float64(d.Round(10*time.Microsecond)) / float64(time.Millisecond)
}

func billed(d time.Duration) int64 {
	return int64((d + time.Millisecond - 1) / time.Millisecond)
}
