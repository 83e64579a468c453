package sandboxtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"slipway/internal/errs"
	"slipway/nodeapi"
)

// Run judges what stands between a host and who uses it. Connect returns the host at the other end.
func Run(t *testing.T, connect func(*testing.T, nodeapi.SandboxHost) nodeapi.SandboxHost) {
	cases := map[string]func(*testing.T, *Host, nodeapi.SandboxHost){
		"what is asked comes whole":               asks,
		"payloads and answers come whole":         answers,
		"an answer comes as it is written":        streams,
		"errors keep their kind":                  fails,
		"a call that is given up ends":            givenUp,
		"who takes no more ends the call":         takesNoMore,
		"a failure behind the head is a failure":  failsLate,
		"many calls are under way":                many,
		"what becomes of sandboxes is told":       watches,
		"what ends the telling is told":           watchFails,
		"environments do not show in any message": hides,
	}
	for name, tell := range cases {
		t.Run(name, func(t *testing.T) {
			h := &Host{T: t}
			tell(t, h, connect(t, h))
		})
	}
}

func want(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s came as %+v, want %+v", what, got, want)
	}
}

func asks(t *testing.T, h *Host, used nodeapi.SandboxHost) {
	sandbox := nodeapi.Sandbox{ID: "sb-1", Account: "123456789012", Image: "a/b:c", Digest: "sha256:1", Login: &nodeapi.Login{Username: "ann", Password: "secret"}, Memory: 128, Disk: 512}
	assignment := nodeapi.Assignment{
		Sandbox: "sb-1", Release: "r1", Function: "arn:f", Version: "$LATEST", Code: []nodeapi.Code{{Digest: "sha256:2", Size: 7, Layer: true}},
		Env: []string{"A=ü\"<>", "B="}, Memory: 256, Timeout: 3 * time.Second, Log: nodeapi.Log{Group: "/aws/lambda/f", Stream: "s", CreateGroup: true},
	}
	init := nodeapi.Init{Fetch: 1, Init: 42 * time.Millisecond, Error: &nodeapi.FunctionError{Type: "Runtime.ExitError", Payload: []byte{0, 255}}, Tail: []byte("\xff\n")}
	code := []nodeapi.Code{{Digest: "sha256:3", Size: 1}, {Digest: "sha256:4"}}
	h.OnStart = func(_ context.Context, s nodeapi.Sandbox) error { want(t, "the sandbox", s, sandbox); return nil }
	h.OnAssign = func(_ context.Context, a nodeapi.Assignment) (nodeapi.Init, error) {
		want(t, "the assignment", fmt.Sprintf("%q %v %v %v", a.Env, a.Code, a.Timeout, a.Log), fmt.Sprintf("%q %v %v %v", assignment.Env, assignment.Code, assignment.Timeout, assignment.Log))
		return init, nil
	}
	h.OnStop = func(_ context.Context, id string) error { want(t, "the id", id, "sb-1"); return nil }
	h.OnFetch = func(_ context.Context, account string, c []nodeapi.Code) error {
		want(t, "the account", account, "123456789012")
		want(t, "the code", c, code)
		return nil
	}
	err1 := used.Start(t.Context(), sandbox)
	got, err2 := used.Assign(t.Context(), assignment)
	want(t, "the init phase", got, init)
	err3 := used.Stop(t.Context(), "sb-1")
	err4 := used.Fetch(t.Context(), "123456789012", code)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		t.Error(err)
	}
}

func answers(t *testing.T, h *Host, used nodeapi.SandboxHost) {
	for _, size := range []int{0, 1, 4096, 32 << 10, 32<<10 + 1, 6 << 20} {
		call := nodeapi.Invocation{Sandbox: "sb-1", Request: "id", ARN: "arn:f:live", Payload: bytes.Repeat([]byte{'<'}, size), Timeout: time.Second, ClientContext: "e30=", TraceID: "ü", Tail: true, MaxAnswer: 6 << 20}
		h.OnInvoke = func(_ context.Context, i nodeapi.Invocation, w nodeapi.AnswerWriter) (nodeapi.Outcome, error) {
			if w != nil || !bytes.Equal(i.Payload, call.Payload) {
				t.Errorf("a payload of %d bytes came as one of %d", len(call.Payload), len(i.Payload))
			}
			i.Payload = call.Payload
			want(t, "the call", i, call)
			return nodeapi.Outcome{Payload: i.Payload, ContentType: "application/json", Duration: 5, MemoryPeak: 7, CPU: 3, Tail: []byte{255}, Over: true, Error: &nodeapi.FunctionError{Type: "T", Message: "m"}}, nil
		}
		o, err := used.Invoke(t.Context(), call, nil)
		if err != nil || !bytes.Equal(o.Payload, call.Payload) {
			t.Fatalf("an answer of %d bytes came as one of %d, %v", size, len(o.Payload), err)
		}
		o.Payload = nil
		want(t, "the outcome", o, nodeapi.Outcome{ContentType: "application/json", Duration: 5, MemoryPeak: 7, CPU: 3, Tail: []byte{255}, Over: true, Error: &nodeapi.FunctionError{Type: "T", Message: "m"}})
	}
}

