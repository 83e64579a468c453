package s3_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"slipway/api/awswire/wiretest"
	"slipway/internal/sigv4"
)

// Objects are put and got by HTTP; as the floor beside them, a server that writes the same bytes to a file and syncs it, and
// one that sends a file.
func BenchmarkObjects(b *testing.B) {
	d := newDesk(b)
	d.bucket("harbour")
	floor := httptest.NewServer(plainFiles(b.TempDir()))
	b.Cleanup(floor.Close)
	for _, size := range []int{1 << 20, 100 << 20} {
		data := random(size)
		for _, server := range []struct{ name, url string }{{"slipway", d.url + "/harbour/k"}, {"floor", floor.URL + "/k"}} {
			b.Run(fmt.Sprintf("put/%dMiB/%s", size>>20, server.name), func(b *testing.B) {
				b.SetBytes(int64(size))
				for i := 0; b.Loop(); i++ {
					data[0], data[1], data[2] = byte(i), byte(i>>8), byte(time.Now().UnixNano()) // none is there already
					d.ask(b, http.MethodPut, server.url, data)
				}
			})
			b.Run(fmt.Sprintf("get/%dMiB/%s", size>>20, server.name), func(b *testing.B) {
				b.SetBytes(int64(size))
				for b.Loop() {
					d.ask(b, http.MethodGet, server.url, nil)
				}
			})
		}
	}
}

// ask sends a signed request, and reads the answer to its end.
func (d *desk) ask(b *testing.B, method, url string, body []byte) {
	r, err := http.NewRequest(method, url, bytes.NewReader(body))
	must(b, err)
	r.Header.Set("X-Amz-Content-Sha256", sigv4.Unsigned)
	sigv4.Sign(r, nil, sigv4.Credentials{AccessKeyID: d.world.Root.ID, Secret: d.world.Root.Secret}, wiretest.Region, "s3", time.Now())
	answer, err := d.http.Do(r)
	must(b, err)
	defer answer.Body.Close()
	if n, err := io.Copy(io.Discard, answer.Body); err != nil || answer.StatusCode != http.StatusOK {
		b.Fatalf("%s %s: %s, %d bytes, %v", method, url, answer.Status, n, err)
	}
}

// plainFiles is the least that a server can do: a file for each path, written through to the disk.
func plainFiles(dir string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := filepath.Join(dir, filepath.Base(r.URL.Path))
		if r.Method == http.MethodGet {
			http.ServeFile(w, r, path)
			return
		}
		f, err := os.Create(path)
		if err == nil {
			_, err = io.Copy(f, r.Body)
		}
		if err == nil {
			err = f.Sync()
		}
		if err == nil {
			err = f.Close()
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
}
