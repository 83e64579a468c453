package s3

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"slipway/blob"
)

// doing answers requests as a function says.
type doing func(*http.Request) (*http.Response, error)

func (f doing) Do(r *http.Request) (*http.Response, error) { return f(r) }

func ask(t *testing.T, client doing) (*http.Response, error) {
	r, err := http.NewRequestWithContext(t.Context(), "GET", "http://bucket/", nil)
	if err != nil {
		t.Fatal(err)
	}
	return patient{client}.Do(r)
}

func TestABucketThatDoesNotAnswerIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, err := ask(t, func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		if !errors.Is(err, blob.ErrAway) || errors.Is(err, context.Canceled) {
			t.Errorf("given up with %v", err)
		}
	})
}

// stalling gives a piece, and then nothing until its request is given up.
type stalling struct {
	io.Reader
	ctx context.Context
}

func (s stalling) Read(p []byte) (int, error) {
	if n, err := s.Reader.Read(p); err == nil {
		return n, nil
	}
	<-s.ctx.Done()
	return 0, s.ctx.Err()
}

func (stalling) Close() error { return nil }

func TestABucketThatStopsInTheMiddleIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answer, err := ask(t, func(r *http.Request) (*http.Response, error) {
			return &http.Response{Body: stalling{strings.NewReader("some"), r.Context()}}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(answer.Body)
		if string(got) != "some" || !errors.Is(err, blob.ErrAway) || errors.Is(err, context.Canceled) {
			t.Errorf("read %q, %v", got, err)
		}
	})
}

func TestAReaderMayBeSlowerThanTheBucket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answer, err := ask(t, func(r *http.Request) (*http.Response, error) {
			return &http.Response{Body: io.NopCloser(io.MultiReader(strings.NewReader("so"), strings.NewReader("me"), ended{r.Context()}))}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		var got []byte
		for p := make([]byte, 2); err == nil; {
			time.Sleep(3 * stallTime)
			var n int
			n, err = answer.Body.Read(p)
			got = append(got, p[:n]...)
		}
		if string(got) != "some" || err != io.EOF {
			t.Errorf("read %q, %v", got, err)
		}
	})
}

// ended is an end that is one only while its request was not given up.
type ended struct{ ctx context.Context }

func (e ended) Read([]byte) (int, error) {
	if err := e.ctx.Err(); err != nil {
		return 0, err
	}
	return 0, io.EOF
}
