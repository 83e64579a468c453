package proxy

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// failure is why a target gave no answer.
type failure struct {
	err       error
	unreached bool // it never got the request
	silent    bool // it may have, and not a byte of an answer came
}

// status is what the client is told: as an Application Load Balancer tells it.
func (f *failure) status() int {
	if isTimeout(f.err) {
		return http.StatusGatewayTimeout
	}
	return http.StatusBadGateway
}

// mostTries bounds how many targets are asked for one request.
const mostTries = 8

// forward passes the request on to a target of the pool. What never reached a target, and what may be done twice
// and was not answered at all, goes to another one.
func (v *visit) forward(p *pool) {
	var room [mostTries]*target
	tried := room[:0]
	var last *failure
	for len(tried) < mostTries {
		t := v.choose(p, tried)
		if t == nil {
			break
		}
		tried = append(tried, t)
		limit := dialSoon
		if len(*p.ready.Load()) <= len(tried) {
			limit = dialLast
		}
		if last = v.through(t, p, limit); last == nil {
			return
		}
		if v.r.Context().Err() != nil {
			panic(http.ErrAbortHandler) // nobody waits for an answer
		}
		if !last.unreached && !(last.silent && v.repeatable()) {
			break
		}
	}
	if last == nil {
		v.fail(http.StatusServiceUnavailable)
		return
	}
	v.fail(last.status())
}

// choose is the target that has the request already, or that the client's cookie names, or the next.
func (v *visit) choose(p *pool, tried []*target) *target {
	if v.begun != nil {
		return v.begun.t
	}
	if p.group.Load().Sticky > 0 && len(tried) == 0 {
		if cookie, err := v.r.Cookie(stickyCookie); err == nil {
			if t := p.byCookie(cookie.Value); t != nil {
				return t
			}
		}
	}
	return p.pick(tried)
}

// stickyCookie keeps a client with its target. Source: Application Load Balancers, "Sticky sessions".
const stickyCookie = "AWSALB"

// repeatable tells whether a request may be made twice: it changes nothing by being made again (RFC 9110, 9.2.2),
// and it has no body that was given away already.
func (v *visit) repeatable() bool { return repeatable(v.r.Method, v.r.ContentLength) }

func repeatable(method string, length int64) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete:
		return length == 0
	}
	return false
}

// through has a target answer the request. A failure means that nothing was said to the client yet.
func (v *visit) through(t *target, p *pool, limit time.Duration) *failure {
	t.running.Add(1)
	defer t.running.Add(-1)
	if life := p.group.Load().Sticky; life > 0 {
		v.w.Header()["Set-Cookie"] = []string{(&http.Cookie{Name: stickyCookie, Value: t.cookie, Path: "/", Expires: time.Now().Add(life)}).String()}
	}
	if t.h2 != nil {
		return v.through2(t)
	}
	f := v.through1(t, false, limit)
	if f != nil && f.silent && v.repeatable() && v.r.Context().Err() == nil { // it may have closed a line that waited: that says nothing of itself
		return v.through1(t, true, limit)
	}
	return f
}

// through1 speaks HTTP/1.1 with the target.
func (v *visit) through1(t *target, fresh bool, limit time.Duration) *failure {
	ctx := v.r.Context()
	x := v.begun
	v.begun = nil
	c, err := v.open(x, t, fresh, limit)
	if err != nil {
		return &failure{err: err, unreached: true}
	}
	stop := context.AfterFunc(ctx, func() { c.Close() })
	reuse := false
	defer func() {
		if stop() && reuse {
			t.give(c)
		} else {
			t.drop(c)
		}
	}()
	sent := v.send(c, x != nil)
	defer sent.finish(v)
	if _, err := c.r.Peek(1); err != nil {
		return &failure{err: err, silent: true}
	}
	res, err := c.answer(v.r)
	if err != nil {
		return &failure{err: err}
	}
	if res.StatusCode == http.StatusSwitchingProtocols {
		return v.tunnel(t, c, res)
	}
	reuse = v.pass(res, c) && sent.done() && !res.Close
	return nil
}

// open returns a connection to the target: that on which the request was sent already, if it was.
func (v *visit) open(x *begun, t *target, fresh bool, limit time.Duration) (*conn, error) {
	if x == nil {
		return t.open(v.r.Context(), fresh, v.repeatable(), limit)
	}
	t.running.Add(-1) // that it runs is counted by now
	return x.c, nil
}

// sending is a body on its way to a target; nil: there is none.
type sending struct {
	c     *conn
	body  *paced
	ended chan error
	err   error
	over  bool
}

