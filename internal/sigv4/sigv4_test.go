package sigv4_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"slipway/internal/sigv4"
)

var (
	credentials = sigv4.Credentials{AccessKeyID: "AKIDEXAMPLE", Secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}
	noon        = time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)
)

// verify goes all the way that a server goes.
func verify(r *http.Request, body string, now time.Time) error {
	c, err := sigv4.Parse(r)
	if err != nil {
		return err
	}
	if err := c.CheckScope("us-east-1", "service"); err != nil {
		return err
	}
	if err := c.CheckTime(now); err != nil {
		return err
	}
	return new(sigv4.Verifier).Verify(c, r, []byte(body), credentials.Secret)
}

// wantCause fails unless err is a refusal for the cause, with a text that has the words.
func wantCause(t *testing.T, err error, cause sigv4.Cause, words string) {
	t.Helper()
	var refusal *sigv4.Error
	if !errors.As(err, &refusal) {
		t.Fatalf("error = %v, want a refusal about %q", err, words)
	}
	if refusal.Cause != cause || !strings.Contains(refusal.Text, words) {
		t.Errorf("refused for cause %d: %s\nwant cause %d and the words %q", refusal.Cause, refusal.Text, cause, words)
	}
}

// TestPublishedVectors are AWS's own signatures, from the Signature Version 4 test suite.
func TestPublishedVectors(t *testing.T) {
	for _, c := range []struct {
		name, method, target string
		headers              [][2]string
		body, signed         string
		signature            string
	}{
		{name: "get-vanilla", method: "GET", target: "/", signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
		{name: "post-vanilla", method: "POST", target: "/", signature: "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
		{name: "get-unreserved", method: "GET", target: "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", signature: "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
		{name: "get-slashes", method: "GET", target: "//example//", signature: "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"},
		{name: "get-vanilla-query-order-key-case", method: "GET", target: "/?Param2=value2&Param1=value1", signature: "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
		{name: "get-vanilla-query-order-value", method: "GET", target: "/?Param1=value2&Param1=value1", signature: "5772eed61e12b33fae39ee5e7012498b51d56abc0abb7c60486157bd471c4694"},
		{name: "get-vanilla-utf8-query", method: "GET", target: "/?\u1234=bar", signature: "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
		{name: "get-header-value-order", method: "GET", target: "/", signed: "host;my-header1;x-amz-date",
			headers:   [][2]string{{"My-Header1", "value4"}, {"My-Header1", "value1"}, {"My-Header1", "value3"}, {"My-Header1", "value2"}},
			signature: "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01"},
		{name: "get-header-value-trim", method: "GET", target: "/", signed: "host;my-header1;my-header2;x-amz-date",
			headers:   [][2]string{{"My-Header1", " value1"}, {"My-Header2", ` "a   b   c"`}},
			signature: "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
		{name: "post-x-www-form-urlencoded", method: "POST", target: "/", signed: "content-type;host;x-amz-date", body: "Param1=value1",
			headers:   [][2]string{{"Content-Type", "application/x-www-form-urlencoded"}},
			signature: "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
		{name: "post-sts-header", method: "POST", target: "/", signed: "host;x-amz-date;x-amz-security-token",
			headers:   [][2]string{{"X-Amz-Security-Token", "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="}},
			signature: "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest(c.method, "https://example.amazonaws.com/", strings.NewReader(c.body))
			r.URL.Path, r.URL.RawQuery, _ = strings.Cut(c.target, "?")
			r.Header.Set("X-Amz-Date", "20150830T123600Z")
			for _, h := range c.headers {
				r.Header.Add(h[0], h[1])
			}
			signed := c.signed
			if signed == "" {
				signed = "host;x-amz-date"
			}
			r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders="+
				signed+", Signature="+c.signature)
			if err := verify(r, c.body, noon); err != nil {
				t.Error(err)
			}
		})
	}
}

// signed returns a request that verifies at noon.
func signed(t *testing.T, method, target, body string) *http.Request {
	t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("X-Amz-Target", "Service.Operation")
	sigv4.Sign(r, []byte(body), credentials, "us-east-1", "service", noon)
	if err := verify(r, body, noon); err != nil {
		t.Fatalf("the request that the test begins with: %v", err)
	}
	return r
}

func TestTamperedRequestsAreRefused(t *testing.T) {
	const target, body = "http://127.0.0.1:4600/a%2Fb/c?x=1&y=2", `{"count": 1}`
	for name, tamper := range map[string]func(r *http.Request) (sent string){
		"body":         func(r *http.Request) string { return `{"count": 2}` },
		"method":       func(r *http.Request) string { r.Method = "GET"; return body },
		"path":         func(r *http.Request) string { r.URL.Path, r.URL.RawPath = "/a/b/c", ""; return body },
		"query value":  func(r *http.Request) string { r.URL.RawQuery = "x=1&y=3"; return body },
		"query added":  func(r *http.Request) string { r.URL.RawQuery += "&z=1"; return body },
		"header":       func(r *http.Request) string { r.Header.Set("X-Amz-Target", "Service.Delete"); return body },
		"header added": func(r *http.Request) string { r.Header.Add("X-Amz-Target", "Service.Delete"); return body },
		"host":         func(r *http.Request) string { r.Host = "elsewhere"; return body },
		"date":         func(r *http.Request) string { r.Header.Set("X-Amz-Date", "20150830T123601Z"); return body },
	} {
		t.Run(name, func(t *testing.T) {
			r := signed(t, "POST", target, body)
			wantCause(t, verify(r, tamper(r), noon), sigv4.Mismatch, "signature we calculated does not match")
		})
	}
}

func TestWrongSecret(t *testing.T) {
	r := signed(t, "POST", "/", "")
	c, err := sigv4.Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	wantCause(t, new(sigv4.Verifier).Verify(c, r, nil, "another"), sigv4.Mismatch, "The String-to-Sign should have been\n'AWS4-HMAC-SHA256\n20150830T123600Z\n")
}

func TestRotatedSecretIsNotServedFromMemory(t *testing.T) {
	r := signed(t, "POST", "/", "")
	c, err := sigv4.Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	var v sigv4.Verifier
	for range 2 { // the second from memory
		if err := v.Verify(c, r, nil, credentials.Secret); err != nil {
			t.Fatal(err)
		}
	}
	wantCause(t, v.Verify(c, r, nil, "rotated"), sigv4.Mismatch, "does not match")
	if err := v.Verify(c, r, nil, credentials.Secret); err != nil {
		t.Errorf("a bad try spoiled the remembered key: %v", err)
	}
}

func TestForms(t *testing.T) {
	const credential = "Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request"
	for _, c := range []struct {
		name, authorization string
		cause               sigv4.Cause
		words               string
	}{
		{"other scheme", "Bearer abc", sigv4.Incomplete, "Unsupported AWS 'algorithm': 'Bearer'"},
		{"signature version 4a", "AWS4-ECDSA-P256-SHA256 x", sigv4.Unsupported, "Signature Version 4a"},
		{"no credential", "AWS4-HMAC-SHA256 SignedHeaders=host, Signature=00", sigv4.Incomplete, "requires 'Credential' parameter"},
		{"no signature", "AWS4-HMAC-SHA256 " + credential + ", SignedHeaders=host", sigv4.Incomplete, "requires 'Signature' parameter"},
		{"no signed headers", "AWS4-HMAC-SHA256 " + credential + ", Signature=00", sigv4.Incomplete, "requires 'SignedHeaders' parameter"},
		{"short credential", "AWS4-HMAC-SHA256 Credential=AKID/us-east-1, SignedHeaders=host, Signature=00", sigv4.Incomplete, "exactly 5 slash-delimited elements"},
		{"terminator", "AWS4-HMAC-SHA256 Credential=AKID/20150830/us-east-1/service/aws3, SignedHeaders=host, Signature=00", sigv4.Scope, "valid terminator: 'aws4_request', not 'aws3'"},
		{"region", "AWS4-HMAC-SHA256 Credential=AKID/20150830/eu-west-1/service/aws4_request, SignedHeaders=host, Signature=00", sigv4.Scope, "valid region, not 'eu-west-1'"},
		{"service", "AWS4-HMAC-SHA256 Credential=AKID/20150830/us-east-1/other/aws4_request, SignedHeaders=host, Signature=00", sigv4.Scope, "correct service: 'service'"},
		{"date", "AWS4-HMAC-SHA256 Credential=AKID/20150831/us-east-1/service/aws4_request, SignedHeaders=host, Signature=00", sigv4.Scope, "'20150831' != '20150830', from '20150830T123600Z'"},
		{"not hexadecimal", "AWS4-HMAC-SHA256 " + credential + ", SignedHeaders=host, Signature=xyz", sigv4.Incomplete, "hexadecimal"},
		{"host not signed", "AWS4-HMAC-SHA256 " + credential + ", SignedHeaders=x-amz-date, Signature=00", sigv4.Mismatch, "'Host' must be a 'SignedHeader'"},
		{"target not signed", "AWS4-HMAC-SHA256 " + credential + ", SignedHeaders=host, Signature=00", sigv4.Mismatch, "'X-Amz-Target' must be a 'SignedHeader'"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := signed(t, "POST", "/", "")
			r.Header.Set("Authorization", c.authorization)
			wantCause(t, verify(r, "", noon), c.cause, c.words)
		})
	}
}

func TestWithoutSignatureOrDate(t *testing.T) {
	wantCause(t, verify(httptest.NewRequest("POST", "/", nil), "", noon), sigv4.Missing, "Missing Authentication Token")

	r := signed(t, "POST", "/", "")
	r.Header.Del("X-Amz-Date")
	wantCause(t, verify(r, "", noon), sigv4.Incomplete, "either a 'X-Amz-Date' or a 'Date' header")
	r.Header.Set("X-Amz-Date", "yesterday")
	wantCause(t, verify(r, "", noon), sigv4.Incomplete, "ISO-8601 'basic format'. Got 'yesterday'")
}

func TestSignedTwice(t *testing.T) {
	r := signed(t, "POST", "/", "")
	r.URL.RawQuery = "X-Amz-Algorithm=AWS4-HMAC-SHA256"
	wantCause(t, verify(r, "", noon), sigv4.Incomplete, "signed more than once")
}

func TestPayloadOptions(t *testing.T) {
	for declared, want := range map[string]struct {
		cause sigv4.Cause
		words string
	}{
		"UNSIGNED-PAYLOAD":                   {sigv4.Unsupported, "'UNSIGNED-PAYLOAD' is not supported"},
		"STREAMING-AWS4-HMAC-SHA256-PAYLOAD": {sigv4.Unsupported, "'STREAMING-AWS4-HMAC-SHA256-PAYLOAD' is not supported"},
		strings.Repeat("0", 64):              {sigv4.Mismatch, "does not match what was computed"},
	} {
		r := httptest.NewRequest("POST", "/", nil)
		r.Header.Set("X-Amz-Content-Sha256", declared)
		sigv4.Sign(r, []byte("body"), credentials, "us-east-1", "service", noon)
		wantCause(t, verify(r, "body", noon), want.cause, want.words)
	}
}

func TestSkew(t *testing.T) {
	r := signed(t, "POST", "/", "")
	for _, within := range []time.Duration{0, sigv4.Skew, -sigv4.Skew} {
		if err := verify(r, "", noon.Add(within)); err != nil {
			t.Errorf("at %v from the signature: %v", within, err)
		}
	}
	wantCause(t, verify(r, "", noon.Add(sigv4.Skew+time.Second)), sigv4.Expired,
		"Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T124101Z - 5 min.)")
	wantCause(t, verify(r, "", noon.Add(-sigv4.Skew-time.Second)), sigv4.NotYet,
		"Signature not yet current: 20150830T123600Z is still later than 20150830T123559Z (20150830T123059Z + 5 min.)")
}

func presigned(expires time.Duration) *http.Request {
	r := httptest.NewRequest("GET", "http://127.0.0.1:4600/?Action=GetCallerIdentity&Version=2011-06-15", nil)
	sigv4.Presign(r, nil, credentials, "us-east-1", "service", noon, expires)
	return r
}

func TestPresignedLivesAsLongAsItSays(t *testing.T) {
	r := presigned(time.Hour)
	for _, after := range []time.Duration{0, time.Minute, time.Hour} {
		if err := verify(r, "", noon.Add(after)); err != nil {
			t.Errorf("after %v: %v", after, err)
		}
	}
	wantCause(t, verify(r, "", noon.Add(time.Hour+time.Second)), sigv4.Expired, "was signed for 3600 seconds, and it is now 20150830T133601Z")
	if err := verify(presigned(sigv4.MaxExpires), "", noon.Add(sigv4.MaxExpires)); err != nil {
		t.Errorf("seven days: %v", err)
	}
	wantCause(t, verify(presigned(sigv4.MaxExpires+time.Second), "", noon), sigv4.Incomplete, "from 0 to 604800, not '604801'")
}

func TestPresignedTampered(t *testing.T) {
	r := presigned(time.Hour)
	r.URL.RawQuery = strings.Replace(r.URL.RawQuery, "X-Amz-Expires=3600", "X-Amz-Expires=7200", 1)
	wantCause(t, verify(r, "", noon), sigv4.Mismatch, "does not match")

	r = presigned(time.Hour)
	wantCause(t, verify(r, "a body", noon), sigv4.Mismatch, "does not match")

	r = presigned(time.Hour)
	r.URL.RawQuery = strings.Replace(r.URL.RawQuery, "X-Amz-Date", "X-Amz-Day", 1)
	wantCause(t, verify(r, "", noon), sigv4.Incomplete, "must include 'X-Amz-Date' exactly once")
}

func TestSessionTokenIsPartOfTheClaim(t *testing.T) {
	with := credentials
	with.SessionToken = "token/of/a/role+="
	r := httptest.NewRequest("POST", "/", nil)
	sigv4.Sign(r, nil, with, "us-east-1", "service", noon)
	p := httptest.NewRequest("GET", "/", nil)
	sigv4.Presign(p, nil, with, "us-east-1", "service", noon, time.Minute)
	for _, r := range []*http.Request{r, p} {
		c, err := sigv4.Parse(r)
		if err != nil {
			t.Fatal(err)
		}
		if c.SessionToken != with.SessionToken || c.AccessKeyID != with.AccessKeyID {
			t.Errorf("claim = %+v", c)
		}
		if err := verify(r, "", noon); err != nil {
			t.Error(err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	body := `{"cluster":"default","taskDefinition":"web:1","count":1}`
	r := httptest.NewRequest("POST", "http://127.0.0.1:4600/", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "AmazonEC2ContainerServiceV20141113.RunTask")
	sigv4.Sign(r, []byte(body), credentials, "us-east-1", "service", noon)
	io.Copy(io.Discard, r.Body)
	var v sigv4.Verifier
	for b.Loop() {
		c, err := sigv4.Parse(r)
		if err != nil {
			b.Fatal(err)
		}
		if err := v.Verify(c, r, []byte(body), credentials.Secret); err != nil {
			b.Fatal(err)
		}
	}
}
