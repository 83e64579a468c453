// Package sigv4 verifies requests signed with AWS Signature Version 4, in their
// headers or presigned in their query, and signs requests for tests and for
// clients of our own.
//
// Verification goes in steps, so that a caller can refuse early: [Parse] reads the
// claim that a request makes, [Claim.CheckScope] and [Claim.CheckTime] judge it
// without a secret, and [Verifier.Verify] compares the signature over the request
// and its whole body as it was sent: chunked signing (STREAMING-...) is refused there.
// [Verifier.VerifyHead] is for S3, where bodies are too large to be held: it compares
// the signature over what the request says of its body, and returns the [Seal] that
// the body is held to, which may come in signed chunks. SigV4a is refused. The package
// looks up no keys and decides nothing about who may do what.
//
// Source: AWS IAM User Guide, "AWS Signature Version 4 for API requests".
package sigv4

import (
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// The bounds of a signature's life.
const (
	Skew       = 5 * time.Minute    // how far a clock may be off
	MaxExpires = 7 * 24 * time.Hour // of a presigned request
)

const (
	algorithm      = "AWS4-HMAC-SHA256"
	terminator     = "aws4_request"
	timeLayout     = "20060102T150405Z"
	dateLayout     = "20060102"
	unsigned       = "UNSIGNED-PAYLOAD"
	defaultExpires = 15 * time.Minute // for the clients that presign without X-Amz-Expires
)

// Cause says why a request is refused.
type Cause int

// The causes.
const (
	Missing     Cause = iota // it is not signed at all
	Incomplete               // the signature's form is wrong, or a part of it is missing
	Unsupported              // a kind of signature that is not verified here
	Scope                    // signed for another region, service or date
	Expired                  // signed too long ago
	NotYet                   // signed in the future
	Mismatch                 // the signature, or the body's hash, is not that of the request
)

// Error is a refusal with AWS's text for it.
type Error struct {
	Cause Cause
	Text  string
}

func (e *Error) Error() string { return e.Text }

func refuse(cause Cause, format string, args ...any) error {
	return &Error{cause, fmt.Sprintf(format, args...)}
}

// Claim is what a request says of its own signature. Nothing of it is proven before Verify.
type Claim struct {
	AccessKeyID  string
	SessionToken string    // "" for long-lived keys
	Time         time.Time // when it was signed
	Date         string    // the scope's, like the next two
	Region       string
	Service      string

	expires   time.Duration // of a presigned request
	presigned bool
	headers   []string // the signed ones, lower case
	signature []byte
	bodyHash  string // as X-Amz-Content-Sha256 has it; "" if absent
}

// Parse reads the claim in r's Authorization header or query.
func Parse(r *http.Request) (*Claim, error) {
	header := r.Header.Values("Authorization")
	var query url.Values
	if r.URL.RawQuery != "" {
		query = r.URL.Query()
	}
	switch presigned := query.Has("X-Amz-Algorithm") || query.Has("X-Amz-Signature"); {
	case len(header) == 0 && !presigned:
		return nil, refuse(Missing, "Missing Authentication Token")
	case len(header) > 1 || len(header) > 0 && presigned:
		return nil, refuse(Incomplete, "The request is signed more than once: sign it in one Authorization header or in the query, not in both")
	case presigned:
		return parseQuery(query)
	}
	return parseHeader(r.Header, header[0])
}

func parseHeader(h http.Header, authorization string) (*Claim, error) {
	name, rest, _ := strings.Cut(strings.TrimSpace(authorization), " ")
	if err := checkAlgorithm(name); err != nil {
		return nil, err
	}
	parts := partsOf(rest)
	if missing := parts.missing(); missing != "" {
		return nil, refuse(Incomplete, "Authorization header requires '%s' parameter. Authorization=%s", missing, withoutSignature(authorization))
	}
	c := &Claim{SessionToken: h.Get("X-Amz-Security-Token"), bodyHash: h.Get("X-Amz-Content-Sha256")}
	var err error
	if c.Time, err = headerTime(h); err != nil {
		return nil, err
	}
	return c, c.fill(parts.credential, parts.headers, parts.signature)
}

// parts are those of an Authorization header that count; of what is there twice, the last.
type parts struct{ credential, headers, signature string }

func partsOf(text string) (p parts) {
	for part := range strings.SplitSeq(text, ",") {
		switch key, value, _ := strings.Cut(strings.TrimSpace(part), "="); key {
		case "Credential":
			p.credential = value
		case "SignedHeaders":
			p.headers = value
		case "Signature":
			p.signature = value
		}
	}
	return p
}

// missing names a part that there has to be; "": all are there.
func (p *parts) missing() string {
	switch {
	case p.credential == "":
		return "Credential"
	case p.signature == "":
		return "Signature"
	case p.headers == "":
		return "SignedHeaders"
	}
	return ""
}

// withoutSignature keeps a refused header's signature out of logs.
func withoutSignature(authorization string) string {
	before, _, _ := strings.Cut(authorization, "Signature=")
	return before
}

func headerTime(h http.Header) (time.Time, error) {
	if text := h.Get("X-Amz-Date"); text != "" {
		return parseTime(text)
	}
	if text := h.Get("Date"); text != "" {
		if t, err := http.ParseTime(text); err == nil {
			return t.UTC(), nil
		}
		return parseTime(text)
	}
	return time.Time{}, refuse(Incomplete, "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
}

func parseTime(text string) (time.Time, error) {
	t, err := time.Parse(timeLayout, text)
	if err != nil {
		return t, refuse(Incomplete, "Date must be in ISO-8601 'basic format'. Got '%s'. See http://en.wikipedia.org/wiki/ISO_8601", text)
	}
	return t, nil
}

func parseQuery(q url.Values) (*Claim, error) {
	if err := checkAlgorithm(q.Get("X-Amz-Algorithm")); err != nil {
		return nil, err
	}
	for _, name := range []string{"X-Amz-Credential", "X-Amz-Date", "X-Amz-SignedHeaders", "X-Amz-Signature"} {
		if len(q[name]) != 1 || q.Get(name) == "" {
			return nil, refuse(Incomplete, "AWS query-string parameters must include '%s' exactly once. Re-examine the query-string parameters.", name)
		}
	}
	c := &Claim{presigned: true, SessionToken: q.Get("X-Amz-Security-Token"), bodyHash: q.Get("X-Amz-Content-Sha256")}
	var err error
	if c.Time, err = parseTime(q.Get("X-Amz-Date")); err != nil {
		return nil, err
	}
	if c.expires, err = parseExpires(q); err != nil {
		return nil, err
	}
	return c, c.fill(q.Get("X-Amz-Credential"), q.Get("X-Amz-SignedHeaders"), q.Get("X-Amz-Signature"))
}

func parseExpires(q url.Values) (time.Duration, error) {
	if !q.Has("X-Amz-Expires") {
		return defaultExpires, nil
	}
	text := q.Get("X-Amz-Expires")
	seconds, err := strconv.ParseUint(text, 10, 32)
	if err != nil || time.Duration(seconds)*time.Second > MaxExpires {
		return 0, refuse(Incomplete, "X-Amz-Expires must be a number of seconds from 0 to %d, not '%s'", int(MaxExpires/time.Second), text)
	}
	return time.Duration(seconds) * time.Second, nil
}

func checkAlgorithm(name string) error {
	switch {
	case name == algorithm:
		return nil
	case strings.HasPrefix(name, "AWS4-ECDSA-P256-SHA256"):
		return refuse(Unsupported, "Signature Version 4a (AWS4-ECDSA-P256-SHA256) is not supported by Slipway: sign with %s", algorithm)
	}
	return refuse(Incomplete, "Unsupported AWS 'algorithm': '%s': sign with %s", name, algorithm)
}

// fill takes credential, signed headers and signature apart.
func (c *Claim) fill(credential, headers, signature string) error {
	scope := strings.Split(credential, "/")
	if len(scope) != 5 {
		return refuse(Incomplete, "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '%s'", credential)
	}
	c.AccessKeyID, c.Date, c.Region, c.Service = scope[0], scope[1], scope[2], scope[3]
	if scope[4] != terminator {
		return refuse(Scope, "Credential should be scoped with a valid terminator: '%s', not '%s'.", terminator, scope[4])
	}
	c.headers = strings.Split(headers, ";")
	var err error
	if c.signature, err = hex.DecodeString(signature); err != nil {
		return refuse(Incomplete, "The signature must be hexadecimal digits, got '%s'", signature)
	}
	return nil
}

// CheckScope refuses a request that was signed for another region, service or date.
func (c *Claim) CheckScope(region, service string) error {
	var room [len(dateLayout)]byte
	date := c.Time.AppendFormat(room[:0], dateLayout)
	switch {
	case c.Region != region:
		return refuse(Scope, "Credential should be scoped to a valid region, not '%s': this is '%s'.", c.Region, region)
	case c.Service != service:
		return refuse(Scope, "Credential should be scoped to correct service: '%s', not '%s'.", service, c.Service)
	case c.Date != string(date):
		return refuse(Scope, "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '%s' != '%s', from '%s'.",
			c.Date, string(date), c.Time.Format(timeLayout))
	}
	return nil
}

// CheckTime refuses a request that was signed too long ago, or in the future.
func (c *Claim) CheckTime(now time.Time) error {
	life := Skew
	if c.presigned {
		life = c.expires
	}
	late := c.Time.Add(life).Before(now)
	if early := c.Time.After(now.Add(Skew)); !early && !late {
		return nil
	}
	signed, clock := c.Time.Format(timeLayout), now.UTC().Format(timeLayout)
	switch {
	case !late:
		return refuse(NotYet, "Signature not yet current: %s is still later than %s (%s + %d min.)",
			signed, now.Add(Skew).UTC().Format(timeLayout), clock, int(Skew.Minutes()))
	case c.presigned:
		return refuse(Expired, "Signature expired: %s was signed for %d seconds, and it is now %s", signed, int(life.Seconds()), clock)
	}
	return refuse(Expired, "Signature expired: %s is now earlier than %s (%s - %d min.)",
		signed, now.Add(-Skew).UTC().Format(timeLayout), clock, int(Skew.Minutes()))
}
