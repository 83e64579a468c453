package s3

import (
	"bytes"
	"encoding/xml"
	"io"
	"maps"
	"net/http"
	"strconv"

	"slipway/api/awswire"
	"slipway/internal/paced"
	"slipway/objects"
)

// answer is what a call is answered with: XML, bytes of an object, or nothing.
type answer struct {
	status int
	header http.Header
	xml    any
	bytes  *objects.Reader // sent as they come
	size   int64           // of bytes
	none   bool            // no body, and no word of how long one would be
	fault  *awswire.Fault  // nil: it was done
}

// said is an answer in XML.
func said(v any) *answer { return &answer{status: http.StatusOK, header: http.Header{}, xml: v} }

// done is an answer without a body.
func done(status int) *answer { return &answer{status: status, header: http.Header{}} }

func (a *answer) close() {
	if a.bytes != nil {
		_ = a.bytes.Close()
	}
}

// send returns why bytes were not sent to their end. What a client misses that is gone is all that can be said.
func (a *answer) send(c *call) error {
	defer a.close()
	h := c.w.Header()
	maps.Copy(h, a.header)
	h.Set("X-Amz-Request-Id", c.visit.RequestID)
	h.Set("Server", "Slipway")
	var body []byte
	if a.xml != nil {
		body = document(a.xml)
		h.Set("Content-Type", "application/xml")
	}
	if a.bytes == nil && !a.none && a.status != http.StatusNoContent && h.Get("Content-Length") == "" {
		h.Set("Content-Length", strconv.Itoa(len(body)))
	}
	c.w.WriteHeader(a.status)
	if a.bytes == nil {
		_, _ = c.w.Write(body)
		return nil
	}
	_, err := io.Copy(paced.NewWriter(c.w), a.bytes)
	return err
}

const namespace = "http://s3.amazonaws.com/doc/2006-03-01/"

func document(v any) []byte {
	b := bytes.NewBufferString(xml.Header)
	if err := xml.NewEncoder(b).Encode(v); err != nil {
		panic(err) // only types of this package, which can all be written
	}
	return b.Bytes()
}

// errorBody is S3's own form of a fault. Source: S3 API Reference, "REST error responses".
type errorBody struct {
	XMLName   xml.Name `xml:"Error"`
	Code      string
	Message   string
	Resource  string
	RequestID string `xml:"RequestId"`
	HostID    string `xml:"HostId"`
}
