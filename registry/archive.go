package registry

import (
	"context"
	"time"

	"slipway/store"
)

// Archive moves an image to the archive, from where it cannot be pulled, or back, and returns it, with
// its tags. Its bytes stay where they are. One that is there already stays as it is. It returns
// ErrNoRepository, ErrNoImage or ErrTagMismatch.
// Source: Amazon ECR API Reference, UpdateImageStorageClass.
func (c *Control) Archive(ctx context.Context, account, repository string, id ImageID, archived bool) (i Image, err error) {
	err = c.update(ctx, account, repository, func(tx *store.Tx, repo Repository) error {
		d, err := findDigest(tx, repo, id)
		if err != nil {
			return err
		}
		found, err := findImage(tx, repo.id, d)
		if err != nil {
			return err
		}
		if found.Archived.IsZero() == archived {
			if found, err = setArchived(tx, repo.id, found, archived); err != nil {
				return err
			}
			if err := c.tell(tx, archiveEvent(archived), repo, found, id.Tag); err != nil {
				return err
			}
		}
		images := []Image{found}
		err = addTags(tx, repo.id, images)
		i = images[0]
		return err
	})
	return i, err
}

func archiveEvent(archived bool) string {
	if archived {
		return "image.archived"
	}
	return "image.restored"
}

// setArchived returns the image as it is then.
func setArchived(tx *store.Tx, repository int64, i Image, archived bool) (Image, error) {
	i.Archived = tx.Now
	if !archived {
		i.Archived, i.Activated = time.Time{}, tx.Now
	}
	_, err := tx.Exec(`update registry_manifests set archived = $3, activated = $4 where repository = $1 and digest = $2`,
		repository, string(i.Digest), store.Micros(i.Archived), store.Micros(i.Activated))
	return i, err
}
