package server

import (
	"context"
	"errors"
	"net"
	"net/url"
	"path/filepath"
	"strings"

	"slipway/blob/disk"
	"slipway/blob/s3"
	"slipway/functions"
	"slipway/internal/errs"
	"slipway/objects"
)

// openObjects opens the room of buckets. Their bytes lie beside those of the registry, and apart from them.
func (s *Server) openObjects(ctx context.Context) error {
	blobs, err := s.openObjectBlobs(ctx)
	if err != nil {
		return err
	}
	s.objects, err = objects.New(ctx, s.db, blobs)
	return err
}

func (s *Server) openObjectBlobs(ctx context.Context) (objects.Blobs, error) {
	if s.config.Blobs == "" {
		return disk.Open(filepath.Join(s.config.Data, "objects"))
	}
	location, err := url.Parse(s.config.Blobs)
	if err != nil {
		return nil, s3.ErrLocation // err would repeat what may be a secret
	}
	location.Path = strings.TrimSuffix(location.Path, "/") + objectsFolder
	return s3.Open(ctx, location.String())
}

// objectsFolder is where objects lie in a bucket: no name that the registry has for anything is below it.
const objectsFolder = "-objects"

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
