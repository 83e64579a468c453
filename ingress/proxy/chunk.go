package proxy

import (
	"bufio"
	"net/http"
	"strconv"
	"sync"
)

// chunks writes a body whose length is not known, piece by piece as it comes.
type chunks struct{ w *bufio.Writer }

func (c *chunks) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	c.w.WriteString(strconv.FormatInt(int64(len(p)), 16))
	c.w.WriteString("\r\n")
	c.w.Write(p)
	c.w.WriteString("\r\n")
	return len(p), c.w.Flush()
}

func (c *chunks) end(trailer http.Header) error {
	c.w.WriteString("0\r\n")
	for name, values := range trailer {
		for _, v := range values {
			writeField(c.w, name, v)
		}
	}
	c.w.WriteString("\r\n")
	return c.w.Flush()
}

// buffers are for bodies.
var buffers = sync.Pool{New: func() any { b := make([]byte, 32<<10); return &b }}
