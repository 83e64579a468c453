package endpoint

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"slipway/nodeapi"
)

// BenchmarkCredentials is what a container's question costs the node when the answer is there.
func BenchmarkCredentials(b *testing.B) {
	s := New(Config{Issue: func(context.Context, string) (nodeapi.Credentials, error) {
		return nodeapi.Credentials{SecretAccessKey: "s", Expires: time.Now().Add(life)}, nil
	}})
	s.Admit(acting(web, webAddress))
	handler := s.handler()
	request := httptest.NewRequest(http.MethodGet, "http://169.254.170.2"+s.path(web), nil)
	request.RemoteAddr = webAddress + ":40000"
	b.ReportAllocs()
	for b.Loop() {
		w := httptest.NewRecorder()
		if handler.ServeHTTP(w, request); w.Code != http.StatusOK {
			b.Fatal(w.Body)
		}
	}
}

// BenchmarkAPI is what the way through the node adds to a call, beside the call without it.
func BenchmarkAPI(b *testing.B) {
	plane := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "{}") }))
	defer plane.Close()
	s := New(Config{API: target(b, plane.URL)})
	s.Admit(acting(web, "127.0.0.1"))
	front := httptest.NewServer(s.apiHandler())
	defer front.Close()
	for _, way := range []struct{ name, url string }{{"straight", plane.URL}, {"through", front.URL}} {
		b.Run(way.name, func(b *testing.B) {
			for b.Loop() {
				resp, err := http.Get(way.url)
				if err != nil {
					b.Fatal(err)
				}
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			}
		})
	}
}

// BenchmarkMetadata is what it costs to tell a container of its task.
func BenchmarkMetadata(b *testing.B) {
	s := New(Config{Secret: []byte("the node's own")})
	s.Admit(acting(web, webAddress))
	h, served := s.handler(), s.byID[web]
	r := httptest.NewRequest(http.MethodGet, metadataPrefix+s.idOf(web+"-b")+"/task", nil)
	r.RemoteAddr = webAddress + ":40000"
	for b.Loop() {
		served.calls.taken = 0
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != http.StatusOK {
			b.Fatal(w.Code, w.Body)
		}
	}
}