// send sends the request unless that was done; its body while the answer may come already.
func (v *visit) send(c *conn, done bool) *sending {
	if done {
		c.expect(v.l.Idle)
		return nil
	}
	v.writeHead(c.w)
	if v.r.ContentLength == 0 {
		c.expect(v.l.Idle)
		c.w.Flush() // that it failed is seen when the answer is read
		return nil
	}
	rc := http.NewResponseController(v.w)
	rc.EnableFullDuplex() // an error: the wire has it anyway
	c.SetReadDeadline(time.Time{})
	c.until = time.Time{}
	s := &sending{c: c, ended: make(chan error, 1), body: &paced{Reader: v.r.Body, rc: rc, idle: v.l.Idle}}
	go func() {
		err := c.writeBody(v.r, s.body)
		c.SetReadDeadline(time.Now().Add(v.l.Idle))
		s.ended <- err
	}()
	return s
}

// done tells whether all of the body was sent. What the client has sent in full is given a moment to be passed on.
func (s *sending) done() bool {
	if s == nil {
		return true
	}
	if !s.over {
		moment := time.NewTimer(0)
		if s.body.whole.Load() {
			moment.Reset(moments)
		}
		defer moment.Stop()
		select {
		case s.err = <-s.ended:
			s.over = true
		case <-moment.C:
		}
	}
	return s.over && s.err == nil
}

// moments is how long a target may take to take the rest of a body that it has answered already.
const moments = 100 * time.Millisecond

// finish waits until nobody reads the body any more. A target that answered before it had all of it wants no more.
func (s *sending) finish(v *visit) {
	if s == nil || s.done() || s.over {
		return
	}
	s.c.Close()
	if !s.body.whole.Load() {
		http.NewResponseController(v.w).SetReadDeadline(time.Unix(1, 0))
	}
	<-s.ended
}

// paced is a body whose sender may be silent for so long.
type paced struct {
	io.Reader
	rc    *http.ResponseController
	idle  time.Duration
	whole atomic.Bool // all of it was read
}

func (p *paced) Read(b []byte) (int, error) {
	p.rc.SetReadDeadline(time.Now().Add(p.idle))
	n, err := p.Reader.Read(b)
	if err == io.EOF {
		p.whole.Store(true)
		p.rc.SetReadDeadline(time.Time{}) // from now on it waits for the answer
	}
	return n, err
}

// through2 speaks HTTP/2 with the target.
func (v *visit) through2(t *target) *failure {
	ctx, cancel := context.WithCancelCause(v.r.Context())
	defer cancel(nil)
	defer context.AfterFunc(t.ctx, func() { cancel(net.ErrClosed) })()
	silence := time.AfterFunc(v.l.Idle, func() { cancel(context.DeadlineExceeded) })
	defer silence.Stop()
	body := &counted{ReadCloser: v.r.Body, timer: silence, idle: v.l.Idle}
	out := v.outgoing(ctx, t, body)
	res, err := t.h2.RoundTrip(out)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		op, ok := errors.AsType[*net.OpError](err)
		return &failure{err: err, unreached: ok && op.Op == "dial" && body.read.Load() == 0, silent: true}
	}
	defer res.Body.Close()
	if v.r.ProtoMajor == 1 && v.r.ContentLength != 0 {
		http.NewResponseController(v.w).EnableFullDuplex()
	}
	v.head(res)
	if res.ContentLength == 0 { // the head alone may be all of it, as where gRPC fails
		return nil
	}
	v.stream(&counted{ReadCloser: res.Body, timer: silence, idle: v.l.Idle})
	v.trailer(res)
	return nil
}

// counted is a body that restarts a timer with all that comes, and counts it.
type counted struct {
	io.ReadCloser
	timer *time.Timer
	idle  time.Duration
	read  atomic.Int64
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.ReadCloser.Read(b)
	c.read.Add(int64(n))
	c.timer.Reset(c.idle)
	return n, err
}

// outgoing is the request as an HTTP/2 target reads it.
func (v *visit) outgoing(ctx context.Context, t *target, body io.ReadCloser) *http.Request {
	r, u := v.r, *v.r.URL
	u.Scheme, u.Host = "http", t.address
	if t.secure {
		u.Scheme = "https"
	}
	header := make(http.Header, len(r.Header)+4)
	for name, values := range r.Header {
		if v.passes(name) {
			header[name] = values
		}
	}
	v.added(func(name, value string) { header[name] = append(header[name], value) })
	if r.Header.Get("Te") == "trailers" {
		header["Te"] = []string{"trailers"}
	}
	if _, given := header["User-Agent"]; !given {
		header["User-Agent"] = []string{""} // none is added
	}
	if r.ContentLength == 0 {
		body = http.NoBody
	}
	out := &http.Request{Method: r.Method, URL: &u, Host: r.Host, Header: header, Body: body, ContentLength: r.ContentLength, Trailer: r.Trailer, Proto: "HTTP/2.0", ProtoMajor: 2}
	return out.WithContext(ctx)
}
