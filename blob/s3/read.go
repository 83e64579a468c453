package s3

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"slipway/blob"
)

// Open reads a blob.
func (s *Store) Open(ctx context.Context, d blob.Digest) (blob.Reader, error) {
	key, err := s.blobKey(d)
	if err != nil {
		return nil, err
	}
	return opened(&reader{ctx: ctx, store: s, key: key, digest: d, hash: blob.NewHash(d.Algorithm())}, d)
}

// opened begins to read the blob of a name.
func opened(r *reader, name blob.Digest) (blob.Reader, error) {
	if err := r.fetch(); errors.Is(err, errGone) {
		return nil, fmt.Errorf("%w: %s", blob.ErrNoBlob, name)
	} else if err != nil {
		return nil, err
	}
	return r, nil
}

// reader reads an object from where it stands to its end, and asks for it anew after a jump, or
// when the connection broke.
type reader struct {
	ctx    context.Context
	store  *Store
	key    *string
	digest blob.Digest
	size   int64
	at     int64         // of the next byte to be read
	body   io.ReadCloser // what comes from place on; nil: to be asked for
	place  int64
	fails  int // broken connections without a byte in between

	hash   hash.Hash // of the first hashed bytes; nil: nobody asks for it
	hashed int64
}

// maxFails is how often in a row a read is begun anew.
const maxFails = 3

func (r *reader) Size() int64 { return r.size }

func (r *reader) fetch() error {
	in := &s3.GetObjectInput{Bucket: &r.store.bucket, Key: r.key}
	if r.at > 0 {
		in.Range = aws.String(fmt.Sprintf("bytes=%d-", r.at))
	}
	out, err := r.store.client.GetObject(r.ctx, in)
	if err != nil {
		return explain(err)
	}
	r.body, r.place = out.Body, r.at
	if r.at == 0 {
		r.size = aws.ToInt64(out.ContentLength)
	}
	return nil
}

func (r *reader) Read(p []byte) (int, error) {
	if r.at >= r.size {
		return 0, io.EOF
	}
	for {
		n, err := r.read(p)
		if n > 0 {
			r.fails = 0
			return r.took(p[:n])
		}
		if err == nil {
			continue
		}
		if r.fails++; r.fails > maxFails || r.ctx.Err() != nil {
			return 0, explain(err)
		}
	}
}

// read reads once. An end that comes too early is an error.
func (r *reader) read(p []byte) (int, error) {
	if r.body != nil && r.place != r.at {
		r.drop()
	}
	if r.body == nil {
		if err := r.fetch(); err != nil {
			return 0, err
		}
	}
	n, err := r.body.Read(p)
	r.place += int64(n)
	if err != nil {
		r.drop()
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// took hashes what was read, as long as nothing was jumped over, and holds the last bytes back if all of
// it is not what it should be.
func (r *reader) took(p []byte) (int, error) {
	if r.hash == nil {
		r.at += int64(len(p))
		return len(p), nil
	}
	if r.at == 0 {
		r.hash.Reset()
		r.hashed = 0
	}
	if r.at == r.hashed {
		r.hash.Write(p)
		r.hashed += int64(len(p))
	}
	r.at += int64(len(p))
	if r.at < r.size || r.hashed != r.size {
		return len(p), nil
	}
	if got := blob.Sum(r.digest.Algorithm(), r.hash.Sum(nil)); got != r.digest {
		return 0, fmt.Errorf("%w: %s has %s", blob.ErrDamaged, r.digest, got)
	}
	return len(p), nil
}

// Seek asks for nothing: what is read next does.
func (r *reader) Seek(offset int64, whence int) (at int64, err error) {
	r.at, err = blob.Seek(r.at, r.size, offset, whence)
	return r.at, err
}

func (r *reader) drop() {
	if r.body != nil {
		r.body.Close() // nothing was written that could be lost
		r.body = nil
	}
}

func (r *reader) Close() error {
	r.drop()
	return nil
}
