package oci

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"slipway/internal/paced"
	"slipway/registry"
)

// blobHeaders say what the bytes are. They never change, so they may be kept for as long as one likes.
func (c *call) blobHeaders(d registry.Digest) {
	h := c.w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Docker-Content-Digest", string(d))
	h.Set("ETag", `"`+string(d)+`"`)
	h.Set("Cache-Control", "private, max-age=31536000, immutable")
	h.Set("Accept-Ranges", "bytes")
}

func (d *door) headBlob(c *call) error {
	digest, err := registry.ParseDigest(c.ref)
	if err != nil {
		return err
	}
	size, err := d.registry.BlobSize(c.r.Context(), c.account, c.name, digest)
	if err != nil {
		return err
	}
	c.blobHeaders(digest)
	c.w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
	c.w.WriteHeader(http.StatusOK)
	return nil
}

func (d *door) getBlob(c *call) error {
	digest, err := registry.ParseDigest(c.ref)
	if err != nil {
		return err
	}
	content, err := d.registry.BlobContent(c.r.Context(), c.account, c.name, digest, c.follows)
	if err != nil {
		return err
	}
	if content.Link != "" {
		c.w.Header().Set("Location", content.Link)
		c.w.Header().Set("Docker-Content-Digest", string(digest))
		c.w.WriteHeader(http.StatusTemporaryRedirect)
		return nil
	}
	defer content.Close()
	if _, file := content.Reader.(syscall.Conn); file { // the kernel sends it
		c.blobHeaders(digest)
		http.ServeContent(paced.NewWriter(c.w), c.r, "", time.Time{}, content.Reader)
		return nil
	}
	return c.relay(digest, content)
}

// follows reports whether the client can follow a link to another server. Many take their login along to
// another port of the same host and to hosts below it, and S3 refuses who shows two proofs.
func (c *call) follows(link string) bool {
	if c.r.Header.Get("Authorization") == "" {
		return true
	}
	to, err := url.Parse(link)
	if err != nil {
		return false
	}
	ours := (&url.URL{Host: c.r.Host}).Hostname()
	return !strings.EqualFold(to.Hostname(), ours) && !strings.HasSuffix(strings.ToLower(to.Hostname()), "."+strings.ToLower(ours))
}

// maxHeld is how large a blob from elsewhere may be that is held, whole, before its answer begins.
const maxHeld = 1 << 20

// relay gives out a blob that comes from another machine: what is small only when all of it was found
// good, and what is not as it comes.
func (c *call) relay(digest registry.Digest, content registry.Content) error {
	var body io.ReadSeeker = &relayed{ReadSeeker: content}
	if content.Size() <= maxHeld {
		whole, err := io.ReadAll(content)
		if err != nil {
			return &registry.Error{Cause: err, Account: c.account, Repository: c.name, Digest: digest}
		}
		body = bytes.NewReader(whole)
	}
	c.blobHeaders(digest)
	http.ServeContent(paced.NewWriter(c.w), c.r, "", time.Time{}, body)
	if r, ok := body.(*relayed); ok && r.err != nil {
		slog.Error("blob cut off", "path", c.r.URL.Path, "error", r.err)
		panic(http.ErrAbortHandler) // so that nobody takes what came for all of it
	}
	return nil
}

// relayed remembers why a blob could not be read to its end.
type relayed struct {
	io.ReadSeeker
	err error
}

func (r *relayed) Read(p []byte) (int, error) {
	n, err := r.ReadSeeker.Read(p)
	if err != nil && err != io.EOF {
		r.err = err
	}
	return n, err
}

func (d *door) deleteBlob(c *call) error {
	digest, err := registry.ParseDigest(c.ref)
	if err != nil {
		return err
	}
	if err := d.registry.DeleteBlob(c.r.Context(), c.account, c.name, digest); err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusAccepted)
	return nil
}
