package registry

import (
	"context"
	"log/slog"
	"maps"
	"time"

	"slipway/events"
	"slipway/store"
)

// When an image was last pulled is remembered, and written down with what else was pulled in the same
// minute: a pull writes nothing itself.

const (
	pullPause = time.Minute
	maxPulls  = 50_000 // images remembered between two writes
	pullBatch = 500    // written in one transaction
)

type pulledImage struct {
	repository int64
	digest     Digest
}

type pullNote struct {
	of    Repository
	image Image
	last  time.Time
	count int
}

// after joins a pull to those before it.
func (n pullNote) after(before pullNote) pullNote {
	if before.last.After(n.last) {
		n.last = before.last
	}
	n.count += before.count
	return n
}

type unnoted struct{}

// Unnoted is a context in which reading a manifest is no pull: the image keeps the time when it was
// last pulled.
func Unnoted(ctx context.Context) context.Context { return context.WithValue(ctx, unnoted{}, true) }

// notePull remembers a pull. That of an image which a sweep could take soon is written down at once, or
// is ErrNoImage when it went meanwhile: whoever read its manifest is about to rely on it.
func (c *Control) notePull(ctx context.Context, repo Repository, i Image) error {
	if ctx.Value(unnoted{}) != nil {
		return nil
	}
	now := time.Now()
	c.pulls.add(pulledImage{repo.id, i.Digest}, pullNote{repo, i, now, 1})
	if c.sweeping.Untagged < 0 || i.untagged.IsZero() || now.Sub(i.lastUse()) < c.sweeping.grace()-c.sweeping.Lease {
		return nil
	}
	return c.db.Update(ctx, func(tx *store.Tx) error {
		n, err := setPulled(tx, repo.id, i.Digest, tx.Now)
		if err == nil && n == 0 {
			err = &Error{Cause: ErrNoImage, Account: repo.Account, Repository: repo.Name, Digest: i.Digest}
		}
		return err
	})
}

// lastUse is when an image without tags was last of use to anybody.
func (i Image) lastUse() time.Time {
	last := i.Pushed
	for _, at := range []time.Time{i.untagged, i.Pulled, i.Activated} {
		if at.After(last) {
			last = at
		}
	}
	return last
}

// writePulls writes down what was pulled. What it fails to write it remembers again.
func (c *Control) writePulls(ctx context.Context) error {
	taken := c.pulls.take()
	for len(taken) > 0 {
		some := map[pulledImage]pullNote{}
		for image, note := range taken {
			if some[image] = note; len(some) == pullBatch {
				break
			}
		}
		if err := c.db.Update(ctx, func(tx *store.Tx) error { return c.insertPulls(tx, some) }); err != nil {
			for image, note := range taken {
				c.pulls.add(image, note)
			}
			return err
		}
		maps.DeleteFunc(taken, func(image pulledImage, _ pullNote) bool { _, done := some[image]; return done })
	}
	return nil
}

// lastPulls writes what is left when the registry stops.
func (c *Control) lastPulls(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := c.writePulls(ctx); err != nil {
		slog.Warn("the last pulls were not written down", "error", err)
	}
}

type pullEvent struct {
	imageEvent
	Count int       `json:"count"` // since the last event of this image's
	Last  time.Time `json:"last"`
}

func (c *Control) insertPulls(tx *store.Tx, pulled map[pulledImage]pullNote) error {
	for image, note := range pulled {
		n, err := setPulled(tx, image.repository, image.digest, note.last)
		if err != nil {
			return err
		}
		if n == 0 {
			continue // it went meanwhile
		}
		i := note.image
		err = events.Append(tx, note.of.Account, "image.pulled", c.ARN(note.of.Account, note.of.Name), pullEvent{
			imageEvent{Repository: note.of.Name, Digest: i.Digest, MediaType: i.MediaType, ImageSize: i.ImageSize},
			note.count, note.last.UTC().Truncate(time.Microsecond),
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// setPulled moves the time of the last pull forward, and reports whether the image is there.
func setPulled(tx *store.Tx, repository int64, d Digest, at time.Time) (int64, error) {
	return tx.Exec(`update registry_manifests set pulled = case when pulled < $3 then $3 else pulled end where repository = $1 and digest = $2`,
		repository, string(d), store.Micros(at))
}
