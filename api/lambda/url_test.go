package lambda_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"slipway/api/awswire"
	"slipway/api/awswire/wiretest"
	door "slipway/api/lambda"
	"slipway/functions"
	"slipway/nodeapi"
)

const urlID = "abcdefghijklmnopqrstuvwxyz234567"

// host is where the URL of tests is.
const host = urlID + ".lambda-url." + wiretest.Region + ".localhost:4600"

// site is a stage with one URL, served.
type site struct {
	*stage
	server *httptest.Server
}

func newSite(t *testing.T, s *stage, settings functions.URLSettings) *site {
	t.Helper()
	if settings.Auth == "" {
		settings.Auth = functions.AuthNone
	}
	s.urls = map[string]functions.URL{urlID: {ID: urlID, Ref: functions.Ref{Account: wiretest.Account, Name: "hello", Qualifier: "live"}, Settings: settings}}
	gate := awswire.NewMux(awswire.Config{Region: wiretest.Region, Keys: wiretest.Root{}, Access: everybody{}}, door.NewOver(s, new(functions.Control), wiretest.Region))
	beside := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "the API") })
	server := httptest.NewServer(door.URLsOver(s, wiretest.Region, gate, "", beside))
	t.Cleanup(server.Close)
	return &site{s, server}
}

// do sends a request to a host, with headers as "Name: value".
func (s *site) do(t *testing.T, method, host, path, body string, headers ...string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Host = host
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	res, err := s.server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	return res
}

