package paced

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"slipway/internal/paced/pacedtest"
)

// pipeListener hands out one connection, which lives in memory and in the bubble's time.
type pipeListener struct{ conns chan net.Conn }

func (l pipeListener) Accept() (net.Conn, error) {
	if c, ok := <-l.conns; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}
func (l pipeListener) Close() error   { close(l.conns); return nil }
func (l pipeListener) Addr() net.Addr { return &net.TCPAddr{} }

// serveOne serves one connection with handle, and returns the client's end of it.
func serveOne(t *testing.T, handle http.HandlerFunc) (client net.Conn) {
	client, ours := net.Pipe()
	l := pipeListener{make(chan net.Conn, 1)}
	l.conns <- ours
	server := &http.Server{Handler: handle}
	go server.Serve(l)
	t.Cleanup(func() {
		client.Close()
		server.Close()
		time.Sleep(time.Second) // of the bubble: the server waits for half a one before it lets go
	})
	return client
}

// upload starts a request whose body the test sends, and returns where the handler tells how reading it ended.
func upload(t *testing.T) (client net.Conn, ended <-chan error) {
	end := make(chan error, 1)
	client = serveOne(t, func(w http.ResponseWriter, r *http.Request) {
		body := NewBody(w, r)
		_, err := io.Copy(io.Discard, body)
		body.Done()
		end <- err
	})
	go io.Copy(io.Discard, client)
	if _, err := io.WriteString(client, "PATCH / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	return client, end
}

func TestClientThatSendsAByteASecondIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, ended := upload(t)
		go func() {
			for err := error(nil); err == nil; _, err = client.Write([]byte("x")) {
				time.Sleep(time.Second)
			}
		}()
		err := <-ended
		if !errors.Is(err, ErrBody) || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("ended with %v", err)
		}
	})
}

func TestClientThatIsSlowButGoesOnIsServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, ended := upload(t)
		part := make([]byte, 100_000)
		for range 10 {
			time.Sleep(Patience - time.Second)
			if _, err := client.Write(part); err != nil {
				t.Fatal(err)
			}
		}
		if err := <-ended; err != nil {
			t.Errorf("ended with %v", err)
		}
	})
}

// Where the bytes go may be slower than the client, who does not have to pay for that.
func TestClientWaitsForUsAndIsServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan error, 1)
		client := serveOne(t, func(w http.ResponseWriter, r *http.Request) {
			body := NewBody(w, r)
			var err error
			for p := make([]byte, 1000); err == nil; time.Sleep(2 * Patience) {
				_, err = io.ReadFull(body, p)
			}
			ended <- err
		})
		go io.Copy(io.Discard, client)
		go io.WriteString(client, "PATCH / HTTP/1.1\r\nHost: x\r\nContent-Length: 10000\r\n\r\n"+strings.Repeat("x", 10_000))
		if err := <-ended; err != io.EOF {
			t.Errorf("ended with %v", err)
		}
	})
}

func TestClientThatDoesNotReadIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan struct{})
		client := serveOne(t, func(w http.ResponseWriter, r *http.Request) {
			http.ServeContent(NewWriter(w), r, "", time.Time{}, bytes.NewReader(make([]byte, 10<<20)))
			close(ended)
		})
		if _, err := io.WriteString(client, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		<-ended
	})
}

// The kernel sends a file by itself only if the connection is handed the file.
func TestFileReachesTheConnection(t *testing.T) {
	f, err := os.Create(t.TempDir() + "/blob")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(3 << 20); err != nil {
		t.Fatal(err)
	}
	w := &pacedtest.Sink{ResponseRecorder: httptest.NewRecorder()}
	http.ServeContent(NewWriter(w), httptest.NewRequest("GET", "/", nil), "", time.Time{}, struct{ *os.File }{f})
	if w.Files != 3 || w.Body.Len() != 3<<20 {
		t.Errorf("%d bytes went out, in %d pieces of a file", w.Body.Len(), w.Files)
	}
}
