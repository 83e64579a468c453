package lambda_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"slipway/api/awswire"
	"slipway/api/awswire/wiretest"
	door "slipway/api/lambda"
	"slipway/functions"
	"slipway/internal/sigv4"
)

// discard is a ResponseWriter that keeps nothing.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}
func (d discard) Flush()                      {}

// echo answers with what it is sent.
type echo struct{ url functions.URL }

func (echo) Invoke(_ context.Context, i functions.Invoke) (functions.Answer, error) {
	return functions.Answer{Payload: i.Payload, Version: functions.Latest, Release: "r-0123456789abcdef"}, nil
}

func (e echo) FindURL(context.Context, string) (functions.URL, error) { return e.url, nil }

func quiet() awswire.Config {
	return awswire.Config{Region: wiretest.Region, Keys: wiretest.Root{}, Access: wiretest.Root{}, Log: slog.New(slog.DiscardHandler)}
}

// BenchmarkInvoke is all that a call costs before and after the room: its signature is verified over the payload, and
// it is found, decoded, checked, allowed and answered.
func BenchmarkInvoke(b *testing.B) {
	mux := awswire.NewMux(quiet(), door.NewOver(echo{}, new(functions.Control), wiretest.Region))
	for _, size := range []int{100, 10_000, 1_000_000} {
		payload := fmt.Appendf(nil, `{"text":"%s"}`, bytes.Repeat([]byte("x"), size))
		r := httptest.NewRequest("POST", "http://127.0.0.1:4600/2015-03-31/functions/hello/invocations", nil)
		r.ContentLength = int64(len(payload))
		sigv4.Sign(r, payload, sigv4.Credentials{AccessKeyID: wiretest.AccessKey, Secret: wiretest.Secret}, wiretest.Region, "lambda", time.Now())
		b.Run(fmt.Sprint(size, " bytes"), func(b *testing.B) {
			b.SetBytes(int64(len(payload)))
			b.ReportAllocs()
			for b.Loop() {
				r.Body = io.NopCloser(bytes.NewReader(payload))
				mux.ServeHTTP(discard{http.Header{}}, r)
			}
		})
	}
}

// BenchmarkURL is all that a call of a URL costs before and after the room.
func BenchmarkURL(b *testing.B) {
	over := echo{functions.URL{ID: urlID, Ref: functions.Ref{Account: wiretest.Account, Name: "hello"}, Settings: functions.URLSettings{Auth: functions.AuthNone}}}
	mux := awswire.NewMux(quiet(), door.NewOver(over, new(functions.Control), wiretest.Region))
	handler := door.URLsOver(over, wiretest.Region, mux, "", http.NotFoundHandler())
	payload := []byte(`{"name":"ann"}`)
	r := httptest.NewRequest("POST", "http://"+host+"/hello?x=1&y=2", nil)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "curl/8.0")
	r.Header.Set("Accept", "*/*")
	r.ContentLength = int64(len(payload))
	b.ReportAllocs()
	for b.Loop() {
		r.Body = io.NopCloser(bytes.NewReader(payload))
		handler.ServeHTTP(discard{http.Header{}}, r)
	}
}
