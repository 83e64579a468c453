package objects

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"slipway/blob"
	"slipway/blob/disk"
	"slipway/store"
	"slipway/store/storetest"
)

const (
	ours   = "123456789012"
	theirs = "210987654321"
)

// world is a room with a bucket.
type world struct {
	*testing.T
	*Control
	bucket Bucket
	disk   *disk.Store
}

func each(t *testing.T, story func(*world)) {
	storetest.Each(t, func(t *testing.T, db *store.DB) { story(newWorld(t, db)) })
}

func newWorld(t *testing.T, db *store.DB) *world {
	blobs, err := disk.Open(t.TempDir())
	must(t, err)
	room, err := New(t.Context(), db, blobs)
	must(t, err)
	w := &world{T: t, Control: room, disk: blobs}
	w.bucket, err = room.CreateBucket(t.Context(), Bucket{Name: "harbour", Account: ours})
	must(t, err)
	return w
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error %v, want %v", err, want)
	}
}

func content(text string) Content {
	return Content{Body: strings.NewReader(text), Size: int64(len(text))}
}

func (w *world) put(key, text string) Object {
	w.Helper()
	o, err := w.Put(w.Context(), Put{Bucket: w.bucket, Key: key}, content(text))
	must(w.T, err)
	return o
}

// keep makes the bucket keep versions, or stop it.
func (w *world) keep(versioning string) {
	w.Helper()
	must(w.T, w.SetVersioning(w.Context(), w.bucket, versioning))
	w.bucket.Versioning = versioning
}

// text is what an object has, or the error of who asks for it.
func (w *world) text(key, version string) string {
	w.Helper()
	o, err := w.Find(w.Context(), w.bucket, key, version)
	if err != nil {
		return err.Error()
	}
	return w.bytes(o, 0, o.Size)
}

func (w *world) bytes(o Object, from, length int64) string {
	w.Helper()
	r, err := w.Open(w.Context(), o, from, length)
	must(w.T, err)
	defer r.Close()
	var b bytes.Buffer
	_, err = io.Copy(&b, r)
	must(w.T, err)
	return b.String()
}

func (w *world) wantText(key, version, want string) {
	w.Helper()
	if got := w.text(key, version); got != want {
		w.Errorf("%s, version %q, is %q, want %q", key, version, got, want)
	}
}

// blobs are the bytes that are there, and uploads how many are on their way.
func (w *world) kept() (blobs, uploads int) {
	w.Helper()
	must(w.T, w.disk.Walk(w.Context(), "", func(blob.Digest, int64, timeOf) error { blobs++; return nil }))
	list, err := w.disk.Uploads(w.Context())
	must(w.T, err)
	return blobs, len(list)
}

func (w *world) list(q Query) string {
	w.Helper()
	q.Bucket = w.bucket
	l, err := w.List(w.Context(), q)
	must(w.T, err)
	return told(l)
}

func told(l Listing) string {
	var b strings.Builder
	for _, o := range l.Objects {
		fmt.Fprintf(&b, "%s ", o.Key)
	}
	for _, p := range l.Prefixes {
		fmt.Fprintf(&b, "[%s] ", p)
	}
	if l.Next != "" {
		fmt.Fprintf(&b, "then after %s", l.Next)
	}
	return strings.TrimSpace(b.String())
}

var _ Blobs = (*cutting)(nil)

// cutting is a blob store whose process is killed before its nth step: from then on nothing is done any more.
type cutting struct {
	Blobs
	left int
}

var errKilled = errors.New("killed")

func (c *cutting) step() error {
	if c.left--; c.left < 0 {
		return errKilled
	}
	return nil
}

func (c *cutting) BeginAs(ctx context.Context, id string) error {
	if err := c.step(); err != nil {
		return err
	}
	return c.Blobs.BeginAs(ctx, id)
}

// Append is cut in the middle, too.
func (c *cutting) Append(ctx context.Context, id string, offset int64, r io.Reader) (int64, error) {
	if err := c.step(); err != nil {
		n, _ := c.Blobs.Append(ctx, id, offset, io.LimitReader(r, 3))
		return n, err
	}
	return c.Blobs.Append(ctx, id, offset, r)
}

func (c *cutting) CommitAs(ctx context.Context, id string, name blob.Digest) (int64, error) {
	if err := c.step(); err != nil {
		return 0, err
	}
	return c.Blobs.CommitAs(ctx, id, name)
}

func (c *cutting) Cancel(ctx context.Context, id string) error {
	if err := c.step(); err != nil {
		return err
	}
	return c.Blobs.Cancel(ctx, id)
}
