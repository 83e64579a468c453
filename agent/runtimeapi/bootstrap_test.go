package runtimeapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"slipway/nodeapi"
)

// TestMain is also the function: the same binary, started again, is an unmodified aws-lambda-go bootstrap.
func TestMain(m *testing.M) {
	switch os.Getenv("_HANDLER") {
	case "":
		os.Exit(m.Run())
	case "plain":
		lambda.Start(work)
	case "stream":
		lambda.Start(stream)
	case "sigterm":
		lambda.StartWithOptions(work, lambda.WithEnableSIGTERM(func() { fmt.Println("told to end") }))
	case "exit":
		os.Exit(7)
	case "http":
		plainServer()
	}
}

// order is what the function is asked to do.
type order struct {
	Do   string `json:"do"`
	Size int    `json:"size"`
}

func work(ctx context.Context, o order) (any, error) {
	switch o.Do {
	case "fail":
		return nil, errors.New("it did not work")
	case "panic":
		panic("it went wrong")
	case "exit":
		os.Exit(3)
	case "hang":
		<-ctx.Done()
		time.Sleep(time.Hour)
	case "large":
		return strings.Repeat("x", o.Size), nil
	case "context":
		c, _ := lambdacontext.FromContext(ctx)
		deadline, _ := ctx.Deadline()
		return map[string]any{"id": c.AwsRequestID, "arn": c.InvokedFunctionArn, "custom": c.ClientContext.Custom["key"],
			"trace": ctx.Value("x-amzn-trace-id"), "left": time.Until(deadline) > 0}, nil
	}
	return o, nil
}

func stream(_ context.Context, o order) (io.Reader, error) {
	r, w := io.Pipe()
	go func() {
		for i := range 3 {
			fmt.Fprintf(w, "piece %d;", i)
		}
		if o.Do == "fail" {
			w.CloseWithError(errors.New("broke off"))
		}
		w.Close()
	}()
	return r, nil
}

// function is a sandbox whose runtime is a process.
type function struct {
	*Session
	command *exec.Cmd
	exited  chan struct{}
}

func startFunction(t testing.TB, handler string) *function {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &function{Session: New(Config{Name: "f", Version: "$LATEST", Handler: handler}), exited: make(chan struct{})}
	go f.Serve(l)
	f.command = exec.Command(os.Args[0])
	f.command.Env = []string{"AWS_LAMBDA_RUNTIME_API=" + l.Addr().String(), "_HANDLER=" + handler}
	if err := f.command.Start(); err != nil {
		t.Fatal(err)
	}
	go f.wait()
	t.Cleanup(func() {
		f.command.Process.Kill()
		<-f.exited
		f.Close()
	})
	return f
}

func (f *function) wait() {
	defer close(f.exited)
	f.command.Wait()
	e := Exit{Code: f.command.ProcessState.ExitCode()}
	if status := f.command.ProcessState.Sys().(syscall.WaitStatus); status.Signaled() {
		e.Signal = status.Signal().String()
	}
	f.Exited(e)
}

func (f *function) ready(t testing.TB) *function {
	t.Helper()
	if failed, err := f.Ready(t.Context()); failed != nil || err != nil {
		t.Fatal(failed, err)
	}
	return f
}

// patient is an invocation of a process, on a machine that may be busy.
func patient(n int, payload string) *nodeapi.Invocation {
	i := invocation(n, payload)
	i.Timeout = time.Minute
	return i
}

