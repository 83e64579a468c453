package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"slipway/server"
)

// The test binary is slipway as well, so what is tested is main itself, in a process of its own.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"slipway": func() { os.Exit(run()) }})
}

// cloud is a running "slipway up" or "slipway server", and the clients that speak to it.
type cloud struct {
	*client
	t        testing.TB
	command  string
	data     string
	args     []string
	cmd      *exec.Cmd
	ended    chan struct{}
	log      *syncBuffer
	endpoint string
	nodes    string // where machines join; "": nowhere
}

// startCloud starts "slipway up" on a data folder of its own, and takes everything away at the end. It
// waits for the node, which joins a moment after the APIs are there.
func startCloud(t testing.TB, args ...string) *cloud {
	t.Helper()
	needRoot(t)
	c := launch(t, "up", t.TempDir(), args...)
	c.connected(true)
	return c
}

// startServer starts "slipway server": the control plane alone, which is ready at once.
func startServer(t testing.TB, args ...string) *cloud {
	t.Helper()
	nodes := freeAddress(t, "127.0.0.1")
	c := launch(t, "server", filepath.Join(t.TempDir(), "data"), append(args, "--nodes", nodes)...)
	c.nodes = "https://" + nodes
	return c
}

func launch(t testing.TB, command, data string, args ...string) *cloud {
	t.Helper()
	c := &cloud{t: t, command: command, data: data, args: args, log: &syncBuffer{}}
	c.start(freeAddress(t, "127.0.0.1")) // which nobody takes while a test has it killed
	t.Cleanup(c.remove)
	return c
}

// needRoot skips a test that cannot run here; under SLIPWAY_TEST_ALL it fails instead.
func needRoot(t testing.TB) {
	t.Helper()
	missing := ""
	if os.Geteuid() != 0 {
		missing = "root"
	}
	for _, program := range []string{"containerd", "runc"} {
		if _, err := exec.LookPath(program); err != nil {
			missing = program
		}
	}
	if missing == "" {
		return
	}
	if os.Getenv("SLIPWAY_TEST_ALL") != "" {
		t.Fatalf("needs %s", missing)
	}
	t.Skipf("needs %s", missing)
}

func (c *cloud) start(listen string) {
	c.t.Helper()
	args := append([]string{c.command, "--data", c.data, "--listen", listen, "--admin", "off"}, c.args...)
	c.cmd = exec.Command("slipway", args...)
	c.cmd.Stdout, c.cmd.Stderr = c.log, c.log
	c.ended = make(chan struct{})
	os.Remove(filepath.Join(c.data, "credentials.json")) // so that the new one tells where it listens
	if err := c.cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	cmd, ended := c.cmd, c.ended // c has others when it is started again
	go func() { cmd.Wait(); close(ended) }()
	c.waitReady()
}

func (c *cloud) waitReady() {
	c.t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		select {
		case <-c.ended:
			c.t.Fatalf("slipway %s ended: %s", c.command, c.log)
		default:
		}
		if creds, err := server.ReadCredentials(c.data); err == nil && isReady(creds.Endpoint) {
			c.connect(creds)
			return
		}
	}
	c.t.Fatalf("slipway %s is not ready: %s", c.command, c.log)
}

func isReady(endpoint string) bool {
	resp, err := http.Get(endpoint + "/readyz")
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

func (c *cloud) connect(creds server.Credentials) {
	c.t.Helper()
	var err error
	if c.client, err = newClient(context.Background(), c.data); err != nil {
		c.t.Fatal(err)
	}
	c.endpoint = creds.Endpoint
}

// host is the registry's address: host and port.
func (c *cloud) host() string { return strings.TrimPrefix(c.endpoint, "http://") }

// kill ends the process as a crash would.
func (c *cloud) kill() {
	c.t.Helper()
	c.cmd.Process.Signal(syscall.SIGKILL)
	<-c.ended
}

// restart starts it again, on the address that it had.
func (c *cloud) restart() {
	c.t.Helper()
	c.start(c.host())
}

// remove stops every task and then Slipway.
func (c *cloud) remove() {
	if c.command == "up" {
		c.endNode(filepath.Join(c.data, "agent"), c.end)
	} else {
		c.end()
	}
	if c.t.Failed() {
		c.t.Logf("slipway %s said:\n%s", c.command, c.log)
	}
}

// endNode stops every task and then the node, which leaves nothing on the machine.
func (c *cloud) endNode(data string, end func()) {
	if out, err := c.slipway("stop", "--all", "--wait").CombinedOutput(); err != nil {
		c.t.Errorf("stop --all: %v: %s", err, out)
	}
	node := readNode(c.t, data)
	node.settle(c.t)
	end()
	node.wantGone(c.t)
}

// end asks the process to end, which it does with exit code 0. It may have been ended before.
func (c *cloud) end() {
	c.t.Helper()
	c.cmd.Process.Signal(syscall.SIGTERM)
	c.wantEnd()
}

// wantEnd waits for the process to end as it was asked to.
func (c *cloud) wantEnd() {
	c.t.Helper()
	<-c.ended
	if code := c.cmd.ProcessState.ExitCode(); code != 0 {
		c.t.Errorf("slipway %s ended with %s", c.command, c.cmd.ProcessState)
	}
}

// slipway is a command of ours against this cloud.
func (c *cloud) slipway(args ...string) *exec.Cmd {
	cmd := exec.Command("slipway", args...)
	cmd.Env = c.env()
	return cmd
}

func (c *cloud) env() []string {
	creds, err := server.ReadCredentials(c.data)
	if err != nil {
		c.t.Fatal(err)
	}
	return append(os.Environ(),
		"AWS_ENDPOINT_URL="+creds.Endpoint, "AWS_ACCESS_KEY_ID="+creds.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+creds.SecretAccessKey,
		"AWS_REGION="+creds.Region, "AWS_DEFAULT_REGION="+creds.Region, "AWS_PAGER=", "AWS_CONFIG_FILE=/dev/null",
		"REGISTRY_AUTH_FILE="+filepath.Join(c.data, "auth.json"))
}

// aws runs the aws command line tool and returns what it printed.
func (c *cloud) aws(args ...string) string {
	c.t.Helper()
	out, err := c.tryAWS(args...)
	if err != nil {
		c.t.Fatalf("aws %s: %v", strings.Join(args, " "), err)
	}
	return strings.TrimSpace(out)
}

func (c *cloud) tryAWS(args ...string) (string, error) {
	return c.try(exec.Command(program(c.t, "aws"), append([]string{"--endpoint-url", c.endpoint}, args...)...))
}

// do runs a program and returns what it printed.
func (c *cloud) do(cmd *exec.Cmd) string {
	c.t.Helper()
	out, err := c.try(cmd)
	if err != nil {
		c.t.Fatalf("%s: %v", cmd, err)
	}
	return out
}

func (c *cloud) try(cmd *exec.Cmd) (string, error) {
	cmd.Env = c.env()
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%w: %s%s", err, out.String(), errOut.String())
	}
	return out.String(), nil
}

// program finds a genuine client; Debian's own comes before what else is on the path.
func program(t testing.TB, name string) string {
	t.Helper()
	if path, err := exec.LookPath("/usr/bin/" + name); err == nil {
		return path
	}
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if os.Getenv("SLIPWAY_TEST_ALL") != "" {
		t.Fatal(err)
	}
	t.Skipf("needs %s", name)
	return ""
}

// within calls ok until it says so, or fails the test after a generous time.
func within(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(90 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// fetch gets a page of a container.
func fetch(url string) (string, error) {
	resp, err := http.Get(url)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

// syncBuffer is a buffer that a process writes while a test reads.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
