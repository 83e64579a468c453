package proxy

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// Whatever can be passed on without net/http is, and all that is said about a connection stays true when it goes over.
func TestWhatIsPlainStaysWithTheFastWay(t *testing.T) {
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Write(body)
	}))
	defer target.Close()
	var port int
	_, err := fmt.Sscanf(target.Listener.Addr().String(), "127.0.0.1:%d", &port)
	if err != nil {
		t.Fatal(err)
	}
	f := New("127.0.0.1")
	defer f.close(time.Minute)
	l, err := listen("127.0.0.1", 0)
	if err != nil {
		t.Fatal(err)
	}
	var own int
	fmt.Sscanf(l.Addr().String(), "127.0.0.1:%d", &own)
	b := f.serve(l, own, false)
	f.bindings[own] = b
	f.Set(&Plan{
		Listeners: []Listener{{Port: own, Idle: time.Minute, Default: Action{Forward: []Share{{"g", 1}}}}},
		Groups:    []Group{{ID: "g", Check: Check{Off: true}, Targets: []Target{{ID: "t", Host: "127.0.0.1", Port: port}}}},
	})
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	fast := func() int {
		b.mu.Lock()
		defer b.mu.Unlock()
		return len(b.lines)
	}
	for _, one := range []struct {
		body string
		fast int
	}{{"", 1}, {"body", 1}, {strings.Repeat("x", 2000), 1}, {strings.Repeat("x", 60000), 0}, {"body", 0}} {
		res, err := client.Post("http://"+l.Addr().String(), "text/plain", strings.NewReader(one.body))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(res.Body)
		res.Body.Close()
		if string(got) != one.body || err != nil {
			t.Errorf("%d bytes of %d came back, %v", len(got), len(one.body), err)
		}
		if n := fast(); n != one.fast {
			t.Errorf("after %d bytes the fast way has %d connections, and not %d", len(one.body), n, one.fast)
		}
		if n := len(b.l.room); n != 2 { // the next one has its place already
			t.Errorf("%d places are taken", n)
		}
	}
}
