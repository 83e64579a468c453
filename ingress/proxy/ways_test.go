package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"slipway/ingress/proxy"
	"slipway/ingress/route"
)

// slowly makes net/http answer what comes on a connection from now on.
const slowly = "HEAD /before HTTP/1.1\r\nHost: before\r\n\r\n"

// last has whoever reads it hang up after the answer.
const last = "GET /last HTTP/1.1\r\nHost: last\r\nConnection: close\r\n\r\n"

// told is what came of bytes that a client sent: what it was answered, and what targets were asked.
type told struct{ answers, asked []string }

// tell sends bytes on a new connection, and last behind them, and reads until the front hangs up.
func (w *world) tell(asked *requests, before, text string) (got told) {
	w.t.Helper()
	c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", w.port))
	must(w.t, err)
	defer c.Close()
	r := bufio.NewReader(c)
	if before != "" {
		io.WriteString(c, before)
		_, err := http.ReadResponse(r, &http.Request{Method: "HEAD"})
		must(w.t, err)
	}
	asked.take()
	io.WriteString(c, text+last)
	for {
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			got.asked = asked.take()
			return got
		}
		body, err := io.ReadAll(res.Body)
		cut := err != nil && res.StatusCode != 400 // that one is followed by hanging up on what was still to be said
		got.answers = append(got.answers, fmt.Sprint(res.StatusCode, res.Proto, res.ContentLength, res.TransferEncoding, steady(res.Header), string(body), cut, res.Trailer))
	}
}

// requests are those that a target was asked.
type requests struct {
	mu   sync.Mutex
	list []string
}

func (q *requests) note(r *http.Request, body []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.list = append(q.list, fmt.Sprint(r.Method, r.RequestURI, r.Host, r.Proto, r.ContentLength, r.TransferEncoding, steady(r.Header), string(body), r.Trailer))
}

func (q *requests) take() []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	list := q.list
	q.list = nil
	return list
}

var traceForm = regexp.MustCompile(`1-[0-9a-f]{8}-[0-9a-f]{24}`)

// steady are headers without what differs from one time to the next.
func steady(h http.Header) http.Header {
	if h.Get("Date") != "" {
		h.Set("Date", "given")
	}
	for i, trace := range h["X-Amzn-Trace-Id"] {
		h["X-Amzn-Trace-Id"][i] = traceForm.ReplaceAllString(trace, "1-t")
	}
	return h
}

// req is a request with the lines of its head.
func req(first string, lines ...string) string {
	return first + "\r\n" + strings.Join(append(lines, "", ""), "\r\n")
}

