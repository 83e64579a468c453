package nodeapi_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"slipway/internal/errs"
	"slipway/nodeapi"
	"slipway/nodeapi/nodeapitest"
)

// plane is a control plane made of functions; one that is nil must not be called.
type plane struct {
	t           *testing.T
	session     func(context.Context, nodeapi.Hello, func(nodeapi.Frame) error) error
	report      func(nodeapi.Report) (nodeapi.ReportAck, error)
	output      func(string, nodeapi.Output) (nodeapi.OutputAck, error)
	credentials func(nodeapi.CredentialsRequest) (nodeapi.Credentials, error)
	secrets     func(nodeapi.CredentialsRequest) (nodeapi.Secrets, error)
	stream      func(nodeapi.StreamRequest) (io.ReadWriteCloser, error)
}

func (p *plane) Session(ctx context.Context, h nodeapi.Hello, send func(nodeapi.Frame) error) error {
	if p.session == nil {
		p.t.Error("Session was called")
		return nil
	}
	return p.session(ctx, h, send)
}

func (p *plane) Report(_ context.Context, r nodeapi.Report) (nodeapi.ReportAck, error) {
	if p.report == nil {
		p.t.Error("Report was called")
		return nodeapi.ReportAck{}, nil
	}
	return p.report(r)
}

func (p *plane) Output(_ context.Context, node string, o nodeapi.Output) (nodeapi.OutputAck, error) {
	if p.output == nil {
		p.t.Error("Output was called")
		return nodeapi.OutputAck{}, nil
	}
	return p.output(node, o)
}

func (p *plane) Credentials(_ context.Context, r nodeapi.CredentialsRequest) (nodeapi.Credentials, error) {
	if p.credentials == nil {
		p.t.Error("Credentials was called")
		return nodeapi.Credentials{}, nil
	}
	return p.credentials(r)
}

func (p *plane) Secrets(_ context.Context, r nodeapi.CredentialsRequest) (nodeapi.Secrets, error) {
	if p.secrets == nil {
		p.t.Error("Secrets was called")
		return nodeapi.Secrets{}, nil
	}
	return p.secrets(r)
}

func (p *plane) Stream(_ context.Context, r nodeapi.StreamRequest) (io.ReadWriteCloser, error) {
	if p.stream == nil {
		p.t.Error("Stream was called")
		return nil, io.ErrUnexpectedEOF
	}
	return p.stream(r)
}

func serve(t *testing.T, p *plane) *httptest.Server {
	p.t = t
	return nodeapitest.Serve(t, p, "0123")
}

func connect(t *testing.T, p *plane) *nodeapi.Client {
	s := serve(t, p)
	return nodeapi.NewClient(s.URL, s.Client().Transport)
}

