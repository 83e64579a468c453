package oci

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strconv"

	"slipway/internal/paced"
	"slipway/registry"
)

// What is not here may come from another registry, or be made because somebody pushes to it, where the
// account has said so and the caller may.

// Source: Amazon ECR User Guide, "IAM permissions required to sync an upstream registry with an Amazon ECR
// private registry".
const (
	importAction = "ecr:BatchImportUpstreamImage"
	createAction = "ecr:CreateRepository"
	tagAction    = "ecr:TagResource"
)

// mayImport asks whether the caller may have images brought here to pull them.
func (d *door) mayImport(c *call) registry.Permit {
	return func(create bool) error {
		if err := d.authorize(c, permission{importAction, registry.ActionPull}, c.name); err != nil || !create {
			return err
		}
		t, _, err := d.registry.HasTemplate(c.r.Context(), c.account, c.name, registry.UsePullThrough)
		if err != nil {
			return err
		}
		return d.mayCreate(c, t, registry.ActionPull)
	}
}

func (d *door) mayCreate(c *call, t registry.Template, scope registry.Action) error {
	if err := d.authorize(c, permission{createAction, scope}, c.name); err != nil || len(t.Labels) == 0 {
		return err
	}
	return d.authorize(c, permission{tagAction, scope}, c.name)
}

// createOnPush makes the repository that an upload is for, and reports whether it did.
func (d *door) createOnPush(c *call) (bool, error) {
	ctx := c.r.Context()
	t, found, err := d.registry.HasTemplate(ctx, c.account, c.name, registry.UseCreateOnPush)
	if err != nil || !found {
		return false, err
	}
	if err := d.mayCreate(c, t, registry.ActionPush); err != nil {
		return false, err
	}
	_, err = d.registry.Provide(ctx, c.account, c.name, registry.UseCreateOnPush)
	return err == nil, err
}

// otherwise has another look at a call that failed for want of a repository or a blob.
func (d *door) otherwise(c *call, op operation, err error) error {
	missing := errors.Is(err, registry.ErrNoRepository)
	switch {
	case missing && c.kind == uploads && c.r.Method == http.MethodPost:
		if made, failed := d.createOnPush(c); made {
			return op.do(d, c)
		} else if failed != nil {
			return failed
		}
	case errors.Is(err, registry.ErrNoBlob) && c.kind == blobs && c.r.Method == http.MethodGet:
		return d.getBlobThere(c)
	case errors.Is(err, registry.ErrNoBlob) && c.kind == blobs && c.r.Method == http.MethodHead:
		return d.headBlobThere(c)
	}
	return err
}

func (d *door) headBlobThere(c *call) error {
	digest := registry.Digest(c.ref) // it was found good before it was not found
	size, err := d.registry.PullBlobSize(c.r.Context(), c.account, c.name, digest, d.mayImport(c))
	if err != nil {
		return err
	}
	c.wholeBlob(digest, size)
	return nil
}

// getBlobThere gives a blob out while it is being brought here. It comes from its beginning, whatever part
// was asked for.
func (d *door) getBlobThere(c *call) error {
	digest := registry.Digest(c.ref)
	body, size, err := d.registry.PullBlob(c.r.Context(), c.account, c.name, digest, d.mayImport(c))
	if err != nil {
		return err
	}
	defer body.Close()
	c.wholeBlob(digest, size)
	from := &failing{Reader: body}
	_, _ = paced.NewWriter(c.w).ReadFrom(from) // a client that went away is nobody's failure
	if from.err != nil && c.r.Context().Err() == nil {
		slog.Error("blob of another registry cut off", "path", c.r.URL.Path, "error", from.err)
		panic(http.ErrAbortHandler) // so that nobody takes what came for all of it
	}
	return nil
}

func (c *call) wholeBlob(d registry.Digest, size int64) {
	c.blobHeaders(d)
	c.w.Header().Del("Accept-Ranges")
	c.w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
	c.w.WriteHeader(http.StatusOK)
}

// failing remembers why there was no more to read.
type failing struct {
	io.Reader
	err error
}

// Read satisfies io.Reader.
func (f *failing) Read(p []byte) (int, error) {
	n, err := f.Reader.Read(p)
	if err != nil && err != io.EOF {
		f.err = err
	}
	return n, err
}
