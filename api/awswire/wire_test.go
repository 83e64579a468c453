package awswire_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"slipway/api/awswire"
	"slipway/api/awswire/wiretest"
	"slipway/api/ecr"
	"slipway/api/ecs"
	"slipway/api/logs"
	"slipway/api/sts"
	"slipway/internal/sigv4"
)

var update = flag.Bool("update", false, "rewrite the golden answers in testdata/wire")

// TestWire sends the requests of testdata/wire/*.txt and compares the answers, header for header.
//
//	=== what is asked
//	METHOD TARGET signing-name [how the signature is spoilt]
//	Header: value
//
//	body
//	---
//	answer
func TestWire(t *testing.T) {
	files, err := filepath.Glob("testdata/wire/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases in testdata/wire: %v", err)
	}
	mux := newTestMux()
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var golden strings.Builder
		for _, text := range strings.Split(string(content), "=== ")[1:] {
			name, rest, _ := strings.Cut(text, "\n")
			request, want, found := strings.Cut(rest, "---\n")
			request = strings.TrimSpace(request)
			if !found && !*update {
				t.Fatalf("%s: %q has no answer; -update writes it", file, name)
			}
			got := send(t, mux, request)
			fmt.Fprintf(&golden, "=== %s\n%s\n---\n%s\n\n", name, request, got)
			t.Run(filepath.Base(file)+"/"+name, func(t *testing.T) {
				if want := strings.TrimSpace(want); !*update && got != want {
					t.Errorf("got:\n%s\nwant:\n%s", got, want)
				}
			})
		}
		if *update {
			if err := os.WriteFile(file, []byte(golden.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// send makes the request, signs it as its first line says, and writes down the answer.
func send(t *testing.T, mux http.Handler, text string) string {
	t.Helper()
	head, body, _ := strings.Cut(text, "\n\n")
	lines := strings.Split(head, "\n")
	first := strings.Fields(lines[0])
	body = strings.ReplaceAll(body, "{LONG}", strings.Repeat("a", 5000))
	r := httptest.NewRequest(first[0], "http://slipway.test"+first[1], strings.NewReader(body))
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	sign(t, r, body, first[2], strings.Join(first[3:], " "))
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	return transcript(w)
}

func sign(t *testing.T, r *http.Request, body, service, spoilt string) {
	t.Helper()
	with := sigv4.Credentials{AccessKeyID: wiretest.AccessKey, Secret: wiretest.Secret}
	now, region := time.Now(), wiretest.Region
	switch spoilt {
	case "", "tampered":
	case "unsigned":
		return
	case "unknown key":
		with.AccessKeyID = "AKIANOBODY"
	case "expired token":
		with.AccessKeyID, with.SessionToken = "ASIAEXPIRED", "token"
	case "key store down":
		with.AccessKeyID = "AKIABROKEN"
	case "wrong secret":
		with.Secret = "wrong"
	case "stale":
		now = now.Add(-time.Hour)
	case "early":
		now = now.Add(time.Hour)
	case "wrong region":
		region = "eu-west-1"
	default:
		t.Fatalf("nobody knows how to spoil a signature by %q", spoilt)
	}
	sigv4.Sign(r, []byte(body), with, region, service, now)
	if spoilt == "tampered" {
		r.Body = http.NoBody
	}
}

// What differs from run to run, and what stands for it in the golden files.
var unstable = []struct {
	pattern *regexp.Regexp
	stand   string
}{
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`), "REQUEST-ID"},
	{regexp.MustCompile(`\d{8}T\d{6}Z`), "TIME"},
	{regexp.MustCompile(`\d{8}/us-east-1`), "DATE/us-east-1"},
	{regexp.MustCompile(`a{900}a*`), "{SHORTENED}"},
	{regexp.MustCompile(`[0-9a-f]{64}`), "HASH"},
}

func transcript(w *httptest.ResponseRecorder) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %s\n", w.Code, http.StatusText(w.Code))
	names := slices.Sorted(func(yield func(string) bool) {
		for name := range w.Header() {
			if name != "Content-Length" && !yield(name) { // its length is the body's: see TestContentLength
				return
			}
		}
	})
	for _, name := range names {
		fmt.Fprintf(&b, "%s: %s\n", name, w.Header().Get(name))
	}
	text := strings.TrimSpace(b.String() + "\n" + w.Body.String())
	for _, u := range unstable {
		text = u.pattern.ReplaceAllString(text, u.stand)
	}
	return text
}

// keyring is the authenticator and authorizer of these tests.
type keyring struct{ wiretest.Root }

func (k keyring) Lookup(ctx context.Context, id, token string) (string, awswire.Caller, error) {
	switch id {
	case "ASIAEXPIRED":
		return "", awswire.Caller{}, awswire.ErrExpiredToken
	case "AKIABROKEN":
		return "", awswire.Caller{}, errors.New("the disk with the keys is gone")
	}
	return k.Root.Lookup(ctx, id, token)
}

func (keyring) Authorize(_ context.Context, r *awswire.Request) error {
	switch r.Resource {
	case "forbidden":
		return awswire.Denied("User: " + r.Who.ARN + " is not authorized to perform: " + r.Action + " on resource: " + r.Resource + " because no identity-based policy allows the " + r.Action + " action")
	case "undecidable":
		return errors.New("the disk with the policies is gone")
	}
	return nil
}

var errNoCluster = errors.New("cluster not found")

func newTestMux() *awswire.Mux {
	faults := awswire.Faults{{Cause: errNoCluster, Fault: ecs.ClusterNotFoundException, Text: "Cluster not found."}}
	config := awswire.Config{
		Region: wiretest.Region, Keys: keyring{}, Access: keyring{}, MaxBody: 10_000,
		Log: slog.New(slog.DiscardHandler),
	}
	return awswire.NewMux(config,
		awswire.NewService(ecs.API, faults,
			ecs.RunTask.Handle(runTask, func(_ context.Context, in *ecs.RunTaskInput) []awswire.Ask { return awswire.On(in.TaskDefinition) }),
			ecs.RegisterTaskDefinition.Handle(registerTaskDefinition, awswire.Any),
			ecs.TagResource.Handle(func(context.Context, *ecs.TagResourceInput) (*ecs.TagResourceOutput, error) { return nil, nil }, awswire.Any)),
		awswire.NewService(ecr.API, nil,
			ecr.CreateRepository.Handle(func(_ context.Context, in *ecr.CreateRepositoryInput) (*ecr.CreateRepositoryOutput, error) {
				return &ecr.CreateRepositoryOutput{Repository: &ecr.Repository{RepositoryName: &in.RepositoryName}}, nil
			}, awswire.Any)),
		awswire.NewService(logs.API, nil,
			logs.CreateLogGroup.Handle(func(context.Context, *logs.CreateLogGroupInput) (*awswire.None, error) { return nil, nil }, awswire.Any)),
		sts.New(nil),
		petDoor(),
	)
}

func runTask(ctx context.Context, in *ecs.RunTaskInput) (*ecs.RunTaskOutput, error) {
	switch in.TaskDefinition {
	case "nowhere":
		return nil, fmt.Errorf("run: %w: web", errNoCluster)
	case "broken":
		return nil, errors.New("secret details of the inside")
	case "panic":
		panic("secret details of the inside")
	case "conflict":
		return nil, ecs.ConflictException.Newf("The token %q was used", awswire.Or(in.ClientToken, "none")).With("resourceIds", []string{"a", "b"})
	}
	return &ecs.RunTaskOutput{
		Tasks:    []ecs.Task{{Group: in.Group, StartedBy: new(awswire.CallerOf(ctx).ARN), CreatedAt: new(time.UnixMilli(1_700_000_000_250))}},
		Failures: []ecs.Failure{},
	}, nil
}

func registerTaskDefinition(_ context.Context, in *ecs.RegisterTaskDefinitionInput) (*ecs.RegisterTaskDefinitionOutput, error) {
	return &ecs.RegisterTaskDefinitionOutput{TaskDefinition: &ecs.TaskDefinition{Family: new(in.Family), ContainerDefinitions: in.ContainerDefinitions}}, nil
}
