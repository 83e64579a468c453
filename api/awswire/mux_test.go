package awswire_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsecs "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/smithy-go"

	"slipway/api/awswire"
	"slipway/api/awswire/wiretest"
	"slipway/api/ecs"
	"slipway/api/sts"
	"slipway/internal/errs"
	"slipway/internal/sigv4"
)

const runTaskTarget = "AmazonEC2ContainerServiceV20141113.RunTask"

// signedRunTask is a RunTask call with this body, as sent.
func signedRunTask(body []byte, headers ...string) *http.Request {
	r := httptest.NewRequest("POST", "http://slipway.test/", bytes.NewReader(body))
	r.Header.Set("X-Amz-Target", runTaskTarget)
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	with := sigv4.Credentials{AccessKeyID: wiretest.AccessKey, Secret: wiretest.Secret}
	sigv4.Sign(r, body, with, wiretest.Region, "ecs", time.Now())
	return r
}

func serve(mux http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	return w
}

func zipped(text string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	io.WriteString(z, text)
	z.Close()
	return b.Bytes()
}

func TestGzipIsUndoneAfterTheSignature(t *testing.T) {
	mux := newTestMux()
	if w := serve(mux, signedRunTask(zipped(`{"taskDefinition": "web"}`), "Content-Encoding", "gzip")); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	bomb := zipped(`{"taskDefinition": "` + strings.Repeat("a", 1<<20) + `"}`)
	if w := serve(mux, signedRunTask(bomb, "Content-Encoding", "gzip")); w.Code != 413 {
		t.Errorf("a body that grows beyond the limit: %d %s", w.Code, w.Body)
	}
	cut := zipped(`{"taskDefinition": "web"}`)
	if w := serve(mux, signedRunTask(cut[:len(cut)-6], "Content-Encoding", "gzip")); w.Code != 400 || !strings.Contains(w.Body.String(), "SerializationException") {
		t.Errorf("a cut body: %d %s", w.Code, w.Body)
	}
}

// A small body must not swell in memory, and an answer must not swell with what is wrong.
func TestSwellingIsBounded(t *testing.T) {
	door := awswire.NewService(ecs.API, nil,
		ecs.RunTask.Handle(runTask, awswire.Any))
	mux := awswire.NewMux(awswire.Config{Region: wiretest.Region, Keys: keyring{}, Access: keyring{}}, door)

	many := `{"taskDefinition": "web", "placementConstraints": [` + strings.Repeat("{},", 100_000) + `{}]}`
	w := serve(mux, signedRunTask([]byte(many)))
	if w.Code != 400 || !strings.Contains(w.Body.String(), "more than 100000 elements") {
		t.Errorf("%d %.200s", w.Code, w.Body)
	}
	wrong := `{"taskDefinition": "web", "tags": [` + strings.Repeat(`{"key": ""},`, 1000) + `{}]}`
	w = serve(mux, signedRunTask([]byte(wrong)))
	if w.Code != 400 || !strings.Contains(w.Body.String(), "20 validation errors detected") {
		t.Errorf("%d %.200s", w.Code, w.Body)
	}
}

func TestContentLength(t *testing.T) {
	w := serve(newTestMux(), signedRunTask([]byte(`{"taskDefinition": "web"}`)))
	if got := w.Header().Get("Content-Length"); got != strconv.Itoa(w.Body.Len()) {
		t.Errorf("Content-Length %s of %d bytes", got, w.Body.Len())
	}
}

// unread fails the test if anybody reads it.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body of a stranger was read")
	return 0, io.EOF
}

