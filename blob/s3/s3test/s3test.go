// Package s3test starts a real S3 server for tests, with a bucket of their own.
package s3test

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Server is an S3 server that runs until the test ends.
type Server struct {
	Endpoint string // "http://127.0.0.1:PORT"
	Bucket   string
	Dir      string // where it keeps objects, as files
}

// The credentials that it takes.
const (
	AccessKey = "s3test"
	Secret    = "s3test-secret"
)

// Start starts versitygw over a folder. Without that program on the PATH the test is skipped, or
// fails where all tests are wanted.
func Start(t testing.TB) Server {
	t.Helper()
	program, err := exec.LookPath("versitygw")
	if err != nil {
		if os.Getenv("SLIPWAY_TEST_ALL") != "" {
			t.Fatal("versitygw is not on the PATH: make bin/versitygw installs it")
		}
		t.Skip("versitygw is not on the PATH: make bin/versitygw installs it")
	}
	s := Server{Endpoint: "http://" + freeAddress(t), Bucket: "blobs", Dir: t.TempDir()}
	if err := os.Mkdir(filepath.Join(s.Dir, s.Bucket), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "--port", s.Endpoint[len("http://"):], "--quiet", "posix", s.Dir)
	cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+AccessKey, "ROOT_SECRET_KEY="+Secret)
	cmd.Stderr = t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	s.wait(t)
	return s
}

// Location names the bucket as s3.Open takes it.
func (s Server) Location(prefix string) string {
	return fmt.Sprintf("s3://%s/%s?endpoint=%s&region=us-east-1", s.Bucket, prefix, s.Endpoint)
}

func (s Server) wait(t testing.TB) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if answer, err := http.Get(s.Endpoint); err == nil {
			answer.Body.Close()
			return
		}
	}
	t.Fatalf("the S3 server does not answer at %s", s.Endpoint)
}

func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
