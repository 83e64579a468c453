package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"slipway/blob"
)

const (
	partSize = 8 << 20 // of all parts but the last; S3 wants 5 MiB at least
	maxParts = 10_000  // S3 takes no more
	ahead    = 2       // parts on their way while the next one comes in

	maxSending = 16 // parts on their way of all uploads together
)

// incoming is one Append at work. What it reads and hashes runs ahead of the state by the parts
// that are on their way; the state moves on with each that has arrived.
type incoming struct {
	store    *Store
	ctx      context.Context
	id       string
	st       *state
	size     int64     // read so far
	sha256   hash.Hash // of that
	onTheWay []*sent
	lost     error // why bytes that were read are not in the bucket
}

// sent is a part on its way to the bucket, and what the state is when it is there.
type sent struct {
	etag   string
	err    error
	done   chan struct{}
	size   int64
	sha256 hash.Hash
}

// receive adds what r gives to the upload: whole parts go to the bucket while the next comes in,
// and the rest becomes the tail. The state has what is safe, whatever goes wrong.
func (s *Store) receive(ctx context.Context, id string, st *state, r io.Reader) error {
	in := &incoming{store: s, ctx: ctx, id: id, st: st, size: st.Size, sha256: clone(st.sha256)}
	part, err := in.read(r)
	in.settle(0)
	if in.lost != nil {
		return errors.Join(in.lost, err)
	}
	st.Size, st.sha256, st.tail = in.size, in.sha256, part
	return err
}

// read sends whole parts on their way, and returns the last bytes, which are no whole part.
func (in *incoming) read(r io.Reader) ([]byte, error) {
	part := bytes.NewBuffer(in.st.tail)
	for {
		if part.Len() >= smallSize && part.Cap() < partRoom {
			part = bytes.NewBuffer(append(make([]byte, 0, partRoom), part.Bytes()...))
		}
		limit := partSize
		if part.Cap() < partRoom {
			limit = smallSize
		}
		had := part.Len()
		n, err := part.ReadFrom(io.LimitReader(r, int64(limit-had)))
		in.size += n
		in.sha256.Write(part.Bytes()[had:])
		if err != nil || part.Len() < limit {
			return part.Bytes(), err
		}
		if limit < partSize {
			continue
		}
		if in.send(part); in.lost != nil {
			return nil, nil
		}
		part = bytes.NewBuffer(make([]byte, 0, partRoom)) // where one was, more are to be expected
	}
}

// What is small is given room as it comes, and then what a whole part needs, with what it takes to see
// its end: to double it all the way would take four times as much.
const (
	smallSize = 512 << 10
	partRoom  = partSize + bytes.MinRead
)

// send lets a part go, and waits until few enough are on their way.
func (in *incoming) send(part *bytes.Buffer) {
	number := len(in.st.Parts) + len(in.onTheWay) + 1
	if number > maxParts {
		in.lost = fmt.Errorf("%w: more than %d bytes", blob.ErrFull, int64(maxParts)*partSize)
		return
	}
	if in.lost = in.store.startMultipart(in.ctx, in.id, in.st); in.lost != nil {
		return
	}
	p := &sent{done: make(chan struct{}), size: in.size, sha256: clone(in.sha256)}
	in.onTheWay = append(in.onTheWay, p)
	multipart := in.st.Multipart
	in.store.sending <- struct{}{}
	go func() {
		defer close(p.done)
		defer func() { <-in.store.sending }()
		p.etag, p.err = in.store.putPart(in.ctx, in.id, multipart, number, part.Bytes())
	}()
	in.settle(ahead)
}

// settle waits until no more than some parts are on their way. After one that is lost, none counts.
func (in *incoming) settle(some int) {
	for len(in.onTheWay) > 0 && (len(in.onTheWay) > some || in.lost != nil) {
		p := in.onTheWay[0]
		in.onTheWay = in.onTheWay[1:]
		<-p.done
		if in.lost == nil && p.err == nil {
			in.st.Parts = append(in.st.Parts, p.etag)
			in.st.Size, in.st.sha256, in.st.tail = p.size, p.sha256, nil
		}
		in.lost = errors.Join(in.lost, p.err)
	}
}

func (s *Store) startMultipart(ctx context.Context, id string, st *state) error {
	if st.Multipart != "" {
		return nil
	}
	out, err := s.client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: &s.bucket, Key: s.dataKey(id)})
	if err != nil {
		return explain(err)
	}
	st.Multipart = *out.UploadId
	return nil
}

func (s *Store) putPart(ctx context.Context, id, multipart string, number int, data []byte) (etag string, err error) {
	out, err := s.client.UploadPart(ctx, &s3.UploadPartInput{
		Bucket: &s.bucket, Key: s.dataKey(id), UploadId: &multipart, PartNumber: aws.Int32(int32(number)), Body: bytes.NewReader(data),
	})
	if err != nil {
		return "", explain(err)
	}
	return aws.ToString(out.ETag), nil
}
