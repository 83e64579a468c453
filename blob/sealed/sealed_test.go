package sealed_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"slipway/blob"
	"slipway/blob/blobtest"
	"slipway/blob/disk"
	"slipway/blob/sealed"
	"slipway/internal/ids"
)

func TestStore(t *testing.T) {
	type place struct {
		dir string
		key sealed.Key
	}
	places := map[*testing.T]place{}
	blobtest.Run(t, func(t *testing.T) blob.Store {
		if places[t].dir == "" {
			places[t] = place{t.TempDir(), newKey(t)}
		}
		return sealed.New(openDisk(t, places[t].dir), places[t].key)
	})
}

func newKey(t testing.TB) sealed.Key {
	t.Helper()
	key, err := sealed.NewKey(sealed.RandomKey())
	check(t, err)
	return key
}

func openDisk(t testing.TB, dir string) *disk.Store {
	t.Helper()
	s, err := disk.Open(dir)
	check(t, err)
	return s
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func begin(t testing.TB, s blob.Store, data []byte) string {
	t.Helper()
	id := ids.UUID()
	check(t, s.Begin(t.Context(), id))
	_, err := s.Append(t.Context(), id, 0, bytes.NewReader(data))
	check(t, err)
	return id
}

func put(t testing.TB, s blob.Store, data []byte) blob.Digest {
	t.Helper()
	d := blob.DigestOf(data)
	_, err := s.Commit(t.Context(), begin(t, s, data), d)
	check(t, err)
	return d
}

func read(t testing.TB, s blob.Store, d blob.Digest) ([]byte, error) {
	t.Helper()
	r, err := s.Open(t.Context(), d)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(n), byte(n >> 8)}).Read(b)
	return b
}

// files is all that lies in a folder: names and bytes.
func files(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	check(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		all[path], err = os.ReadFile(path)
		return err
	}))
	return all
}

func TestNothingLiesInPlain(t *testing.T) {
	dir := t.TempDir()
	s := sealed.New(openDisk(t, dir), newKey(t))
	secret := []byte("the recipe of the sauce is a secret")
	data := bytes.Repeat(secret, 10_000)
	d := put(t, s, data)
	begin(t, s, data)
	begin(t, s, secret)

	all := files(t, dir)
	if len(all) != 3 {
		t.Fatalf("%d files, want a blob and two uploads", len(all))
	}
	for path, kept := range all {
		if bytes.Contains(kept, secret[:12]) || bytes.Contains(kept, []byte(d.Hex()[:16])) {
			t.Errorf("%s shows what is in it", path)
		}
		if strings.Contains(path, d.Hex()) {
			t.Errorf("%s shows the digest", path)
		}
	}
}

func TestKeysShareNothing(t *testing.T) {
	dir := t.TempDir()
	inner := openDisk(t, dir)
	mine, yours := sealed.New(inner, newKey(t)), sealed.New(inner, newKey(t))
	data := random(100_000)
	d := put(t, mine, data)
	if _, err := read(t, yours, d); !errors.Is(err, blob.ErrNoBlob) {
		t.Errorf("with another key: error %v", err)
	}
	put(t, yours, data)
	put(t, inner, data)
	put(t, mine, data)
	if all := files(t, dir); len(all) != 3 {
		t.Errorf("%d files, want one for each key, and the plain one", len(all))
	}
	for _, s := range []*sealed.Store{mine, yours} {
		var seen []blob.Digest
		check(t, s.Walk(t.Context(), "", func(d blob.Digest, size int64, _ time.Time) error {
			seen = append(seen, d)
			return nil
		}))
		if len(seen) != 1 || seen[0] != d {
			t.Errorf("one sees %v, want its own", seen)
		}
	}
	check(t, mine.Delete(t.Context(), d))
	for name, s := range map[string]blob.Store{"the other key's": yours, "the plain one": inner} {
		if got, err := read(t, s, d); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s went too: error %v", name, err)
		}
	}
}

// keptFile is the path of the only file that was committed.
func keptFile(t *testing.T, dir string) string {
	t.Helper()
	for path := range files(t, dir) {
		if !strings.Contains(path, "uploads") {
			return path
		}
	}
	t.Fatal("there is no blob")
	return ""
}

func TestDamageIsFound(t *testing.T) {
	data := random(3*64<<10 + 100)
	for _, size := range []int{0, 1, 64 << 10, len(data)} {
		dir := t.TempDir()
		s := sealed.New(openDisk(t, dir), newKey(t))
		d := put(t, s, data[:size])
		path := keptFile(t, dir)
		whole, err := os.ReadFile(path)
		check(t, err)
		for at := 0; at < len(whole); at += 1 + len(whole)/97 {
			altered := bytes.Clone(whole)
			altered[at] ^= 0x10
			check(t, os.WriteFile(path, altered, 0o600))
			if got, err := read(t, s, d); !errors.Is(err, blob.ErrDamaged) || !bytes.HasPrefix(data, got) {
				t.Fatalf("of %d bytes, with byte %d altered: %d bytes, error %v", size, at, len(got), err)
			}
		}
		for _, n := range []int{0, 1, 39, 40, len(whole) / 2, len(whole) - 1} {
			check(t, os.WriteFile(path, whole[:n], 0o600))
			if _, err := read(t, s, d); !errors.Is(err, blob.ErrDamaged) {
				t.Fatalf("of %d bytes, cut at %d: error %v", size, n, err)
			}
		}
		check(t, os.WriteFile(path, append(bytes.Clone(whole), 0), 0o600))
		if _, err := read(t, s, d); !errors.Is(err, blob.ErrDamaged) {
			t.Fatalf("of %d bytes, with one more: error %v", size, err)
		}
	}
}