func (f *function) call(t testing.TB, n int, payload string) nodeapi.Outcome {
	t.Helper()
	o, err := f.Invoke(t.Context(), patient(n, payload), nil)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestBootstrap(t *testing.T) {
	f := startFunction(t, "plain").ready(t)
	if o := f.call(t, 1, `{"do":"echo"}`); string(o.Payload) != `{"do":"echo","size":0}` || o.Error != nil || o.Over {
		t.Errorf("echo: %s %+v", o.Payload, o)
	}
	o := f.call(t, 2, `{"do":"fail"}`)
	if o.Error == nil || o.Error.Type != "errorString" || o.Error.Message != "it did not work" ||
		string(o.Error.Payload) != `{"errorMessage":"it did not work","errorType":"errorString"}` {
		t.Errorf("a failure: %+v", o.Error)
	}
	i := patient(3, `{"do":"context"}`)
	i.ClientContext = "eyJjdXN0b20iOgogeyJrZXkiOiJ2YWx1ZSJ9fQ==" // {"custom":\n {"key":"value"}}
	i.TraceID = "Root=1-5759e988-bd862e3fe1be46a994272793"
	o, err := f.Invoke(t.Context(), i, nil)
	var told struct {
		ID, ARN, Custom, Trace string
		Left                   bool
	}
	if err != nil || json.Unmarshal(o.Payload, &told) != nil || told.ID != i.Request || told.ARN != i.ARN || told.Custom != "value" ||
		told.Trace != i.TraceID || !told.Left {
		t.Errorf("context: %s, %v", o.Payload, err)
	}
	if o := f.call(t, 4, `{"do":"echo","size":1}`); string(o.Payload) != `{"do":"echo","size":1}` {
		t.Errorf("after a failure: %s", o.Payload)
	}
}

func TestBootstrapAnswersLarge(t *testing.T) {
	f := startFunction(t, "plain").ready(t)
	if o := f.call(t, 1, `{"do":"large","size":6000000}`); o.Error != nil || len(o.Payload) != 6000002 {
		t.Fatalf("%d bytes, %+v", len(o.Payload), o.Error)
	}
	o := f.call(t, 2, `{"do":"large","size":7000000}`)
	const wanted = `{"errorType":"Function.ResponseSizeTooLarge","errorMessage":"Response payload size (7000002 bytes) exceeded maximum allowed payload size (6291556 bytes)."}`
	if o.Error == nil || string(o.Error.Payload) != wanted {
		t.Fatalf("%+v", o.Error)
	}
	// aws-lambda-go ends when its answer is refused, as it does on AWS.
	<-f.exited
	if _, err := f.Invoke(t.Context(), invocation(3, "{}"), nil); !errors.Is(err, ErrOver) {
		t.Fatal(err)
	}
}

func TestBootstrapEnds(t *testing.T) {
	for _, c := range []struct{ do, kind, payload string }{
		{"exit", "Runtime.ExitError", `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: 00000000-0000-4000-8000-000000000001 Error: Runtime exited with error: exit status 3"}`},
		{"hang", "Sandbox.Timedout", `{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: 00000000-0000-4000-8000-000000000001 Error: Task timed out after 0.30 seconds"}`},
		{"panic", "string", ""},
	} {
		t.Run(c.do, func(t *testing.T) {
			f := startFunction(t, "plain").ready(t)
			i := patient(1, fmt.Sprintf(`{"do":%q}`, c.do))
			if c.do == "hang" {
				i.Timeout = 300 * time.Millisecond
			}
			o, err := f.Invoke(t.Context(), i, nil)
			if err != nil || o.Error == nil || o.Error.Type != c.kind || c.payload != "" && string(o.Error.Payload) != c.payload {
				t.Fatalf("%+v, %v", o.Error, err)
			}
			if c.payload != "" && !o.Over {
				t.Error("the session goes on")
			}
		})
	}
}

func TestBootstrapEndsAtOnce(t *testing.T) {
	f := startFunction(t, "exit")
	failed, err := f.Ready(t.Context())
	if err != nil || failed == nil || string(failed.Payload) != `{"errorType":"Runtime.ExitError","errorMessage":"Error: Runtime exited with error: exit status 7"}` {
		t.Fatalf("%+v, %v", failed, err)
	}
}

// kept is a writer that keeps what it is told.
type kept struct {
	kind string
	text strings.Builder
}

func (k *kept) Head(kind string) error      { k.kind = kind; return nil }
func (k *kept) Write(p []byte) (int, error) { return k.text.Write(p) }

func TestBootstrapStreams(t *testing.T) {
	f := startFunction(t, "stream").ready(t)
	var k kept
	o, err := f.Invoke(t.Context(), patient(1, `{}`), &k)
	if err != nil || o.Error != nil || k.kind != "application/octet-stream" || k.text.String() != "piece 0;piece 1;piece 2;" {
		t.Fatalf("%+v %+v %v", o, &k, err)
	}
	k = kept{}
	o, err = f.Invoke(t.Context(), patient(2, `{"do":"fail"}`), &k)
	if err != nil || k.text.String() != "piece 0;piece 1;piece 2;" || o.Error == nil || o.Error.Type != "errorString" ||
		string(o.Error.Payload) != `{"errorMessage":"broke off","errorType":"errorString"}` {
		t.Fatalf("%+v %+v %v", o.Error, &k, err)
	}
}

// An extension inside the runtime: aws-lambda-go registers one to be sent SIGTERM.
func TestBootstrapIsToldToEnd(t *testing.T) {
	f := startFunction(t, "sigterm").ready(t)
	f.call(t, 1, `{}`)
	if got := f.ShutdownTime(); got != shutdownInternal {
		t.Fatal(got)
	}
	f.command.Process.Signal(syscall.SIGTERM)
	f.Shutdown(t.Context(), Spindown)
}

// BenchmarkCall is one call after another of an aws-lambda-go function in a process of its own, and beside it the same
// bytes sent to a plain handler of net/http in a process of its own.
func BenchmarkCall(b *testing.B) {
	b.Run("runtimeapi", func(b *testing.B) {
		f := startFunction(b, "plain").ready(b)
		times(b, func(n int) { f.call(b, n, `{"do":"echo"}`) })
	})
	b.Run("plain", func(b *testing.B) {
		command := exec.Command(os.Args[0])
		command.Env = []string{"_HANDLER=http"}
		out, err := command.StdoutPipe()
		if err != nil || command.Start() != nil {
			b.Fatal(err)
		}
		defer func() { command.Process.Kill(); command.Wait() }()
		var address string
		if _, err := fmt.Fscanln(out, &address); err != nil {
			b.Fatal(err)
		}
		times(b, func(int) {
			res, err := http.Post("http://"+address, "application/json", strings.NewReader(`{"do":"echo"}`))
			if err != nil {
				b.Fatal(err)
			}
			io.Copy(io.Discard, res.Body)
			res.Body.Close()
		})
	})
}

// plainServer answers what it is sent, and says where.
func plainServer() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(l.Addr())
	http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.Copy(w, r.Body) }))
}

// times runs the benchmark and tells the median and the 99th percentile.
func times(b *testing.B, do func(n int)) {
	b.ReportAllocs()
	took := make([]time.Duration, 0, 1<<16)
	for n := 0; b.Loop(); n++ {
		began := time.Now()
		do(n)
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
}
