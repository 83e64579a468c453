package registry

import (
	"context"

	"slipway/store"
)

// checkTheirs returns an ErrMarked for an image of another registry that needs what is marked here. One that
// cannot be read is nobody's: bringing it will say so.
func (c *Control) checkTheirs(ctx context.Context, repo Repository, m Manifest) error {
	p, err := parseManifest(m.Raw, m.MediaType)
	if err != nil {
		return nil
	}
	return c.db.View(ctx, func(tx *store.Tx) error { return checkMarks(tx, repo, digestsOf(p.blobs), nil) })
}
