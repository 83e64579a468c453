package s3_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"slipway/api/awswire/wiretest"
	"slipway/internal/sigv4"
)

// What a body is said to be is compared with what came, and nothing is kept that is something else.
func TestBodiesAreWhatTheyAreSaidToBe(t *testing.T) {
	d := newDesk(t)
	b := d.bucket("harbour")
	chunked := func(trailer string) []byte { return []byte("3\r\nabc\r\n2\r\nde\r\n0\r\n" + trailer + "\r\n") }
	const streaming, crc = "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "hYfYZQ==" // of abcde
	for name, row := range map[string]struct {
		body    []byte
		headers []string
		want    string // code; "": it is good
	}{
		"good hash":           {[]byte("abcde"), []string{"X-Amz-Content-Sha256", "36bbe50ed96841d10443bcb670d6554f0a34b761be67ec9c4a8ad2c0c44ca42c"}, ""},
		"bad hash":            {[]byte("abcdf"), []string{"X-Amz-Content-Sha256", "36bbe50ed96841d10443bcb670d6554f0a34b761be67ec9c4a8ad2c0c44ca42c"}, "XAmzContentSHA256Mismatch"},
		"no hash":             {[]byte("abcde"), []string{"X-Amz-Content-Sha256", "nonsense"}, "AuthorizationHeaderMalformed"},
		"good MD5":            {[]byte("abcde"), []string{"Content-Md5", "q1a02StAcTrMWviZhdS3hg=="}, ""},
		"bad MD5":             {[]byte("abcdf"), []string{"Content-Md5", "q1a02StAcTrMWviZhdS3hg=="}, "BadDigest"},
		"no MD5":              {[]byte("abcde"), []string{"Content-Md5", "nonsense"}, "InvalidDigest"},
		"good checksum":       {[]byte("abcde"), []string{"X-Amz-Checksum-Crc32", crc}, ""},
		"bad checksum":        {[]byte("abcdf"), []string{"X-Amz-Checksum-Crc32", crc}, "BadDigest"},
		"two checksums":       {[]byte("abcde"), []string{"X-Amz-Checksum-Crc32", crc, "X-Amz-Checksum-Crc32c", crc}, "InvalidRequest"},
		"good trailer":        {chunked("x-amz-checksum-crc32:" + crc + "\r\n"), []string{"X-Amz-Content-Sha256", streaming, "X-Amz-Trailer", "x-amz-checksum-crc32", "X-Amz-Decoded-Content-Length", "5"}, ""},
		"no trailer":          {chunked(""), []string{"X-Amz-Content-Sha256", streaming, "X-Amz-Trailer", "x-amz-checksum-crc32", "X-Amz-Decoded-Content-Length", "5"}, "MalformedTrailerError"},
		"bad trailer":         {chunked("x-amz-checksum-crc32:AAAAAA==\r\n"), []string{"X-Amz-Content-Sha256", streaming, "X-Amz-Trailer", "x-amz-checksum-crc32", "X-Amz-Decoded-Content-Length", "5"}, "BadDigest"},
		"other length":        {chunked(""), []string{"X-Amz-Content-Sha256", streaming, "X-Amz-Decoded-Content-Length", "6"}, "IncompleteBody"},
		"no length":           {chunked(""), []string{"X-Amz-Content-Sha256", streaming}, "MissingContentLength"},
		"no chunks":           {[]byte("abcde"), []string{"X-Amz-Content-Sha256", streaming, "X-Amz-Decoded-Content-Length", "5"}, "IncompleteBody"},
		"chunks without end":  {[]byte("3\r\nabc\r\n"), []string{"X-Amz-Content-Sha256", streaming, "X-Amz-Decoded-Content-Length", "3"}, "IncompleteBody"},
		"server's encryption": {[]byte("abcde"), []string{"X-Amz-Server-Side-Encryption", "AES256"}, "NotImplemented"},
		"public":              {[]byte("abcde"), []string{"X-Amz-Acl", "public-read"}, "AccessControlListNotSupported"},
		"glacier":             {[]byte("abcde"), []string{"X-Amz-Storage-Class", "GLACIER"}, "InvalidStorageClass"},
		"much metadata":       {[]byte("abcde"), []string{"X-Amz-Meta-A", strings.Repeat("a", 2048)}, "MetadataTooLarge"},
	} {
		status, text, _ := d.raw("PUT", "/harbour/k", row.body, row.headers...)
		if row.want == "" && status != 200 || row.want != "" && !strings.Contains(text, "<Code>"+row.want+"</Code>") {
			t.Errorf("%s: %d %s, want %q", name, status, text, row.want)
		}
		got := d.text(&awss3.GetObjectInput{Bucket: b, Key: aws.String("k")})
		if row.want == "" && got != "abcde" || row.want != "" && !strings.Contains(got, "NoSuchKey") {
			t.Errorf("%s: there is %q", name, got)
		}
		_, err := d.DeleteObject(t.Context(), &awss3.DeleteObjectInput{Bucket: b, Key: aws.String("k")})
		must(t, err)
	}
}

