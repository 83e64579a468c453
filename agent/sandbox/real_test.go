package sandbox

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"slipway/engine"
	"slipway/engine/containerd"
	"slipway/engine/enginetest"
	"slipway/internal/ids"
	"slipway/nodeapi"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, nil)))
	os.Exit(m.Run())
}

// patience is how long a test waits for what must come; it is no measure of speed.
const patience = time.Minute

// plane is a control plane that has code, and takes logs.
type plane struct {
	mu      sync.Mutex
	code    map[string][]byte
	asked   int                 // for code
	printed map[string][]string // by sandbox
	next    map[string]int64
	fail    error // of Printed
	told    chan struct{}
}

func newPlane() *plane {
	return &plane{code: map[string][]byte{}, printed: map[string][]string{}, next: map[string]int64{}, told: make(chan struct{})}
}

func (p *plane) Code(_ context.Context, r nodeapi.CodeRequest) (io.ReadCloser, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	return io.NopCloser(bytes.NewReader(p.code[r.Digest])), nil
}

func (p *plane) Printed(_ context.Context, _ string, all []nodeapi.Printed) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fail != nil {
		return p.fail
	}
	for _, one := range all {
		for i, e := range one.Events {
			if one.Number+int64(i) < p.next[one.Sandbox] {
				continue
			}
			p.printed[one.Sandbox] = append(p.printed[one.Sandbox], e.Message)
			p.next[one.Sandbox] = one.Number + int64(i) + 1
		}
	}
	close(p.told)
	p.told = make(chan struct{})
	return nil
}

func (p *plane) log(sandbox string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.printed[sandbox])
}

// until waits until the log of a sandbox is as wanted, and gives it.
func (p *plane) until(t testing.TB, sandbox string, is func(log []string) bool) []string {
	t.Helper()
	late := time.After(patience)
	for {
		p.mu.Lock()
		log, told := slices.Clone(p.printed[sandbox]), p.told
		p.mu.Unlock()
		if is(log) {
			return log
		}
		select {
		case <-told:
		case <-late:
			t.Fatalf("the log is\n%s", strings.Join(log, "\n"))
		}
	}
}

// keep has the plane have code.
func (p *plane) keep(data []byte) nodeapi.Code {
	p.mu.Lock()
	defer p.mu.Unlock()
	sum := sha256.Sum256(data)
	c := nodeapi.Code{Digest: "sha256:" + hex.EncodeToString(sum[:]), Size: int64(len(data))}
	p.code[c.Digest] = data
	return c
}

// zipped is an archive of files; a name that ends with * is a program.
func zipped(t testing.TB, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for name, text := range files {
		h := &zip.FileHeader{Name: strings.TrimSuffix(name, "*"), Method: zip.Deflate}
		h.SetMode(0o644)
		if h.Name != name {
			h.SetMode(0o755)
		}
		f, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(f, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

var buildFunction = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "testfunction")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "bootstrap")
	cmd := exec.Command("go", "build", "-tags", "lambda.norpc", "-ldflags", "-s -w", "-o", file, "./testfunction")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	return os.ReadFile(file)
})

// world is a machine with an engine and a host of sandboxes.
type world struct {
	testing.TB
	engine engine.Engine
	plane  *plane
	host   *Host
	image  string // reference, with its digest
	stop   func()
	code   nodeapi.Code // the test function
}

