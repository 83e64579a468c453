package registry

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"slipway/blob"
	"slipway/registry/inspect"
)

// Criteria say which blobs are to be marked: by exactly one of Digest, Image, Label, StoredBefore, Bytes
// and a file (FilePath, FileDigest or both).
type Criteria struct {
	Account    string `json:"account,omitempty"`    // only blobs of its repositories; "": of any
	Repository string `json:"repository,omitempty"` // only blobs of that one, which needs an Account

	Digest       Digest    `json:"digest,omitempty"`      // a blob, whether it is there or not
	Image        string    `json:"image,omitempty"`       // a tag or digest of the Repository: all that the image needs
	Label        string    `json:"label,omitempty"`       // "name" or "name=value", of a repository or in an image's config
	StoredBefore time.Time `json:"storedBefore,omitzero"` // what came before it
	Bytes        []byte    `json:"bytes,omitempty"`       // that follow one another in a blob, or in what it unpacks to
	FilePath     string    `json:"filePath,omitempty"`    // of a file in a layer, "etc/passwd"
	FileDigest   string    `json:"fileDigest,omitempty"`  // of its bytes, "sha256:..."
}

// Bounds of criteria.
const (
	minPattern = 4
	maxPattern = 4 << 10
	maxPath    = 4 << 10
	maxReason  = 1000
)

// check refuses criteria that say nothing, or two things, and puts what they say in one form.
func (c *Criteria) check() error {
	kinds := 0
	for _, given := range []bool{
		c.Digest != "", c.Image != "", c.Label != "", !c.StoredBefore.IsZero(), len(c.Bytes) > 0, c.FilePath != "" || c.FileDigest != "",
	} {
		if given {
			kinds++
		}
	}
	switch {
	case kinds != 1:
		return fmt.Errorf("%w: want exactly one of a digest, an image, a label, a time, bytes and a file, not %d of them", ErrCriteria, kinds)
	case c.Repository != "" && c.Account == "":
		return fmt.Errorf("%w: repository %s of which account", ErrCriteria, c.Repository)
	case c.Image != "" && c.Repository == "":
		return fmt.Errorf("%w: image %s of which repository", ErrCriteria, c.Image)
	case len(c.Bytes) > 0 && (len(c.Bytes) < minPattern || len(c.Bytes) > maxPattern):
		return fmt.Errorf("%w: %d bytes, want %d to %d", ErrCriteria, len(c.Bytes), minPattern, maxPattern)
	case len(c.Label) > maxPattern || strings.HasPrefix(c.Label, "="):
		return fmt.Errorf("%w: label %q, want name or name=value", ErrCriteria, c.Label)
	case len(c.FilePath) > maxPath:
		return fmt.Errorf("%w: a path of %d bytes, at most %d are taken", ErrCriteria, len(c.FilePath), maxPath)
	}
	return c.settle()
}

func (c *Criteria) settle() error {
	if c.Digest != "" {
		if _, err := ParseDigest(string(c.Digest)); err != nil {
			return fmt.Errorf("%w: %w", ErrCriteria, err)
		}
	}
	if c.Image != "" {
		if _, err := ParseReference(c.Image); err != nil {
			return fmt.Errorf("%w: %w", ErrCriteria, err)
		}
	}
	if c.FileDigest != "" {
		if d, err := ParseDigest(c.FileDigest); err != nil || d.Algorithm() != "sha256" {
			return fmt.Errorf("%w: hash of a file %q, want sha256: and 64 hexadecimal digits", ErrCriteria, c.FileDigest)
		}
	}
	if c.FilePath != "" {
		if c.FilePath = inspect.CleanPath(c.FilePath); c.FilePath == "" {
			return fmt.Errorf("%w: a path to the root is no file", ErrCriteria)
		}
	}
	if !c.StoredBefore.IsZero() {
		c.StoredBefore = c.StoredBefore.UTC().Truncate(time.Microsecond)
	}
	return nil
}

// version names criteria by what they say.
func (c Criteria) version() string {
	text, err := json.Marshal(c)
	if err != nil {
		panic(err) // there is nothing in it that has no JSON
	}
	return string(blob.DigestOf(text))
}

// inside names what is looked for in a blob, wherever that is.
func (c Criteria) inside() string {
	c.Account, c.Repository = "", ""
	return c.version()
}

// what is what is looked for in blobs, or nil when they need not be read.
func (c Criteria) what() inspect.What {
	switch {
	case len(c.Bytes) > 0:
		return inspect.Pattern(c.Bytes)
	case c.FilePath != "" || c.FileDigest != "":
		return inspect.File{Path: c.FilePath, Digest: c.FileDigest}
	case c.Label != "":
		return inspect.ParseLabel(c.Label)
	}
	return nil
}