// Chunks that are signed one by one are taken as they were signed, and not otherwise.
func TestSignedChunks(t *testing.T) {
	d := newDesk(t)
	b := d.bucket("harbour")
	key := aws.String("k")
	for name, row := range map[string]struct {
		change func([]byte) []byte
		want   int
	}{
		"as signed":     {func(b []byte) []byte { return b }, 200},
		"other bytes":   {func(b []byte) []byte { return bytes.Replace(b, []byte("first"), []byte("fIrst"), 1) }, 403},
		"other trailer": {func(b []byte) []byte { return bytes.Replace(b, []byte("crc32:"), []byte("crc32: A"), 1) }, 403},
		"swapped": {func(b []byte) []byte {
			return bytes.Replace(bytes.Replace(bytes.Replace(b, []byte("first"), []byte("xxxxx"), 1), []byte("secnd"), []byte("first"), 1), []byte("xxxxx"), []byte("secnd"), 1)
		}, 403},
	} {
		r := d.signedChunks("first", "secnd")
		body := row.change(*r.body)
		r.Body, r.ContentLength = http.NoBody, int64(len(body))
		r.Body = readCloser{bytes.NewReader(body)}
		status, text, _ := d.send(r.Request)
		if status != row.want {
			t.Errorf("%s: %d %s, want %d", name, status, text, row.want)
		}
		if got := d.text(&awss3.GetObjectInput{Bucket: b, Key: key}); row.want == 200 && got != "firstsecnd" {
			t.Errorf("%s: there is %q", name, got)
		}
	}
}

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }

type chunkedRequest struct {
	*http.Request
	body *[]byte
}

// signedChunks signs a body chunk by chunk, with a checksum behind it, as clients do.
func (d *desk) signedChunks(chunks ...string) chunkedRequest {
	d.t.Helper()
	now := time.Now().UTC()
	r, err := http.NewRequest("PUT", d.url+"/harbour/k", nil)
	must(d.t, err)
	r.Header.Set("X-Amz-Content-Sha256", sigv4.SignedChunksTrailer)
	r.Header.Set("X-Amz-Trailer", "x-amz-checksum-crc32")
	r.Header.Set("X-Amz-Decoded-Content-Length", fmt.Sprint(len(strings.Join(chunks, ""))))
	r.Header.Set("Content-Encoding", "aws-chunked")
	sigv4.Sign(r, nil, sigv4.Credentials{AccessKeyID: d.world.Root.ID, Secret: d.world.Root.Secret}, wiretest.Region, "s3", now)
	_, previous, _ := strings.Cut(r.Header.Get("Authorization"), "Signature=")
	signingKey := []byte("AWS4" + d.world.Root.Secret)
	for _, text := range []string{now.Format("20060102"), wiretest.Region, "s3", "aws4_request"} {
		signingKey = macOf(signingKey, text)
	}
	stamp := now.Format("20060102T150405Z") + "\n" + now.Format("20060102") + "/" + wiretest.Region + "/s3/aws4_request\n"
	var body bytes.Buffer
	for _, chunk := range append(chunks, "") {
		previous = hex.EncodeToString(macOf(signingKey, "AWS4-HMAC-SHA256-PAYLOAD\n"+stamp+previous+"\n"+hashOf("")+"\n"+hashOf(chunk)))
		fmt.Fprintf(&body, "%x;chunk-signature=%s\r\n%s", len(chunk), previous, chunk)
		if chunk != "" {
			body.WriteString("\r\n")
		}
	}
	const trailer = "x-amz-checksum-crc32:JU8zDQ==" // of firstsecnd
	previous = hex.EncodeToString(macOf(signingKey, "AWS4-HMAC-SHA256-TRAILER\n"+stamp+previous+"\n"+hashOf(trailer+"\n")))
	fmt.Fprintf(&body, "%s\r\nx-amz-trailer-signature:%s\r\n\r\n", trailer, previous)
	return chunkedRequest{r, new(body.Bytes())}
}

func macOf(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
