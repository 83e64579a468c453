package oci

import (
	"bytes"
	"io"
	"mime"
	"net/http"
	"time"

	"slipway/registry"
)

func (d *door) getManifest(c *call) error {
	id, err := registry.ParseReference(c.ref)
	if err != nil {
		return err
	}
	ctx := d.registry.Puller(c.r.Context(), c.account, c.who.ARN)
	m, err := d.registry.Pull(ctx, c.account, c.name, id, d.mayImport(c))
	if err != nil {
		return err
	}
	h := c.w.Header()
	h.Set("Content-Type", m.MediaType)
	h.Set("Docker-Content-Digest", string(m.Digest))
	h.Set("ETag", `"`+string(m.Digest)+`"`)
	http.ServeContent(paced(c.w), c.r, "", time.Time{}, bytes.NewReader(m.Raw))
	return nil
}

func (d *door) putManifest(c *call) error {
	push, err := readPush(c)
	if err != nil {
		return err
	}
	made, _, err := d.registry.PutManifest(c.r.Context(), c.account, c.name, push)
	if err != nil {
		return err
	}
	if made.Subject != "" {
		c.w.Header().Set("OCI-Subject", string(made.Subject))
	}
	c.created(manifestPath(c.name, string(made.Digest)), made.Digest)
	return nil
}

// readPush checks the reference before it reads the body.
func readPush(c *call) (registry.Push, error) {
	id, err := registry.ParseReference(c.ref)
	if err != nil {
		return registry.Push{}, err
	}
	mediaType := c.r.Header.Get("Content-Type")
	if mediaType != "" {
		if mediaType, _, err = mime.ParseMediaType(mediaType); err != nil {
			return registry.Push{}, problemf(http.StatusBadRequest, "MANIFEST_INVALID", "Content-Type %q: %v", c.r.Header.Get("Content-Type"), err)
		}
	}
	raw, err := readManifest(c)
	return registry.Push{Raw: raw, MediaType: mediaType, Digest: id.Digest, Tag: id.Tag}, err
}

// readManifest reads no more than a manifest may have, and one byte that tells if there is more.
func readManifest(c *call) ([]byte, error) {
	if c.r.ContentLength > registry.MaxManifest {
		return nil, registry.ErrManifestTooLarge
	}
	body := pacedBody(c.w, c.r.Body)
	defer body.done()
	var raw bytes.Buffer
	raw.Grow(int(max(0, c.r.ContentLength)) + bytes.MinRead)
	_, err := raw.ReadFrom(io.LimitReader(body, registry.MaxManifest+1))
	if err == nil && raw.Len() > registry.MaxManifest {
		err = registry.ErrManifestTooLarge
	}
	return raw.Bytes(), err
}

// deleteManifest takes away a tag, or an image with all its tags.
func (d *door) deleteManifest(c *call) error {
	id, err := registry.ParseReference(c.ref)
	if err != nil {
		return err
	}
	if id.Tag != "" {
		err = d.registry.Untag(c.r.Context(), c.account, c.name, id.Tag)
	} else {
		err = d.registry.DeleteManifest(c.r.Context(), c.account, c.name, id.Digest)
	}
	if err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusAccepted)
	return nil
}