// One sealed blob put in the place of another is found out, though both are good.
func TestBlobInThePlaceOfAnother(t *testing.T) {
	dir, key := t.TempDir(), newKey(t)
	s := sealed.New(openDisk(t, dir), key)
	good, bad := put(t, s, []byte("good")), put(t, s, []byte("evil"))
	pathOf := func(d blob.Digest) string {
		name, err := key.Name(d)
		check(t, err)
		return filepath.Join(dir, "sha256", name.Hex()[:2], name.Hex())
	}
	check(t, os.Rename(pathOf(bad), pathOf(good)))
	if got, err := read(t, s, good); !errors.Is(err, blob.ErrDamaged) || len(got) > 0 {
		t.Errorf("read %q, error %v", got, err)
	}
}

// crashing is a store whose process ends before an upload gets its name.
type crashing struct{ *disk.Store }

var errCrash = errors.New("the process ends")

func (crashing) CommitAs(context.Context, string, blob.Digest) (int64, error) { return 0, errCrash }

func TestCommitGoesOnAfterACrash(t *testing.T) {
	for _, size := range []int{0, 10, 64 << 10, 200_000} {
		dir, key, data := t.TempDir(), newKey(t), random(size)
		s := sealed.New(crashing{openDisk(t, dir)}, key)
		id := begin(t, s, data)
		if _, err := s.Commit(t.Context(), id, blob.DigestOf(data)); !errors.Is(err, errCrash) {
			t.Fatalf("error %v", err)
		}
		s = sealed.New(openDisk(t, dir), key)
		if n, err := s.Size(t.Context(), id); err != nil || n != int64(size) {
			t.Errorf("the upload has %d bytes, error %v", n, err)
		}
		if _, err := s.Append(t.Context(), id, blob.End, strings.NewReader("more")); !errors.Is(err, blob.ErrOffset) {
			t.Errorf("more bytes: error %v", err)
		}
		if _, err := s.Commit(t.Context(), id, blob.DigestOf([]byte("other"))); !errors.Is(err, blob.ErrMismatch) {
			t.Errorf("another digest: error %v", err)
		}
		if n, err := s.Commit(t.Context(), id, blob.DigestOf(data)); err != nil || n != int64(size) {
			t.Fatalf("%d bytes, error %v", n, err)
		}
		if got, err := read(t, s, blob.DigestOf(data)); err != nil || !bytes.Equal(got, data) {
			t.Errorf("read %d bytes of %d, error %v", len(got), size, err)
		}
	}
}

// Whatever portions bytes come in, through however many restarts, what is read of any part is what came.
func TestPortionsAndParts(t *testing.T) {
	dir, key := t.TempDir(), newKey(t)
	rapid.Check(t, func(r *rapid.T) {
		s := sealed.New(openDisk(t, dir), key)
		id := begin(t, s, nil)
		var data []byte
		for _, n := range rapid.SliceOfN(rapid.IntRange(0, 100_000), 0, 6).Draw(r, "portions") {
			portion := random(n)
			if rapid.Bool().Draw(r, "restart") {
				s = sealed.New(openDisk(t, dir), key)
			}
			size, err := s.Append(t.Context(), id, int64(len(data)), bytes.NewReader(portion))
			data = append(data, portion...)
			if err != nil || size != int64(len(data)) {
				r.Fatalf("the upload has %d bytes of %d, error %v", size, len(data), err)
			}
		}
		if _, err := s.Commit(t.Context(), id, blob.DigestOf(data)); err != nil {
			r.Fatal(err)
		}
		blobs, err := s.Open(t.Context(), blob.DigestOf(data))
		if err != nil {
			r.Fatal(err)
		}
		defer blobs.Close()
		for range 5 {
			from := rapid.IntRange(0, len(data)).Draw(r, "from")
			part := make([]byte, rapid.IntRange(0, len(data)-from).Draw(r, "length"))
			if _, err := blobs.Seek(int64(from), io.SeekStart); err != nil {
				r.Fatal(err)
			}
			if _, err := io.ReadFull(blobs, part); err != nil || !bytes.Equal(part, data[from:from+len(part)]) {
				r.Fatalf("%d bytes from %d of %d: error %v, or others", len(part), from, len(data), err)
			}
		}
	})
}

func TestKeyShowsNothing(t *testing.T) {
	raw := sealed.RandomKey()
	key, err := sealed.NewKey(raw)
	check(t, err)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		if text := fmt.Sprintf(verb, key); text != "a key to seal blobs with" {
			t.Errorf("%s shows %q", verb, text)
		}
	}
	if _, err := sealed.NewKey(raw[1:]); !errors.Is(err, sealed.ErrKey) {
		t.Errorf("a key that is too short: error %v", err)
	}
}

func BenchmarkStore(b *testing.B) {
	data := random(32 << 20)
	d := blob.DigestOf(data)
	s := sealed.New(openDisk(b, b.TempDir()), newKey(b))
	b.Run("put", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			put(b, s, data)
		}
	})
	b.Run("read", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			r, err := s.Open(b.Context(), d)
			check(b, err)
			_, err = io.Copy(io.Discard, r)
			check(b, errors.Join(err, r.Close()))
		}
	})
}
