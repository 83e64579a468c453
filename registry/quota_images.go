package registry

import (
	"context"
	"sync"
)

// How many images a repository has is counted before one more is pushed, but not before each: every image since
// then has taken a number of its own (Tx.Next, for its row of registry_usage), on whatever server, so that no
// more can have come than numbers were taken.

// maxCounted is how many repositories are remembered.
const maxCounted = 10_000

// counted is what was counted last of each repository.
type counted struct {
	mu sync.Mutex
	of map[int64]imageCount
}

// imageCount is how many images there were, and the last number that was taken then.
type imageCount struct{ images, number int64 }

// atMost is how many images a repository has at most when a number was taken last; false: that is not known.
func (c *counted) atMost(repository, number int64) (int64, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	last, known := c.of[repository]
	return last.images + number - last.number, known && number >= last.number
}

func (c *counted) remember(repository int64, count imageCount) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of == nil || len(c.of) >= maxCounted {
		c.of = map[int64]imageCount{}
	}
	c.of[repository] = count
}

// checkImages refuses an image that would be one more than a repository may have. It counts no further than it
// must, and looks before the push's own transaction, which would otherwise meet that of every other push into
// the repository.
func (c *Control) checkImages(ctx context.Context, account, repository string, d Digest) error {
	repo := Repository{Account: account, Name: repository}
	var quota, number int64
	var known bool
	err := c.db.Row(ctx, `select id, coalesce((select images from registry_quotas where account = $1), $4),
		coalesce((select max(id) from registry_usage where account = $1), 0),
		exists (select 1 from registry_manifests where repository = r.id and digest = $3)
		from registry_repositories r where account = $1 and name = $2`, account, repository, string(d), DefaultQuota.Images).
		Scan(&repo.id, &quota, &number, &known)
	switch {
	case noRows(err):
		return &Error{Cause: ErrNoRepository, Account: account, Repository: repository}
	case err != nil || known || quota < 0:
		return err
	}
	if most, ok := c.counted.atMost(repo.id, number); ok && most < quota {
		return nil
	}
	n, err := c.countImages(ctx, repo.id, quota)
	if err == nil && n >= quota {
		err = over(repo, quota, "images in a repository")
	}
	if err == nil && number > 0 {
		c.counted.remember(repo.id, imageCount{n, number})
	}
	return err
}

// countImages counts the images of a repository, up to a limit.
func (c *Control) countImages(ctx context.Context, repository, limit int64) (n int64, err error) {
	err = c.db.Row(ctx, `select count(*) from (select 1 from registry_manifests where repository = $1 limit $2) counted`, repository, limit).Scan(&n)
	return n, err
}
