package archive

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"
)

var here = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}

// read is all of a file, or why there is none.
func read(t *testing.T, s *Source, location string, login Login) (string, error) {
	t.Helper()
	f, err := s.Open(t.Context(), location, login)
	if err != nil {
		return "", err
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	return string(data), err
}

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

func wantError(t *testing.T, err, kind error, words ...string) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Fatalf("error %v, want %v", err, kind)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("error %q lacks %q", err, word)
		}
	}
	if strings.Contains(err.Error(), "secret") {
		t.Errorf("error %q tells too much", err)
	}
}

func TestAFileIsReadAsItIs(t *testing.T) {
	zipped := "\x1f\x8bnot to be unzipped"
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		io.WriteString(w, zipped)
	})
	got, err := read(t, New(here), url+"/app.tar.gz?token=secret", Login{})
	if err != nil || got != zipped {
		t.Errorf("read %q (%v)", got, err)
	}
}

// A login is for the host of the URL, and a step elsewhere is told nothing of the one before.
func TestLoginsAreForOneHost(t *testing.T) {
	want := "Basic " + base64.StdEncoding.EncodeToString([]byte("ann:word"))
	var there http.Header
	other := serve(t, func(w http.ResponseWriter, r *http.Request) { there = r.Header; io.WriteString(w, "there") })
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != want {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		http.Redirect(w, r, other+"/app.tar", http.StatusFound)
	})
	_, err := read(t, New(here), url+"/app.tar?secret", Login{})
	wantError(t, err, ErrAnswer, "access denied", "401 Unauthorized")
	got, err := read(t, New(here), url+"/app.tar?secret", Login{"ann", "word"})
	if err != nil || got != "there" {
		t.Fatalf("read %q (%v)", got, err)
	}
	if there.Get("Authorization") != "" || there.Get("Referer") != "" {
		t.Errorf("the other host was told %v", there)
	}
}

func TestAddressesOfThisMachineAreRefused(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "inside") })
	port := url[strings.LastIndex(url, ":"):]
	for _, host := range []string{"127.0.0.1", "localhost", "0.0.0.0", "[::ffff:127.0.0.1]"} {
		_, err := read(t, New(nil), "http://"+host+port+"/?secret", Login{})
		wantError(t, err, ErrAddress, "--archive-from")
	}
	leads := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://127.0.0.2"+port+"/?secret", http.StatusFound)
	})
	_, err := read(t, New(here), leads+"/", Login{})
	wantError(t, err, ErrAddress, "127.0.0.2")
}

func TestWhichAddressesAreNear(t *testing.T) {
	s := New([]netip.Prefix{netip.MustParsePrefix("169.254.8.0/24")})
	for address, refused := range map[string]bool{
		"127.0.0.1:80": true, "127.9.9.9:80": true, "[::1]:80": true, "[::]:80": true, "0.0.0.0:80": true, "0.1.2.3:80": true,
		"169.254.169.254:80": true, "169.254.170.2:80": true, "[fe80::1%lo]:80": true, "[fd00:ec2::254]:80": true, "224.0.0.1:80": true,
		"[::ffff:127.0.0.1]:80": true, "[::ffff:169.254.169.254]:80": true, "[64:ff9b::7f00:1]:80": true, "[::127.0.0.1]:80": true,
		"[2002:7f00:1::]:80": true, "168.63.129.16:80": true, "100.100.100.200:80": true, "192.0.0.192:80": true,
		"192.0.2.1:443": false, "198.51.100.7:443": false, "[2001:db8::1]:443": false, "169.254.8.9:80": false,
	} {
		if err := s.check("tcp", address, nil); errors.Is(err, ErrAddress) != refused || !refused && err != nil {
			t.Errorf("%s: %v, refused should be %v", address, err, refused)
		}
	}
	all, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		ip := netip.MustParsePrefix(a.String()).Addr()
		if err := s.check("tcp", netip.AddrPortFrom(ip, 80).String(), nil); !errors.Is(err, ErrAddress) {
			t.Errorf("%s is this machine's: %v", ip, err)
		}
	}
	if own, err := isOwn(netip.MustParseAddr("127.0.0.1")); !own || err != nil {
		t.Errorf("127.0.0.1 is its own: %v (%v)", own, err)
	}
}

