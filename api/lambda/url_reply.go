package lambda

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	"slipway/api/awswire"
	"slipway/functions"
	"slipway/internal/errs"
	"slipway/internal/ids"
)

// errFunction is a function that failed, or whose answer cannot be given to a client of its URL.
var errFunction = errs.New(errs.Internal, "the function failed")

// reply is the answer at a URL. In mode RESPONSE_STREAM it is a nodeapi.AnswerWriter.
type reply struct {
	w       http.ResponseWriter
	r       *http.Request
	url     *functions.URL
	control *http.ResponseController
	trace   string
	status  int
	begun   bool   // the status is sent
	prelude []byte // what has come of it, while it comes; nil: it is over, or there is none
}

func newReply(w http.ResponseWriter, r *http.Request, url *functions.URL, request string) *reply {
	o := &reply{w: w, r: r, url: url, control: http.NewResponseController(w), trace: traceOf(r)}
	w.Header().Set("X-Amzn-Requestid", request)
	w.Header().Set(headerTrace, o.trace)
	return o
}

// preludeType is the media type of an answer that begins with its status and headers: a JSON document, which eight
// zero bytes end.
const preludeType = "application/vnd.awslambda.http-integration-response"

var preludeEnd = make([]byte, 8)

// maxPrelude is how long a prelude may be, in bytes.
const maxPrelude = 64 << 10

// head is what a function says of its answer, and in mode BUFFERED the answer itself.
type head struct {
	StatusCode json.RawMessage
	Headers    map[string]json.RawMessage
	Cookies    []string
	Body       string
	Base64     bool `json:"isBase64Encoded"`
}

// Head begins an answer that is given as it comes.
func (o *reply) Head(contentType string) error {
	if contentType == preludeType {
		o.prelude = []byte{}
		return nil
	}
	if contentType == "" {
		contentType = "application/octet-stream"
	}
	o.w.Header().Set("Content-Type", contentType)
	o.begin(http.StatusOK)
	return nil
}

// Write gives a piece of an answer as it comes.
func (o *reply) Write(b []byte) (int, error) {
	n := len(b)
	if o.prelude != nil {
		rest, err := o.readPrelude(b)
		if err != nil || o.prelude != nil {
			return n, err
		}
		b = rest
	}
	// Where deadlines are not served, the server's own timeouts have to do.
	_ = o.control.SetWriteDeadline(time.Now().Add(awswire.PieceTime))
	if len(b) > 0 {
		if _, err := o.w.Write(b); err != nil {
			return 0, err
		}
	}
	return n, o.control.Flush()
}

// readPrelude takes a piece of the answer and begins it once the prelude is whole. It returns what of the piece comes after.
func (o *reply) readPrelude(b []byte) (rest []byte, err error) {
	seen := max(0, len(o.prelude)-len(preludeEnd))
	o.prelude = append(o.prelude, b...)
	at := bytes.Index(o.prelude[seen:], preludeEnd)
	if at < 0 {
		if len(o.prelude) > maxPrelude {
			return nil, fmt.Errorf("%w: its prelude is longer than %d bytes", errFunction, maxPrelude)
		}
		return nil, nil
	}
	document, rest := o.prelude[:seen+at], o.prelude[seen+at+len(preludeEnd):]
	o.prelude = nil
	var h head
	if err := json.Unmarshal(document, &h); err != nil {
		return nil, fmt.Errorf("%w: its prelude: %v", errFunction, err)
	}
	return rest, o.beginWith(&h, "application/octet-stream", -1)
}

// beginWith sends status and headers as the function says, of a body that is so long, or -1.
func (o *reply) beginWith(h *head, contentType string, length int) error {
	status, err := statusOf(h.StatusCode)
	if err != nil {
		return err
	}
	all := o.w.Header()
	all.Set("Content-Type", contentType)
	for name, value := range h.Headers {
		setHeader(all, name, headerText(value))
	}
	for _, cookie := range h.Cookies {
		all.Add("Set-Cookie", cookie)
	}
	if length >= 0 && status != http.StatusNoContent && status != http.StatusNotModified {
		all.Set("Content-Length", strconv.Itoa(length))
	}
	o.begin(status)
	return nil
}

func (o *reply) begin(status int) {
	o.allowOrigin()
	o.status, o.begun = status, true
	o.w.WriteHeader(status)
}

// statusOf is a number or a text that is one; none is 200.
func statusOf(value json.RawMessage) (int, error) {
	if value == nil {
		return http.StatusOK, nil
	}
	status, err := strconv.Atoi(headerText(value))
	if err != nil || status < 200 || status > 599 {
		return 0, fmt.Errorf("%w: its statusCode is %.20s", errFunction, value)
	}
	return status, nil
}

// headerText is a JSON value as a header has it: a text without its quotes.
func headerText(value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) == nil {
		return text
	}
	return string(value)
}

// remapped are headers that are not the function's to say: a client gets them under another name.
var remapped = map[string]bool{
	"Authorization": true, "Connection": true, "Content-Length": true, "Date": true, "Host": true, "Keep-Alive": true, "Server": true,
	"Trailer": true, "Transfer-Encoding": true, "Upgrade": true, "Www-Authenticate": true,
}

func setHeader(h http.Header, name, value string) {
	if name = textproto.CanonicalMIMEHeaderKey(name); remapped[name] {
		name = "X-Amzn-Remapped-" + name
	}
	h.Set(name, value)
}

// finish ends an answer that was given as it came, or gives all of it.
func (o *reply) finish(a *functions.Answer) error {
	switch {
	case a.Failed != "":
		return fmt.Errorf("%w: %s", errFunction, a.Failed)
	case o.prelude != nil:
		return fmt.Errorf("%w: it answered no more than a part of a prelude", errFunction)
	case o.begun:
		return nil
	}
	o.w.Header().Set(headerRelease, a.Release)
	if a.ContentType == preludeType || o.url.Settings.Mode == functions.ResponseStream {
		err := o.Head(a.ContentType)
		if err == nil {
			_, err = o.Write(a.Payload)
		}
		if err == nil && o.prelude != nil {
			err = errFunction
		}
		return err
	}
	return o.whole(a.Payload)
}

// whole gives an answer of mode BUFFERED: what the function says of it, or, where it says no status, what it says.
func (o *reply) whole(payload []byte) error {
	var h head
	err := json.Unmarshal(payload, &h)
	_, other := errors.AsType[*json.UnmarshalTypeError](err) // JSON, of another form
	switch {
	case len(payload) == 0, h.StatusCode == nil && (err == nil || other):
		return o.send(&head{}, payload)
	case err != nil:
		return fmt.Errorf("%w: its answer: %v", errFunction, err)
	}
	body := []byte(h.Body)
	if h.Base64 {
		if body, err = base64.StdEncoding.DecodeString(h.Body); err != nil {
			return fmt.Errorf("%w: its body: %v", errFunction, err)
		}
	}
	return o.send(&h, body)
}

func (o *reply) send(h *head, body []byte) error {
	if err := o.beginWith(h, "application/json", len(body)); err != nil {
		return err
	}
	_, _ = o.w.Write(body) // a client that is gone misses it, which is all that can be said
	return nil
}

// traceOf is the trace that a request belongs to, or a new one.
func traceOf(r *http.Request) string {
	if sent := r.Header.Get(headerTrace); strings.HasPrefix(sent, "Root=") && len(sent) < 256 {
		return sent
	}
	return fmt.Sprintf("Root=1-%08x-%s", time.Now().Unix(), ids.Hex(12))
}