func TestSessionCarriesFramesInOrder(t *testing.T) {
	hello := nodeapi.Hello{Node: "0123", Cluster: "default", CPU: 2048, Memory: 4096, Ports: []int{22}}
	frames := []nodeapi.Frame{
		{Welcome: &nodeapi.Welcome{Account: "123456789012", Region: "us-east-1"}},
		{Complete: true, Tasks: []nodeapi.Task{{ID: "a", Containers: []nodeapi.Container{{Name: "web", StopTimeout: 7 * time.Second}}}}},
		{Tasks: []nodeapi.Task{{ID: "a", Stop: true}}},
	}
	client := connect(t, &plane{session: func(ctx context.Context, h nodeapi.Hello, send func(nodeapi.Frame) error) error {
		if !reflect.DeepEqual(h, hello) {
			t.Errorf("hello arrives as %+v, want %+v", h, hello)
		}
		for _, f := range frames {
			if err := send(f); err != nil {
				return err
			}
		}
		<-ctx.Done()
		return ctx.Err()
	}})

	ctx, stop := context.WithCancel(t.Context())
	var got []nodeapi.Frame
	err := client.Session(ctx, hello, func(f nodeapi.Frame) error {
		if got = append(got, f); len(got) == len(frames) {
			stop()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("session ends with %v, want the caller's own end", err)
	}
	if !reflect.DeepEqual(got, frames) {
		t.Errorf("frames arrive as %+v, want %+v", got, frames)
	}
}

func TestReportAndOutputComeBackAcknowledged(t *testing.T) {
	code := 143
	report := nodeapi.Report{Node: "0123", Tasks: []nodeapi.TaskReport{{ID: "a", Status: nodeapi.Stopped,
		Containers: []nodeapi.ContainerReport{{Name: "web", ExitCode: &code}}}}}
	piece := nodeapi.Output{Task: "a", Container: "web", Offset: 10, Next: 14, Events: []nodeapi.Event{{Time: 5, Message: "<a>"}}}
	client := connect(t, &plane{
		report: func(r nodeapi.Report) (nodeapi.ReportAck, error) {
			if !reflect.DeepEqual(r, report) {
				t.Errorf("report arrives as %+v, want %+v", r, report)
			}
			return nodeapi.ReportAck{Unknown: []string{"a"}}, nil
		},
		output: func(node string, o nodeapi.Output) (nodeapi.OutputAck, error) {
			if node != "0123" || !reflect.DeepEqual(o, piece) {
				t.Errorf("output of %q arrives as %+v, want %+v", node, o, piece)
			}
			return nodeapi.OutputAck{Next: 14}, nil
		},
	})

	if ack, err := client.Report(t.Context(), report); err != nil || !reflect.DeepEqual(ack.Unknown, []string{"a"}) {
		t.Errorf("Report = %+v, %v, want task a unknown", ack, err)
	}
	if ack, err := client.Output(t.Context(), "0123", piece); err != nil || ack.Next != 14 {
		t.Errorf("Output = %+v, %v, want next 14", ack, err)
	}
}

func TestSecretsComeWholeAndShowNothing(t *testing.T) {
	request := nodeapi.CredentialsRequest{Node: "0123", Session: "s", Task: "a"}
	secrets := nodeapi.Secrets{
		Env:    map[string][]string{"web": {"PASSWORD=hush"}},
		Logins: map[string]nodeapi.Login{"web": {Username: "ann", Password: "hush"}},
	}
	client := connect(t, &plane{secrets: func(r nodeapi.CredentialsRequest) (nodeapi.Secrets, error) {
		if r != request {
			t.Errorf("the request came as %+v, want %+v", r, request)
		}
		return secrets, nil
	}})
	given, err := client.Secrets(t.Context(), request)
	if err != nil || !reflect.DeepEqual(given, secrets) {
		t.Fatalf("Secrets are not what was given: %v", err)
	}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("given", "secrets", given)
	if shown := fmt.Sprintf("%v %+v %#v %s %s", given, given, given, given, log.String()); strings.Contains(shown, "hush") {
		t.Errorf("they show themselves: %s", shown)
	}
}

func TestCredentialsComeWholeAndShowNothing(t *testing.T) {
	request := nodeapi.CredentialsRequest{Node: "0123", Session: "s", Task: "a"}
	secret := nodeapi.Credentials{Role: "arn:aws:iam::123456789012:role/web", AccessKeyID: "ASIAX", SecretAccessKey: "secret-key", SessionToken: "secret-token", Expires: time.Unix(1_800_000_000, 0).UTC()}
	client := connect(t, &plane{credentials: func(r nodeapi.CredentialsRequest) (nodeapi.Credentials, error) {
		if r != request {
			t.Errorf("the request arrives as %+v, want %+v", r, request)
		}
		return secret, nil
	}})
	given, err := client.Credentials(t.Context(), request)
	if err != nil || given != secret {
		t.Fatalf("Credentials = %v, %v, want what was given", given, err)
	}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("given", "credentials", given)
	for _, text := range []string{fmt.Sprint(given), fmt.Sprintf("%+v %#v", given, given), fmt.Sprint(&given), log.String()} {
		if strings.Contains(text, "secret-") || !strings.Contains(text, "ASIAX") {
			t.Errorf("in a text they are %q: want the key's id and no secret", text)
		}
	}
}

func TestANodeSpeaksForItselfAlone(t *testing.T) {
	s := serve(t, &plane{}) // a call that gets through fails the test
	client := nodeapi.NewClient(s.URL, s.Client().Transport)
	_, reported := client.Report(t.Context(), nodeapi.Report{Node: "4567"})
	_, shipped := client.Output(t.Context(), "4567", nodeapi.Output{})
	_, given := client.Credentials(t.Context(), nodeapi.CredentialsRequest{Node: "4567"})
	_, told := client.Secrets(t.Context(), nodeapi.CredentialsRequest{})
	joined := client.Session(t.Context(), nodeapi.Hello{Node: "4567"}, nil)
	for _, err := range []error{reported, shipped, given, told, joined} {
		if errs.KindOf(err) != errs.Denied {
			t.Errorf("for another node: %v, want it denied", err)
		}
	}
}

func TestWhoShowsNoCertificateIsRefused(t *testing.T) {
	s := httptest.NewServer(nodeapi.NewHandler(&plane{t: t}, nil))
	defer s.Close()
	_, err := nodeapi.NewClient(s.URL, s.Client().Transport).Report(t.Context(), nodeapi.Report{Node: "0123"})
	if errs.KindOf(err) != errs.Denied {
		t.Errorf("Report = %v, want it denied", err)
	}
}

func TestErrorsKeepTheirKind(t *testing.T) {
	for _, kind := range []errs.Kind{errs.Invalid, errs.NotFound, errs.Conflict, errs.Denied, errs.Throttled, errs.Unsupported, errs.Unavailable} {
		cause := fmt.Errorf("%w: x", errs.New(kind, "told"))
		client := connect(t, &plane{
			report:  func(nodeapi.Report) (nodeapi.ReportAck, error) { return nodeapi.ReportAck{}, cause },
			session: func(context.Context, nodeapi.Hello, func(nodeapi.Frame) error) error { return cause },
		})
		_, reported := client.Report(t.Context(), nodeapi.Report{Node: "0123"})
		joined := client.Session(t.Context(), nodeapi.Hello{Node: "0123"}, nil)
		for _, err := range []error{reported, joined} {
			if errs.KindOf(err) != kind || err.Error() != "told: x" {
				t.Errorf("%v arrives as %q of kind %v", kind, err, errs.KindOf(err))
			}
		}
	}
}

func TestInternalErrorsKeepTheirText(t *testing.T) {
	client := connect(t, &plane{report: func(nodeapi.Report) (nodeapi.ReportAck, error) {
		return nodeapi.ReportAck{}, errors.New("password is hunter2")
	}})
	_, err := client.Report(t.Context(), nodeapi.Report{Node: "0123"})
	if errs.KindOf(err) != errs.Internal || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("Report = %v, want an internal error that tells nothing", err)
	}
}

func TestAnErrorEndsASessionThatHasBegun(t *testing.T) {
	gone := errs.New(errs.NotFound, "node was deregistered")
	client := connect(t, &plane{session: func(_ context.Context, _ nodeapi.Hello, send func(nodeapi.Frame) error) error {
		if err := send(nodeapi.Frame{Complete: true}); err != nil {
			return err
		}
		return gone
	}})
	err := client.Session(t.Context(), nodeapi.Hello{Node: "0123"}, func(nodeapi.Frame) error { return nil })
	if errs.KindOf(err) != errs.NotFound || err.Error() != gone.Error() {
		t.Errorf("session ends with %v, want %v", err, gone)
	}
}

func TestBadBodiesAreRefused(t *testing.T) {
	s := serve(t, &plane{})
	for _, c := range []struct{ path, body, want string }{
		{"report", `{"node":`, "malformed request"},
		{"report", `{"tasks":{}}`, "malformed request"},
		{"report", `"` + strings.Repeat("x", 5<<20) + `"`, "request too large"},
		{"output", `"` + strings.Repeat("x", 17<<20) + `"`, "request too large"},
		{"session", `"` + strings.Repeat("x", 65<<10) + `"`, "request too large"},
	} {
		req, err := http.NewRequestWithContext(t.Context(), "POST", s.URL+"/node/v1/"+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := s.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != http.StatusBadRequest || !strings.Contains(string(text), c.want) {
			t.Errorf("%s with %.20s...: %s %s, want 400 and %q", c.path, c.body, resp.Status, text, c.want)
		}
	}
}

func TestACutLineIsWorthAnotherTry(t *testing.T) {
	ended := make(chan struct{})
	s := serve(t, &plane{session: func(ctx context.Context, _ nodeapi.Hello, send func(nodeapi.Frame) error) error {
		defer close(ended)
		if err := send(nodeapi.Frame{Complete: true}); err != nil {
			return err
		}
		<-ctx.Done()
		return ctx.Err()
	}})
	client := nodeapi.NewClient(s.URL, s.Client().Transport)

	err := client.Session(t.Context(), nodeapi.Hello{Node: "0123"}, func(nodeapi.Frame) error {
		s.CloseClientConnections()
		return nil
	})
	if errs.KindOf(err) != errs.Unavailable {
		t.Errorf("session ends with %v, want it unavailable", err)
	}
	<-ended // the control plane's side ends as well
	s.Close()
	if _, err := client.Report(t.Context(), nodeapi.Report{Node: "0123"}); errs.KindOf(err) != errs.Unavailable {
		t.Errorf("Report to nobody = %v, want it unavailable", err)
	}
}

func TestAnAnswerThatIsNotOursIsWorthAnotherTry(t *testing.T) {
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "<html>bad gateway</html>", http.StatusBadGateway)
	}))
	defer proxy.Close()
	_, err := nodeapi.NewClient(proxy.URL, http.DefaultTransport).Report(t.Context(), nodeapi.Report{Node: "0123"})
	if errs.KindOf(err) != errs.Unavailable || !strings.Contains(err.Error(), "502") {
		t.Errorf("Report = %v, want it unavailable and the status named", err)
	}
}

func TestAQuietSessionStaysOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := dial(t, nodeapitest.Handler(&plane{t: t, session: func(ctx context.Context, _ nodeapi.Hello, _ func(nodeapi.Frame) error) error {
			<-ctx.Done()
			return ctx.Err()
		}}, "0123"))
		ctx, stop := context.WithTimeout(t.Context(), time.Hour)
		defer stop()
		err := client.Session(ctx, nodeapi.Hello{Node: "0123"}, func(f nodeapi.Frame) error {
			t.Errorf("frame %+v arrives, want keep-alives kept to the wire", f)
			return nil
		})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("session ends with %v, want it open for the whole hour", err)
		}
	})
}

func TestASilentLineIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := dial(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintln(w, `{"complete":true}`)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}))
		begin := time.Now()
		err := client.Session(t.Context(), nodeapi.Hello{Node: "0123"}, func(nodeapi.Frame) error { return nil })
		if errs.KindOf(err) != errs.Unavailable || !strings.Contains(err.Error(), "silent") {
			t.Errorf("session ends with %v, want it unavailable for silence", err)
		}
		if waited := time.Since(begin); waited != 3*nodeapi.KeepAlive {
			t.Errorf("gives up after %v, want three keep-alive periods", waited)
		}
	})
}

func TestASlowReceiverIsNotASilentLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := dial(t, nodeapitest.Handler(&plane{t: t, session: func(_ context.Context, _ nodeapi.Hello, send func(nodeapi.Frame) error) error {
			if err := send(nodeapi.Frame{Complete: true}); err != nil {
				return err
			}
			return errs.New(errs.Conflict, "enough")
		}}, "0123"))
		err := client.Session(t.Context(), nodeapi.Hello{Node: "0123"}, func(nodeapi.Frame) error {
			time.Sleep(3*nodeapi.KeepAlive + time.Second)
			return nil
		})
		if errs.KindOf(err) != errs.Conflict {
			t.Errorf("session ends with %v, want what the control plane said", err)
		}
	})
}

func TestANodeThatTakesNothingLosesItsSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ended error
		done := make(chan struct{})
		client := dial(t, nodeapitest.Handler(&plane{t: t, session: func(ctx context.Context, _ nodeapi.Hello, send func(nodeapi.Frame) error) error {
			defer close(done)
			for ended == nil {
				ended = send(nodeapi.Frame{Tasks: []nodeapi.Task{{ID: strings.Repeat("x", 8<<10)}}})
			}
			return ended
		}}, "0123"))
		hang := make(chan struct{})
		go client.Session(t.Context(), nodeapi.Hello{Node: "0123"}, func(nodeapi.Frame) error { <-hang; return nil })
		<-done
		close(hang)
		if ended == nil {
			t.Error("sending to a node that reads nothing goes on, want an error")
		}
	})
}

// dial serves h over pipes in this process, so that a bubble's clock holds for both sides.
func dial(t *testing.T, h http.Handler) *nodeapi.Client {
	l := &pipes{accept: make(chan net.Conn), closed: make(chan struct{})}
	server := &http.Server{Handler: h}
	go server.Serve(l)
	transport := &http.Transport{DialContext: l.dial}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		server.Close()
	})
	return nodeapi.NewClient("http://plane", transport)
}

// pipes is a listener whose connections are pipes.
type pipes struct {
	accept chan net.Conn
	closed chan struct{}
}

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.accept <- there:
		return here, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.accept:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.closed); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }
