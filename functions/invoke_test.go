package functions

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"slipway/blob/disk"
	"slipway/events"
	"slipway/functions/fleet"
	"slipway/functions/fleet/fleettest"
	"slipway/internal/errs"
	"slipway/nodeapi"
	"slipway/seal/sealtest"
	"slipway/store"
	"slipway/store/storetest"
)

// hall is a room with a fleet of one machine whose functions are Go.
type hall struct {
	*testing.T
	*Control
	host *fleettest.Host
	db   *store.DB

	mu      sync.Mutex
	records []fleet.Record
}

type oneImage struct{}

func (oneImage) Runtime(context.Context, string, string, string) (fleet.Image, error) {
	return fleet.Image{Name: "example.com/runtime", Digest: "sha256:" + strings.Repeat("a", 64)}, nil
}

func (oneImage) Find(context.Context, string, string, string) (fleet.Image, error) {
	return fleet.Image{}, ErrImage
}

func (oneImage) Login(context.Context, string, fleet.Image) (*nodeapi.Login, error) { return nil, nil }

type anyRole struct{}

func (anyRole) Check(context.Context, string, string) error { return nil }

func (anyRole) Issue(context.Context, string, string, string, time.Duration) (nodeapi.Credentials, error) {
	return nodeapi.Credentials{}, nil
}

func newHall(t *testing.T, db *store.DB) *hall {
	t.Helper()
	blobs, err := disk.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := events.Migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	h := &hall{T: t, host: fleettest.NewHost(), db: db}
	f := fleettest.Start(t, fleet.Config{Wait: 50 * time.Millisecond, Flush: 5 * time.Millisecond, Records: h.record}, callAccount, h.host)
	quick := CallConfig{FirstRetry: time.Millisecond, SecondRetry: 2 * time.Millisecond, Backoff: time.Millisecond, MaxBackoff: 5 * time.Millisecond, Period: 5 * time.Millisecond}
	h.Control, err = New(t.Context(), db, sealtest.Keys(t, db), blobs, Config{Region: "us-east-1", Images: oneImage{}, Roles: anyRole{}, Fleet: f, Calls: quick})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { h.Control.Run(ctx) })
	t.Cleanup(func() { stop(); running.Wait() })
	return h
}

func (h *hall) record(all []fleet.Record) {
	h.mu.Lock()
	h.records = append(h.records, all...)
	h.mu.Unlock()
	h.Record(all)
}

// create makes a function and waits until it may be called.
func (h *hall) create(name string) {
	h.Helper()
	_, err := h.CreateFunction(h.Context(), NewFunction{
		Account: callAccount, Name: name, Code: Code{Zip: zipOf(h.T, "bootstrap", name)},
		Settings: Settings{Role: "arn:aws:iam::" + callAccount + ":role/any", Runtime: "provided.al2023", Handler: "x"},
	})
	if err != nil {
		h.Fatal(err)
	}
	h.wait(func() bool {
		_, err := h.Resolve(h.Context(), callAccount, name, "")
		return err == nil
	})
}

func zipOf(t testing.TB, name, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, err := w.CreateHeader(&zip.FileHeader{Name: name, ExternalAttrs: 0o755 << 16})
	if err == nil {
		_, err = f.Write([]byte(text))
	}
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func (h *hall) wait(is func() bool) {
	h.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			h.Fatal("it never came to that")
		}
	}
}

