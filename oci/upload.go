package oci

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"slipway/internal/paced"
	"slipway/registry"
)

// startUpload begins an upload, or does without one: when the blob can be mounted from another
// repository, or when it came with the request.
func (d *door) startUpload(c *call) error {
	if c.ref != "" {
		return problemf(http.StatusMethodNotAllowed, "UNSUPPORTED", "POST starts an upload at %s", uploadPath(c.name, ""))
	}
	query := c.r.URL.Query()
	if mount, from := query.Get("mount"), query.Get("from"); mount != "" && from != "" {
		if mounted, err := d.mount(c, mount, from); err != nil || mounted {
			return err
		}
	}
	if query.Has("digest") {
		return d.uploadAtOnce(c)
	}
	if query.Has("digest-algorithm") { // which the digest at the end will have: better known before the bytes
		if err := registry.CheckAlgorithm(query.Get("digest-algorithm")); err != nil {
			return err
		}
	}
	id, err := d.registry.StartUpload(c.r.Context(), c.account, c.name)
	if err != nil {
		return err
	}
	c.uploadHeaders(id, 0)
	c.w.WriteHeader(http.StatusAccepted)
	return nil
}

// mount answers 201 if the caller may read the blob where it comes from, and it is there. If not, no
// word is said about which of the two it was.
func (d *door) mount(c *call, mount, from string) (bool, error) {
	digest, err := registry.ParseDigest(mount)
	if err != nil {
		return false, err
	}
	may, err := d.mayRead(c, from)
	if err != nil || !may {
		return false, err
	}
	mounted, err := d.registry.MountBlob(c.r.Context(), c.account, c.name, from, digest)
	if mounted {
		c.created(blobPath(c.name, mount), digest)
	}
	return mounted, err
}

func (d *door) uploadAtOnce(c *call) error {
	digest, err := registry.ParseDigest(c.r.URL.Query().Get("digest"))
	if err != nil {
		return err
	}
	if c.ref, err = d.registry.StartUpload(c.r.Context(), c.account, c.name); err != nil {
		return err
	}
	return d.receiveLast(c, digest)
}

func (d *door) uploadStatus(c *call) error {
	size, err := d.registry.UploadSize(c.r.Context(), c.account, c.name, c.ref)
	if err != nil {
		return err
	}
	c.uploadHeaders(c.ref, size)
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

func (d *door) appendUpload(c *call) error {
	size, err := d.receive(c)
	if err != nil {
		return err
	}
	c.uploadHeaders(c.ref, size)
	c.w.WriteHeader(http.StatusAccepted)
	return nil
}

// finishUpload may bring the last bytes, or all of them.
func (d *door) finishUpload(c *call) error {
	digest, err := registry.ParseDigest(c.r.URL.Query().Get("digest"))
	if err != nil {
		return err
	}
	return d.receiveLast(c, digest)
}

func (d *door) receiveLast(c *call, digest registry.Digest) error {
	if c.r.ContentLength != 0 {
		if _, err := d.receive(c); err != nil {
			return err
		}
	}
	if _, err := d.registry.FinishUpload(c.r.Context(), c.account, c.name, c.ref, digest); err != nil {
		return err
	}
	c.created(blobPath(c.name, string(digest)), digest)
	return nil
}

// receive adds the body to the upload and returns its size.
func (d *door) receive(c *call) (int64, error) {
	from, to, err := contentRange(c)
	if err != nil {
		return 0, err
	}
	body := paced.NewBody(c.w, c.r)
	defer body.Done()
	size, err := d.registry.Append(c.r.Context(), c.account, c.name, c.ref, from, body)
	if err == nil && to >= 0 && size != to+1 {
		err = problemf(http.StatusBadRequest, "SIZE_INVALID", "the body ended at byte %d, its Content-Range at %d", size-1, to)
	}
	return size, err
}

// contentRange reads the Content-Range of a chunk, "0-1023": where it begins, and where it ends or -1.
// Without one the chunk goes to the end of what is there.
func contentRange(c *call) (from, to int64, err error) {
	text := c.r.Header.Get("Content-Range")
	if text == "" {
		return registry.End, -1, nil
	}
	span, _, _ := strings.Cut(strings.TrimPrefix(text, "bytes "), "/")
	first, last, _ := strings.Cut(span, "-")
	from, err1 := strconv.ParseInt(first, 10, 64)
	to, err2 := strconv.ParseInt(last, 10, 64)
	if err1 != nil || err2 != nil || from < 0 || to < from-1 {
		return 0, 0, problemf(http.StatusRequestedRangeNotSatisfiable, "BLOB_UPLOAD_INVALID", "Content-Range %q is not of the form first-last", text)
	}
	if n := to - from + 1; c.r.ContentLength >= 0 && c.r.ContentLength != n {
		return 0, 0, problemf(http.StatusBadRequest, "SIZE_INVALID", "Content-Range %q has %d bytes and the body %d", text, n, c.r.ContentLength)
	}
	return from, to, nil
}

// uploadHeaders tell where an upload is, and how far.
func (c *call) uploadHeaders(id string, size int64) {
	h := c.w.Header()
	h.Set("Location", uploadPath(c.name, id))
	h.Set("Docker-Upload-UUID", id)
	h.Set("Range", fmt.Sprintf("0-%d", max(0, size-1)))
}

func (d *door) cancelUpload(c *call) error {
	if err := d.registry.CancelUpload(c.r.Context(), c.account, c.name, c.ref); err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

// created answers 201 with where it is.
func (c *call) created(path string, d registry.Digest) {
	h := c.w.Header()
	h.Set("Location", path)
	h.Set("Docker-Content-Digest", string(d))
	c.w.WriteHeader(http.StatusCreated)
}