func TestStrangersBodiesAreNotRead(t *testing.T) {
	mux := newTestMux()
	r := httptest.NewRequest("POST", "http://slipway.test/", unread{t})
	r.Header.Set("X-Amz-Target", runTaskTarget)
	sigv4.Sign(r, nil, sigv4.Credentials{AccessKeyID: "AKIANOBODY", Secret: "x"}, wiretest.Region, "ecs", time.Now())
	if w := serve(mux, r); w.Code != 400 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	r.Header.Del("Authorization")
	if w := serve(mux, r); w.Code != 403 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestCutUpload(t *testing.T) {
	r := signedRunTask(nil)
	r.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"task`), errReader{}))
	if w := serve(newTestMux(), r); w.Code != 400 || !strings.Contains(w.Body.String(), "IncompleteBodyException") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, errors.New("connection reset") }

func TestCallsAreObserved(t *testing.T) {
	var calls []*awswire.Call
	mux := awswire.NewMux(awswire.Config{
		Region: wiretest.Region, Keys: keyring{}, Access: keyring{}, Log: slog.New(slog.DiscardHandler),
		Observe: func(c *awswire.Call) { calls = append(calls, c) },
	}, sts.New(nil), awswire.NewService(ecs.API, nil, ecs.RunTask.Handle(runTask, awswire.Any)))

	serve(mux, signedRunTask([]byte(`{"taskDefinition": "web"}`)))
	serve(mux, signedRunTask([]byte(`{`)))
	serve(mux, signedRunTask([]byte(`{}`), "X-Amz-Target", "AmazonEC2ContainerServiceV20141113.Nothing"))
	serve(mux, httptest.NewRequest("GET", "/", nil))

	for i, want := range []struct {
		Service, Operation string
		Status             int
	}{
		{Service: "ecs", Operation: "RunTask", Status: 200},
		{Service: "ecs", Operation: "RunTask", Status: 400},
		{Service: "ecs", Status: 400},
		{Status: 403},
	} {
		if i >= len(calls) {
			t.Fatalf("%d calls observed", len(calls))
		}
		if calls[i].Duration <= 0 {
			t.Errorf("call %d took %v", i, calls[i].Duration)
		}
		if got := calls[i]; got.Service != want.Service || got.Operation != want.Operation || got.Status != want.Status {
			t.Errorf("call %d is %+v, want %+v", i, got, want)
		}
	}
}

func TestInternalErrorsStandInTheLogOnly(t *testing.T) {
	var log bytes.Buffer
	mux := awswire.NewMux(awswire.Config{
		Region: wiretest.Region, Keys: keyring{}, Access: keyring{}, Log: slog.New(slog.NewJSONHandler(&log, nil)),
	}, awswire.NewService(ecs.API, nil, ecs.RunTask.Handle(runTask, awswire.Any)))

	w := serve(mux, signedRunTask([]byte(`{"taskDefinition": "broken"}`)))
	if strings.Contains(w.Body.String(), "secret details") {
		t.Errorf("the client reads %s", w.Body)
	}
	var line struct{ Request, Operation, Error string }
	if err := json.Unmarshal(log.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	if line.Error != "secret details of the inside" || line.Operation != "RunTask" || line.Request != w.Header().Get("X-Amzn-Requestid") {
		t.Errorf("the log has %s", &log)
	}
}

func TestWhatIsUnavailableIsNamed(t *testing.T) {
	errFull := errs.New(errs.Unavailable, "the disk is full")
	full := func(context.Context, *ecs.RunTaskInput) (*ecs.RunTaskOutput, error) {
		return nil, fmt.Errorf("%w: secret details", errFull)
	}
	mux := awswire.NewMux(awswire.Config{
		Region: wiretest.Region, Keys: keyring{}, Access: keyring{}, Log: slog.New(slog.DiscardHandler),
	}, awswire.NewService(ecs.API, nil, ecs.RunTask.Handle(full, awswire.Any)))

	w := serve(mux, signedRunTask([]byte(`{"taskDefinition": "web"}`)))
	if body := w.Body.String(); w.Code != 500 || !strings.Contains(body, "the disk is full") || strings.Contains(body, "secret") {
		t.Errorf("answer %d: %s", w.Code, body)
	}
}

func TestHandlersLearnOfCallerAndRequest(t *testing.T) {
	var who awswire.Caller
	var id string
	door := awswire.NewService(ecs.API, nil, ecs.ListClusters.Handle(
		func(ctx context.Context, _ *ecs.ListClustersInput) (*ecs.ListClustersOutput, error) {
			who, id = awswire.CallerOf(ctx), awswire.RequestID(ctx)
			return nil, nil
		}, awswire.Any))
	if _, err := awsecs.NewFromConfig(wiretest.Start(t, door)).ListClusters(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if who.Account != wiretest.Account || who.AccessKeyID != wiretest.AccessKey || len(id) != 36 {
		t.Errorf("caller %+v, request %q", who, id)
	}
}

// denying forbids one resource.
type denying struct{ resource string }

func (d denying) Authorize(_ context.Context, r *awswire.Request) error {
	if r.Resource == d.resource && r.Action == "ecs:DescribeClusters" {
		return awswire.Denied("User: " + r.Who.ARN + " is not authorized to perform: " + r.Action + " on resource: " + r.Resource)
	}
	return nil
}

func TestEveryResourceMustBeAllowed(t *testing.T) {
	called := false
	door := awswire.NewService(ecs.API, nil, ecs.DescribeClusters.Handle(
		func(context.Context, *ecs.DescribeClustersInput) (*ecs.DescribeClustersOutput, error) {
			called = true
			return nil, nil
		},
		func(_ context.Context, in *ecs.DescribeClustersInput) []awswire.Ask {
			return awswire.On(in.Clusters...)
		}))
	client := awsecs.NewFromConfig(wiretest.Serve(t, awswire.Config{Access: denying{"two"}}, door))

	_, err := client.DescribeClusters(t.Context(), &awsecs.DescribeClustersInput{Clusters: []string{"one", "two"}})
	var fault smithy.APIError
	if !errors.As(err, &fault) || fault.ErrorCode() != "AccessDeniedException" || called {
		t.Fatalf("error %v, handler called: %v", err, called)
	}
	if want := "User: arn:aws:iam::123456789012:root is not authorized to perform: ecs:DescribeClusters on resource: two"; fault.ErrorMessage() != want {
		t.Errorf("text %q, want %q", fault.ErrorMessage(), want)
	}
	if _, err := client.DescribeClusters(t.Context(), &awsecs.DescribeClustersInput{Clusters: []string{"one"}}); err != nil || !called {
		t.Errorf("one allowed resource: %v", err)
	}
	client = awsecs.NewFromConfig(wiretest.Serve(t, awswire.Config{Access: denying{"*"}}, door))
	if _, err := client.DescribeClusters(t.Context(), &awsecs.DescribeClustersInput{}); err == nil {
		t.Error("a call that names no resource was not authorized on *")
	}
}

func TestUnboundOperationsAreNamed(t *testing.T) {
	all := awswire.NewService(sts.API, nil).Unbound()
	if !slices.Contains(all, "GetCallerIdentity") {
		t.Errorf("the empty door leaves %v", all)
	}
	one := awswire.NewService(sts.API, nil, sts.GetCallerIdentity.HandleOpen(func(context.Context, *sts.GetCallerIdentityInput) (*sts.GetCallerIdentityOutput, error) {
		return nil, nil
	}))
	if got := one.Unbound(); slices.Contains(got, "GetCallerIdentity") || len(got) != len(all)-1 {
		t.Errorf("with one operation bound, the door leaves %v", got)
	}
}

func TestWrongDoorsPanic(t *testing.T) {
	bound := ecs.RunTask.Handle(runTask, awswire.Any)
	for name, build := range map[string]func(){
		"twice":         func() { awswire.NewService(ecs.API, nil, bound, bound) },
		"other service": func() { awswire.NewService(sts.API, nil, bound) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			build()
		}()
	}
}

// The SDK makes typed errors of our faults.
func TestFaultsAreTheSDKsTypes(t *testing.T) {
	faults := awswire.Faults{{Cause: errNoCluster, Fault: ecs.ClusterNotFoundException, Text: "Cluster not found."}}
	door := awswire.NewService(ecs.API, faults, ecs.RunTask.Handle(runTask, awswire.Any))
	client := awsecs.NewFromConfig(wiretest.Start(t, door))
	_, err := client.RunTask(t.Context(), &awsecs.RunTaskInput{TaskDefinition: aws.String("nowhere")})
	var notFound interface {
		error
		ErrorMessage() string
	}
	if !errors.As(err, &notFound) || notFound.ErrorMessage() != "Cluster not found." {
		t.Errorf("error = %v", err)
	}
}

// FuzzBodies: whatever is sent, on every wire, is answered and is never our failure.
func FuzzBodies(f *testing.F) {
	f.Add("application/x-amz-json-1.1", `{"family":"web","containerDefinitions":[{"name":"a","cpu":1,"environment":[{"name":"x"}],"dockerLabels":{"a":"b"}}]}`)
	f.Add("application/cbor", "\xa3\x64Name\x63rex\x65Young\x81\xa1\x64Name\x61a\x65Notes\xbf\x61a\x61b\xff")
	f.Add("application/x-www-form-urlencoded", "Action=AdoptPet&Name=rex&Young.member.1.Name=a&Notes.entry.1.key=a&Notes.entry.1.value=b")
	f.Add("application/json", `{"Name":"rex","Young":[{"Name":"a","Born":1.5}],"Photo":"R0lG"}`)
	mux := newTestMux()
	f.Fuzz(func(t *testing.T, contentType, body string) {
		path, service, headers := "/", "pets", []string{"Content-Type", contentType}
		switch contentType {
		case "application/x-amz-json-1.1":
			service = "ecs"
			headers = append(headers, "X-Amz-Target", "AmazonEC2ContainerServiceV20141113.RegisterTaskDefinition")
		case "application/cbor":
			path = "/service/PetService/operation/AdoptPet"
			headers = append(headers, "Smithy-Protocol", "rpc-v2-cbor")
		case "application/json":
			path = "/pets"
		case "application/x-www-form-urlencoded":
		default:
			return
		}
		r := httptest.NewRequest("POST", "http://slipway.test"+path, strings.NewReader(body))
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		with := sigv4.Credentials{AccessKeyID: wiretest.AccessKey, Secret: wiretest.Secret}
		sigv4.Sign(r, []byte(body), with, wiretest.Region, service, time.Now())
		if w := serve(mux, r); w.Code >= 500 && w.Code != http.StatusNotImplemented {
			t.Errorf("%s %q: %d %s", contentType, body, w.Code, w.Body)
		}
	})
}
