package registry

import (
	"context"
	"encoding/json"
	"errors"

	"slipway/store"
)

// Filter says which images a listing shows: those that have all that is said.
type Filter int

// The filters.
const (
	AnyImage Filter = 0
	Tagged   Filter = 1 << (iota - 1)
	Untagged
	Active   // not in the archive
	Archived // in the archive
)

// Images lists at most limit images by digest, with their tags, from after the given digest.
func (c *Control) Images(ctx context.Context, account, repository string, f Filter, after string, limit int) (found []Image, err error) {
	err = c.view(ctx, account, repository, func(tx *store.Tx, repo Repository) error {
		if found, err = listImages(tx, repo.id, f, after, limit); err != nil {
			return err
		}
		return addTags(tx, repo.id, found)
	})
	return found, err
}

// ImagesByID finds images, with their tags, in the order asked for.
// It returns ErrNoRepository, or the ErrNoImage or ErrTagMismatch of the first that is not there.
func (c *Control) ImagesByID(ctx context.Context, account, repository string, ids []ImageID) (found []Image, err error) {
	err = c.view(ctx, account, repository, func(tx *store.Tx, repo Repository) error {
		found = make([]Image, len(ids))
		for i, id := range ids {
			d, err := findDigest(tx, repo, id)
			if err != nil {
				return err
			}
			if found[i], err = findImage(tx, repo.id, d); err != nil {
				return err
			}
		}
		return addTags(tx, repo.id, found)
	})
	return found, err
}

// ImageIDs lists at most limit pairs of image and tag, and images without tags, by digest and then tag,
// from after the given pair.
func (c *Control) ImageIDs(ctx context.Context, account, repository string, f Filter, after ImageID, limit int) (found []ImageID, err error) {
	err = c.view(ctx, account, repository, func(tx *store.Tx, repo Repository) error {
		found, err = listImageIDs(tx, repo.id, f, after, limit)
		return err
	})
	return found, err
}

// Found is a manifest with the id that it was asked for by.
type Found struct {
	ID ImageID
	Manifest
}

// Manifests reads several manifests, for a pull. It returns those that are there, and a failure for each that
// is not, or may not be pulled.
func (c *Control) Manifests(ctx context.Context, account, repository string, ids []ImageID) (found []Found, failed []Failure, err error) {
	var of Repository
	err = c.view(ctx, account, repository, func(tx *store.Tx, repo Repository) error {
		of, found, failed = repo, nil, nil
		for _, id := range ids {
			m, err := c.pulledManifest(tx, repo, id)
			switch {
			case err == nil:
				found = append(found, Found{id, m})
			case errors.Is(err, ErrNoImage), errors.Is(err, ErrTagMismatch), errors.Is(err, ErrMarked), errors.Is(err, ErrArchived), isKeyError(err):
				failed = append(failed, Failure{id, err})
			default:
				return err
			}
		}
		return nil
	})
	for _, f := range found {
		if err == nil {
			err = c.notePull(ctx, of, f.Image)
		}
	}
	return found, failed, err
}

// Tags lists at most limit tags of a repository in their order, from after the given one.
func (c *Control) Tags(ctx context.Context, account, repository, after string, limit int) (tags []string, err error) {
	err = c.view(ctx, account, repository, func(tx *store.Tx, repo Repository) error {
		tags, err = listTags(tx, repo.id, after, limit)
		return err
	})
	return tags, err
}

// Referrer is an image that refers to another as its subject.
type Referrer struct {
	Image
	Annotations map[string]string
}

// Type is what the referrer is: its artifact type, or that of its config.
func (r Referrer) Type() string {
	if r.ArtifactType != "" {
		return r.ArtifactType
	}
	return r.ConfigType
}

// Referrers lists at most limit images whose subject is the given digest, whether that is there or not, by
// digest, from after the given one, and reports whether there are more. Those of a page are not larger
// together than one manifest may be, unless it is a single one.
func (c *Control) Referrers(ctx context.Context, account, repository string, subject, after Digest, limit int) (found []Referrer, more bool, err error) {
	err = c.view(ctx, account, repository, func(tx *store.Tx, repo Repository) error {
		var manifests []Manifest
		if manifests, more, err = listReferrers(tx, repo.id, subject, after, limit); err != nil {
			return err
		}
		found = make([]Referrer, len(manifests))
		for i, m := range manifests {
			var d struct {
				Annotations map[string]string `json:"annotations"`
			}
			if err := json.Unmarshal(m.Raw, &d); err != nil {
				return err
			}
			found[i] = Referrer{m.Image, d.Annotations}
		}
		return nil
	})
	return found, more, err
}
