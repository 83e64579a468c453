package proxy_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"slipway/ingress/proxy"
)

func TestWebSocket(t *testing.T) {
	w := newWorld(t)
	target, _ := serve(t, func(rw http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(rw, r, nil)
		if err != nil {
			return
		}
		defer c.CloseNow()
		for {
			kind, message, err := c.Read(r.Context())
			if err != nil || c.Write(r.Context(), kind, append([]byte("you said "), message...)) != nil {
				return
			}
		}
	})
	w.set(target)
	c, _, err := websocket.Dial(t.Context(), w.url("/chat"), nil)
	must(t, err)
	defer c.CloseNow()
	for i := range 3 {
		must(t, c.Write(t.Context(), websocket.MessageText, fmt.Append(nil, i)))
		_, got, err := c.Read(t.Context())
		must(t, err)
		if string(got) != fmt.Sprint("you said ", i) {
			t.Errorf("read %s", got)
		}
	}
	leaving := target
	leaving.Until = time.Now().Add(time.Hour)
	w.set(leaving)
	must(t, c.Write(t.Context(), websocket.MessageText, []byte("still")))
	if _, got, err := c.Read(t.Context()); err != nil || string(got) != "you said still" {
		t.Errorf("of a target that leaves: %s, %v", got, err)
	}
	w.set()
	if _, _, err := c.Read(t.Context()); err == nil {
		t.Error("the line outlives the delay")
	}
}

// greeter is a gRPC target.
func startGRPC(t *testing.T) proxy.Target {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	server := grpc.NewServer()
	h := health.NewServer()
	h.SetServingStatus("shop", healthpb.HealthCheckResponse_SERVING)
	healthpb.RegisterHealthServer(server, h)
	go server.Serve(l)
	t.Cleanup(server.Stop)
	return targetOf(t, l.Addr().String())
}

func TestGRPC(t *testing.T) {
	w := newWorld(t, func(p *proxy.Plan) {
		p.Groups[0].HTTP2 = true
		p.Groups[0].Check.GRPC, p.Groups[0].Check.Path = true, "/AWS.ALB/healthcheck"
		p.Groups[0].Check.Codes, _ = proxy.ParseCodes("12", 0, 99)
	})
	w.set(startGRPC(t))
	until(t, "the target is well", func() bool { return w.health(0) == proxy.Healthy })
	conn, err := grpc.NewClient(fmt.Sprintf("127.0.0.1:%d", w.port), grpc.WithTransportCredentials(insecure.NewCredentials()))
	must(t, err)
	defer conn.Close()
	client := healthpb.NewHealthClient(conn)
	got, err := client.Check(t.Context(), &healthpb.HealthCheckRequest{Service: "shop"})
	must(t, err)
	if got.Status != healthpb.HealthCheckResponse_SERVING {
		t.Errorf("status %v", got.Status)
	}
	if _, err := client.Check(t.Context(), &healthpb.HealthCheckRequest{Service: "none"}); status.Code(err) != codes.NotFound {
		t.Errorf("the trailer says %v", err)
	}
	stream, err := client.Watch(t.Context(), &healthpb.HealthCheckRequest{Service: "shop"})
	must(t, err)
	if first, err := stream.Recv(); err != nil || first.Status != healthpb.HealthCheckResponse_SERVING {
		t.Errorf("streamed %v, %v", first, err)
	}
}

func echoLines(t *testing.T) proxy.Target {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				io.Copy(c, c)
			}()
		}
	}()
	return targetOf(t, l.Addr().String())
}

func TestTCP(t *testing.T) {
	w := newWorld(t, func(p *proxy.Plan) {
		p.Listeners[0].TCP = true
		p.Groups[0].Check.Protocol, p.Groups[0].Check.Codes = "TCP", nil
	})
	w.set(proxy.Target{ID: "dead", Host: "127.0.0.1", Port: deadPort(t)}, echoLines(t))
	for range 4 {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", w.port))
		must(t, err)
		text := strings.Repeat("over and over ", 100_000)
		go func() {
			io.WriteString(c, text)
			c.(*net.TCPConn).CloseWrite()
		}()
		got, err := io.ReadAll(c)
		c.Close()
		if err != nil || string(got) != text {
			t.Errorf("%d bytes of %d came back, %v", len(got), len(text), err)
		}
	}
}

