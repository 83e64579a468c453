package blobtest

import (
	"bytes"
	"context"
	"io"
	"testing"

	"slipway/blob"
	"slipway/internal/ids"
)

// Named is a store whose blobs may have names that are not their digests.
type Named interface {
	blob.Store
	BeginAs(ctx context.Context, id string) error
	OpenUpload(ctx context.Context, id string) (blob.Reader, error)
	CommitAs(ctx context.Context, id string, name blob.Digest) (int64, error)
	OpenAs(ctx context.Context, name blob.Digest) (blob.Reader, error)
}

// RunNamed tests the store that open returns. Called again with the same t, open must return the same
// store as after a restart of the process.
func RunNamed(t *testing.T, open func(t *testing.T) Named) {
	for name, test := range map[string]func(*testing.T, func(*testing.T) Named){
		"NameThatIsNoDigest": nameThatIsNoDigest,
		"SameNameTwice":      sameNameTwice,
		"UploadIsRead":       uploadIsRead,
		"AnotherMind":        anotherMind,
		"UnknownNames":       unknownNamed,
	} {
		t.Run(name, func(t *testing.T) { test(t, open) })
	}
}

var someName = blob.DigestOf([]byte("another name"))

func nameThatIsNoDigest(t *testing.T, open func(*testing.T) Named) {
	for _, size := range []int{0, 1, 70_000, 9<<20 + 17} {
		s, data := open(t), random(size)
		id := ids.UUID()
		check(t, s.BeginAs(t.Context(), id))
		appendAll(t, s, id, data[:size/2])
		appendAll(t, s, id, data[size/2:])
		name := blob.DigestOf(append([]byte("the name of "), data...))
		if n, err := s.CommitAs(t.Context(), id, name); err != nil || n != int64(size) {
			t.Fatalf("CommitAs of %d bytes = %d, %v", size, n, err)
		}
		wantNamed(t, open(t), name, data)
		_, err := s.Size(t.Context(), id)
		wantErr(t, err, blob.ErrNoUpload)
		if _, err := s.Open(t.Context(), blob.DigestOf(data)); size > 0 {
			wantErr(t, err, blob.ErrNoBlob)
		}
	}
}

func wantNamed(t *testing.T, s Named, name blob.Digest, data []byte) {
	t.Helper()
	r, err := s.OpenAs(t.Context(), name)
	check(t, err)
	wantRead(t, r, data)
}

// wantRead reads all of it, twice.
func wantRead(t *testing.T, r blob.Reader, data []byte) {
	t.Helper()
	defer r.Close()
	for range 2 {
		got, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(got, data) || r.Size() != int64(len(data)) {
			t.Fatalf("read %d bytes of %d (size %d), error %v, or other bytes", len(got), len(data), r.Size(), err)
		}
		_, err = r.Seek(0, io.SeekStart)
		check(t, err)
	}
}

func sameNameTwice(t *testing.T, open func(*testing.T) Named) {
	s, data := open(t), random(1000)
	for range 2 {
		id := begin(t, s)
		appendAll(t, s, id, data)
		_, err := s.CommitAs(t.Context(), id, someName)
		check(t, err)
	}
	wantNamed(t, s, someName, data)
	wantUploads(t, s)
}

// What is read of an upload leaves it as it was: more can be added, and it can be read and committed again.
func uploadIsRead(t *testing.T, open func(*testing.T) Named) {
	s := open(t)
	id := begin(t, s)
	var data []byte
	for _, more := range []int{0, 100, 9 << 20, 8 << 20, 5} {
		portion := random(more)
		appendAll(t, s, id, portion)
		data = append(data, portion...)
		for range 2 {
			r, err := s.OpenUpload(t.Context(), id)
			check(t, err)
			wantRead(t, r, data)
			s = open(t)
		}
		wantSize(t, s, id, int64(len(data)))
	}
	if _, err := s.Commit(t.Context(), id, blob.DigestOf(data)); err != nil {
		t.Fatal(err)
	}
	want(t, s, data)
}

// What was to have a name becomes the blob of its digest all the same.
func anotherMind(t *testing.T, open func(*testing.T) Named) {
	for _, restart := range []bool{false, true} {
		s, data := open(t), random(300_000)
		id := ids.UUID()
		check(t, s.BeginAs(t.Context(), id))
		appendAll(t, s, id, data)
		if restart {
			s = open(t)
			appendAll(t, s, id, []byte("more"))
			data = append(data, "more"...)
		}
		_, err := s.Commit(t.Context(), id, blob.DigestOf(nil))
		wantErr(t, err, blob.ErrMismatch)
		appendAll(t, s, id, []byte("the end"))
		data = append(data, "the end"...)
		_, err = s.Commit(t.Context(), id, blob.DigestOf(data))
		check(t, err)
		want(t, s, data)
	}
}

func unknownNamed(t *testing.T, open func(*testing.T) Named) {
	s := open(t)
	for _, id := range []string{ids.UUID(), "", "..", "../../etc/passwd"} {
		_, err := s.OpenUpload(t.Context(), id)
		wantErr(t, err, blob.ErrNoUpload)
		_, err = s.CommitAs(t.Context(), id, someName)
		wantErr(t, err, blob.ErrNoUpload)
	}
	_, err := s.OpenAs(t.Context(), blob.DigestOf([]byte("nobody put this")))
	wantErr(t, err, blob.ErrNoBlob)
	id := begin(t, s)
	for _, name := range []blob.Digest{"", "sha256:00", "sha256:../../../../../../etc/passwd"} {
		_, err := s.OpenAs(t.Context(), name)
		wantErr(t, err, blob.ErrDigest)
		_, err = s.CommitAs(t.Context(), id, name)
		wantErr(t, err, blob.ErrDigest)
	}
}
