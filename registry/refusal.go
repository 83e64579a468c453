package registry

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"slipway/events"
	"slipway/store"
)

// That a manifest or a blob was refused after its bytes came is remembered, and told with what else was
// refused there for the same cause until then: a client that tries for ever makes no flood of events.

const (
	refusalPause   = 10 * time.Second
	maxRefusals    = 1000 // repositories and causes remembered between two tellings
	maxRefusalText = 500  // bytes
)

// refusable are the causes that are told: what its client, or the owner of the repository, can mend.
var refusable = []error{
	ErrMarked, ErrMismatch, ErrMissingBlobs, ErrMissingManifests, ErrTagImmutable, ErrTag,
	ErrManifestTooLarge, ErrMediaType, ErrManifest, ErrQuota, ErrFull,
}

type refusedPush struct {
	account, repository string
	cause               error
}

type refusalNote struct {
	digest Digest
	tag    string
	reason string
	last   time.Time
	count  int
}

// after joins a refusal to those before it; of what they say, the later one counts.
func (n refusalNote) after(before refusalNote) refusalNote {
	count := before.count + n.count
	if before.last.After(n.last) {
		n = before
	}
	n.count = count
	return n
}

// noteRefused remembers that a push into a repository ended as *err says, if that is a refusal.
func (c *Control) noteRefused(account, repository, tag string, d Digest, err *error) {
	for _, cause := range refusable {
		if errors.Is(*err, cause) {
			c.refusals.add(refusedPush{account, repository, cause}, refusalNote{d, tag, cutText((*err).Error()), time.Now(), 1})
			return
		}
	}
}

// cutText shortens what may hold anything that a client wrote.
func cutText(text string) string {
	return strings.ToValidUTF8(text[:min(len(text), maxRefusalText)], "")
}

type refusalEvent struct {
	Repository string    `json:"repository"`
	Digest     Digest    `json:"digest,omitempty"`
	Tag        string    `json:"tag,omitempty"`
	Cause      string    `json:"cause"`
	Reason     string    `json:"reason"` // as the client was told, at most 500 bytes
	Count      int       `json:"count"`  // since the last event of this cause; the others are of the last one
	Last       time.Time `json:"last"`
}

// tellRefusals writes an event for each repository and cause. What it fails to write it remembers again.
func (c *Control) tellRefusals(ctx context.Context) error {
	taken := c.refusals.take()
	for _, push := range slices.Collect(maps.Keys(taken)) {
		note := taken[push]
		err := c.update(ctx, push.account, push.repository, func(tx *store.Tx, repo Repository) error {
			return events.Append(tx, repo.Account, "image.refused", c.ARN(repo.Account, repo.Name), refusalEvent{
				repo.Name, note.digest, note.tag, push.cause.Error(), note.reason, note.count, note.last.UTC().Truncate(time.Microsecond),
			})
		})
		if err != nil && !errors.Is(err, ErrNoRepository) {
			for push, note := range taken {
				c.refusals.add(push, note)
			}
			return err
		}
		delete(taken, push)
	}
	return nil
}

// lastRefusals tells what is left when the registry stops.
func (c *Control) lastRefusals(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := c.tellRefusals(ctx); err != nil {
		slog.Warn("the last refused pushes were not told", "error", err)
	}
}
