package calls_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"slipway/api/awswire/wiretest"
	"slipway/api/calls"
	"slipway/blob/disk"
	"slipway/events"
	"slipway/functions"
	"slipway/functions/fleet"
	"slipway/nodeapi"
	"slipway/seal/sealtest"
	"slipway/store/storetest"
)

// failing is a fleet in which every function fails.
type failing struct{}

func (failing) Prepare(context.Context, string, *fleet.Release, time.Time, []time.Time) error {
	return nil
}
func (failing) Retire(_, _, _ string)                        {}
func (failing) Provision(*fleet.Release, int)                {}
func (failing) Provisioned(*fleet.Release) fleet.Provisioned { return fleet.Provisioned{} }

func (failing) Invoke(_ context.Context, c fleet.Call, _ nodeapi.AnswerWriter) (fleet.Result, error) {
	no := &nodeapi.FunctionError{Type: "errorString", Message: "no", Payload: []byte(`{"errorMessage":"no"}`)}
	return fleet.Result{Outcome: nodeapi.Outcome{Error: no}, Release: c.Release}, nil
}

type images struct{ functions.Images }

func (images) Runtime(context.Context, string, string, string) (fleet.Image, error) {
	return fleet.Image{Name: "example.com/runtime", Digest: "sha256:" + strings.Repeat("a", 64)}, nil
}

type roles struct{ functions.Roles }

func (roles) Check(context.Context, string, string) error { return nil }

func newRoom(t *testing.T) *functions.Control {
	t.Helper()
	db := storetest.SQLite(t)
	blobs, err := disk.Open(t.TempDir())
	if err == nil {
		err = events.Migrate(t.Context(), db)
	}
	if err != nil {
		t.Fatal(err)
	}
	quick := functions.CallConfig{FirstRetry: time.Millisecond, SecondRetry: time.Millisecond, Period: 5 * time.Millisecond}
	room, err := functions.New(t.Context(), db, sealtest.Keys(t, db), blobs, functions.Config{
		Region: wiretest.Region, Images: images{}, Roles: roles{}, Fleet: failing{}, Calls: quick,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { room.Run(ctx) })
	t.Cleanup(func() { stop(); running.Wait() })
	return room
}

func create(t *testing.T, room *functions.Control, name string) {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	if _, err := w.CreateHeader(&zip.FileHeader{Name: "bootstrap", ExternalAttrs: 0o755 << 16}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := room.CreateFunction(t.Context(), functions.NewFunction{
		Account: wiretest.Account, Name: name, Code: functions.Code{Zip: b.Bytes()},
		Settings: functions.Settings{Role: "arn:aws:iam::" + wiretest.Account + ":role/any", Runtime: "provided.al2023", Handler: "x"},
	})
	if err != nil {
		t.Fatal(err)
	}
	wait(t, func() bool { _, err := room.Resolve(t.Context(), wiretest.Account, name, ""); return err == nil })
}

func wait(t *testing.T, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it never came to that")
		}
	}
}

