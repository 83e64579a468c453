package main

import (
	"context"
	"crypto/sha256"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// fileServer is the argument that makes this program a file server, fileServerName what that is called.
const fileServer, fileServerName = "serve-files", "file server"

// serveFiles answers GET of blobs with the files of a folder, as fast as Go does.
func serveFiles(address, dir string) error {
	return http.ListenAndServe(address, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, err := os.Open(filepath.Join(dir, filepath.Base(r.URL.Path)))
		if err != nil {
			http.Error(w, "no file", http.StatusNotFound)
			return
		}
		defer f.Close()
		w.Header().Set("Content-Type", "application/octet-stream")
		http.ServeContent(w, r, "", time.Time{}, f)
	}))
}

func startFileServer(ctx context.Context, dir string) (*peer, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "ready"), nil, 0o600); err != nil {
		return nil, err
	}
	return start(ctx, fileServerName, address, "/ready", dir, self, fileServer, address, dir)
}

// keep writes a layer where the file server finds it.
func (l *layer) keep(dir string) error {
	f, err := os.Create(filepath.Join(dir, l.digest))
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.ReadFrom(l.reader()); err != nil {
		return err
	}
	return f.Sync()
}

// hashRate is how many MB one core hashes in a second.
func hashRate() float64 {
	data := []byte(strings.Repeat("slipway ", 1<<20))
	h := sha256.New()
	best := 0.0
	for range 10 { // a machine that does other things only makes it slower
		start := time.Now()
		h.Write(data)
		best = max(best, float64(len(data))/1e6/time.Since(start).Seconds())
	}
	return best
}
