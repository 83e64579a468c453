package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"slipway/functions"
	"slipway/internal/errs"
	"slipway/objects"
)

// openObjects opens the room of buckets.
func (s *Server) openObjects(ctx context.Context) error {
	blobs, err := s.openBeside(ctx, "objects")
	if err != nil {
		return err
	}
	s.objects, err = objects.New(ctx, s.db, blobs)
	return err
}

// bucketHosts are the hosts below which names are those of buckets.
func (s *Server) bucketHosts() []string {
	hosts := []string{"localhost"}
	if host, _, err := net.SplitHostPort(s.config.Advertise); err == nil && net.ParseIP(host) == nil && host != "localhost" {
		hosts = append(hosts, strings.ToLower(host))
	}
	return hosts
}

// functionObjects lets functions be made of what lies in buckets of their accounts. Whether the caller may read it, the
// door asks.
type functionObjects struct{ room *objects.Control }

// Open satisfies functions.Objects. The sentences are those of AWS Lambda.
func (f functionObjects) Open(ctx context.Context, account string, o functions.Object) (functions.Zip, error) {
	b, err := f.room.FindBucket(ctx, o.Bucket)
	if err == nil && b.Account != account {
		return nil, errs.Say(functions.ErrObjectDenied, "Your access has been denied by S3, please make sure your request credentials have permission to GetObject for %s/%s. S3 Error Code: AccessDenied. S3 Error Message: Access Denied", o.Bucket, o.Key)
	}
	var found objects.Object
	if err == nil {
		found, err = f.room.Find(ctx, b, o.Key, o.Version)
	}
	var zip *objects.Reader
	if err == nil {
		zip, err = f.room.Open(ctx, found, 0, found.Size)
	}
	if code := objectCode(err); code != "" {
		return nil, errs.Say(functions.ErrObject, "Error occurred while GetObject. S3 Error Code: %s. S3 Error Message: %s", code, errs.Declared(err))
	}
	return zipObject{zip, found.Size}, err
}

// Own satisfies functions.Objects.
func (f functionObjects) Own(ctx context.Context, account, bucket string) error {
	_, err := f.own(ctx, account, bucket)
	return err
}

func (f functionObjects) own(ctx context.Context, account, bucket string) (objects.Bucket, error) {
	b, err := f.room.FindBucket(ctx, bucket)
	if errors.Is(err, objects.ErrNoBucket) || err == nil && b.Account != account {
		err = fmt.Errorf("%w: %s", functions.ErrBucket, bucket)
	}
	return b, err
}

// Put satisfies functions.Objects.
func (f functionObjects) Put(ctx context.Context, account, bucket, key string, document []byte) error {
	b, err := f.own(ctx, account, bucket)
	if err != nil {
		return err
	}
	put := objects.Put{Bucket: b, Key: key, About: objects.About{ContentType: "application/json"}}
	_, err = f.room.Put(ctx, put, objects.Content{Body: bytes.NewReader(document), Size: int64(len(document))})
	if errors.Is(err, objects.ErrNoBucket) {
		err = fmt.Errorf("%w: %s", functions.ErrBucket, bucket)
	}
	return err
}

// objectCode is what S3 calls an error that the caller can do something about, "" for all others.
func objectCode(err error) string {
	for code, cause := range map[string]error{
		"NoSuchBucket": objects.ErrNoBucket, "NoSuchKey": objects.ErrNoKey, "NoSuchVersion": objects.ErrNoVersion, "InvalidArgument": objects.ErrVersionID,
	} {
		if errors.Is(err, cause) {
			return code
		}
	}
	if errors.Is(err, objects.ErrMarker) {
		return "MethodNotAllowed"
	}
	return ""
}

type zipObject struct {
	*objects.Reader
	size int64
}

func (z zipObject) Size() int64 { return z.size }
