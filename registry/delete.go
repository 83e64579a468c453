package registry

import (
	"context"
	"errors"

	"slipway/store"
)

// Failure is one image of several that nothing was done about, and why.
type Failure struct {
	ID  ImageID
	Err error // ErrNoImage, ErrTagMismatch, ErrImageInUse with the indexes that need it, ErrMarked, ErrArchived, or an error about a key
}

// DeleteImages deletes what it is given: with a tag, the tag, and the image when that was its last;
// without, the image and all its tags. An index may be deleted together with its children, in any order.
// It returns each pair of image and tag that went, and a failure for each id that nothing was done about.
func (c *Control) DeleteImages(ctx context.Context, account, repository string, ids []ImageID) (gone []ImageID, failed []Failure, err error) {
	err = c.update(ctx, account, repository, func(tx *store.Tx, repo Repository) error {
		gone, failed, err = c.deleteAll(tx, repo, ids)
		return err
	})
	return gone, failed, err
}

// deleteAll tries again what an index stood in the way of, as long as something else went.
func (c *Control) deleteAll(tx *store.Tx, repo Repository, ids []ImageID) (gone []ImageID, failed []Failure, err error) {
	var inUse []Failure
	for _, id := range ids {
		went, err := c.deleteOne(tx, repo, id)
		switch {
		case err == nil:
			gone = append(gone, went...)
		case errors.Is(err, ErrImageInUse):
			inUse = append(inUse, Failure{id, err})
		case errors.Is(err, ErrNoImage), errors.Is(err, ErrTagMismatch):
			failed = append(failed, Failure{id, err})
		default:
			return nil, nil, err
		}
	}
	if len(gone) == 0 || len(inUse) == 0 {
		return gone, append(failed, inUse...), nil
	}
	again := make([]ImageID, len(inUse))
	for i, f := range inUse {
		again[i] = f.ID
	}
	more, still, err := c.deleteAll(tx, repo, again)
	return append(gone, more...), append(failed, still...), err
}

func (c *Control) deleteOne(tx *store.Tx, repo Repository, id ImageID) ([]ImageID, error) {
	d, err := findDigest(tx, repo, id)
	if err != nil {
		return nil, err
	}
	tags, err := tagsOf(tx, repo.id, d)
	if err != nil {
		return nil, err
	}
	if id.Tag != "" && len(tags) > 1 {
		return []ImageID{{d, id.Tag}}, c.untag(tx, repo, d, id.Tag)
	}
	return pairs(d, tags), c.deleteImage(tx, repo, d)
}

// pairs are an image's digest with each of its tags, or alone.
func pairs(d Digest, tags []string) []ImageID {
	if len(tags) == 0 {
		return []ImageID{{Digest: d}}
	}
	ids := make([]ImageID, len(tags))
	for i, tag := range tags {
		ids[i] = ImageID{d, tag}
	}
	return ids
}

func (c *Control) deleteImage(tx *store.Tx, repo Repository, d Digest) error {
	parents, err := parentsOf(tx, repo.id, d)
	if err != nil {
		return err
	}
	if len(parents) > 0 {
		return &Error{Cause: ErrImageInUse, Account: repo.Account, Repository: repo.Name, Digest: d, Digests: parents}
	}
	image, err := findImage(tx, repo.id, d)
	if err != nil {
		return err
	}
	if err := deleteManifest(tx, repo, d); err != nil {
		return err
	}
	return c.tell(tx, "image.deleted", repo, image, "")
}

func (c *Control) untag(tx *store.Tx, repo Repository, d Digest, tag string) error {
	image, err := findImage(tx, repo.id, d)
	if err != nil {
		return err
	}
	if err := deleteTag(tx, repo.id, tag, d); err != nil {
		return err
	}
	return c.tell(tx, "image.untagged", repo, image, tag)
}

// Untag takes a tag away and leaves the image, even if that was its last tag.
// It returns ErrNoRepository or ErrNoImage.
func (c *Control) Untag(ctx context.Context, account, repository, tag string) error {
	return c.update(ctx, account, repository, func(tx *store.Tx, repo Repository) error {
		d, err := findDigest(tx, repo, ImageID{Tag: tag})
		if err != nil {
			return err
		}
		return c.untag(tx, repo, d, tag)
	})
}

// DeleteManifest deletes one image with all its tags. It returns ErrNoRepository, ErrNoImage or ErrImageInUse.
func (c *Control) DeleteManifest(ctx context.Context, account, repository string, d Digest) error {
	_, failed, err := c.DeleteImages(ctx, account, repository, []ImageID{{Digest: d}})
	if err == nil && len(failed) > 0 {
		return failed[0].Err
	}
	return err
}