func TestATCPLineOutlivesItsTargetsRegistration(t *testing.T) {
	w := newWorld(t, func(p *proxy.Plan) { p.Listeners[0].TCP, p.Groups[0].Check.Off = true, true })
	target := echoLines(t)
	w.set(target)
	c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", w.port))
	must(t, err)
	defer c.Close()
	r := bufio.NewReader(c)
	say := func(text string) string {
		io.WriteString(c, text+"\n")
		got, _ := r.ReadString('\n')
		return strings.TrimSpace(got)
	}
	if got := say("hello"); got != "hello" {
		t.Errorf("read %q", got)
	}
	leaving := target
	leaving.Until = time.Now().Add(time.Hour)
	w.set(leaving)
	if got := say("still"); got != "still" {
		t.Errorf("read %q", got)
	}
	w.set()
	if got := say("gone"); got != "" {
		t.Errorf("beyond its delay, read %q", got)
	}
}

func TestASecureTarget(t *testing.T) {
	w := newWorld(t, func(p *proxy.Plan) { p.Groups[0].Secure, p.Groups[0].Check.Protocol = true, "HTTPS" })
	server := httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { io.WriteString(rw, r.Proto) }))
	defer server.Close()
	w.set(targetOf(t, server.Listener.Addr().String()))
	if status, body := w.get("/"); status != 200 || body != "HTTP/1.1" {
		t.Errorf("%d %s", status, body)
	}
	until(t, "it is well", func() bool { return w.health(0) == proxy.Healthy })
}

// Targets come and go all the time, some of them at once and without a word, and nothing that may be asked twice is
// lost; what runs when its target is to leave is answered.
func TestNothingIsLostWhileTargetsComeAndGo(t *testing.T) {
	w := newWorld(t, func(p *proxy.Plan) { p.Groups[0].Check.Off = true })
	stays, _ := serve(t, func(rw http.ResponseWriter, r *http.Request) { io.WriteString(rw, "ok") })
	stays.ID = "stays"
	w.set(stays)
	var asked, lost atomic.Int64
	ctx, cancel := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	for i := range 8 {
		clients.Go(func() {
			client := &http.Client{Transport: &http.Transport{}}
			if i%2 == 0 {
				client.Transport = unusual{&http.Transport{}}
			}
			defer client.CloseIdleConnections()
			for ctx.Err() == nil {
				asked.Add(1)
				res, err := client.Get(w.url("/"))
				if err != nil {
					lost.Add(1)
					t.Error(err)
					return
				}
				body, err := io.ReadAll(res.Body)
				res.Body.Close()
				if res.StatusCode != 200 || string(body) != "ok" || err != nil {
					lost.Add(1)
					t.Errorf("%d %s, %v", res.StatusCode, body, err)
					return
				}
			}
		})
	}
	for i := range 60 {
		server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { io.WriteString(rw, "ok") }))
		comes := targetOf(t, server.Listener.Addr().String())
		w.set(stays, comes)
		before := asked.Load()
		until(t, "it was asked", func() bool { return asked.Load() > before+20 || lost.Load() > 0 })
		if i%2 == 0 { // it dies
			server.Listener.Close()
			server.CloseClientConnections()
			before = asked.Load()
			until(t, "more was asked", func() bool { return asked.Load() > before+20 || lost.Load() > 0 })
		}
		leaves := comes
		leaves.Until = time.Now().Add(time.Hour)
		w.set(stays, leaves)
		until(t, "nothing runs there", func() bool {
			for _, s := range w.front.States(group) {
				if s.Health == proxy.Draining && s.Running > 0 {
					return false
				}
			}
			return true
		})
		server.Close()
		w.set(stays)
	}
	cancel()
	clients.Wait()
	t.Logf("%d requests, %d lost", asked.Load(), lost.Load())
}
