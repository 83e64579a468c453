package s3

import (
	"context"
	"errors"
	"fmt"
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
	r := &reader{ctx: ctx, store: s, key: key}
	if err := r.fetch(); errors.Is(err, errGone) {
		return nil, fmt.Errorf("%w: %s", blob.ErrNoBlob, d)
	} else if err != nil {
		return nil, err
	}
	return r, nil
}

// reader reads an object from where it stands to its end, and asks for it anew after a jump, or
// when the connection broke.
type reader struct {
	ctx   context.Context
	store *Store
	key   *string
	size  int64
	at    int64
	body  io.ReadCloser // what comes from at on; nil: to be asked for
	fails int           // broken connections without a byte in between
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
	r.body = out.Body
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
		if r.at += int64(n); n > 0 {
			r.fails = 0
			return n, nil
		}
		if err == nil {
			continue
		}
		if r.fails++; r.fails > maxFails || r.ctx.Err() != nil {
			return 0, err
		}
	}
}

// read reads once. An end that comes too early is an error.
func (r *reader) read(p []byte) (int, error) {
	if r.body == nil {
		if err := r.fetch(); err != nil {
			return 0, err
		}
	}
	n, err := r.body.Read(p)
	if err != nil {
		r.drop()
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func (r *reader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.at
	case io.SeekEnd:
		offset += r.size
	}
	if offset < 0 {
		return 0, fmt.Errorf("seek to %d: before the start", offset)
	}
	if offset != r.at {
		r.drop()
		r.at = offset
	}
	return offset, nil
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
