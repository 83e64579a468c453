package plainbody_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"slipway/internal/plainbody"
)

// spoiled is a body as the SDK makes it, once it has closed it.
type spoiled struct {
	io.Reader
	closed *bool
}

func (s spoiled) WriteTo(io.Writer) (int64, error) { return 0, io.EOF }

func (s spoiled) Close() error {
	*s.closed = true
	return nil
}

// An answer comes to its end, however the request's body would have ended.
func TestAnswersAreReadToTheirEnd(t *testing.T) {
	answer := bytes.Repeat([]byte("answer "), 1<<17)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		said, err := io.ReadAll(r.Body)
		if err != nil || string(said) != "question" {
			t.Errorf("asked %q, error %v", said, err)
		}
		w.Write(answer)
	}))
	defer server.Close()
	for range 20 {
		closed := false
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, spoiled{strings.NewReader("question"), &closed})
		if err != nil {
			t.Fatal(err)
		}
		r.ContentLength = int64(len("question"))
		res, err := plainbody.Client(server.Client()).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || !bytes.Equal(got, answer) || !closed {
			t.Fatalf("%d bytes of %d came, error %v; the body is closed: %v", len(got), len(answer), err, closed)
		}
	}
}

// do is a function that sends requests.
type do func(*http.Request) (*http.Response, error)

func (f do) Do(r *http.Request) (*http.Response, error) { return f(r) }

// A request is what it was but for its body, which a second try gets anew and as plain.
func TestRequestStaysWhatItWas(t *testing.T) {
	lost := errors.New("no way")
	closed := false
	body := spoiled{strings.NewReader("question"), &closed}
	given, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://example.com/a?b=c", body)
	if err != nil {
		t.Fatal(err)
	}
	given.Header.Set("X-Amz-Target", "Op")
	given.GetBody = func() (io.ReadCloser, error) { return spoiled{strings.NewReader("question"), &closed}, nil }
	_, err = plainbody.Client(do(func(r *http.Request) (*http.Response, error) {
		second, err := r.GetBody()
		if err != nil {
			t.Fatal(err)
		}
		for _, body := range []io.ReadCloser{r.Body, second} {
			_, shortcut := body.(io.WriterTo)
			if said, err := io.ReadAll(body); shortcut || err != nil || string(said) != "question" {
				t.Errorf("the body says %q, error %v; it can write itself: %v", said, err, shortcut)
			}
		}
		if r.Method != given.Method || r.URL.String() != given.URL.String() || r.Header.Get("X-Amz-Target") != "Op" {
			t.Errorf("the request is %+v", r)
		}
		return nil, lost
	})).Do(given)
	if !errors.Is(err, lost) || given.Body != io.ReadCloser(body) {
		t.Errorf("error %v; the request that was given has the body %v", err, given.Body)
	}
}

func TestRequestWithoutBody(t *testing.T) {
	for _, body := range []io.Reader{nil, http.NoBody} {
		given, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://example.com/", body)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = plainbody.Client(do(func(r *http.Request) (*http.Response, error) {
			if r != given {
				t.Errorf("the request with body %v is another", body)
			}
			return nil, nil
		})).Do(given)
	}
}