func read(t *testing.T, res *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// variable are the parts of events that no two have in common.
var variable = []struct{ form, name string }{
	{`Root=1-[0-9a-f]{8}-[0-9a-f]{24}`, "TRACE"},
	{`"requestId":"[0-9a-f-]{36}"`, `"requestId":"REQUEST"`},
	{`"time":"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000"`, `"time":"TIME"`},
	{`"timeEpoch":\d{13}`, `"timeEpoch":0`},
}

func fixed(event []byte) string {
	text := string(event)
	for _, v := range variable {
		text = regexp.MustCompile(v.form).ReplaceAllString(text, v.name)
	}
	return text
}

// What a function is told of a request, to the byte.
func TestEventsOfURLs(t *testing.T) {
	s := newSite(t, answering(functions.Answer{}), functions.URLSettings{})
	context := func(method, path, agent string) string {
		return `"requestContext":{"accountId":"anonymous","apiId":"` + urlID + `","domainName":"` + urlID + `.lambda-url.us-east-1.localhost","domainPrefix":"` + urlID +
			`","http":{"method":"` + method + `","path":"` + path + `","protocol":"HTTP/1.1","sourceIp":"127.0.0.1","userAgent":"` + agent +
			`"},"requestId":"REQUEST","routeKey":"$default","stage":"$default","time":"TIME","timeEpoch":0}`
	}
	const always = `"host":"` + host + `","user-agent":"test","x-amzn-trace-id":"TRACE","x-forwarded-for":"127.0.0.1","x-forwarded-port":"4600","x-forwarded-proto":"http"`
	for _, c := range []struct {
		name, method, path, body string
		headers                  []string
		want                     string
	}{
		{"plain", "GET", "/", "", nil,
			`{"version":"2.0","routeKey":"$default","rawPath":"/","rawQueryString":"","headers":{"accept-encoding":"gzip",` + always + `},` + context("GET", "/", "test") + `,"isBase64Encoded":false}`},
		{"all there is", "POST", "/a%20b/c%2Fd//?x=1&y=a%20b&x=2&flag", `{"hello": "wörld <&>"}`,
			[]string{"Content-Type: application/json", "Cookie: foo=bar; hello=hello", "Header2: h1", "Header2: h2", "X-Forwarded-For: 10.0.0.1"},
			`{"version":"2.0","routeKey":"$default","rawPath":"/a%20b/c%2Fd//","rawQueryString":"x=1&y=a%20b&x=2&flag","cookies":["foo=bar","hello=hello"],` +
				`"headers":{"accept-encoding":"gzip","content-length":"23","content-type":"application/json","cookie":"foo=bar; hello=hello","header2":"h1,h2",` +
				strings.Replace(always, `for":"`, `for":"10.0.0.1, `, 1) + `},"queryStringParameters":{"x":"1,2","y":"a b","flag":""},` +
				context("POST", "/a%20b/c%2Fd//", "test") + `,"body":"{\"hello\": \"wörld <&>\"}","isBase64Encoded":false}`},
		{"a form", "PUT", "/", "<idk/>", []string{"Content-Type: application/x-www-form-urlencoded"},
			`{"version":"2.0","routeKey":"$default","rawPath":"/","rawQueryString":"","headers":{"accept-encoding":"gzip","content-length":"6","content-type":"application/x-www-form-urlencoded",` +
				always + `},` + context("PUT", "/", "test") + `,"body":"PGlkay8+","isBase64Encoded":true}`},
		{"no text after all", "PATCH", "/", "\xff", []string{"Content-Type: text/plain"},
			`{"version":"2.0","routeKey":"$default","rawPath":"/","rawQueryString":"","headers":{"accept-encoding":"gzip","content-length":"1","content-type":"text/plain",` +
				always + `},` + context("PATCH", "/", "test") + `,"body":"/w==","isBase64Encoded":true}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.do(t, c.method, host, c.path, c.body, append(c.headers, "User-Agent: test")...)
			i := s.last()
			if got := fixed(i.Payload); got != c.want {
				t.Errorf("event:\n%s\nwant:\n%s", got, c.want)
			}
			if i.Account != wiretest.Account || i.Function != "hello" || i.Qualifier != "live" || i.Stream != nil {
				t.Errorf("call: %+v", i)
			}
		})
	}
}

func TestHostsOfURLs(t *testing.T) {
	s := newSite(t, answering(functions.Answer{Payload: []byte(`"hi"`)}), functions.URLSettings{})
	for _, c := range []struct{ host, want string }{
		{host, `200 "hi"`},
		{urlID + ".lambda-url.us-east-1.on.aws", `200 "hi"`},
		{strings.ToUpper(urlID) + ".lambda-url.us-east-1.cloud.example:8443", `200 "hi"`},
		{"zzz.lambda-url.us-east-1.on.aws", "403 " + forbidden},
		{urlID + ".lambda-url.eu-west-1.on.aws", "403 " + forbidden},
		{urlID, "200 the API"},
		{"127.0.0.1:4600", "200 the API"},
	} {
		res := s.do(t, "GET", c.host, "/", "")
		if got := fmt.Sprint(res.StatusCode, " ", read(t, res)); got != c.want {
			t.Errorf("%s: %s, want %s", c.host, got, c.want)
		}
	}
}

const forbidden = `{"Message":"Forbidden. For troubleshooting Function URL authorization issues, see: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"}`

// What a client gets of what a function answers, in mode BUFFERED.
func TestAnswersAtURLs(t *testing.T) {
	for _, c := range []struct{ name, answer, status, body, headers string }{
		{"a text", `"Hello, world!"`, "200", `"Hello, world!"`, "Content-Type=application/json Content-Length=15"},
		{"an object", `{"message":"Hello, world!"}`, "200", `{"message":"Hello, world!"}`, "Content-Type=application/json"},
		{"an object with a body of its own", `{"body":5,"headers":[]}`, "200", `{"body":5,"headers":[]}`, ""},
		{"a list", `[1]`, "200", `[1]`, ""},
		{"nothing", ``, "200", ``, "Content-Length=0"},
		{"all of it", `{"statusCode":201,"headers":{"Content-Type":"text/html","my-custom":"Value","n":7},"body":"<p>","cookies":["a=1; Secure","b=2"]}`,
			"201", "<p>", "Content-Type=text/html My-Custom=Value N=7 Set-Cookie=a=1; Secure,b=2"},
		{"a status as text", `{"statusCode":"404"}`, "404", "", "Content-Type=application/json"},
		{"no content", `{"statusCode":204,"body":"lost"}`, "204", "", ""},
		{"bytes", `{"statusCode":200,"isBase64Encoded":true,"body":"/w=="}`, "200", "\xff", ""},
		{"a redirect", `{"statusCode":302,"headers":{"location":"/elsewhere"}}`, "302", "", "Location=/elsewhere"},
		{"headers that are not its own", `{"statusCode":200,"headers":{"content-length":"99","www-authenticate":"Basic","date":"never"},"body":"x"}`,
			"200", "x", "Content-Length=1 X-Amzn-Remapped-Content-Length=99 X-Amzn-Remapped-Www-Authenticate=Basic X-Amzn-Remapped-Date=never"},
		{"no JSON", `<html>`, "502", "Internal Server Error", "Content-Type=application/json"},
		{"no status", `{"statusCode":99}`, "502", "Internal Server Error", ""},
		{"no base64", `{"statusCode":200,"isBase64Encoded":true,"body":"%"}`, "502", "Internal Server Error", ""},
		{"a body that is none", `{"statusCode":200,"body":{}}`, "502", "Internal Server Error", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t, answering(functions.Answer{Payload: []byte(c.answer), Release: "r-1"}), functions.URLSettings{Mode: functions.Buffered})
			s.server.Client().CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			res := s.do(t, "GET", host, "/", "")
			if got := read(t, res); fmt.Sprint(res.StatusCode) != c.status || got != c.body {
				t.Errorf("%d %q, want %s %q", res.StatusCode, got, c.status, c.body)
			}
			checkHeaders(t, res, c.headers)
			if res.Header.Get("Slipway-Release") != "r-1" || res.Header.Get("X-Amzn-Requestid") == "" {
				t.Errorf("headers: %v", res.Header)
			}
		})
	}
}

var headerName = regexp.MustCompile(` ([A-Z][A-Za-z-]*=)`)

// checkHeaders wants headers as "Name=value,value Other=value".
func checkHeaders(t *testing.T, res *http.Response, want string) {
	t.Helper()
	for part := range strings.SplitSeq(headerName.ReplaceAllString(want, "\n$1"), "\n") {
		name, value, _ := strings.Cut(part, "=")
		if got := strings.Join(res.Header.Values(name), ","); name != "" && got != value {
			t.Errorf("%s: %q, want %q", name, got, value)
		}
	}
}

func TestCallsAtURLsThatFail(t *testing.T) {
	for _, c := range []struct {
		name  string
		stage *stage
		want  string
	}{
		{"function", answering(functions.Answer{Failed: functions.Unhandled, Payload: []byte(`{"errorMessage":"secret"}`)}), "502 Internal Server Error"},
		{"throttled", failing(&functions.Throttle{Reason: functions.ReasonConcurrency}), `429 {"Reason":"ConcurrentInvocationLimitExceeded","Type":"User","message":"Rate Exceeded."}`},
		{"too large as an event", failing(functions.ErrPayloadSize), `413 {"Message":"Request Entity Too Large"}`},
		{"lost", failing(functions.ErrLost), "500 Internal Server Error"},
		{"broken", failing(errors.New("a secret of the machine")), "500 Internal Server Error"},
	} {
		for _, mode := range []string{functions.Buffered, functions.ResponseStream} {
			s := newSite(t, c.stage, functions.URLSettings{Mode: mode})
			res := s.do(t, "GET", host, "/", "")
			if got := fmt.Sprint(res.StatusCode, " ", read(t, res)); got != c.want {
				t.Errorf("%s, %s: %s, want %s", c.name, mode, got, c.want)
			}
		}
	}
	s := newSite(t, answering(functions.Answer{}), functions.URLSettings{})
	if res := s.do(t, "POST", host, "/", strings.Repeat("x", functions.MaxPayload+1)); res.StatusCode != 413 {
		t.Errorf("too large: %d %s", res.StatusCode, read(t, res))
	}
}

// streaming is a stage whose function answers piece by piece; the next piece comes when the one before was read.
func streaming(t *testing.T, contentType string, next <-chan string, end functions.Answer) *stage {
	return &stage{play: func(_ context.Context, i functions.Invoke) (functions.Answer, error) {
		i.Began("4", "r-4")
		if err := i.Stream.Head(contentType); err != nil {
			t.Error(err)
		}
		for piece := range next {
			if _, err := i.Stream.Write([]byte(piece)); err != nil {
				return functions.Answer{}, err
			}
		}
		return end, nil
	}}
}

func TestStreamsAtURLs(t *testing.T) {
	next := make(chan string)
	s := newSite(t, streaming(t, "text/event-stream", next, functions.Answer{}), functions.URLSettings{Mode: functions.ResponseStream})
	go func() { next <- "one" }()
	res := s.do(t, "GET", host, "/", "")
	if res.StatusCode != 200 || res.Header.Get("Content-Type") != "text/event-stream" || res.Header.Get("Slipway-Release") != "r-4" {
		t.Errorf("%d %v", res.StatusCode, res.Header)
	}
	for _, want := range []string{"one", "two", "six"} { // each is read before the next is written
		got := make([]byte, 3)
		if _, err := io.ReadFull(res.Body, got); err != nil || string(got) != want {
			t.Fatalf("%q, %v", got, err)
		}
		switch want {
		case "one":
			next <- "two"
		case "two":
			next <- "six"
		}
	}
	close(next)
	if rest := read(t, res); rest != "" {
		t.Errorf("and %q", rest)
	}
}

const preludeType = "application/vnd.awslambda.http-integration-response"

func TestStreamsWithAPrelude(t *testing.T) {
	prelude := `{"statusCode":418,"headers":{"Content-Type":"text/plain","X-Tea":"pot"},"cookies":["a=1","b=2"]}` + "\x00\x00\x00\x00\x00\x00\x00\x00"
	for _, cut := range []int{0, 1, 20, len(prelude) - 8, len(prelude) - 3, len(prelude), len(prelude) + 2} {
		whole := prelude + "short and stout"
		s := newSite(t, streaming(t, preludeType, already(whole[:cut], whole[cut:]), functions.Answer{}), functions.URLSettings{Mode: functions.ResponseStream})
		res := s.do(t, "GET", host, "/", "")
		if got := read(t, res); res.StatusCode != 418 || got != "short and stout" || len(res.Header.Values("Set-Cookie")) != 2 || res.Header.Get("X-Tea") != "pot" {
			t.Errorf("cut at %d: %d %v %q", cut, res.StatusCode, res.Header, got)
		}
	}
	buffered := newSite(t, answering(functions.Answer{ContentType: preludeType, Payload: []byte(prelude + "tea")}), functions.URLSettings{Mode: functions.Buffered})
	if res := buffered.do(t, "GET", host, "/", ""); res.StatusCode != 418 || read(t, res) != "tea" {
		t.Errorf("buffered: %d", res.StatusCode)
	}
}

func already(list ...string) <-chan string {
	c := make(chan string, len(list))
	for _, piece := range list {
		c <- piece
	}
	close(c)
	return c
}

func TestStreamsThatBreak(t *testing.T) {
	end := functions.Answer{Failed: functions.Unhandled, Error: &nodeapi.FunctionError{Type: "Runtime.ExitError"}}
	s := newSite(t, streaming(t, "text/plain", already("part"), end), functions.URLSettings{Mode: functions.ResponseStream})
	res := s.do(t, "GET", host, "/", "")
	if body, err := io.ReadAll(res.Body); err == nil {
		t.Errorf("a part was taken for the whole: %q", body)
	}
	for _, prelude := range []string{`{"statusCode":200`, strings.Repeat("x", 70_000), "{\x00\x00\x00\x00\x00\x00\x00\x00", `{"statusCode":1}` + "\x00\x00\x00\x00\x00\x00\x00\x00"} {
		s := newSite(t, streaming(t, preludeType, already(prelude), functions.Answer{}), functions.URLSettings{Mode: functions.ResponseStream})
		if res := s.do(t, "GET", host, "/", ""); res.StatusCode != 502 || read(t, res) != "Internal Server Error" {
			t.Errorf("%.20q: %d", prelude, res.StatusCode)
		}
	}
}

// FuzzEvent: whatever is sent, what the function is told is JSON.
func FuzzEvent(f *testing.F) {
	f.Add("/a%2Fb", "x=1&x=2&=&%zz", "text/plain", "héllo", "a=b; c=d;;")
	f.Add("/", "", "application/json; charset=\"", "\xff\x00", "\"")
	s := answering(functions.Answer{})
	s.urls = map[string]functions.URL{urlID: {ID: urlID, Settings: functions.URLSettings{Auth: functions.AuthNone}}}
	gate := awswire.NewMux(awswire.Config{Region: wiretest.Region, Keys: wiretest.Root{}, Access: everybody{}}, door.NewOver(s, new(functions.Control), wiretest.Region))
	handler := door.URLsOver(s, wiretest.Region, gate, "", http.NotFoundHandler())
	f.Fuzz(func(t *testing.T, path, query, media, body, cookie string) {
		r := httptest.NewRequest("POST", "/", strings.NewReader(body))
		r.Host, r.URL.Path, r.URL.RawQuery = host, "/"+path, query
		r.Header.Set("Content-Type", media)
		r.Header.Set("Cookie", cookie)
		handler.ServeHTTP(httptest.NewRecorder(), r)
		if payload := s.last().Payload; !json.Valid(payload) {
			t.Errorf("no JSON: %q", payload)
		}
	})
}
