package endpoint

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"reflect"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func target(t testing.TB, address string) *url.URL {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// led is a node that leads the tasks that come from 127.0.0.1 to a control plane.
func led(t *testing.T, plane http.Handler) (address string, node *Server) {
	t.Helper()
	behind := httptest.NewServer(plane)
	t.Cleanup(behind.Close)
	node = New(Config{API: target(t, behind.URL)})
	node.Admit(acting(web, "127.0.0.1"))
	node.Settle()
	front := httptest.NewServer(node.apiHandler())
	t.Cleanup(front.Close)
	return front.Listener.Addr().String(), node
}

// seen is what a control plane sees of a request that is signed.
type seen struct {
	Method, URI, Host, Body string
	Header                  http.Header
}

// What is signed arrives as it was sent, however odd.
func TestTheAPIIsReachedAsIs(t *testing.T) {
	var got seen
	address, _ := led(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = seen{r.Method, r.RequestURI, r.Host, string(body), r.Header}
		w.Header().Set("X-Amzn-RequestId", "1234")
		w.WriteHeader(http.StatusTeapot)
		io.WriteString(w, "answer")
	}))
	for _, c := range []struct{ method, uri, body string }{
		{"POST", "/", `{"cluster":"default"}`},
		{"GET", "/a%2Fb/c%20d/%E2%82%AC", ""},
		{"GET", "//a//b/../c/./", ""},
		{"GET", "/?a=1;b=2&c=%zz&d", ""},
		{"DELETE", "/2015-03-31/functions/arn%3Aaws%3Alambda?Qualifier=", ""},
		{"PUT", "/v2/x/blobs/uploads/?digest=sha256%3Aab", "\x00\xff"},
	} {
		status, answer := speak(t, address, fmt.Sprintf("%s %s HTTP/1.1\r\nHost: 169.254.170.2:4600\r\nAuthorization: AWS4-HMAC-SHA256 Credential=x\r\n"+
			"X-Amz-Target: A.B\r\nX-Amz-Date: 20260304T050607Z\r\nX-Amz-Security-Token: t\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", c.method, c.uri, len(c.body), c.body))
		if status != http.StatusTeapot || answer != "answer" {
			t.Errorf("%s %s: answered with %d %q", c.method, c.uri, status, answer)
		}
		want := seen{c.method, c.uri, "169.254.170.2:4600", c.body, http.Header{
			"Authorization": {"AWS4-HMAC-SHA256 Credential=x"}, "X-Amz-Target": {"A.B"}, "X-Amz-Date": {"20260304T050607Z"}, "X-Amz-Security-Token": {"t"},
		}}
		if got.Header.Get("Content-Length") != "" {
			want.Header["Content-Length"] = []string{fmt.Sprint(len(c.body))}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("arrived as %+v, want %+v", got, want)
		}
	}
}

// speak sends bytes and reads one answer.
func speak(t *testing.T, address, request string) (status int, body string) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, request)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
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

// The wire between nodes and the control plane is no container's business, nor is the API a stranger's.
func TestWhatContainersDoNotReach(t *testing.T) {
	address, node := led(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { t.Errorf("%s reached the control plane", r.RequestURI) }))
	for _, line := range []string{"POST /node/v1/session", "POST /%6eode/v1/report", "POST http://x/node/v1/output", "CONNECT 10.0.0.1:22"} {
		if status, body := speak(t, address, line+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); status != 404 {
			t.Errorf("%s: %d %s", line, status, body)
		}
	}
	node.Drop(web)
	if status, body := speak(t, address, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); status != 404 {
		t.Errorf("a stranger: %d %s", status, body)
	}
}

func TestAControlPlaneThatIsAwayIsWorthAnotherTry(t *testing.T) {
	node := New(Config{API: target(t, "http://127.0.0.1:1")})
	node.Admit(acting(web, "127.0.0.1"))
	front := httptest.NewServer(node.apiHandler())
	defer front.Close()
	resp, err := http.Get(front.URL)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("answered with %s", resp.Status)
	}
}

// What is followed comes line by line.
func TestStreamsAreNotHeldBack(t *testing.T) {
	more := make(chan struct{})
	address, _ := led(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "first\n")
		http.NewResponseController(w).Flush()
		<-more
		io.WriteString(w, "second\n")
	}))
	resp, err := http.Get("http://" + address)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewReader(resp.Body)
	first, err := lines.ReadString('\n') // blocks for ever where it is held back
	close(more)
	second, _ := lines.ReadString('\n')
	if err != nil || first+second != "first\nsecond\n" {
		t.Errorf("%q, %q, %v", first, second, err)
	}
}

// A task that opens connections without end takes nothing from the others.
func TestATaskHasItsShareOfConnections(t *testing.T) {
	coming := make(chan net.Conn, 2*connections)
	l := &limited{Listener: scripted{coming}, open: map[netip.Addr]int{}}
	greedy, closed := &scriptedConn{from: "10.87.0.2:1"}, 0
	greedy.closed = func() { closed++ }
	for range connections + 3 {
		coming <- greedy
	}
	coming <- &scriptedConn{from: "10.87.0.3:1", closed: func() {}}
	var taken []net.Conn
	for range connections + 1 {
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		taken = append(taken, conn)
	}
	if from := taken[connections].RemoteAddr().String(); closed != 3 || from != "10.87.0.3:1" {
		t.Errorf("%d closed, and then came %s: want 3, and another's", closed, from)
	}
	for range 2 { // closing twice gives one place
		taken[0].Close()
	}
	coming <- greedy
	coming <- greedy
	close(coming)
	if _, err := l.Accept(); err != nil {
		t.Errorf("a place that was given back: %v", err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("and one more: %v", err)
	}
	for _, conn := range taken[1:] {
		conn.Close()
	}
	if n := l.open[netip.MustParseAddr("10.87.0.2")]; n != 1 || len(l.open) != 1 {
		t.Errorf("counted as open at the end: %v", l.open)
	}
}

// scripted is a listener of connections that come from a channel.
type scripted struct{ coming chan net.Conn }

func (s scripted) Accept() (net.Conn, error) {
	conn, open := <-s.coming
	if !open {
		return nil, net.ErrClosed
	}
	return conn, nil
}
func (scripted) Close() error   { return nil }
func (scripted) Addr() net.Addr { return nil }

type scriptedConn struct {
	net.Conn
	from   string
	closed func()
}

func (c *scriptedConn) Close() error { c.closed(); return nil }
func (c *scriptedConn) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(c.from))
}

// A port that cannot be opened is tried again, and one that closes is opened again.
func TestPortsAreKeptOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var opened []*until
		s := New(Config{Listen: func(context.Context, int) (net.Listener, error) {
			if len(opened) == 0 {
				opened = append(opened, nil)
				return nil, errors.New("not yet")
			}
			l := &until{closed: make(chan struct{})}
			opened = append(opened, l)
			return l, nil
		}})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); s.keepOpen(ctx, 80, s.config.Listen, s.told, http.NotFoundHandler()) }()
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(opened) != 2 {
			t.Fatalf("opened %d times, want once in vain and once", len(opened))
		}
		opened[1].Close()
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(opened) != 3 {
			t.Errorf("opened %d times after it was closed", len(opened))
		}
		stop()
		<-ended
	})
}

// until is a listener to which nobody comes until it is closed.
type until struct {
	once   sync.Once
	closed chan struct{}
}

func (u *until) Accept() (net.Conn, error) { <-u.closed; return nil, net.ErrClosed }
func (u *until) Close() error              { u.once.Do(func() { close(u.closed) }); return nil }
func (*until) Addr() net.Addr              { return &net.TCPAddr{} }