// asks are requests as they come, and how many requests they may be at most. What one reader takes for one request
// and another for two lets a client ask in somebody else's name.
var asks = map[string]struct {
	text string
	most int
}{
	"plain":                         {req("GET /a%2Fb?x=1&y=%20 HTTP/1.1", "Host: shop.example:80", "X-Multi: 1", "x-multi: 2", "Cookie: a=b", "User-Agent: u"), 1},
	"forwarded":                     {req("GET / HTTP/1.1", "Host: a", "X-Forwarded-For: 198.51.100.9", "X-Forwarded-Proto: https", "X-Forwarded-Port: 1", "X-Amzn-Trace-Id: Root=1-67891233-abcdef012345678912345678"), 1},
	"forwarded twice":               {req("GET / HTTP/1.1", "Host: a", "X-Forwarded-For: 198.51.100.9", "X-Forwarded-For: 198.51.100.8"), 1},
	"traced otherwise":              {req("GET / HTTP/1.1", "Host: a", "X-Amzn-Trace-Id: CalledFrom=app"), 1},
	"kept alive":                    {req("GET / HTTP/1.1", "Host: a", "Connection: Keep-Alive"), 1},
	"a header for the line":         {req("GET / HTTP/1.1", "Host: a", "Connection: X-Private", "X-Private: no"), 1},
	"a body":                        {req("POST /p HTTP/1.1", "Host: a", "Content-Length: 4") + "body", 1},
	"a body of a GET":               {req("GET /p HTTP/1.1", "Host: a", "Content-Length: 4") + "body", 1},
	"no body":                       {req("POST /p HTTP/1.1", "Host: a"), 1},
	"a body of nothing":             {req("DELETE /p HTTP/1.1", "Host: a", "Content-Length: 0"), 1},
	"a chunked body":                {req("POST /p HTTP/1.1", "Host: a", "Transfer-Encoding: chunked") + "4\r\nbody\r\n0\r\n\r\n", 1},
	"a large body":                  {req("POST /p HTTP/1.1", "Host: a", "Content-Length: 100000") + strings.Repeat("x", 100000), 1},
	"a large head":                  {req("GET / HTTP/1.1", "Host: a", "X-Large: "+strings.Repeat("x", 20000)), 1},
	"two at once":                   {req("GET /1 HTTP/1.1", "Host: a") + req("POST /2 HTTP/1.1", "Host: b", "Content-Length: 1") + "x", 2},
	"many at once":                  {strings.Repeat(req("GET /n HTTP/1.1", "Host: a"), 400), 400},
	"nothing as a value":            {req("GET / HTTP/1.1", "Host: a", "X-Empty:", "X-Spaces:   b \t "), 1},
	"other letters":                 {req("GET / HTTP/1.1", "Host: a", "X-Name: \xc3\xa9"), 1},
	"pragma":                        {req("GET / HTTP/1.1", "Host: a", "Pragma: no-cache"), 1},
	"an absolute address":           {req("GET http://other.example/x HTTP/1.1", "Host: a"), 1},
	"two slashes":                   {req("GET //x/y HTTP/1.1", "Host: a"), 1},
	"a broken escape":               {req("GET /%zz HTTP/1.1", "Host: a"), 0},
	"a fragment":                    {req("GET /a#b HTTP/1.1", "Host: a"), 1},
	"options of all":                {req("OPTIONS * HTTP/1.1", "Host: a"), 1},
	"trace":                         {req("TRACE / HTTP/1.1", "Host: a"), 1},
	"a method of one's own":         {req("BREW / HTTP/1.1", "Host: a"), 1},
	"a fixed answer":                {req("GET /fixed/1 HTTP/1.1", "Host: a"), 0},
	"HTTP/1.0":                      {req("GET / HTTP/1.0", "Host: a", "Connection: keep-alive"), 1},
	"HTTP/1.9":                      {req("GET / HTTP/1.9", "Host: a"), 1},
	"an empty line before":          {"\r\n" + req("GET / HTTP/1.1", "Host: a"), 0},
	"both lengths":                  {req("POST / HTTP/1.1", "Host: a", "Content-Length: 4", "Transfer-Encoding: chunked") + "0\r\n\r\n", 1},
	"both lengths, turned":          {req("POST / HTTP/1.1", "Host: a", "Transfer-Encoding: chunked", "Content-Length: 44") + "0\r\n\r\n", 1},
	"two lengths":                   {req("POST / HTTP/1.1", "Host: a", "Content-Length: 4", "Content-Length: 5") + "bodyx", 0},
	"the same length twice":         {req("POST / HTTP/1.1", "Host: a", "Content-Length: 4", "Content-Length: 4") + "body", 1},
	"a length with a sign":          {req("POST / HTTP/1.1", "Host: a", "Content-Length: +4") + "body", 0},
	"a length below nothing":        {req("POST / HTTP/1.1", "Host: a", "Content-Length: -1"), 0},
	"a length with zeros":           {req("POST / HTTP/1.1", "Host: a", "Content-Length: 004") + "body", 1},
	"a length in a list":            {req("POST / HTTP/1.1", "Host: a", "Content-Length: 4, 4") + "body", 0},
	"a length in hexadecimal":       {req("POST / HTTP/1.1", "Host: a", "Content-Length: 0x4") + "body", 0},
	"no length":                     {req("POST / HTTP/1.1", "Host: a", "Content-Length:") + "body", 0},
	"an encoding nobody knows":      {req("POST / HTTP/1.1", "Host: a", "Transfer-Encoding: xchunked") + "0\r\n\r\n", 0},
	"an encoding hidden by a tab":   {req("POST / HTTP/1.1", "Host: a", "Content-Length: 4", "Transfer-Encoding:\tchunked") + "0\r\n\r\n", 1},
	"a space before the colon":      {req("POST / HTTP/1.1", "Host: a", "Content-Length : 4") + "body", 0},
	"a folded header":               {req("GET / HTTP/1.1", "Host: a", "X-Folded: a", " b"), 1},
	"a folded length":               {req("POST / HTTP/1.1", "Host: a", "Content-Length:", " 4") + "body", 1},
	"a header that is folded first": {req("GET / HTTP/1.1", " X-First: a", "Host: a"), 0},
	"lines of LF":                   {"GET /lf HTTP/1.1\nHost: a\n\n", 1},
	"a line of LF":                  {"GET /lf HTTP/1.1\r\nHost: a\nX-Next: b\r\n\r\n", 1},
	"a CR within":                   {req("GET / HTTP/1.1", "Host: a", "X-Bare: a\rX-Next: b"), 0},
	"a NUL within":                  {req("GET / HTTP/1.1", "Host: a", "X-Null: a\x00b"), 0},
	"a name with a space":           {req("GET / HTTP/1.1", "Host: a", "X Name: b"), 0},
	"no name":                       {req("GET / HTTP/1.1", "Host: a", ": b"), 0},
	"no colon":                      {req("GET / HTTP/1.1", "Host: a", "nothing"), 0},
	"no host":                       {req("GET / HTTP/1.1"), 0},
	"an empty host":                 {req("GET / HTTP/1.1", "Host:"), 1},
	"two hosts":                     {req("GET / HTTP/1.1", "Host: a", "Host: b"), 0},
	"a host with a path":            {req("GET / HTTP/1.1", "Host: a/b"), 1},
	"two spaces":                    {req("GET  / HTTP/1.1", "Host: a"), 0},
	"a space in the address":        {req("GET /a b HTTP/1.1", "Host: a"), 0},
	"small letters":                 {req("get / http/1.1", "Host: a"), 0},
	"a request in a body":           {req("POST / HTTP/1.1", "Host: a", "Content-Length: 37") + req("GET /admin HTTP/1.1", "Host: inner"), 1},
	"a tab behind the version":      {req("GET / HTTP/1.1\t", "Host: a"), 0},
	"upgrade to h2c":                {req("GET / HTTP/1.1", "Host: a", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"), 1},
	"te":                            {req("GET / HTTP/1.1", "Host: a", "TE: trailers"), 1},
}

func TestBothWaysUnderstandRequestsAlike(t *testing.T) {
	match, err := route.Compile([]route.Spec{{Field: route.FieldPath, Values: []string{"/fixed*"}}})
	must(t, err)
	w := newWorld(t, func(p *proxy.Plan) {
		p.Listeners[0].Rules = []proxy.Rule{{Match: match, Action: proxy.Action{Fixed: &proxy.Fixed{Status: 418, Body: "fixed"}}}}
	})
	var asked requests
	target, _ := serve(t, func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked.note(r, body)
		rw.Header().Set("X-Own", "kept")
		io.WriteString(rw, "answer")
	})
	w.set(target)
	for name, one := range asks {
		fast, slow := w.tell(&asked, "", one.text), w.tell(&asked, slowly, one.text)
		if !reflect.DeepEqual(fast, slow) {
			t.Errorf("%s:\nfast %q\nslow %q", name, fast, slow)
		}
		if n := len(fast.asked); n > one.most+1 {
			t.Errorf("%s: the target was asked %d times: %q", name, n, fast.asked)
		}
		for _, a := range fast.asked {
			if strings.Contains(a, "inner") && !strings.HasPrefix(a, "POST") {
				t.Errorf("%s: the target was asked %s", name, a)
			}
		}
	}
}

// Requests of any parts, in any pieces, one behind the other.
func TestBothWaysUnderstandWhatIsMadeUpAlike(t *testing.T) {
	w := newWorld(t)
	var asked requests
	target, _ := serve(t, func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked.note(r, body)
		rw.Write(body)
	})
	w.set(target)
	lines := []string{"Accept: */*", "cookie: a=b", "COOKIE: c=d", "X-Forwarded-For: ::1", "X-Forwarded-Proto: x", "X-Amzn-Trace-Id: Root=x", "X-Amzn-Trace-Id: Self=x", "Connection: keep-alive",
		"Connection: Cookie", "Te: trailers", "Keep-Alive: 5", "X-Tab:\ta\t", "X-Long: " + strings.Repeat("y", 3000), "Pragma: no-cache", "X Y: z", "X-Nul: \x00", "Upgrade: x", "Host: b", "Content-Length: 0", "Cache-Control:"}
	one := rapid.Custom(func(t *rapid.T) string {
		head := append(rapid.SliceOfN(rapid.SampledFrom(lines), 0, 6).Draw(t, "lines"), "Host: a")
		body := rapid.SampledFrom([]string{"", "", "body", strings.Repeat("z", 5000), strings.Repeat("z", 20000)}).Draw(t, "body")
		if body != "" {
			head = append(head, fmt.Sprint("Content-Length: ", len(body)))
		}
		method := rapid.SampledFrom([]string{"GET", "POST", "PUT", "OPTIONS", "BREW", "QUERY"}).Draw(t, "method")
		path := rapid.SampledFrom([]string{"/", "/a?b=c", "/%41", "/%4", "//", "/\"x\"", "*", "http://h/p"}).Draw(t, "path")
		return req(method+" "+path+" HTTP/1.1", head...) + body
	})
	rapid.Check(t, func(rt *rapid.T) {
		text := strings.Join(rapid.SliceOfN(one, 1, 3).Draw(rt, "requests"), "")
		fast, slow := w.tell(&asked, "", text), w.tell(&asked, slowly, text)
		if !reflect.DeepEqual(fast, slow) {
			rt.Fatalf("\nfast %.900q\nslow %.900q", fast, slow)
		}
	})
}

