package registry_test

import (
	"bytes"
	"database/sql"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"slipway/blob"
	"slipway/internal/ids"
	"slipway/registry"
	"slipway/store"
)

func (k kit) start(repository string) string {
	k.t.Helper()
	id, err := k.StartUpload(k.t.Context(), account, repository)
	check(k.t, err)
	return id
}

func (k kit) read(repository string, d registry.Digest) string {
	k.t.Helper()
	r, err := k.OpenBlob(k.t.Context(), account, repository, d)
	check(k.t, err)
	defer r.Close()
	data, err := io.ReadAll(r)
	check(k.t, err)
	return string(data)
}

func TestUploadInChunks(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		id := k.start("web")
		for _, chunk := range []string{"one ", "two ", "three"} {
			_, err := k.Append(t.Context(), account, "web", id, registry.End, strings.NewReader(chunk))
			check(t, err)
		}
		d := blob.DigestOf([]byte("one two three"))
		size, err := k.FinishUpload(t.Context(), account, "web", id, d)
		if err != nil || size != 13 || k.read("web", d) != "one two three" {
			t.Errorf("size %d, error %v", size, err)
		}
		_, err = k.UploadSize(t.Context(), account, "web", id)
		wantErr(t, err, registry.ErrNoUpload)
	})
}

func TestChunkOutOfOrderTellsWhereToGoOn(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		id := k.start("web")
		_, err := k.Append(t.Context(), account, "web", id, 0, strings.NewReader("12345"))
		check(t, err)
		_, err = k.Append(t.Context(), account, "web", id, 3, strings.NewReader("45"))
		wantErr(t, err, registry.ErrOffset)
		if e, ok := errors.AsType[*registry.Error](err); !ok || e.Size != 5 || e.Upload != id {
			t.Errorf("error %#v", err)
		}
	})
}

func TestCutUploadIsResumed(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		id := k.start("web")
		_, err := k.Append(t.Context(), account, "web", id, 0, io.MultiReader(strings.NewReader("half"), iotest.ErrReader(io.ErrUnexpectedEOF)))
		wantErr(t, err, io.ErrUnexpectedEOF)
		size, err := k.UploadSize(t.Context(), account, "web", id)
		if err != nil || size != 4 {
			t.Fatalf("size %d, error %v", size, err)
		}
		_, err = k.Append(t.Context(), account, "web", id, size, strings.NewReader(" and half"))
		check(t, err)
		_, err = k.FinishUpload(t.Context(), account, "web", id, blob.DigestOf([]byte("half and half")))
		check(t, err)
	})
}

func TestFlippedBitStoresNothing(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		id := k.start("web")
		_, err := k.Append(t.Context(), account, "web", id, 0, strings.NewReader("hallo"))
		check(t, err)
		d := blob.DigestOf([]byte("hello"))
		_, err = k.FinishUpload(t.Context(), account, "web", id, d)
		wantErr(t, err, registry.ErrMismatch)
		if !strings.Contains(err.Error(), string(d)) {
			t.Errorf("%q does not name %s", err, d)
		}
		_, err = k.UploadSize(t.Context(), account, "web", id)
		wantErr(t, err, registry.ErrNoUpload)
		if n := k.blobsStored(); n != 0 {
			t.Errorf("%d blobs stored", n)
		}
	})
}

func TestUploadBelongsToItsRepository(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		k.create("api")
		id := k.start("web")
		for _, try := range []error{
			second(k.UploadSize(t.Context(), account, "api", id)),
			second(k.Append(t.Context(), account, "api", id, 0, strings.NewReader("x"))),
			second(k.FinishUpload(t.Context(), account, "api", id, blob.DigestOf(nil))),
			k.CancelUpload(t.Context(), account, "api", id),
			second(k.UploadSize(t.Context(), account, "web", ids.UUID())),
		} {
			wantErr(t, try, registry.ErrNoUpload)
		}
		_, err := k.UploadSize(t.Context(), "999999999999", "web", id)
		wantErr(t, err, registry.ErrNoRepository)
	})
}

func second[T any](_ T, err error) error { return err }

