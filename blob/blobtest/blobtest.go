// Package blobtest is the one suite that every body of blob.Store passes.
package blobtest

import (
	"bytes"
	"crypto/sha512"
	"errors"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"slipway/blob"
	"slipway/internal/ids"
)

// Run tests the store that open returns. Called again with the same t, open must return
// the same store as after a restart of the process.
func Run(t *testing.T, open func(t *testing.T) blob.Store) {
	for name, test := range map[string]func(*testing.T, func(*testing.T) blob.Store){
		"WhatIsPutIsRead":             whatIsPutIsRead,
		"ReadFromTheMiddle":           readFromTheMiddle,
		"Sha512":                      sha512Digests,
		"EmptyBlob":                   emptyBlob,
		"WrongDigest":                 wrongDigest,
		"OutOfOrder":                  outOfOrder,
		"CutUploadGoesOn":             cutUploadGoesOn,
		"UploadOutlivesARestart":      uploadOutlivesARestart,
		"Cancel":                      cancel,
		"Uploads":                     uploads,
		"SameBlobTwice":               sameBlobTwice,
		"ManyPushOneBlob":             manyPushOneBlob,
		"AppendsOfOneUploadTakeTurns": appendsTakeTurns,
		"Delete":                      deleteBlob,
		"Walk":                        walk,
		"UnknownNames":                unknownNames,
	} {
		t.Run(name, func(t *testing.T) { test(t, open) })
	}
}

func whatIsPutIsRead(t *testing.T, open func(*testing.T) blob.Store) {
	for _, size := range []int{1, 4096, 256<<10 - 1, 256 << 10, 256<<10 + 1, 9<<20 + 17} {
		s := open(t)
		data := random(size)
		put(t, s, data)
		want(t, open(t), data)
	}
}

func readFromTheMiddle(t *testing.T, open func(*testing.T) blob.Store) {
	s := open(t)
	data := random(100_000)
	r, err := s.Open(t.Context(), put(t, s, data))
	check(t, err)
	defer r.Close()

	if _, err := r.Seek(-40_000, io.SeekEnd); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(io.LimitReader(r, 10_000))
	if err != nil || !bytes.Equal(got, data[60_000:70_000]) {
		t.Errorf("read %d bytes, error %v, or not those from 60,000 on", len(got), err)
	}
	if r.Size() != 100_000 {
		t.Errorf("Size = %d", r.Size())
	}
}

func sha512Digests(t *testing.T, open func(*testing.T) blob.Store) {
	s, data := open(t), random(300_000)
	sum := sha512.Sum512(data)
	d := blob.Sum("sha512", sum[:])
	id := begin(t, s)
	appendAll(t, s, id, data)
	if size, err := s.Commit(t.Context(), id, d); err != nil || size != 300_000 {
		t.Fatalf("Commit = %d, %v", size, err)
	}
	wantAs(t, s, d, data)
}

func emptyBlob(t *testing.T, open func(*testing.T) blob.Store) {
	s := open(t)
	put(t, s, nil)
	want(t, s, nil)
}

func wrongDigest(t *testing.T, open func(*testing.T) blob.Store) {
	s, data := open(t), random(1000)
	flipped := slices.Clone(data)
	flipped[500] ^= 1
	id := begin(t, s)
	appendAll(t, s, id, flipped)

	_, err := s.Commit(t.Context(), id, blob.DigestOf(data))
	wantErr(t, err, blob.ErrMismatch)
	_, err = s.Open(t.Context(), blob.DigestOf(data))
	wantErr(t, err, blob.ErrNoBlob)
	wantSize(t, s, id, 1000)

	_, err = s.Commit(t.Context(), id, blob.DigestOf(flipped))
	check(t, err)
	want(t, s, flipped)
}

func outOfOrder(t *testing.T, open func(*testing.T) blob.Store) {
	s, data := open(t), random(1000)
	id := begin(t, s)
	appendAll(t, s, id, data[:400])

	for _, offset := range []int64{0, 399, 401, 1 << 40} {
		size, err := s.Append(t.Context(), id, offset, bytes.NewReader(data))
		if wantErr(t, err, blob.ErrOffset); size != 400 {
			t.Errorf("at %d: size %d, want the true 400", offset, size)
		}
	}
	size, err := s.Append(t.Context(), id, 400, bytes.NewReader(data[400:700]))
	if err != nil || size != 700 {
		t.Fatalf("Append = %d, %v", size, err)
	}
	appendAll(t, s, id, data[700:])
	_, err = s.Commit(t.Context(), id, blob.DigestOf(data))
	check(t, err)
	want(t, s, data)
}

