package oci_test

import (
	"fmt"
	"io"
	"net/http"
	"testing"

	"slipway/blob/disk"
	"slipway/blob/s3/s3test"
	"slipway/blob/sealed"
	"slipway/oci"
	"slipway/store/storetest"
)

// BenchmarkPull reads a blob of 64 MiB from a file, which the kernel sends, and from a bucket, whose bytes
// are hashed on their way; and from both where they are sealed. BenchmarkPush brings one there.
func BenchmarkPull(b *testing.B) {
	places(b, func(b *testing.B, d *door) {
		data, digest := someBytes(64 << 20)
		d.do("POST", web+"/blobs/uploads/?digest="+digest, data).want(201)
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			d.read(digest, int64(len(data)))
		}
	})
}

func BenchmarkPush(b *testing.B) {
	places(b, func(b *testing.B, d *door) {
		data, digest := someBytes(64 << 20)
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			d.do("POST", web+"/blobs/uploads/?digest="+digest, data).want(201)
			d.do("DELETE", web+"/blobs/"+digest, "").want(202)
		}
	})
}

func places(b *testing.B, bench func(*testing.B, *door)) {
	for name, open := range map[string]func(*testing.B) sealed.Inner{
		"folder": func(b *testing.B) sealed.Inner {
			s, err := disk.Open(b.TempDir())
			if err != nil {
				b.Fatal(err)
			}
			return s
		},
		"bucket": func(b *testing.B) sealed.Inner { return bucket(b, s3test.Start(b), "?redirect=false") },
	} {
		b.Run(name, func(b *testing.B) {
			d := newDoorOver(b, storetest.SQLite(b), open(b), oci.Config{})
			d.create("team/web")
			bench(b, d)
		})
		b.Run(name+", sealed", func(b *testing.B) { bench(b, newSafe(b, open(b), "").door) })
	}
}

// read reads a blob and forgets it.
func (d *door) read(digest string, size int64) {
	d.t.Helper()
	req, err := http.NewRequestWithContext(d.t.Context(), "GET", d.server.URL+web+"/blobs/"+digest, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	req.SetBasicAuth("AWS", d.token)
	res, err := d.server.Client().Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	defer res.Body.Close()
	if n, err := io.Copy(io.Discard, res.Body); n != size || err != nil {
		d.t.Fatal(fmt.Errorf("%d bytes of %d: %w", n, size, err))
	}
}
