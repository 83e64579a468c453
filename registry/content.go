package registry

import (
	"context"
	"fmt"
	"time"

	"slipway/blob"
)

// ErrDamaged says that what is kept of a blob is not what was pushed.
var ErrDamaged = blob.ErrDamaged

// CheckAlgorithm returns an ErrDigest for an algorithm that no blob here is named by.
func CheckAlgorithm(name string) error { return blob.CheckAlgorithm(name) }

// linkLife is how long a client may take from the answer to following the link in it.
const linkLife = 20 * time.Minute

// Content is how a client comes by a blob: by a link to where the blob is kept, or else by a Reader.
type Content struct {
	Link string
	blob.Reader
}

// BlobContent finds a blob of the repository. A link is given where there is one that the client can
// follow; what is sealed has none. A Reader must be closed.
// It returns what PulledSize returns, or ErrDamaged when what is kept has another size.
func (c *Control) BlobContent(ctx context.Context, account, repository string, d Digest, follows func(link string) bool) (Content, error) {
	a, err := c.askPulled(ctx, account, repository, d)
	if err != nil {
		return Content{}, err
	}
	blobs, err := c.bytesUnder(ctx, a.key)
	if err != nil {
		return Content{}, err
	}
	if links, ok := blobs.(blob.Linker); ok {
		link, err := links.Link(ctx, d, linkLife)
		if err != nil || link != "" && follows(link) {
			return Content{Link: link}, err
		}
	}
	r, err := blobs.Open(ctx, d)
	if err == nil && r.Size() != a.size {
		err = fmt.Errorf("%w: there are %d bytes of %d", ErrDamaged, r.Size(), a.size)
		r.Close()
	}
	if err != nil {
		return Content{}, about(err, Error{Account: account, Repository: repository, Digest: d})
	}
	return Content{Reader: r}, nil
}