func TestCancelledUploadIsGone(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		id := k.start("web")
		check(t, k.CancelUpload(t.Context(), account, "web", id))
		wantErr(t, k.CancelUpload(t.Context(), account, "web", id), registry.ErrNoUpload)
	})
}

func TestBlobIsStoredOnce(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		k.create("api")
		d := k.upload("web", []byte("layer"))
		if _, err := k.BlobSize(t.Context(), account, "api", d); !errors.Is(err, registry.ErrNoBlob) {
			t.Errorf("api answers for a blob of web: %v", err)
		}
		k.upload("api", []byte("layer"))
		if n := k.blobsStored(); n != 1 {
			t.Errorf("%d blobs, want 1", n)
		}
		check(t, k.DeleteBlob(t.Context(), account, "web", d))
		_, err := k.BlobSize(t.Context(), account, "web", d)
		wantErr(t, err, registry.ErrNoBlob)
		if got := k.read("api", d); got != "layer" {
			t.Errorf("api reads %q", got)
		}
	})
}

func TestMount(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		k.create("api")
		d := k.upload("web", []byte("layer"))
		for _, c := range []struct {
			from string
			d    registry.Digest
			want bool
		}{{"web", missing(1), false}, {"nowhere", d, false}, {"web", d, true}, {"web", d, true}} {
			mounted, err := k.MountBlob(t.Context(), account, "api", c.from, c.d)
			if err != nil || mounted != c.want {
				t.Errorf("mount from %s: %v, error %v, want %v", c.from, mounted, err, c.want)
			}
		}
		if got := k.read("api", d); got != "layer" {
			t.Errorf("api reads %q", got)
		}
		_, err := k.MountBlob(t.Context(), account, "nowhere", "web", d)
		wantErr(t, err, registry.ErrNoRepository)
	})
}

func TestManyPushOneLayer(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		data := bytes.Repeat([]byte("layer"), 50_000)
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				id, err := k.StartUpload(t.Context(), account, "web")
				if err == nil {
					_, err = k.Append(t.Context(), account, "web", id, 0, bytes.NewReader(data))
				}
				if err == nil {
					_, err = k.FinishUpload(t.Context(), account, "web", id, blob.DigestOf(data))
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n := k.blobsStored(); n != 1 {
			t.Errorf("%d blobs, want 1", n)
		}
	})
}

func TestStaleUploadsAreForgotten(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		old := []string{k.start("web"), k.start("web")}
		check(t, k.blobs.Cancel(t.Context(), old[1])) // as after a crash: a row without bytes

		n, err := k.ForgetUploads(t.Context(), time.Hour)
		if err != nil || n != 0 {
			t.Errorf("forgot %d fresh uploads, error %v", n, err)
		}
		n, err = k.ForgetUploads(t.Context(), -time.Hour)
		if err != nil || n != 1 {
			t.Errorf("forgot %d uploads, error %v, want 1", n, err)
		}
		for _, id := range old {
			_, err := k.UploadSize(t.Context(), account, "web", id)
			wantErr(t, err, registry.ErrNoUpload)
		}
	})
}

func TestUploadIntoARepositoryThatGoes(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		id, d := k.start("web"), blob.DigestOf([]byte("layer"))
		_, err := k.DeleteRepository(t.Context(), account, "web", false)
		check(t, err)
		_, err = k.Append(t.Context(), account, "web", id, 0, strings.NewReader("layer"))
		wantErr(t, err, registry.ErrNoRepository)
		_, err = k.FinishUpload(t.Context(), account, "web", id, d)
		wantErr(t, err, registry.ErrNoRepository)
	})
}

// unreferenced lists what the sweep will look at.
func (k kit) unreferenced() (found []registry.Digest) {
	k.t.Helper()
	check(k.t, k.db.View(k.t.Context(), func(tx *store.Tx) (err error) {
		found, err = digestsOf(tx, `select digest from registry_unreferenced order by digest`)
		return err
	}))
	return found
}

func digestsOf(tx *store.Tx, query string) (found []registry.Digest, err error) {
	err = tx.Each(query, nil, func(rows *sql.Rows) error {
		var d registry.Digest
		err := rows.Scan(&d)
		found = append(found, d)
		return err
	})
	return found, err
}