func TestInvoke(t *testing.T) {
	h := newHall(t, storetest.SQLite(t))
	h.create("echo")
	h.host.Run = func(_ context.Context, a nodeapi.Assignment, i nodeapi.Invocation) nodeapi.Outcome {
		switch string(i.Payload) {
		case `"fail"`:
			return nodeapi.Outcome{Error: &nodeapi.FunctionError{Type: "errorString", Message: "no", Payload: []byte(`{"errorMessage":"no"}`)}}
		case `"exit"`:
			return nodeapi.Outcome{Error: &nodeapi.FunctionError{Type: "Runtime.ExitError", Message: "exit status 1"}}
		case `"who"`:
			text, _ := json.Marshal([]any{i.ARN, i.Request, i.ClientContext, i.Tail, i.MaxAnswer})
			return nodeapi.Outcome{Payload: text, Tail: []byte("log")}
		}
		return nodeapi.Outcome{Payload: i.Payload}
	}
	arn := "arn:aws:lambda:us-east-1:" + callAccount + ":function:echo"
	for _, c := range []struct {
		call            Invoke
		payload, failed string
		tail            string
		wantOf          error
		wantText        string
	}{
		{call: Invoke{Function: "echo", Payload: []byte(`{"a":1}`)}, payload: `{"a":1}`},
		{call: Invoke{Function: arn + ":$LATEST"}, payload: `{}`},
		{call: Invoke{Function: "echo", Payload: []byte(`"fail"`)}, payload: `{"errorMessage":"no"}`, failed: "Unhandled"},
		{call: Invoke{Function: "echo", Payload: []byte(`"exit"`)}, payload: `{"errorMessage":"exit status 1","errorType":"Runtime.ExitError"}`, failed: "Unhandled"},
		{call: Invoke{Function: "echo", Payload: []byte(`"who"`), Request: "7", ClientContext: "e30=", Tail: true}, payload: `["` + arn + `","7","e30=",true,6291456]`, tail: "log"},
		{call: Invoke{Function: "echo", Qualifier: "$LATEST", Payload: []byte(`"who"`), Request: "8"}, payload: `["` + arn + `:$LATEST","8","",false,6291456]`, tail: "log"},
		{call: Invoke{Function: "echo", Type: DryRun}},
		{call: Invoke{Function: "none"}, wantOf: ErrNoFunction, wantText: "Function not found: arn:aws:lambda:us-east-1:" + callAccount + ":function:none"},
		{call: Invoke{Function: "none", Type: DryRun}, wantOf: ErrNoFunction},
		{call: Invoke{Function: "none", Type: EventCall}, wantOf: ErrNoFunction},
		{call: Invoke{Function: "echo", Qualifier: "live"}, wantOf: ErrNoFunction, wantText: "Function not found: " + arn + ":live"},
		{call: Invoke{Function: "echo", Payload: []byte(`{"a":`)}, wantOf: ErrPayload, wantText: "Could not parse request body into json: Could not parse payload into json: unexpected end of JSON input at byte 5"},
		{call: Invoke{Function: "echo", Payload: []byte(`hello`)}, wantOf: ErrPayload},
		{call: Invoke{Function: "echo", Payload: make([]byte, MaxPayload+1)}, wantOf: ErrPayloadSize, wantText: "Request must be smaller than 6291456 bytes for the InvokeFunction operation"},
		{call: Invoke{Function: "echo", Payload: make([]byte, MaxEventPayload+1), Type: EventCall}, wantOf: ErrPayloadSize, wantText: "1048577 byte payload is too large for the Event invocation type (limit 1048576 bytes)"},
	} {
		c.call.Account = callAccount
		a, err := h.Invoke(t.Context(), c.call)
		if !errors.Is(err, c.wantOf) || c.wantText != "" && err.Error() != c.wantText {
			t.Errorf("%s %s: error %v, want %q", c.call.Function, c.call.Payload[:min(20, len(c.call.Payload))], err, c.wantText)
			continue
		}
		if err == nil && (string(a.Payload) != c.payload || a.Failed != c.failed || string(a.Tail) != c.tail || a.Version != Latest || a.Request == "") {
			t.Errorf("%s %s is answered %+v with %s", c.call.Function, c.call.Payload, a, a.Payload)
		}
	}
}

