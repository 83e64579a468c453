package runtimeapi

import (
	"bufio"
	"errors"
	"net"
	"strconv"
	"sync"
	"time"
)

// patience is how long a process of the sandbox may take to read an answer.
const patience = 10 * time.Second

// conn is a connection of a process of the sandbox. Its goroutine reads, also while it waits for a call: so it is
// known at once when it breaks, and a call is handed out by whoever makes it, without waking anybody.
type conn struct {
	net.Conn
	s *Session
	q request

	parked    bool       // it waits for a call or an event: under the session's lock
	extension *extension // whose event it waits for; nil: the runtime's

	writing sync.Mutex
	out     []byte
}

func newConn(s *Session, raw net.Conn) *conn {
	return &conn{Conn: raw, s: s, q: request{r: bufio.NewReaderSize(raw, 4<<10)}}
}

// serve answers requests until the connection ends.
func (c *conn) serve() {
	defer c.s.unpark(c)
	for {
		if _, err := c.q.r.Peek(1); err != nil {
			return
		}
		if c.s.unpark(c) { // nobody may speak while it waits
			return
		}
		if err := c.q.read(); err != nil {
			c.refuse(err)
			return
		}
		r := c.s.route(c, &c.q)
		if r.status == 0 {
			continue
		}
		if !c.rest() {
			r.close = true
		}
		if c.answer(r, time.Now().Add(patience)) != nil || r.close {
			return
		}
	}
}

// rest makes sure that nothing is left of the request.
func (c *conn) rest() bool {
	if !c.q.ended {
		if _, err := c.q.drain(); err != nil {
			return false
		}
	}
	return !c.q.closes
}

// refuse answers what is no request.
func (c *conn) refuse(err error) {
	switch {
	case errors.Is(err, errTooLarge):
		c.answer(reply{status: 431, close: true}, time.Now().Add(patience))
	case errors.Is(err, errBadRequest):
		c.answer(reply{status: 400, close: true}, time.Now().Add(patience))
	}
}

// proceed lets a client send its body that asked whether it may.
func (c *conn) proceed() {
	if c.q.awaits && !c.q.ended {
		c.writing.Lock()
		defer c.writing.Unlock()
		c.out = append(c.out[:0], "HTTP/1.1 100 Continue\r\n\r\n"...)
		c.send(nil, time.Now().Add(patience))
	}
}

// unpark takes a connection from where it waits. It is false if it did not wait.
func (s *Session) unpark(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !c.parked {
		return false
	}
	c.parked = false
	if c.extension != nil {
		c.extension.conn = nil
		return true
	}
	for i, one := range s.pollers {
		if one == c {
			s.pollers = append(s.pollers[:i], s.pollers[i+1:]...)
			break
		}
	}
	return true
}

// answer sends a reply.
func (c *conn) answer(r reply, deadline time.Time) error {
	if r.call != nil {
		return c.hand(r.call)
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	c.out = r.head(c.out[:0])
	return c.send(r.body, deadline)
}

// hand sends a call to a connection that waits for one.
func (c *conn) hand(k *call) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	c.out = k.head(c.out[:0])
	return c.send(k.Payload, k.deadline)
}

// together is how large a body may be to be copied behind its head.
const together = 16 << 10

// send writes the head in out and the body.
func (c *conn) send(body []byte, deadline time.Time) error {
	if err := c.SetWriteDeadline(deadline); err != nil {
		return err
	}
	if len(body) <= together {
		c.out = append(c.out, body...)
		_, err := c.Write(c.out)
		return err
	}
	pieces := net.Buffers{c.out, body}
	_, err := pieces.WriteTo(c.Conn)
	return err
}

// head is what the runtime is told of a call (AWS Lambda, "Using the Lambda runtime API", next invocation).
func (k *call) head(b []byte) []byte {
	b = append(b, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nLambda-Runtime-Aws-Request-Id: "...)
	b = append(b, k.Request...)
	b = append(b, "\r\nLambda-Runtime-Deadline-Ms: "...)
	b = strconv.AppendInt(b, k.deadline.UnixMilli(), 10)
	b = appendHeader(b, "\r\nLambda-Runtime-Invoked-Function-Arn: ", k.ARN)
	b = appendHeader(b, "\r\nLambda-Runtime-Trace-Id: ", k.TraceID)
	if k.ClientContext != "" {
		b = appendHeader(b, "\r\nLambda-Runtime-Client-Context: ", clientContext(k.ClientContext))
	}
	b = append(b, "\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(len(k.Payload)), 10)
	return append(b, "\r\n\r\n"...)
}

// appendHeader leaves out what is empty, and what would end the line.
func appendHeader(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	for i := range len(value) {
		if value[i] < ' ' || value[i] == 0x7f {
			return b
		}
	}
	return append(append(b, name...), value...)
}
