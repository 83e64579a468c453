// Package blob keeps bytes under their digest. What is there is whole, was checked
// against its digest when it arrived, and never changes.
//
// It does not know whose the bytes are, who refers to them, or when they may go: that
// is written down in SQL by those who do.
package blob

import (
	"context"
	"io"
	"time"

	"slipway/internal/errs"
)

// What can go wrong.
var (
	ErrDigest   = errs.New(errs.Invalid, "invalid digest")
	ErrNoBlob   = errs.New(errs.NotFound, "blob not found")
	ErrNoUpload = errs.New(errs.NotFound, "upload not found")
	ErrMismatch = errs.New(errs.Invalid, "the bytes do not have the digest")
	ErrOffset   = errs.New(errs.Conflict, "the bytes do not follow what the upload has")
	ErrFull     = errs.New(errs.Unavailable, "no room left where blobs are kept")
	ErrAway     = errs.New(errs.Unavailable, "the place where blobs are kept cannot be reached")
	ErrDamaged  = errs.New(errs.Internal, "the bytes that are kept do not have the digest any more")
)

// Store holds blobs, and uploads that may become blobs. All methods may be called by
// many goroutines at once; calls about one upload wait for one another.
type Store interface {
	// Begin starts an upload under an id of the caller's choice, a UUID that was never used.
	Begin(ctx context.Context, id string) error

	// Append adds what r gives, until its end, to an upload that has exactly offset bytes so far,
	// or whatever it has if offset is End. It returns the upload's new size.
	// When r fails, what had arrived is kept and counted, and the error of r is returned.
	// It returns ErrNoUpload, ErrOffset (with the true size), or ErrFull.
	Append(ctx context.Context, id string, offset int64, r io.Reader) (size int64, err error)

	// Size is how many bytes an upload has. It outlives a restart.
	Size(ctx context.Context, id string) (int64, error)

	// Commit makes the upload the blob of that digest and ends it; when Commit returns nil the blob is
	// durable. Bytes with another digest are ErrMismatch, and the upload stays as it was.
	// A blob that is there already is left alone.
	Commit(ctx context.Context, id string, want Digest) (size int64, err error)

	// Cancel ends an upload and forgets its bytes. An upload that is not there is no error.
	Cancel(ctx context.Context, id string) error

	// Uploads lists the uploads that were begun and neither committed nor cancelled.
	Uploads(ctx context.Context) ([]Upload, error)

	// Open reads a blob. It returns ErrNoBlob.
	Open(ctx context.Context, d Digest) (Reader, error)

	// Delete removes a blob. One that is not there is no error. Readers that have it open may read on.
	Delete(ctx context.Context, d Digest) error

	// Walk calls f for every blob after the given digest, or for all if that is "", in the order of their
	// digests, with its size and about when it came. It ends with the first error of f, and returns that.
	// What comes and goes meanwhile may be seen or not. It takes long where there is much.
	Walk(ctx context.Context, after Digest, f func(d Digest, size int64, came time.Time) error) error
}

// End as the offset of Append means: after what is there.
const End int64 = -1

// Reader reads a blob from any place in it. Where a blob is a file, the Reader has the methods
// of *os.File that let the kernel send it without copying. Where it comes from another machine, a
// Reader that has read all of it in one go, from the start, gives the last bytes only after all of them
// were found to have the digest, and ErrDamaged instead if they have not.
type Reader interface {
	io.ReadSeekCloser
	Size() int64
}

// Linker is a Store whose blobs clients can read from where they are.
type Linker interface {
	// Link returns a URL under which anybody can read the blob for a while, or "" when clients are to read
	// it through us. It does not say whether the blob is there.
	Link(ctx context.Context, d Digest, life time.Duration) (url string, err error)
}

// Upload is bytes on their way to become a blob.
type Upload struct {
	ID      string
	Size    int64
	Changed time.Time // when bytes last came
}