// replies are answers as targets may give them.
var replies = map[string]string{
	"plain":                    req("HTTP/1.1 200 OK", "Content-Length: 4", "Date: d", "Content-Type: text/plain", "Set-Cookie: a=1", "Set-Cookie: b=2") + "body",
	"no date":                  req("HTTP/1.1 200 OK", "Content-Length: 4") + "body",
	"no reason":                req("HTTP/1.1 200 ", "Content-Length: 4") + "body",
	"kept alive":               req("HTTP/1.1 404 Not Found", "Content-Length: 4", "Connection: keep-alive", "Keep-Alive: timeout=5") + "body",
	"closed after it":          req("HTTP/1.1 200 OK", "Content-Length: 4", "Connection: close") + "body",
	"a header for the line":    req("HTTP/1.1 200 OK", "Content-Length: 4", "Connection: X-Private", "X-Private: no") + "body",
	"nothing":                  req("HTTP/1.1 200 OK", "Content-Length: 0"),
	"no content":               req("HTTP/1.1 204 No Content"),
	"not modified":             req("HTTP/1.1 304 Not Modified", "Etag: x"),
	"not modified, of a size":  req("HTTP/1.1 304 Not Modified", "Content-Length: 4"),
	"a body of 204":            req("HTTP/1.1 204 No Content", "Content-Length: 4") + "body",
	"chunked":                  req("HTTP/1.1 200 OK", "Transfer-Encoding: chunked") + "4\r\nbody\r\n0\r\n\r\n",
	"chunked with a trailer":   req("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "Trailer: X-End") + "4\r\nbody\r\n0\r\nX-End: e\r\n\r\n",
	"both lengths":             req("HTTP/1.1 200 OK", "Content-Length: 4", "Transfer-Encoding: chunked") + "4\r\nbody\r\n0\r\n\r\n",
	"two lengths":              req("HTTP/1.1 200 OK", "Content-Length: 4", "Content-Length: 2") + "body",
	"the same length twice":    req("HTTP/1.1 200 OK", "Content-Length: 4", "Content-Length: 4") + "body",
	"a length with a sign":     req("HTTP/1.1 200 OK", "Content-Length: +4") + "body",
	"large":                    req("HTTP/1.1 200 OK", "Content-Length: 100000") + strings.Repeat("x", 100000),
	"a large head":             req("HTTP/1.1 200 OK", "Content-Length: 4", "X-Large: "+strings.Repeat("x", 20000)) + "body",
	"an answer before":         req("HTTP/1.1 103 Early Hints", "Link: x") + req("HTTP/1.1 200 OK", "Content-Length: 4") + "body",
	"a folded header":          req("HTTP/1.1 200 OK", "Content-Length: 4", "X-Folded: a", " b") + "body",
	"lines of LF":              "HTTP/1.1 200 OK\nContent-Length: 4\n\nbody",
	"a CR within":              req("HTTP/1.1 200 OK", "Content-Length: 4", "X-Bare: a\rX-Next: b") + "body",
	"a space before the colon": req("HTTP/1.1 200 OK", "Content-Length : 4", "X-Then: hangs up") + "body",
	"other letters":            req("HTTP/1.1 200 OK", "Content-Length: 4", "X-Name: \xc3\xa9") + "body",
	"nonsense":                 "nonsense\r\n\r\n",
	"a switch nobody asked":    req("HTTP/1.1 101 Switching Protocols", "Upgrade: x", "Connection: Upgrade"),
	"more than it says":        req("HTTP/1.1 200 OK", "Content-Length: 4") + "body" + req("HTTP/1.1 200 OK", "Content-Length: 4") + "evil",
	"less than it says":        req("HTTP/1.1 200 OK", "Content-Length: 40", "X-Then: hangs up") + "body",
	"until it hangs up":        req("HTTP/1.1 200 OK", "X-Then: hangs up") + "body",
	"HTTP/1.0":                 req("HTTP/1.0 200 OK", "Content-Length: 4", "X-Then: hangs up") + "body",
	"a strange status":         req("HTTP/1.1 0200 OK", "Content-Length: 4") + "body",
	"205":                      req("HTTP/1.1 205 Reset Content", "Content-Length: 0"),
}

func TestBothWaysUnderstandAnswersAlike(t *testing.T) {
	for name, text := range replies {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(p *proxy.Plan) { p.Groups[0].Check.Off = true })
			var asked requests
			w.set(replying(t, &asked, text))
			one := req("POST /reply HTTP/1.1", "Host: a", "Content-Length: 1") + "x"
			fast, slow := w.tell(&asked, "", one), w.tell(&asked, slowly, one)
			if !reflect.DeepEqual(fast, slow) {
				t.Errorf("\nfast %q\nslow %q", fast, slow)
			}
			if strings.Contains(fmt.Sprint(fast), "evil") {
				t.Errorf("one client was told what another was to be: %q", fast)
			}
		})
	}
}

// replying is a target that answers /reply with a text.
func replying(t *testing.T, asked *requests, text string) proxy.Target {
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
				r := bufio.NewReader(c)
				for {
					q, err := http.ReadRequest(r)
					if err != nil {
						return
					}
					body, _ := io.ReadAll(q.Body)
					asked.note(q, body)
					if q.URL.Path != "/reply" {
						io.WriteString(c, req("HTTP/1.1 200 OK", "Content-Length: 0"))
						continue
					}
					io.WriteString(c, text)
					if strings.Contains(text, "hangs up") || text[:4] != "HTTP" {
						return
					}
				}
			}()
		}
	}()
	return targetOf(t, l.Addr().String())
}