// Calls are given up, are seen with what they were given and what came of it, and are made again.
func TestDeadCalls(t *testing.T) {
	room := newRoom(t)
	create(t, room, "greet")
	create(t, room, "other")
	config := wiretest.Start(t, calls.New(room))
	var ids []string
	for range 3 {
		a, err := room.Invoke(t.Context(), functions.Invoke{Account: wiretest.Account, Function: "greet", Type: functions.EventCall, Payload: []byte(`{"n":1}`)})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, a.Request)
	}
	call := func(operation string, in map[string]any) (text string, out map[string]any) {
		got := wiretest.Call(t, config, calls.API, operation, in)
		out = map[string]any{}
		if err := json.Unmarshal([]byte(got.Body), &out); err != nil {
			t.Fatal(got.Body, err)
		}
		return got.Body, out
	}
	dead := func(in map[string]any) []any {
		_, out := call("ListDeadCalls", in)
		return out["calls"].([]any)
	}
	wait(t, func() bool { return len(dead(map[string]any{})) == 3 })
	if len(dead(map[string]any{"functionName": "greet"})) != 3 || len(dead(map[string]any{"functionName": "other"})) != 0 {
		t.Error("calls are listed of a function that they are not of")
	}
	seen, token := map[string]bool{}, ""
	for range 3 {
		in := map[string]any{"maxResults": 1}
		if token != "" {
			in["nextToken"] = token
		}
		_, page := call("ListDeadCalls", in)
		for _, c := range page["calls"].([]any) {
			seen[c.(map[string]any)["requestId"].(string)] = true
		}
		token, _ = page["nextToken"].(string)
	}
	if len(seen) != 3 || token != "" {
		t.Errorf("page by page there are %v, and then %q", seen, token)
	}
	text, _ := call("DescribeDeadCall", map[string]any{"requestId": ids[0]})
	for _, want := range []string{`"payload":"{\"n\":1}"`, `"response":"{\"errorMessage\":\"no\"}"`, `"condition":"RetriesExhausted"`, `"invocations":3`, `"reason":"errorString: no"`} {
		if !strings.Contains(text, want) {
			t.Errorf("it is shown as %s, without %s", text, want)
		}
	}
	for _, c := range []struct {
		operation, want string
		in              map[string]any
	}{
		{"ReplayDeadCalls", `{"replayed":1}`, map[string]any{"requestId": ids[0]}},
		{"ReplayDeadCalls", `{"replayed":0}`, map[string]any{"functionName": "other"}},
		{"ReplayDeadCalls", "InvalidParameterException", map[string]any{}},
		{"ReplayDeadCalls", "InvalidParameterException", map[string]any{"requestId": "x", "functionName": "greet"}},
		{"ReplayDeadCalls", "ResourceNotFoundException", map[string]any{"requestId": "x"}},
		{"DescribeDeadCall", "ResourceNotFoundException", map[string]any{"requestId": "x"}},
		{"ListDeadCalls", "InvalidParameterException", map[string]any{"nextToken": "x"}},
		{"ListDeadCalls", "ResourceNotFoundException", map[string]any{"functionName": "arn:aws:lambda:us-east-1:999999999999:function:greet"}},
	} {
		if text, _ := call(c.operation, c.in); !strings.Contains(text, c.want) {
			t.Errorf("%s %v is answered %s, want %s", c.operation, c.in, text, c.want)
		}
	}
	wait(t, func() bool { return len(dead(map[string]any{})) == 3 }) // it fails again
}

func TestFunctionUsage(t *testing.T) {
	room := newRoom(t)
	arn := "arn:aws:lambda:us-east-1:" + wiretest.Account + ":function:greet"
	room.Record([]fleet.Record{
		{At: time.Now(), Account: wiretest.Account, Function: arn, Memory: 512, Duration: 2 * time.Second},
		{At: time.Now(), Account: wiretest.Account, Function: arn, Memory: 512, Duration: 2 * time.Second, Error: "errorString"},
		{At: time.Now(), Account: "999999999999", Function: "arn:aws:lambda:us-east-1:999999999999:function:greet", Memory: 512},
	})
	config := wiretest.Start(t, calls.New(room))
	got := wiretest.Call(t, config, calls.API, "DescribeFunctionUsage", map[string]any{"since": float64(time.Now().Add(-time.Hour).Unix())})
	want := `{"functions":[{"functionArn":"` + arn + `","invocations":2,"errors":1,"coldStarts":0,"durationSeconds":4,"gigabyteSeconds":2}]}`
	if got.Body != want {
		t.Errorf("the answer is %s, want %s", got.Body, want)
	}
}

// All is asked of a function, or of all of the caller's.
func TestAccess(t *testing.T) {
	wiretest.Access(t, calls.New(newRoom(t)), wiretest.Sample{"functionName": "greet"}, wiretest.Sample{})
}
