package sigv4_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"pgregory.net/rapid"

	"slipway/internal/sigv4"
)

// drawRequest makes a request as an SDK would: escaped path, query, some headers, a body.
func drawRequest(t *rapid.T) (*http.Request, string) {
	body := rapid.String().Draw(t, "body")
	r := httptest.NewRequest(rapid.SampledFrom([]string{"GET", "POST", "PUT", "DELETE"}).Draw(t, "method"),
		"http://127.0.0.1:4600/", strings.NewReader(body))
	for _, segment := range rapid.SliceOfN(rapid.StringMatching(`[a-zA-Z0-9 /:%+~._äß-]{1,12}`), 0, 4).Draw(t, "path") {
		r.URL = r.URL.JoinPath(escapeSegment(segment))
	}
	query := r.URL.Query()
	for name, value := range rapid.MapOfN(rapid.StringMatching(`[a-zA-Z][a-zA-Z0-9.]{0,8}`), rapid.String(), 0, 5).Draw(t, "query") {
		query.Set(name, value)
	}
	r.URL.RawQuery = query.Encode()
	if target := rapid.StringMatching(`[A-Za-z0-9_.]{0,20}`).Draw(t, "target"); target != "" {
		r.Header.Set("X-Amz-Target", target)
	}
	r.Header.Set("Content-Type", rapid.StringMatching(`[a-z]+/[a-z ;=]{1,20}`).Draw(t, "type"))
	return r, body
}

func escapeSegment(s string) string {
	const hexDigits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		b.WriteByte('%')
		b.WriteByte(hexDigits[s[i]>>4])
		b.WriteByte(hexDigits[s[i]&15])
	}
	return b.String()
}

func drawCredentials(t *rapid.T) aws.Credentials {
	return aws.Credentials{
		AccessKeyID:     credentials.AccessKeyID,
		SecretAccessKey: credentials.Secret,
		SessionToken:    rapid.StringMatching(`[A-Za-z0-9+/=]{0,40}`).Draw(t, "token"),
	}
}

func hash(body string) string {
	sum := sha256.Sum256([]byte(body))
	return hex.EncodeToString(sum[:])
}

// The signer of the AWS SDK is the oracle: whatever it signs verifies, in headers and presigned.
func TestWhatTheSDKSignsVerifies(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, body := drawRequest(t)
		who := drawCredentials(t)
		if err := v4.NewSigner().SignHTTP(context.Background(), who, r, hash(body), "service", "us-east-1", noon); err != nil {
			t.Fatal(err)
		}
		if err := verify(r, body, noon); err != nil {
			t.Fatal(err)
		}
	})
}

func TestWhatTheSDKPresignsVerifies(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, body := drawRequest(t)
		r.Header.Del("X-Amz-Target") // presigned requests carry their operation in the URL
		who := drawCredentials(t)
		query := r.URL.Query()
		query.Set("X-Amz-Expires", "60")
		r.URL.RawQuery = query.Encode()
		uri, header, err := v4.NewSigner().PresignHTTP(context.Background(), who, r, hash(body), "service", "us-east-1", noon)
		if err != nil {
			t.Fatal(err)
		}
		sent := httptest.NewRequest(r.Method, uri, strings.NewReader(body))
		for name := range header {
			sent.Header[name] = header[name]
		}
		if err := verify(sent, body, noon.Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
	})
}

// And what we sign is what the SDK signs, to the byte.
func TestOurSignatureIsTheSDKs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, body := drawRequest(t)
		who := drawCredentials(t)
		theirs := r.Clone(context.Background())
		theirs.ContentLength = 0 // else the SDK signs the length, which we leave to HTTP
		if err := v4.NewSigner().SignHTTP(context.Background(), who, theirs, hash(body), "service", "us-east-1", noon); err != nil {
			t.Fatal(err)
		}
		ours := sigv4.Credentials{AccessKeyID: who.AccessKeyID, Secret: who.SecretAccessKey, SessionToken: who.SessionToken}
		sigv4.Sign(r, []byte(body), ours, "us-east-1", "service", noon)
		if got, want := r.Header.Get("Authorization"), theirs.Header.Get("Authorization"); got != want {
			t.Fatalf("ours:   %s\ntheirs: %s", got, want)
		}
	})
}

// FuzzParse: nothing that a client can send breaks the verifier or passes it.
func FuzzParse(f *testing.F) {
	f.Add("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=00", "20150830T123600Z", "/?a=b")
	f.Add("AWS4-HMAC-SHA256 Credential=////,SignedHeaders=;;,Signature=", "", "/a%2Fb?%zz&=&a=1;b")
	f.Add("", "20150830T123600Z", "/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A/20150830/us-east-1/service/aws4_request&X-Amz-Date=20150830T123600Z&X-Amz-SignedHeaders=host&X-Amz-Signature=00&X-Amz-Expires=99")
	f.Fuzz(func(t *testing.T, authorization, date, target string) {
		r := httptest.NewRequest("POST", "/", nil)
		if u, err := r.URL.Parse(target); err == nil {
			r.URL = u
		}
		r.Header["Authorization"] = []string{authorization}
		if authorization == "" {
			r.Header.Del("Authorization")
		}
		r.Header.Set("X-Amz-Date", date)
		if verify(r, "", noon) == nil {
			t.Error("a made-up signature was accepted")
		}
	})
}