func cutUploadGoesOn(t *testing.T, open func(*testing.T) blob.Store) {
	s, data := open(t), random(1<<20)
	id := begin(t, s)
	for _, cut := range []error{io.ErrUnexpectedEOF, errors.New("connection reset")} {
		before := size(t, s, id)
		part := data[before : before+300_001]
		after, err := s.Append(t.Context(), id, before, io.MultiReader(bytes.NewReader(part), iotest.ErrReader(cut)))
		if wantErr(t, err, cut); after != before+300_001 {
			t.Fatalf("after %q the upload has %d bytes, want all %d that came", cut, after, before+300_001)
		}
	}
	appendAll(t, s, id, data[size(t, s, id):])
	_, err := s.Commit(t.Context(), id, blob.DigestOf(data))
	check(t, err)
	want(t, s, data)
}

func uploadOutlivesARestart(t *testing.T, open func(*testing.T) blob.Store) {
	data := random(1 << 20)
	s := open(t)
	toAppend, toCommit := begin(t, s), begin(t, s)
	appendAll(t, s, toAppend, data[:1000])
	appendAll(t, s, toCommit, data)

	s = open(t)
	wantSize(t, s, toAppend, 1000)
	_, err := s.Commit(t.Context(), toCommit, blob.DigestOf(data))
	check(t, err)
	want(t, s, data)
	appendAll(t, s, toAppend, data[1000:2000])
	_, err = s.Commit(t.Context(), toAppend, blob.DigestOf(data[:2000]))
	check(t, err)
	want(t, s, data[:2000])
}

func cancel(t *testing.T, open func(*testing.T) blob.Store) {
	s := open(t)
	id := begin(t, s)
	appendAll(t, s, id, random(1000))
	check(t, s.Cancel(t.Context(), id))

	_, err := s.Size(t.Context(), id)
	wantErr(t, err, blob.ErrNoUpload)
	wantUploads(t, s)
	check(t, s.Cancel(t.Context(), id))
}

func uploads(t *testing.T, open func(*testing.T) blob.Store) {
	s := open(t)
	a, b, c := begin(t, s), begin(t, s), begin(t, s)
	appendAll(t, s, a, random(1000))
	_, err := s.Commit(t.Context(), c, blob.DigestOf(nil))
	check(t, err)

	wantUploads(t, open(t), a, b)
	found, err := s.Uploads(t.Context())
	check(t, err)
	for _, u := range found {
		if u.Changed.IsZero() || u.ID == a && u.Size != 1000 {
			t.Errorf("listed as %+v", u)
		}
	}
}

func sameBlobTwice(t *testing.T, open func(*testing.T) blob.Store) {
	s, data := open(t), random(5000)
	put(t, s, data)
	put(t, s, data)
	want(t, s, data)
	wantUploads(t, s)
}