// taker takes an answer as it comes.
type taker struct {
	mu    sync.Mutex
	head  string
	bytes []byte
	came  chan struct{}
	fail  error
}

// Head satisfies nodeapi.AnswerWriter.
func (k *taker) Head(contentType string) error {
	k.head = contentType
	return nil
}

// Write satisfies nodeapi.AnswerWriter.
func (k *taker) Write(p []byte) (int, error) {
	if k.fail != nil {
		return 0, k.fail
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.bytes = append(k.bytes, p...)
	select {
	case k.came <- struct{}{}:
	default:
	}
	return len(p), nil
}

func streams(t *testing.T, h *Host, used nodeapi.SandboxHost) {
	to := &taker{came: make(chan struct{}, 1)}
	big := strings.Repeat("x", 3<<20)
	h.OnInvoke = func(ctx context.Context, _ nodeapi.Invocation, w nodeapi.AnswerWriter) (nodeapi.Outcome, error) {
		if err := w.Head("text/plain"); err != nil {
			return nodeapi.Outcome{}, err
		}
		for _, part := range []string{"first", big} {
			if _, err := w.Write([]byte(part)); err != nil {
				return nodeapi.Outcome{}, err
			}
			select {
			case <-to.came: // before anything else is written
			case <-ctx.Done():
				return nodeapi.Outcome{}, ctx.Err()
			}
		}
		return nodeapi.Outcome{Duration: 9}, nil
	}
	o, err := used.Invoke(t.Context(), nodeapi.Invocation{Sandbox: "sb-1"}, to)
	if err != nil || o.Duration != 9 || to.head != "text/plain" || string(to.bytes) != "first"+big {
		t.Errorf("came as %q with %d bytes, %+v, %v", to.head, len(to.bytes), o, err)
	}
}

func fails(t *testing.T, h *Host, used nodeapi.SandboxHost) {
	for _, kind := range []errs.Kind{errs.Internal, errs.Invalid, errs.NotFound, errs.Conflict, errs.Denied, errs.Throttled, errs.Unsupported, errs.Unavailable} {
		cause := fmt.Errorf("%w: of the test", errs.New(kind, "it fails"))
		h.OnStart = func(context.Context, nodeapi.Sandbox) error { return cause }
		h.OnInvoke = func(context.Context, nodeapi.Invocation, nodeapi.AnswerWriter) (nodeapi.Outcome, error) {
			return nodeapi.Outcome{}, cause
		}
		for _, to := range []nodeapi.AnswerWriter{nil, &taker{}} {
			_, err := used.Invoke(t.Context(), nodeapi.Invocation{}, to)
			for _, err := range []error{err, used.Start(t.Context(), nodeapi.Sandbox{})} {
				if errs.KindOf(err) != kind || !strings.Contains(err.Error(), "it fails: of the test") || errors.Is(err, nodeapi.ErrNoSandbox) {
					t.Errorf("an error of kind %v came as %v of kind %v", kind, err, errs.KindOf(err))
				}
			}
		}
	}
	gone := fmt.Errorf("%w: sb-1", nodeapi.ErrNoSandbox)
	h.OnInvoke = func(context.Context, nodeapi.Invocation, nodeapi.AnswerWriter) (nodeapi.Outcome, error) {
		return nodeapi.Outcome{}, gone
	}
	h.OnAssign = func(context.Context, nodeapi.Assignment) (nodeapi.Init, error) { return nodeapi.Init{}, gone }
	_, err1 := used.Invoke(t.Context(), nodeapi.Invocation{}, nil)
	_, err2 := used.Assign(t.Context(), nodeapi.Assignment{})
	if !errors.Is(err1, nodeapi.ErrNoSandbox) || !errors.Is(err2, nodeapi.ErrNoSandbox) {
		t.Errorf("a sandbox that is gone came as %v and %v", err1, err2)
	}
}

func givenUp(t *testing.T, h *Host, used nodeapi.SandboxHost) {
	ended := make(chan struct{})
	ctx, giveUp := context.WithCancel(t.Context())
	h.OnInvoke = func(ctx context.Context, _ nodeapi.Invocation, _ nodeapi.AnswerWriter) (nodeapi.Outcome, error) {
		giveUp()
		<-ctx.Done()
		close(ended)
		return nodeapi.Outcome{}, ctx.Err()
	}
	if _, err := used.Invoke(ctx, nodeapi.Invocation{}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v", err)
	}
	<-ended
}

func takesNoMore(t *testing.T, h *Host, used nodeapi.SandboxHost) {
	enough := errors.New("enough")
	ended := make(chan struct{})
	h.OnInvoke = func(ctx context.Context, _ nodeapi.Invocation, w nodeapi.AnswerWriter) (nodeapi.Outcome, error) {
		defer close(ended)
		for ctx.Err() == nil {
			if _, err := w.Write([]byte("more")); err != nil {
				return nodeapi.Outcome{}, err
			}
		}
		return nodeapi.Outcome{}, ctx.Err()
	}
	if _, err := used.Invoke(t.Context(), nodeapi.Invocation{}, &taker{fail: enough}); !errors.Is(err, enough) {
		t.Errorf("it ended with %v", err)
	}
	<-ended
}

func failsLate(t *testing.T, h *Host, used nodeapi.SandboxHost) {
	h.OnInvoke = func(_ context.Context, _ nodeapi.Invocation, w nodeapi.AnswerWriter) (nodeapi.Outcome, error) {
		w.Head("text/plain")
		w.Write([]byte("half"))
		return nodeapi.Outcome{}, errs.New(errs.Unavailable, "the engine is gone")
	}
	to := &taker{}
	_, err := used.Invoke(t.Context(), nodeapi.Invocation{}, to)
	if errs.KindOf(err) != errs.Unavailable || errors.Is(err, nodeapi.ErrNoSandbox) || string(to.bytes) != "half" {
		t.Errorf("%q came, and %v", to.bytes, err)
	}
}

func many(t *testing.T, h *Host, used nodeapi.SandboxHost) {
	const calls = 300
	var there, all sync.WaitGroup
	there.Add(calls)
	h.OnInvoke = func(_ context.Context, i nodeapi.Invocation, _ nodeapi.AnswerWriter) (nodeapi.Outcome, error) {
		there.Done()
		there.Wait() // until all are
		return nodeapi.Outcome{Payload: i.Payload}, nil
	}
	for n := range calls {
		all.Go(func() {
			payload := fmt.Sprint("call ", n)
			o, err := used.Invoke(t.Context(), nodeapi.Invocation{Payload: []byte(payload)}, nil)
			if err != nil || string(o.Payload) != payload {
				t.Errorf("%s is answered %q, %v", payload, o.Payload, err)
			}
		})
	}
	all.Wait()
}

func watches(t *testing.T, h *Host, used nodeapi.SandboxHost) {
	changes := make(chan []nodeapi.SandboxState, 1)
	h.OnWatch = func(ctx context.Context, tell func([]nodeapi.SandboxState)) error {
		tell(nil)
		for {
			select {
			case c := <-changes:
				tell(c)
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	change := []nodeapi.SandboxState{{ID: "sb-1", Release: "r1"}, {ID: "sb-2", Gone: true, Reason: "exit 137"}}
	var told [][]nodeapi.SandboxState
	err := used.Watch(ctx, func(s []nodeapi.SandboxState) {
		if told = append(told, s); len(told) == 1 {
			changes <- change
		} else {
			stop()
		}
	})
	if !errors.Is(err, context.Canceled) || len(told) != 2 || len(told[0]) != 0 || !reflect.DeepEqual(told[1], change) {
		t.Errorf("told %+v, and then %v", told, err)
	}
}

func watchFails(t *testing.T, h *Host, used nodeapi.SandboxHost) {
	h.OnWatch = func(context.Context, func([]nodeapi.SandboxState)) error {
		return errs.New(errs.Unavailable, "the engine is gone")
	}
	if err := used.Watch(t.Context(), func([]nodeapi.SandboxState) {}); errs.KindOf(err) != errs.Unavailable || !strings.Contains(err.Error(), "engine") {
		t.Errorf("it ended with %v", err)
	}
}

func hides(t *testing.T, h *Host, used nodeapi.SandboxHost) {
	h.OnAssign = func(_ context.Context, a nodeapi.Assignment) (nodeapi.Init, error) {
		return nodeapi.Init{}, fmt.Errorf("%w: %v", nodeapi.ErrNoSandbox, a)
	}
	if _, err := used.Assign(t.Context(), nodeapi.Assignment{Env: []string{"A=hush"}}); err == nil || strings.Contains(err.Error(), "hush") {
		t.Errorf("the error is %v", err)
	}
}
