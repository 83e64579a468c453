package oci_test

import (
	"crypto/sha256"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"slipway/blob/disk"
	"slipway/internal/paced/pacedtest"
	"slipway/oci"
	"slipway/registry"
	"slipway/store/storetest"
)

// sentAsFile is how many bytes were handed to the kernel as a file while a client asked. The client has them
// before that is counted, so it is looked at when nothing is being answered any more.
func (d *door) sentAsFile(ask func(*door)) int64 {
	var asFile atomic.Int64
	noting := httptest.NewUnstartedServer(d.server.Config.Handler)
	noting.Listener = pacedtest.Listener{Listener: noting.Listener, AsFile: &asFile}
	noting.Start()
	defer noting.Close()
	asked := *d
	asked.server = noting
	ask(&asked)
	noting.Close()
	return asFile.Load()
}

// A blob that is a file goes out as one: all but the first bytes, which the HTTP server looks at, are never
// copied through this process.
func TestAFileIsSentByTheKernel(t *testing.T) {
	d := newDoor(t)
	data, digest := someBytes(5 << 20)
	d.do("POST", web+"/blobs/uploads/?digest="+digest, data).want(201)
	n := d.sentAsFile(func(d *door) {
		if status, got, err := d.pull(digest); status != 200 || got != data || err != nil {
			t.Fatalf("%d, %d bytes of %d, %v", status, len(got), len(data), err)
		}
	})
	if n < int64(len(data))-64<<10 {
		t.Errorf("%d bytes of %d were sent as a file", n, len(data))
	}
	n = d.sentAsFile(func(d *door) {
		if a := d.do("GET", web+"/blobs/"+digest, "", "Range", "bytes=1000000-3999999").want(206); a.body != data[1_000_000:4_000_000] {
			t.Errorf("read %d bytes", len(a.body))
		}
	})
	if n < 3_000_000-64<<10 {
		t.Errorf("%d bytes of a part of 3000000 were sent as a file", n)
	}
}

// An upload goes on where it was when the server starts again, under the algorithm that it ends with.
func TestUploadOutlivesTheServer(t *testing.T) {
	db, dir := storetest.SQLite(t), t.TempDir()
	start := func() *door {
		blobs, err := disk.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		return newDoorOver(t, db, blobs, oci.Config{})
	}
	d := start()
	d.create("team/web")
	data, digest := someBytes(300_000)
	for _, want := range []string{digest, sha512Of(data)} {
		location := d.do("POST", web+"/blobs/uploads/", "").want(202).Header.Get("Location")
		for at := 0; at < len(data); at += 100_000 {
			d.server.Close()
			d = start()
			d.do("GET", location, "").want(204).wantHeader("Range", fmt.Sprintf("0-%d", max(0, at-1)))
			d.do("PATCH", location, data[at:at+100_000], "Content-Range", fmt.Sprintf("%d-%d", at, at+99_999)).want(202)
		}
		d.server.Close()
		d = start()
		d.do("PUT", location+"?digest="+want, "").want(201).wantHeader("Docker-Content-Digest", want)
		if status, got, err := d.pull(want); status != 200 || got != data || err != nil {
			t.Errorf("%d, %d bytes of %d, %v", status, len(got), len(data), err)
		}
	}
}

// Indexes within indexes, as deep as somebody cares to push them, cost no more at the end than at the
// beginning, and go as they came.
func TestIndexesThatAreDeeplyNested(t *testing.T) {
	d := newDoor(t)
	m, _ := d.image("team/web", "v1", "layer")
	kind, chain := registry.MediaTypeOCIManifest, []string{}
	for range 200 {
		m = indexOf("", descriptorOf(kind, m))
		kind = registry.MediaTypeOCIIndex
		chain = append(chain, fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(m))))
		d.do("PUT", web+"/manifests/deep", m, "Content-Type", kind).want(201)
	}
	if a := d.do("GET", web+"/manifests/deep", "").want(200); a.body != m {
		t.Errorf("the outermost is %s", a.body)
	}
	d.do("DELETE", web+"/manifests/"+chain[0], "").fails(405, "UNSUPPORTED", chain[1])
	for i := len(chain) - 1; i >= 0; i-- {
		d.do("DELETE", web+"/manifests/"+chain[i], "").want(202)
	}
}

// An index of millions of children is refused by their number, before any of them is looked for.
func TestAnIndexOfMillions(t *testing.T) {
	d := newDoor(t)
	bomb := `{"schemaVersion":2,"manifests":[{}` + strings.Repeat(",{}", 1_300_000) + "]}"
	d.do("PUT", web+"/manifests/bomb", bomb, "Content-Type", registry.MediaTypeOCIIndex).fails(400, "MANIFEST_INVALID", "4200")
	d.do("PUT", web+"/manifests/bomb", strings.Repeat("[", registry.MaxManifest), "Content-Type", registry.MediaTypeOCIIndex).fails(400, "MANIFEST_INVALID", "depth")
}