func manyPushOneBlob(t *testing.T, open func(*testing.T) blob.Store) {
	s, data := open(t), random(500_000)
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			id := ids.UUID()
			err := s.Begin(t.Context(), id)
			if err == nil {
				_, err = s.Append(t.Context(), id, 0, bytes.NewReader(data))
			}
			if err == nil {
				_, err = s.Commit(t.Context(), id, blob.DigestOf(data))
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	want(t, s, data)
	wantUploads(t, s)
}

func appendsTakeTurns(t *testing.T, open func(*testing.T) blob.Store) {
	s := open(t)
	id := begin(t, s)
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			block := bytes.Repeat([]byte{byte(i)}, 100_000)
			if _, err := s.Append(t.Context(), id, blob.End, bytes.NewReader(block)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	wantSize(t, s, id, 20*100_000)
}

func deleteBlob(t *testing.T, open func(*testing.T) blob.Store) {
	s, data := open(t), random(5000)
	d := put(t, s, data)
	r, err := s.Open(t.Context(), d)
	check(t, err)
	defer r.Close()

	check(t, s.Delete(t.Context(), d))
	check(t, s.Delete(t.Context(), d))
	_, err = s.Open(t.Context(), d)
	wantErr(t, err, blob.ErrNoBlob)
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, data) {
		t.Errorf("the open reader got %d bytes, error %v", len(got), err)
	}
	put(t, s, data)
	want(t, s, data)
}

func walk(t *testing.T, open func(*testing.T) blob.Store) {
	s := open(t)
	sizes := map[blob.Digest]int64{}
	for i := range 20 {
		data := random(i)
		sizes[put(t, s, data)] = int64(i)
	}
	long := sha512.Sum512([]byte("sha512"))
	id := begin(t, s)
	appendAll(t, s, id, []byte("sha512"))
	d := blob.Sum("sha512", long[:])
	_, err := s.Commit(t.Context(), id, d)
	check(t, err)
	sizes[d] = 6
	appendAll(t, s, begin(t, s), []byte("an upload is no blob"))

	all := slices.Sorted(maps.Keys(sizes))
	for _, from := range []int{0, 1, 7, len(all) - 1, len(all)} {
		after := blob.Digest("")
		if from > 0 {
			after = all[from-1]
		}
		var got []blob.Digest
		check(t, s.Walk(t.Context(), after, func(d blob.Digest, size int64, came time.Time) error {
			if size != sizes[d] || came.IsZero() {
				t.Errorf("%s has %d bytes from %v, want %d", d, size, came, sizes[d])
			}
			got = append(got, d)
			return nil
		}))
		if !slices.Equal(got, all[from:]) {
			t.Errorf("after %q: %v, want %v", after, got, all[from:])
		}
	}
	enough, seen := errors.New("enough"), 0
	wantErr(t, s.Walk(t.Context(), "", func(blob.Digest, int64, time.Time) error { seen++; return enough }), enough)
	if seen != 1 {
		t.Errorf("saw %d after an error", seen)
	}
}

func unknownNames(t *testing.T, open func(*testing.T) blob.Store) {
	s := open(t)
	for _, id := range []string{ids.UUID(), "", "..", "../../etc/passwd", "sha256"} {
		_, err := s.Size(t.Context(), id)
		wantErr(t, err, blob.ErrNoUpload)
		_, err = s.Append(t.Context(), id, 0, bytes.NewReader(nil))
		wantErr(t, err, blob.ErrNoUpload)
		_, err = s.Commit(t.Context(), id, blob.DigestOf(nil))
		wantErr(t, err, blob.ErrNoUpload)
	}
	_, err := s.Open(t.Context(), blob.DigestOf([]byte("nobody put this")))
	wantErr(t, err, blob.ErrNoBlob)
	for _, d := range []blob.Digest{"", "sha256:00", "sha256:../../../../../../etc/passwd"} {
		_, err := s.Open(t.Context(), d)
		wantErr(t, err, blob.ErrDigest)
		wantErr(t, s.Delete(t.Context(), d), blob.ErrDigest)
	}
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(n), byte(n >> 8), byte(n >> 16)}).Read(b)
	return b
}

func begin(t *testing.T, s blob.Store) string {
	t.Helper()
	id := ids.UUID()
	check(t, s.Begin(t.Context(), id))
	return id
}

func appendAll(t *testing.T, s blob.Store, id string, data []byte) {
	t.Helper()
	_, err := s.Append(t.Context(), id, blob.End, bytes.NewReader(data))
	check(t, err)
}

func put(t *testing.T, s blob.Store, data []byte) blob.Digest {
	t.Helper()
	id, d := begin(t, s), blob.DigestOf(data)
	appendAll(t, s, id, data)
	size, err := s.Commit(t.Context(), id, d)
	if err != nil || size != int64(len(data)) {
		t.Fatalf("Commit of %d bytes = %d, %v", len(data), size, err)
	}
	return d
}

func want(t *testing.T, s blob.Store, data []byte) {
	t.Helper()
	wantAs(t, s, blob.DigestOf(data), data)
}

func wantAs(t *testing.T, s blob.Store, d blob.Digest, data []byte) {
	t.Helper()
	r, err := s.Open(t.Context(), d)
	check(t, err)
	defer r.Close()
	got, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(got, data) || r.Size() != int64(len(data)) {
		t.Fatalf("read %d bytes of %d (size %d), error %v, or other bytes", len(got), len(data), r.Size(), err)
	}
}

func size(t *testing.T, s blob.Store, id string) int64 {
	t.Helper()
	n, err := s.Size(t.Context(), id)
	check(t, err)
	return n
}

func wantSize(t *testing.T, s blob.Store, id string, want int64) {
	t.Helper()
	if n := size(t, s, id); n != want {
		t.Fatalf("the upload has %d bytes, want %d", n, want)
	}
}

func wantUploads(t *testing.T, s blob.Store, want ...string) {
	t.Helper()
	found, err := s.Uploads(t.Context())
	check(t, err)
	var got []string
	for _, u := range found {
		got = append(got, u.ID)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("uploads %v, want %v", got, want)
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t *testing.T, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Fatalf("error %v, want %v", got, want)
	}
}
