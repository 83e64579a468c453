package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"slipway/accounts"
)

// open opens a server on a free port and a data folder of its own.
func open(t *testing.T, change func(*Config)) *Server {
	t.Helper()
	config := Config{Data: filepath.Join(t.TempDir(), "data"), Listen: "127.0.0.1:0", Admin: "127.0.0.1:0", Region: "us-east-1"}
	if change != nil {
		change(&config)
	}
	s, err := Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// run has a server answer until the test ends.
func run(t *testing.T, s *Server) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := s.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		stop()
		running.Wait()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

func get(t *testing.T, l net.Listener, path string) (status int, body string) {
	t.Helper()
	resp, err := http.Get("http://" + l.Addr().String() + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// client is the genuine STS client with the server's own credentials.
func client(t *testing.T, s *Server) *sts.Client {
	t.Helper()
	c, err := ReadCredentials(s.config.Data)
	if err != nil {
		t.Fatal(err)
	}
	return sts.New(sts.Options{
		BaseEndpoint: aws.String(c.Endpoint), Region: c.Region, Retryer: aws.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider(c.AccessKeyID, c.SecretAccessKey, ""),
	})
}

func TestCallsAreCountedByOperation(t *testing.T) {
	s := open(t, nil)
	run(t, s)
	for range 3 {
		if _, err := client(t, s).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := client(t, s).GetFederationToken(t.Context(), &sts.GetFederationTokenInput{Name: aws.String("ann")}); err == nil {
		t.Fatal("GetFederationToken is not supported, and succeeded")
	}
	for i := range 5 { // what strangers make up must not become so many rows
		req, _ := http.NewRequestWithContext(t.Context(), "POST", "http://"+s.api.Addr().String()+"/", nil)
		req.Header.Set("X-Amz-Target", fmt.Sprintf("Made.Up%d", i))
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}

	_, text := get(t, s.admin, "/metrics")
	for _, line := range []string{
		`slipway_api_calls_total{code="200",operation="GetCallerIdentity",service="sts"} 3`,
		`slipway_api_calls_total{code="501",operation="GetFederationToken",service="sts"} 1`,
		`slipway_api_calls_total{code="403",operation="",service=""} 5`,
		`slipway_api_call_seconds_count{operation="GetCallerIdentity",service="sts"} 3`,
		`go_goroutines `, `process_resident_memory_bytes `,
	} {
		if !strings.Contains(text, "\n"+line) {
			t.Errorf("no line %q in the metrics:\n%s", line, linesOf(text, "slipway_"))
		}
	}
}

func linesOf(text, prefix string) string {
	var found []string
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, prefix) {
			found = append(found, line)
		}
	}
	return strings.Join(found, "")
}

func TestWhatEachListenerAnswers(t *testing.T) {
	s := open(t, nil)
	run(t, s)
	for _, c := range []struct {
		path       string
		api, admin int
	}{
		{"/healthz", 200, 200},
		{"/readyz", 200, 200},
		{"/metrics", 403, 200}, // on the API's listener what nobody claims is an AWS call, and not a signed one
		{"/debug/pprof/", 403, 200},
		{"/debug/pprof/heap", 403, 200},
		{"/debug/pprof/cmdline", 403, 200},
		{"/v2/", 401, 404},
		{"/node/v1/session", 403, 404},
		{"/", 403, 404},
	} {
		if status, body := get(t, s.api, c.path); status != c.api {
			t.Errorf("API: %s is answered %d, want %d: %s", c.path, status, c.api, body)
		}
		if status, body := get(t, s.admin, c.path); status != c.admin {
			t.Errorf("admin: %s is answered %d, want %d: %s", c.path, status, c.admin, body)
		}
	}
}

func TestNotReadyWithoutItsDatabase(t *testing.T) {
	s := open(t, nil)
	run(t, s)
	if err := s.db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, l := range []net.Listener{s.api, s.admin} {
		if status, body := get(t, l, "/readyz"); status != http.StatusServiceUnavailable || body != "the database cannot be reached\n" {
			t.Errorf("readyz without a database is answered %d %s", status, body)
		}
		if status, _ := get(t, l, "/healthz"); status != http.StatusOK {
			t.Errorf("healthz is answered %d: the process itself is well", status)
		}
	}
}

// An Open that fails half-way keeps neither the data folder nor the port.
func TestFailedOpenGivesEverythingBack(t *testing.T) {
	s := open(t, nil)
	config := s.config
	config.Listen = s.api.Addr().String()
	config.Admin = "off"
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	config.AccountID = "12345"
	if _, err := Open(t.Context(), config); !errors.Is(err, accounts.ErrAccountID) {
		t.Fatalf("error %v, want %v", err, accounts.ErrAccountID)
	}
	config.AccountID = ""
	again, err := Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	if again.root != s.root {
		t.Error("the second start has other credentials than the first")
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}

func TestCredentialsTellTheTruth(t *testing.T) {
	s := open(t, func(c *Config) { c.AccountID, c.Region = "123456789012", "eu-north-1" })
	t.Cleanup(func() { s.Close() })
	got, err := ReadCredentials(s.config.Data)
	want := Credentials{"http://" + s.api.Addr().String(), "eu-north-1", "123456789012", s.root.ID, s.root.Secret}
	if err != nil || got != want {
		t.Errorf("credentials %+v, %v, want %+v", got, err, want)
	}
	info, err := os.Stat(filepath.Join(s.config.Data, credentialsFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestAdvertisedAddressIsTold(t *testing.T) {
	s := open(t, func(c *Config) { c.Advertise = "slipway.example:4600" })
	t.Cleanup(func() { s.Close() })
	if got, err := ReadCredentials(s.config.Data); err != nil || got.Endpoint != "http://slipway.example:4600" {
		t.Errorf("endpoint %q, %v", got.Endpoint, err)
	}
}
