// Package s3 is the door of room objects: it speaks the Amazon S3 API, version 2006-03-01, and holds no state.
//
// Requests are S3's by the scope of their signatures, so that it is served where all other doors are. Buckets are named
// by the path, or by a host below one that is served. Nobody is let in without a signature. What is not done, such as
// policies of buckets, is refused by name and never ignored.
package s3

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"

	"slipway/api/awswire"
	"slipway/internal/sigv4"
	"slipway/objects"
)

// Door serves the room.
type Door struct {
	room   *objects.Control
	region string
	hosts  []string
	served *awswire.Service
}

// New returns the door of the room in region. Below hosts, names are those of buckets.
func New(room *objects.Control, region string, hosts ...string) *Door {
	return &Door{room, region, hosts, awswire.NewService(api, faults)}
}

// Before answers requests that are signed for S3; all others are next's. Who calls is found out at gate.
func (d *Door) Before(gate *awswire.Mux, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isOurs(r) {
			next.ServeHTTP(w, r)
			return
		}
		d.serve(gate, w, r)
	})
}

// Unsigned answers requests without any signature that no service at gate knows as its own, as S3 does: who asks for a
// bucket in that way is told in S3's words that they may not. All others are the gate's.
func (d *Door) Unsigned(gate *awswire.Mux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isUnsigned(r) || gate.Knows(r) {
			gate.ServeHTTP(w, r)
			return
		}
		d.serve(gate, w, r)
	})
}

// isUnsigned reports whether a request has no signature, and a method that S3 has for it: others are called by POST, too.
func isUnsigned(r *http.Request) bool {
	query := r.URL.Query()
	if len(r.Header.Values("Authorization")) > 0 || query.Has("X-Amz-Algorithm") || query.Has("X-Amz-Signature") {
		return false
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete:
		return true
	case http.MethodPost:
		return query.Has("uploads") || query.Has("uploadId") || query.Has("delete")
	}
	return false
}

const scopeMark = "/s3/aws4_request"

// isOurs tells by the scope of a signature, wherever that is, that the request is for S3.
func isOurs(r *http.Request) bool {
	if authorization := r.Header.Get("Authorization"); authorization != "" {
		return strings.Contains(authorization, scopeMark) || strings.HasPrefix(authorization, "AWS ")
	}
	if strings.Contains(r.URL.RawQuery, "X-Amz-Credential=") {
		return strings.Contains(r.URL.Query().Get("X-Amz-Credential"), scopeMark)
	}
	return isOld(r)
}

// isOld reports whether a request is presigned as S3 alone had it before all services signed alike.
func isOld(r *http.Request) bool {
	return strings.Contains(r.URL.RawQuery, "AWSAccessKeyId=") && strings.Contains(r.URL.RawQuery, "Signature=")
}

// call is one request on its way to an answer.
type call struct {
	d      *Door
	w      http.ResponseWriter
	r      *http.Request
	query  url.Values
	op     *operation
	visit  *awswire.Visit
	seal   *sigv4.Seal
	ctx    context.Context
	name   string // of the bucket; "": none
	key    string // of the object; "": none
	bucket objects.Bucket
}

func (d *Door) serve(gate *awswire.Mux, w http.ResponseWriter, r *http.Request) {
	c := &call{d: d, w: w, r: r, query: r.URL.Query()}
	c.name, c.key = d.named(r)
	c.op = c.route()
	var err error
	c.visit, c.seal, err = gate.Open(w, r, d.served, c.op.name)
	c.ctx = c.visit.Context()
	var a *answer
	switch {
	case isOld(r) || strings.HasPrefix(r.Header.Get("Authorization"), "AWS "):
		err = invalidRequest.New("The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.")
	case err == nil:
		a, err = c.answer()
	}
	c.finish(a, err)
}

// named tells which bucket and key a request is about.
func (d *Door) named(r *http.Request) (bucket, key string) {
	path := strings.TrimPrefix(r.URL.Path, "/")
	if bucket := d.bucketOf(r.Host); bucket != "" {
		return bucket, path
	}
	bucket, key, _ = strings.Cut(path, "/")
	return bucket, key
}

// bucketOf is the bucket that a host names, or "".
func (d *Door) bucketOf(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(host)
	for _, served := range d.hosts {
		if bucket, below := strings.CutSuffix(host, "."+served); below && net.ParseIP(host) == nil {
			bucket = strings.TrimSuffix(bucket, ".s3")
			if bucket != "s3" {
				return bucket
			}
		}
	}
	return ""
}

// answer does the call. A panic is a fault of this call only.
func (c *call) answer() (a *answer, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	if err := c.visit.Require(c.asks()...); err != nil {
		return nil, err
	}
	if c.op.do == nil {
		return nil, notImplemented.Newf("%s is not supported by Slipway.", c.op.name)
	}
	if c.op.in != inService && c.op.name != "CreateBucket" {
		if c.bucket, err = c.findBucket(c.name, c.r.Header.Get("X-Amz-Expected-Bucket-Owner")); err != nil {
			return nil, err
		}
	}
	if c.op.in == inObject {
		if err := objects.CheckKey(c.key); err != nil {
			return nil, err
		}
	}
	return c.op.do(c)
}

// findBucket finds a bucket of the caller's account. That it is somebody else's is told, as on AWS: names are
// everybody's, and what is in it nobody else learns.
func (c *call) findBucket(name, owner string) (objects.Bucket, error) {
	b, err := c.d.room.FindBucket(c.ctx, name)
	if err == nil && (b.Account != c.visit.Who.Account || owner != "" && owner != b.Account) {
		err = accessDenied.New("Access Denied")
	}
	return b, err
}

// finish writes the call down and answers it, in this order: what is written down is the outcome.
func (c *call) finish(a *answer, err error) {
	if err != nil {
		a = c.refuse(err)
	}
	if err := c.visit.Record(a.status, a.fault); err != nil {
		a.close()
		a = c.refuse(err)
	}
	sent := a.send(c)
	c.visit.Done(a.status, err)
	if sent != nil {
		slog.InfoContext(c.r.Context(), "an object was not sent to its end", "request", c.visit.RequestID, "error", sent)
		panic(http.ErrAbortHandler) // the client must not take it for a whole answer
	}
}
