package s3

import (
	"bytes"
	"context"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"slipway/blob"
)

// state is what is known of an upload: the parts that are in the bucket, the tail that is too short
// to be a part, and the hash of all of it, so that it is read once only. It is kept as one object,
// a line of JSON and then the tail.
type state struct {
	Multipart string   `json:"multipart,omitempty"` // id of the multipart upload; "": none yet
	Parts     []string `json:"parts,omitempty"`     // their ETags
	Size      int64    `json:"size"`                // of parts and tail
	Midstate  []byte   `json:"midstate,omitempty"`  // of sha256 over them; none: nothing came yet
	TailSum   string   `json:"tailSum,omitempty"`   // digest of the tail

	tail   []byte
	sha256 hash.Hash
	etag   *string // of the object that this was read from
}

func (st *state) encode() (*bytes.Reader, error) {
	if st.Size > 0 {
		mid, err := st.sha256.(encoding.BinaryMarshaler).MarshalBinary()
		if err != nil {
			return nil, err
		}
		st.Midstate = mid
	}
	st.TailSum = string(blob.DigestOf(st.tail))
	head, err := json.Marshal(st)
	if err != nil {
		return nil, err
	}
	return bytes.NewReader(append(append(head, '\n'), st.tail...)), nil
}

// errState says that what is kept of an upload is of no use: it can only be forgotten.
var errState = errors.New("the state of the upload is damaged")

func decodeState(object []byte) (*state, error) {
	head, tail, _ := bytes.Cut(object, []byte{'\n'})
	st := &state{sha256: blob.NewHash("sha256"), tail: tail}
	if err := json.Unmarshal(head, st); err != nil {
		return nil, fmt.Errorf("%w: %w", errState, err)
	}
	if st.TailSum != "" && st.TailSum != string(blob.DigestOf(tail)) {
		return nil, fmt.Errorf("%w: its tail is another", errState)
	}
	if len(st.Midstate) > 0 {
		if err := st.sha256.(encoding.BinaryUnmarshaler).UnmarshalBinary(st.Midstate); err != nil {
			return nil, fmt.Errorf("%w: %w", errState, err)
		}
	}
	return st, nil
}

// load reads the state of an upload, or returns ErrNoUpload.
func (s *Store) load(ctx context.Context, id string) (*state, error) {
	out, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.bucket, Key: s.stateKey(id)})
	if err = explain(err); errors.Is(err, errGone) {
		return nil, fmt.Errorf("%w: %s", blob.ErrNoUpload, id)
	}
	if err != nil {
		return nil, err
	}
	defer out.Body.Close()
	object, err := io.ReadAll(out.Body)
	if err != nil && int64(len(object)) == aws.ToInt64(out.ContentLength) { // it came, and its checksum is another
		return nil, fmt.Errorf("%w: %w", errState, err)
	}
	if err != nil {
		return nil, explain(err)
	}
	st, err := decodeState(object)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", id, err)
	}
	st.etag = out.ETag
	return st, nil
}

// save writes the state, unless another has changed it since it was read.
func (s *Store) save(ctx context.Context, id string, st *state) error {
	object, err := st.encode()
	if err != nil {
		return err
	}
	in := &s3.PutObjectInput{Bucket: &s.bucket, Key: s.stateKey(id), Body: object, IfMatch: st.etag}
	if st.etag == nil {
		in.IfNoneMatch = aws.String("*")
	}
	out, err := s.client.PutObject(ctx, in)
	if err != nil {
		return explain(err)
	}
	st.etag = out.ETag
	return nil
}

// clone copies a hash as it stands.
func clone(h hash.Hash) hash.Hash {
	mid, err := h.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		panic(err) // crypto/sha256 has none
	}
	copied := blob.NewHash("sha256")
	if err := copied.(encoding.BinaryUnmarshaler).UnmarshalBinary(mid); err != nil {
		panic(err)
	}
	return copied
}

func (s *Store) stateKey(id string) *string { return s.key("uploads", id, "state") }

func (s *Store) dataKey(id string) *string { return s.key("uploads", id, "data") }

// checkID refuses what is not a UUID: ids come from clients, and become names.
func checkID(id string) error {
	if len(id) != 36 || strings.Trim(id, "0123456789abcdef-") != "" {
		return fmt.Errorf("%w: %q", blob.ErrNoUpload, id)
	}
	return nil
}
