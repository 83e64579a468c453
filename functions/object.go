package functions

import (
	"bytes"
	"context"
	"errors"
	"io"

	"slipway/internal/errs"
)

// Object names a zip that lies in a bucket.
type Object struct {
	Bucket, Key string
	Version     string // "": the latest
}

// What can go wrong with an object. Whoever opens it words it with what the store of objects said.
var (
	ErrObject       = errs.New(errs.Invalid, "Error occurred while GetObject.")
	ErrObjectDenied = errs.New(errs.Denied, "Your access has been denied by S3")
	ErrBucket       = errs.New(errs.NotFound, "the bucket is not there, or another account's")
)

// Objects is what the room needs of buckets, for an account.
type Objects interface {
	// Open opens what lies in one. It returns ErrObject or ErrObjectDenied.
	Open(ctx context.Context, account string, o Object) (Zip, error)
	// Own returns ErrBucket unless a bucket is there, and the account's.
	Own(ctx context.Context, account, bucket string) error
	// Put puts a JSON document into a bucket, under a key that is the document's alone. It returns ErrBucket.
	Put(ctx context.Context, account, bucket, key string, document []byte) error
}

// Zip is the bytes of one. It need not be safe for several goroutines.
type Zip interface {
	io.ReaderAt
	io.Closer
	Size() int64
}

// held is a zip in memory.
type held struct{ *bytes.Reader }

func (held) Close() error { return nil }

// openZip opens the zip that code is, wherever it lies.
func (c *Control) openZip(ctx context.Context, account string, code Code) (Zip, error) {
	switch {
	case code.Object == Object{}:
		return held{bytes.NewReader(code.Zip)}, nil
	case code.Zip != nil:
		return nil, errs.Say(ErrInput, "Please do not provide other FunctionCode parameters when providing a ZipFile.")
	case code.Object.Bucket == "" || code.Object.Key == "":
		return nil, errs.Say(ErrInput, "S3Bucket and S3Key must be provided together.")
	case c.config.Objects == nil:
		return nil, errs.Say(ErrInput, "There are no buckets here: send code as ZipFile.")
	}
	return c.config.Objects.Open(ctx, account, code.Object)
}

// putCode puts the zip that code is where code lies.
func (c *Control) putCode(ctx context.Context, account string, code Code) (digest string, size int64, err error) {
	zip, err := c.openZip(ctx, account, code)
	if err != nil {
		return "", 0, err
	}
	most := int64(maxZip)
	if code.Object != (Object{}) {
		most = maxObject
	}
	digest, size, err = c.put(ctx, zip, most)
	return digest, size, errors.Join(err, zip.Close())
}