func TestCallsThatCannotBeMadeNow(t *testing.T) {
	h := newHall(t, storetest.SQLite(t))
	h.create("echo")
	none := Ref{Account: callAccount, Name: "echo"}
	if err := h.Reserve(t.Context(), none, 0); err != nil {
		t.Fatal(err)
	}
	var throttle *Throttle
	_, err := h.Invoke(t.Context(), Invoke{Account: callAccount, Function: "echo"})
	if !errors.As(err, &throttle) || throttle.Reason != ReasonReserved || throttle.RetryAfter < 1 || err.Error() != "Rate Exceeded." {
		t.Errorf("a function that may not be called is answered %v", err)
	}
	a, err := h.Invoke(t.Context(), Invoke{Account: callAccount, Function: "echo", Type: EventCall})
	if err != nil {
		t.Fatal(err)
	}
	h.wait(func() bool { _, err := h.DeadCall(t.Context(), callAccount, a.Request); return err == nil })
	if err := h.Unreserve(t.Context(), none); err != nil {
		t.Fatal(err)
	}
	h.wait(func() bool {
		_, err := h.Invoke(t.Context(), Invoke{Account: callAccount, Function: "echo"})
		return err == nil
	})
	h.host.Die()
	_, err = h.Invoke(t.Context(), Invoke{Account: callAccount, Function: "echo"})
	if errs.KindOf(err) != errs.Unavailable {
		t.Errorf("without a machine it is answered %v", err)
	}
}

// A machine that is lost in the middle of a call fails it, and nothing is known of how far it came.
func TestAMachineThatIsLostInTheMiddle(t *testing.T) {
	h := newHall(t, storetest.SQLite(t))
	h.create("echo")
	begun := make(chan struct{})
	h.host.Run = func(ctx context.Context, _ nodeapi.Assignment, _ nodeapi.Invocation) nodeapi.Outcome {
		close(begun)
		<-ctx.Done()
		return nodeapi.Outcome{}
	}
	lost := make(chan error, 1)
	go func() {
		_, err := h.Invoke(context.Background(), Invoke{Account: callAccount, Function: "echo"})
		lost <- err
	}()
	<-begun
	h.host.Die()
	if err := <-lost; !errors.Is(err, ErrLost) {
		t.Errorf("it is answered %v", err)
	}
}

// Calls that nobody waits for take the same way, with the rules that their function's owner has set.
func TestEventCalls(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		h := newHall(t, db)
		h.create("echo")
		h.create("told")
		h.host.Run = func(_ context.Context, a nodeapi.Assignment, i nodeapi.Invocation) nodeapi.Outcome {
			if a.Name == "echo" && bytes.Contains(i.Payload, []byte("bad")) {
				return nodeapi.Outcome{Error: &nodeapi.FunctionError{Type: "errorString", Message: "no", Payload: []byte(`{"errorMessage":"no"}`)}}
			}
			if bytes.Contains(i.Payload, []byte("odd")) {
				return nodeapi.Outcome{Error: &nodeapi.FunctionError{Type: "a\x00b\xff", Message: strings.Repeat("x", 5000)}}
			}
			return nodeapi.Outcome{Payload: i.Payload}
		}
		event := func(payload string) string {
			a, err := h.Invoke(t.Context(), Invoke{Account: callAccount, Function: "echo", Type: EventCall, Payload: []byte(payload)})
			if err != nil {
				t.Fatal(err)
			}
			return a.Request
		}
		bad := event(`"bad"`)
		var d DeadCall
		h.wait(func() (is bool) {
			var err error
			d, err = h.DeadCall(t.Context(), callAccount, bad)
			return err == nil
		})
		if d.Runs != 3 || d.Condition != RetriesExhausted || d.Reason != "errorString: no" || string(d.Payload) != `"bad"` || string(d.Response) != `{"errorMessage":"no"}` {
			t.Errorf("it was given up as %+v", d)
		}
		echo := Ref{Account: callAccount, Name: "echo"}
		_, err := h.SetEventConfig(t.Context(), echo, true, func(e *EventConfig) {
			e.Retries, e.OnFailure = new(0), "arn:aws:lambda:us-east-1:"+callAccount+":function:told"
		})
		if err != nil {
			t.Fatal(err)
		}
		if n, err := h.Replay(t.Context(), echo, bad); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		h.wait(func() bool {
			n := 0
			err := db.Row(t.Context(), `select count(*) from functions_calls where outcome = $1 and function like '%told'`, Success).Scan(&n)
			return err == nil && n == 1
		})
		if _, err := h.DeadCall(t.Context(), callAccount, bad); !errors.Is(err, ErrNoDeadCall) {
			t.Errorf("somebody was told, and yet: %v", err)
		}
		if _, err := h.Replay(t.Context(), echo, bad); !errors.Is(err, ErrNoDeadCall) {
			t.Errorf("what is not dead is replayed: %v", err)
		}
		_, err = h.SetEventConfig(t.Context(), echo, true, func(e *EventConfig) { e.Retries = new(0) })
		if err != nil {
			t.Fatal(err)
		}
		odd := event(`"odd"`) // no database takes what it says
		h.wait(func() (is bool) {
			d, err = h.DeadCall(t.Context(), callAccount, odd)
			return err == nil
		})
		if !strings.HasPrefix(d.Reason, "ab: xxx") || len(d.Reason) > maxReason {
			t.Errorf("it was given up as %+v", d)
		}
		h.checkRecords()
	})
}

