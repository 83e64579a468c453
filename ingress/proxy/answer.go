package proxy

import (
	"crypto/tls"
	"io"
	"net/http"
	"strconv"
	"time"
)

// newH2 speaks HTTP/2 with targets: over TLS, or in clear with prior knowledge.
func newH2(secure bool) *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP2(secure)
	protocols.SetUnencryptedHTTP2(!secure)
	return &http.Transport{
		Protocols:           protocols,
		DialContext:         dialer.DialContext,
		TLSClientConfig:     &tls.Config{InsecureSkipVerify: true}, // as on AWS, certificates of targets are not verified
		DisableCompression:  true,
		MaxIdleConnsPerHost: maxIdle,
		IdleConnTimeout:     2 * idleLife,
		TLSHandshakeTimeout: dialLast,
		HTTP2:               &http.HTTP2Config{SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second},
	}
}

// head tells the client the head of a target's answer.
func (v *visit) head(res *http.Response) {
	header, named := v.w.Header(), namedBy(res.Header["Connection"])
	for name, values := range res.Header {
		if lineHeader(name) {
			continue
		}
		if have := header[name]; have != nil { // our own cookie
			values = append(have, values...)
		}
		header[name] = values
	}
	for _, name := range named {
		delete(header, name)
	}
	if _, given := header["Content-Type"]; !given {
		header["Content-Type"] = nil // it is not to be guessed
	}
	v.w.WriteHeader(res.StatusCode)
}

// pass tells the client a target's answer, and whether the target's line can be used again.
func (v *visit) pass(res *http.Response, c *conn) bool {
	v.head(res)
	switch {
	case v.r.Method == http.MethodHead || res.ContentLength == 0:
		return true
	case res.ContentLength > 0:
		return v.copy(c, res.ContentLength)
	}
	whole := v.stream(&renewed{res.Body, c, v.l.Idle})
	v.trailer(res)
	return whole
}

// pieces are how much of a body is passed on by one splice at most: the target may be silent for the idle
// timeout in each.
const pieces = 256 << 10

// copy passes on a body of n bytes. Large ones do not come to memory at all, where the kernel can pass them on.
func (v *visit) copy(c *conn, n int64) bool {
	for n > 0 && c.r.Buffered() > 0 {
		b, _ := c.r.Peek(int(min(n, int64(c.r.Buffered()))))
		if _, err := v.w.Write(b); err != nil {
			return false
		}
		c.r.Discard(len(b))
		n -= int64(len(b))
	}
	if n == 0 {
		return true
	}
	http.NewResponseController(v.w).Flush() // what follows may be long in coming
	from, splices := v.w.(io.ReaderFrom)
	for n > 0 {
		c.expect(v.l.Idle)
		var got int64
		var err error
		if splices && c.tcp != nil && n > bufferSize {
			got, err = from.ReadFrom(&io.LimitedReader{R: c.tcp, N: min(n, pieces)})
		} else {
			got, err = v.copySome(c, n)
		}
		n -= got
		if err != nil || got == 0 {
			panic(http.ErrAbortHandler) // the client is to see that the answer is not whole
		}
	}
	return true
}

// copySome passes on what there is of n bytes.
func (v *visit) copySome(c *conn, n int64) (int64, error) {
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	got, err := c.Read((*buf)[:min(n, int64(len(*buf)))])
	if got > 0 {
		_, failed := v.w.Write((*buf)[:got])
		if failed == nil && int64(got) < n {
			failed = http.NewResponseController(v.w).Flush()
		}
		return int64(got), failed
	}
	return 0, err
}

// renewed is a body whose sender may be silent for so long.
type renewed struct {
	io.Reader
	c    *conn
	idle time.Duration
}

func (r *renewed) Read(b []byte) (int, error) {
	r.c.expect(r.idle)
	return r.Reader.Read(b)
}

// stream passes on a body whose length is not known, as it comes.
func (v *visit) stream(body io.Reader) bool {
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	flush := http.NewResponseController(v.w).Flush
	flush()
	for {
		n, err := body.Read(*buf)
		if n > 0 {
			if _, failed := v.w.Write((*buf)[:n]); failed != nil {
				panic(http.ErrAbortHandler)
			}
			if err == nil {
				flush()
			}
		}
		switch err {
		case nil:
		case io.EOF:
			return true
		default:
			panic(http.ErrAbortHandler) // the client is to see that the answer is not whole
		}
	}
}

func (v *visit) trailer(res *http.Response) {
	for name, values := range res.Trailer {
		v.w.Header()[http.TrailerPrefix+name] = values
	}
}

// fail answers in the target's place, as an Application Load Balancer does.
func (v *visit) fail(status int) {
	text := strconv.Itoa(status) + " " + reasons[status]
	body := "<html>\r\n<head><title>" + text + "</title></head>\r\n<body>\r\n<center><h1>" + text + "</h1></center>\r\n</body>\r\n</html>\r\n"
	header := v.w.Header()
	delete(header, "Set-Cookie")
	header.Set("Server", "awselb/2.0")
	header.Set("Content-Type", "text/html")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	v.w.WriteHeader(status)
	if v.r.Method != http.MethodHead {
		io.WriteString(v.w, body)
	}
}

var reasons = map[int]string{
	http.StatusBadGateway: "Bad Gateway", http.StatusServiceUnavailable: "Service Temporarily Unavailable", http.StatusGatewayTimeout: "Gateway Time-out",
	http.StatusBadRequest: "Bad Request",
}
