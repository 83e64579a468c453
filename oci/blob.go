package oci

import (
	"net/http"
	"strconv"
	"time"

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
	r, err := d.registry.OpenBlob(c.r.Context(), c.account, c.name, digest)
	if err != nil {
		return err
	}
	defer r.Close()
	c.blobHeaders(digest)
	http.ServeContent(paced(c.w), c.r, "", time.Time{}, r)
	return nil
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