func TestAnswers(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/missing":
			http.NotFound(w, r)
		case "/loop":
			http.Redirect(w, r, "/loop?secret", http.StatusFound)
		case "/file":
			http.Redirect(w, r, "file:///etc/secret", http.StatusFound)
		case "/cut":
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, "short")
		case "/told":
			w.Header().Set("Content-Length", "1001")
		case "/untold":
			for range 11 {
				w.Write(bytes.Repeat([]byte("x"), 100))
				w.(http.Flusher).Flush()
			}
		}
	})
	s := New(here)
	s.bytes = 1000
	for location, want := range map[string]struct {
		kind error
		why  string
	}{
		url + "/missing":                      {ErrAnswer, "404 Not Found"},
		url + "/loop":                         {ErrAnswer, "more than 5 times"},
		url + "/file":                         {ErrAnswer, "from http to file"},
		url + "/cut":                          {ErrBroken, "EOF"},
		url + "/told":                         {ErrSize, "1001 bytes, 1000 are allowed"},
		url + "/untold":                       {ErrSize, "more than 1000 bytes"},
		"http://127.0.0.1:1/":                 {ErrLost, "connection refused"},
		"http://no.such.host.invalid/app.tar": {ErrLost, "no.such.host.invalid"},
		strings.Replace(url, "http:", "https:", 1) + "/app.tar": {ErrLost, "HTTP"},
	} {
		_, err := read(t, s, location+"?secret", Login{"ann", "secret"})
		wantError(t, err, want.kind, want.why)
	}
}

// From https no step leads to http, where anybody on the way could answer.
func TestStepsStaySafe(t *testing.T) {
	plain := serve(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "plain") })
	server := httptest.NewTLSServer(http.RedirectHandler(plain+"/app.tar?secret", http.StatusFound))
	defer server.Close()
	s := New(here)
	_, err := read(t, s, server.URL+"/app.tar", Login{})
	wantError(t, err, ErrLost, "certificate")
	s.client.Transport.(*http.Transport).TLSClientConfig = server.Client().Transport.(*http.Transport).TLSClientConfig
	_, err = read(t, s, server.URL+"/app.tar", Login{})
	wantError(t, err, ErrAnswer, "from https to http")
}

// A server that falls silent is given up; who reads slowly is not.
func TestSilence(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "begun")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	s := New(here)
	s.silence = 50 * time.Millisecond
	f, err := s.Open(t.Context(), url+"/", Login{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	_, err = io.ReadAll(f)
	wantError(t, err, ErrBroken, "too long")
}

func TestWhoGivesUpIsTold(t *testing.T) {
	asked := make(chan struct{})
	url := serve(t, func(w http.ResponseWriter, r *http.Request) { close(asked); <-r.Context().Done() })
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	_, err := New(here).Open(ctx, url+"/", Login{})
	wantError(t, err, context.Canceled)
}

// What a server says has not changed need not be read again.
func TestUnchanged(t *testing.T) {
	tag, refused := `"one"`, false
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case refused:
			w.WriteHeader(http.StatusForbidden)
		case tag != "" && r.Header.Get("If-None-Match") == tag:
			w.WriteHeader(http.StatusNotModified)
		default:
			w.Header().Set("ETag", tag)
		}
	}) + "/app.tar"
	s := New(here)
	keep := func(what string) {
		t.Helper()
		f, err := s.Open(t.Context(), url, Login{})
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		s.Keep(url, f, what)
	}
	want := func(want string) {
		t.Helper()
		if got := s.Unchanged(t.Context(), url, Login{}); got != want {
			t.Errorf("unchanged is %q, want %q", got, want)
		}
	}
	want("")
	keep("first")
	want("first")
	tag = `"two"`
	want("")
	keep("second")
	refused = true
	want("")
	refused = false
	want("second")
	tag = `W/"three"` // which may stand for other bytes
	keep("third")
	want("")
}
