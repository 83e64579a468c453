package lambda

import (
	"encoding/base64"
	"maps"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"slipway/api/awswire"
	"slipway/functions"
	"slipway/internal/condition"
)

// event is a request to a URL as its function is told of it: payload format version 2.0.
//
// Source: Lambda Developer Guide, "Request and response payloads"; what members there are is as in events that were
// recorded at AWS: none are null but those of the authorizer.
type event struct {
	r     *http.Request
	url   *functions.URL
	visit *awswire.Visit
	time  time.Time
	trace string
	out   []byte
}

// json writes the event.
func (e *event) json() []byte {
	e.out = make([]byte, 0, 2<<10+len(e.visit.Body)*3/2)
	path := e.r.URL.EscapedPath()
	e.text(`{"version":"2.0","routeKey":"$default","rawPath":`, path)
	e.text(`,"rawQueryString":`, e.r.URL.RawQuery)
	e.cookies()
	e.headers()
	e.query()
	e.context(path)
	e.body()
	return e.out
}

// text writes what comes before a text, and the text.
func (e *event) text(before, text string) {
	e.out = awswire.AppendText(append(e.out, before...), text)
}

func (e *event) raw(text string) { e.out = append(e.out, text...) }

func (e *event) cookies() {
	before := `,"cookies":[`
	for _, line := range e.r.Header.Values("Cookie") {
		for cookie := range strings.SplitSeq(line, ";") {
			if cookie = strings.TrimSpace(cookie); cookie != "" {
				e.text(before, cookie)
				before = ","
			}
		}
	}
	if before == "," {
		e.raw("]")
	}
}

// hidden are headers that are about the connection, not about the request.
var hidden = map[string]bool{
	"Connection": true, "Keep-Alive": true, "Proxy-Connection": true, "Te": true, "Trailer": true, "Transfer-Encoding": true, "Upgrade": true,
}

// headers writes names in lower case, and the values of one name as one.
func (e *event) headers() {
	all := make(map[string]string, len(e.r.Header)+5)
	for name, values := range e.r.Header {
		if !hidden[name] {
			all[strings.ToLower(name)] = strings.Join(values, ",")
		}
	}
	if e.url.Settings.Auth == functions.AuthIAM {
		delete(all, "authorization") // the signature is for who lets in
	}
	if e.r.ContentLength > 0 {
		all["content-length"] = strconv.FormatInt(e.r.ContentLength, 10)
	}
	all["host"], all["x-amzn-trace-id"] = e.r.Host, e.trace
	all["x-forwarded-for"] = strings.TrimPrefix(all["x-forwarded-for"]+", "+condition.SourceAddress(e.r), ", ")
	all["x-forwarded-proto"], all["x-forwarded-port"] = arrival(e.r)
	e.pairs(`,"headers":{`, slices.Sorted(maps.Keys(all)), all)
}

// arrival is the scheme and port at which a request came.
func arrival(r *http.Request) (scheme, port string) {
	scheme, port = "http", "80"
	if r.TLS != nil {
		scheme, port = "https", "443"
	}
	if _, p, err := net.SplitHostPort(r.Host); err == nil {
		port = p
	}
	return scheme, port
}

func (e *event) pairs(before string, names []string, values map[string]string) {
	for _, name := range names {
		e.text(before, name)
		e.text(":", values[name])
		before = ","
	}
	e.raw("}")
}

// query writes parameters in the order in which they came, and the values of one name as one.
func (e *event) query() {
	var names []string
	values := map[string]string{}
	for part := range strings.SplitSeq(e.r.URL.RawQuery, "&") {
		name, value, _ := strings.Cut(part, "=")
		if part == "" {
			continue
		}
		name, value = unescaped(name), unescaped(value)
		if have, twice := values[name]; twice {
			value = have + "," + value
		} else {
			names = append(names, name)
		}
		values[name] = value
	}
	if len(names) > 0 {
		e.pairs(`,"queryStringParameters":{`, names, values)
	}
}

// unescaped is a part of a query as it is meant; one that is no such part is what it is.
func unescaped(part string) string {
	if plain, err := url.QueryUnescape(part); err == nil {
		return plain
	}
	return part
}

func (e *event) context(path string) {
	domain := hostOf(e.r.Host)
	e.text(`,"requestContext":{"accountId":`, e.account())
	e.text(`,"apiId":`, e.url.ID)
	e.authorizer()
	e.text(`,"domainName":`, domain)
	e.text(`,"domainPrefix":`, e.url.ID)
	e.text(`,"http":{"method":`, e.r.Method)
	e.text(`,"path":`, path)
	e.text(`,"protocol":`, e.r.Proto)
	e.text(`,"sourceIp":`, condition.SourceAddress(e.r))
	e.text(`,"userAgent":`, e.r.UserAgent())
	e.text(`},"requestId":`, e.visit.RequestID)
	e.text(`,"routeKey":"$default","stage":"$default","time":`, e.time.UTC().Format("02/Jan/2006:15:04:05 -0700"))
	e.raw(`,"timeEpoch":`)
	e.out = strconv.AppendInt(e.out, e.time.UnixMilli(), 10)
	e.raw("}")
}

// account is whose the caller is.
func (e *event) account() string {
	if e.visit.Who.Account == "" {
		return "anonymous"
	}
	return e.visit.Who.Account
}

func (e *event) authorizer() {
	who := &e.visit.Who
	if who.Account == "" {
		return
	}
	e.text(`,"authorizer":{"iam":{"accessKey":`, who.AccessKeyID)
	e.text(`,"accountId":`, who.Account)
	e.text(`,"callerId":`, who.UserID)
	e.text(`,"cognitoIdentity":null,"principalOrgId":null,"userArn":`, who.ARN)
	e.text(`,"userId":`, who.UserID)
	e.raw("}}")
}

// body writes text as it is, and all else in base64.
func (e *event) body() {
	text := isText(e.r.Header.Get("Content-Type")) && utf8.Valid(e.visit.Body)
	switch {
	case len(e.visit.Body) == 0:
		text = true
	case text:
		e.text(`,"body":`, e.visit.Text())
	default:
		e.raw(`,"body":"`)
		e.out = base64.StdEncoding.AppendEncode(e.out, e.visit.Body)
		e.raw(`"`)
	}
	e.raw(`,"isBase64Encoded":`)
	e.out = append(strconv.AppendBool(e.out, !text), '}')
}

// isText reports whether AWS Lambda gives a body of this media type to functions as text. A form is none.
func isText(contentType string) bool {
	media, _, _ := mime.ParseMediaType(contentType)
	switch media {
	case "application/json", "application/javascript", "application/xml":
		return true
	}
	return strings.HasPrefix(media, "text/") || strings.HasSuffix(media, "+json") || strings.HasSuffix(media, "+xml")
}
