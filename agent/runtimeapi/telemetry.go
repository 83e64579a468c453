package runtimeapi

import (
	"context"
	"encoding/json"
	"math"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"slipway/nodeapi"
)

// Whose line of a log it is, for Session.Printed.
const (
	FunctionLog  = "function"
	ExtensionLog = "extension"
)

// timeFormat is how the API writes times.
const timeFormat = "2006-01-02T15:04:05.000Z"

// maxBacklog is how much of what happens before anybody could subscribe is kept for who does, in bytes.
const maxBacklog = 256 << 10

// telemetry is what happens in a sandbox, for extensions that asked for it (AWS Lambda, "Lambda Telemetry API").
type telemetry struct {
	dial func(ctx context.Context, port int) (net.Conn, error)
	on   atomic.Bool // somebody listens, or may yet

	mu          sync.Mutex
	closed      bool // nobody may subscribe any more
	backlog     []record
	size        int // of the backlog
	subscribers map[string]*subscriber
	ctx         context.Context
	cancel      context.CancelFunc
	wg          sync.WaitGroup
}

// record is one event, as it is sent.
type record struct {
	stream string // "platform", "function", "extension"
	text   []byte
}

func (t *telemetry) init(dial func(ctx context.Context, port int) (net.Conn, error)) {
	t.dial, t.subscribers = dial, map[string]*subscriber{}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	t.on.Store(dial != nil)
}

// tell sends an event to all who want it.
func (t *telemetry) tell(stream, kind string, at time.Time, what any) {
	if !t.on.Load() {
		return
	}
	text, err := json.Marshal(struct {
		Time   string `json:"time"`
		Type   string `json:"type"`
		Record any    `json:"record"`
	}{at.UTC().Format(timeFormat), kind, what})
	if err != nil {
		return
	}
	r := record{stream, text}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closed && t.size+len(text) <= maxBacklog {
		t.backlog = append(t.backlog, r)
		t.size += len(text)
	}
	for _, s := range t.subscribers {
		s.add(r)
	}
}

// settle ends the time in which one may subscribe.
func (t *telemetry) settle() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed, t.backlog, t.size = true, nil, 0
	t.on.Store(len(t.subscribers) > 0)
}

// flush has everything sent at once.
func (t *telemetry) flush() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.subscribers {
		s.flush()
	}
}

func (t *telemetry) close() {
	t.settle()
	t.on.Store(false)
	t.cancel()
	t.wg.Wait()
}

type phase struct {
	Type  string `json:"initializationType"`
	Phase string `json:"phase"`
}

func initOf(c Config) phase { return phase{c.InitType, "init"} }

func (t *telemetry) initStart(c Config) {
	t.tell("platform", "platform.initStart", time.Now(), struct {
		phase
		Runtime string `json:"runtimeVersion,omitempty"`
		Name    string `json:"functionName"`
		Version string `json:"functionVersion"`
		Memory  int    `json:"instanceMaxMemory,omitempty"` // bytes
	}{initOf(c), c.Runtime, c.Name, c.Version, c.Memory << 20})
}

func (t *telemetry) initDone(c Config, began time.Time, failed *nodeapi.FunctionError) {
	now := time.Now()
	done := struct {
		phase
		Status string `json:"status"`
		Error  string `json:"errorType,omitempty"`
	}{phase: initOf(c), Status: "success"}
	if failed != nil {
		done.Status, done.Error = "error", failed.Type
	}
	t.tell("platform", "platform.initRuntimeDone", now, done)
	t.tell("platform", "platform.initReport", now, struct {
		phase
		Status  string             `json:"status"`
		Metrics map[string]float64 `json:"metrics"`
	}{initOf(c), done.Status, map[string]float64{"durationMs": milliseconds(now.Sub(began))}})
	t.settle()
}

func (t *telemetry) extensions(all []extension) {
	for _, e := range all {
		events := []string{}
		if e.invoke {
			events = append(events, "INVOKE")
		}
		if e.shutdown {
			events = append(events, "SHUTDOWN")
		}
		t.tell("platform", "platform.extension", time.Now(), map[string]any{"name": e.name, "state": "Ready", "events": events})
	}
}

type tracing struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

func traced(k *call) *tracing {
	if k.TraceID == "" {
		return nil
	}
	return &tracing{"X-Amzn-Trace-Id", k.TraceID}
}

func (t *telemetry) start(c Config, k *call) {
	if !t.on.Load() {
		return
	}
	t.tell("platform", "platform.start", k.began, struct {
		Request string   `json:"requestId"`
		Version string   `json:"version"`
		Tracing *tracing `json:"tracing,omitempty"`
	}{k.Request, c.Version, traced(k)})
}

func (t *telemetry) done(k *call, o *nodeapi.Outcome) {
	if !t.on.Load() {
		return
	}
	status, kind := status(o.Error)
	t.tell("platform", "platform.runtimeDone", time.Now(), struct {
		Request string         `json:"requestId"`
		Status  string         `json:"status"`
		Error   string         `json:"errorType,omitempty"`
		Metrics map[string]any `json:"metrics"`
		Tracing *tracing       `json:"tracing,omitempty"`
	}{k.Request, status, kind, map[string]any{"durationMs": milliseconds(o.Duration), "producedBytes": len(o.Payload)}, traced(k)})
}

// status is how a call went, in the words of the API.
func status(f *nodeapi.FunctionError) (status, kind string) {
	switch {
	case f == nil:
		return "success", ""
	case f.Type == "Sandbox.Timedout":
		return "timeout", f.Type
	case f.Type == "Runtime.ExitError", f.Type == "Runtime.OutOfMemory", f.Type == "Extension.Crash":
		return "failure", f.Type
	}
	return "error", f.Type
}

func milliseconds(d time.Duration) float64 { return math.Round(float64(d)/1e3) / 1e3 }

// Report is what a call took, for platform.report.
type Report struct {
	Request          string
	Duration, Billed time.Duration
	Init             time.Duration // 0: it was not the first call
	MemoryPeak       int64         // bytes
	Error            *nodeapi.FunctionError
}

// Report tells extensions that subscribed what a call took.
func (s *Session) Report(r Report) {
	if !s.telemetry.on.Load() {
		return
	}
	status, kind := status(r.Error)
	metrics := map[string]any{"durationMs": milliseconds(r.Duration), "billedDurationMs": r.Billed.Milliseconds(),
		"memorySizeMB": s.cfg.Memory, "maxMemoryUsedMB": r.MemoryPeak >> 20}
	if r.Init > 0 {
		metrics["initDurationMs"] = milliseconds(r.Init)
	}
	s.telemetry.tell("platform", "platform.report", time.Now(), struct {
		Request string         `json:"requestId"`
		Status  string         `json:"status"`
		Error   string         `json:"errorType,omitempty"`
		Metrics map[string]any `json:"metrics"`
	}{r.Request, status, kind, metrics})
}

// Printed tells extensions that subscribed of one line that a process printed: stream is FunctionLog or ExtensionLog.
// The line is not kept after the call.
func (s *Session) Printed(stream string, at time.Time, line []byte) {
	if s.telemetry.on.Load() {
		s.telemetry.tell(stream, stream, at, string(line))
	}
}