// checkRecords waits until all that the fleet has told of executions is in the log, and in the usage, once each.
func (h *hall) checkRecords() {
	h.Helper()
	logged, calls := 0, int64(0)
	h.wait(func() bool {
		logged, calls = 0, 0
		err := h.db.View(h.Context(), func(tx *store.Tx) error {
			all, err := events.Read(tx, 0, 1000)
			for _, e := range all {
				var data invoked
				if e.Type == Invoked && json.Unmarshal(e.Data, &data) == nil {
					logged += len(data.Calls)
				}
			}
			return err
		})
		if err != nil {
			h.Fatal(err)
		}
		usage, err := h.Called(h.Context(), callAccount, time.Now().Add(-time.Hour))
		if err != nil {
			h.Fatal(err)
		}
		for _, u := range usage {
			calls += u.Calls
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		made := len(h.records)
		return made >= 5 && logged == made && calls == int64(made)
	})
}

// A call whose function is deleted while it waits is given up; an account that goes takes its calls along.
func TestCallsOfWhatIsGone(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		h := newHall(t, db)
		h.create("echo")
		begun, end := make(chan struct{}, 10), make(chan struct{})
		h.host.Run = func(context.Context, nodeapi.Assignment, nodeapi.Invocation) nodeapi.Outcome {
			begun <- struct{}{}
			<-end
			return nodeapi.Outcome{Error: &nodeapi.FunctionError{Type: "errorString", Message: "no"}}
		}
		a, err := h.Invoke(t.Context(), Invoke{Account: callAccount, Function: "echo", Type: EventCall})
		if err != nil {
			t.Fatal(err)
		}
		<-begun
		if err := h.Delete(t.Context(), Ref{Account: callAccount, Name: "echo"}); err != nil {
			t.Fatal(err)
		}
		close(end)
		var d DeadCall
		h.wait(func() bool {
			d, err = h.DeadCall(t.Context(), callAccount, a.Request)
			return err == nil
		})
		if d.Condition != FunctionGone || d.Runs != 1 {
			t.Errorf("it was given up as %+v", d)
		}
		h.wait(func() bool {
			usage, err := h.Called(t.Context(), callAccount, time.Now().Add(-time.Hour))
			return err == nil && len(usage) == 1
		})
		if err := h.ForgetAccount(t.Context(), callAccount); err != nil {
			t.Fatal(err)
		}
		dead, _, err1 := h.DeadCalls(t.Context(), Ref{Account: callAccount}, "", 10)
		usage, err2 := h.Called(t.Context(), callAccount, time.Now().Add(-time.Hour))
		if err := errors.Join(err1, err2); err != nil || len(dead)+len(usage) > 0 {
			t.Errorf("of an account that is gone there are %v, %v, %v", dead, usage, err)
		}
	})
}