// newWorld has a real engine, and leaves nothing behind.
func newWorld(t testing.TB) *world {
	t.Helper()
	for _, item := range containerd.Check() {
		switch {
		case item.OK:
		case os.Getenv("SLIPWAY_TEST_ALL") != "":
			t.Fatalf("needs %s: %s; %s", item.Name, item.Detail, item.Hint)
		default:
			t.Skipf("needs %s: %s; %s", item.Name, item.Detail, item.Hint)
		}
	}
	data := t.TempDir()
	sum := sha256.Sum256([]byte(data))
	e, err := containerd.New(containerd.Options{
		Data: data, Bridge: fmt.Sprintf("sb%x", sum[:4]), Subnet: fmt.Sprintf("10.%d.%d.0/24", 100+int(sum[0])%100, sum[1]), Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{TB: t, engine: e, plane: newPlane()}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	layer := []enginetest.Entry{
		enginetest.Dir("var", 0o755), enginetest.Dir("var/task", 0o755), enginetest.Dir("opt", 0o755), enginetest.Dir("tmp", 0o1777),
		enginetest.Dir("proc", 0o555), enginetest.Dir("sys", 0o555), enginetest.Dir("dev", 0o755), enginetest.Dir("etc", 0o755),
	}
	w.image = enginetest.Push(t, enginetest.Registry(t)+"/test/runtime:1", enginetest.ImageOf(t, layer))
	w.begin()
	program, err := buildFunction()
	if err != nil {
		t.Fatal(err)
	}
	w.code = w.plane.keep(zipped(t, map[string]string{"bootstrap*": string(program)}))
	return w
}

// begin starts a host.
func (w *world) begin() {
	w.Helper()
	h, err := New(Config{Engine: w.engine, Plane: w.plane, Node: "node", Dir: filepath.Join(w.TempDir(), "code")})
	if err != nil {
		w.Fatal(err)
	}
	w.host = h
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { h.Run(ctx) })
	w.stop = func() {
		stop()
		running.Wait()
	}
	w.Cleanup(w.stop)
}

func (w *world) start() string {
	w.Helper()
	id := "sb-" + ids.Hex(16)
	if err := w.host.Start(w.Context(), nodeapi.Sandbox{ID: id, Account: "123456789012", Image: w.image, Memory: 128, Disk: 64}); err != nil {
		w.Fatal(err)
	}
	return id
}

func (w *world) assignment(sandbox string) nodeapi.Assignment {
	return nodeapi.Assignment{
		Sandbox: sandbox, Release: "release-1", Function: "arn:aws:lambda:us-east-1:123456789012:function:test", Name: "test", Version: "$LATEST",
		Code: []nodeapi.Code{w.code}, Handler: "bootstrap", Memory: 128, CPU: 1024, Timeout: patience,
		Log: nodeapi.Log{Group: "/aws/lambda/test", Stream: "2026/11/21/[$LATEST]" + sandbox[3:]}, Env: []string{"GREETING=hello"},
	}
}

// assigned is a sandbox that is ready for calls.
func (w *world) assigned(change ...func(*nodeapi.Assignment)) string {
	w.Helper()
	id := w.start()
	a := w.assignment(id)
	for _, c := range change {
		c(&a)
	}
	told, err := w.host.Assign(w.Context(), a)
	if err != nil || told.Error != nil {
		w.Fatalf("assigned: %v, %+v: %s", err, told.Error, told.Tail)
	}
	return id
}

// call makes a call and wants its outcome.
func (w *world) call(sandbox string, change func(*nodeapi.Invocation), request any) nodeapi.Outcome {
	w.Helper()
	payload, err := json.Marshal(request)
	if err != nil {
		w.Fatal(err)
	}
	i := nodeapi.Invocation{
		Sandbox: sandbox, Request: newRequest(), ARN: "arn:aws:lambda:us-east-1:123456789012:function:test:live", Payload: payload,
		Timeout: patience, MaxAnswer: 6 << 20, Tail: true,
	}
	if change != nil {
		change(&i)
	}
	outcome, err := w.host.Invoke(w.Context(), i, nil)
	if err != nil {
		w.Fatal(err)
	}
	return outcome
}

func newRequest() string {
	id := ids.Hex(16)
	return strings.Join([]string{id[:8], id[8:12], id[12:16], id[16:20], id[20:]}, "-")
}

type wants map[string]any

func TestAFunctionIsCalled(t *testing.T) {
	w := newWorld(t)
	id := w.assigned()
	outcome := w.call(id, nil, wants{"print": []string{"first", "second"}})
	if got, want := string(outcome.Payload), `"arn:aws:lambda:us-east-1:123456789012:function:test:live"`; got != want || outcome.Error != nil {
		t.Errorf("it answered %s, %+v", got, outcome.Error)
	}
	t.Logf("%s", outcome.Tail)
}
