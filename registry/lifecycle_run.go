package registry

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"slipway/events"
	"slipway/registry/lifecycle"
	"slipway/store"
)

const (
	lifecyclePause = 10 * time.Minute // between looks for policies that are due
	lifecycleAfter = 24 * time.Hour   // between two times that a policy is applied
	lifecycleTurn  = "lifecycle"
)

// evaluateLifecycles makes the previews that wait, and applies the policies that are due.
func (c *Control) evaluateLifecycles(ctx context.Context) error {
	if err := c.writePulls(ctx); err != nil {
		return err
	}
	t, err := c.takeTurn(ctx, lifecycleTurn)
	if errors.Is(err, errTurn) {
		return nil
	}
	if err != nil {
		return err
	}
	err = c.makePreviews(ctx, t)
	if err == nil {
		err = c.applyLifecycles(ctx, t)
	}
	return errors.Join(err, t.leave(ctx))
}

// applyLifecycles applies the policies that are due. That one fails keeps no other from being applied.
func (c *Control) applyLifecycles(ctx context.Context, t *turn) error {
	var due []Repository
	err := c.db.View(ctx, func(tx *store.Tx) (err error) {
		due, err = dueLifecycles(tx, tx.Now.Add(-lifecycleAfter))
		return err
	})
	for _, repo := range due {
		one := c.applyLifecycle(ctx, t, repo)
		if one != nil {
			slog.Warn("a lifecycle policy was not applied", "account", repo.Account, "repository", repo.Name, "error", one)
		}
		err = errors.Join(err, one)
	}
	return err
}

// lifecycleRun is one policy that is applied to one repository.
type lifecycleRun struct {
	c        *Control
	repo     Repository
	text     string
	expired  int
	archived int
}

func (c *Control) applyLifecycle(ctx context.Context, t *turn, repo Repository) error {
	run := &lifecycleRun{c: c, repo: repo}
	var marks []lifecycle.Mark
	err := c.db.View(ctx, func(tx *store.Tx) error {
		p, err := readLifecycle(tx, repo)
		if err != nil {
			return err
		}
		run.text = p.Text
		marks, err = evaluate(tx, repo, p.Text)
		return err
	})
	if errors.Is(err, ErrNoLifecycle) {
		return nil
	}
	if err != nil {
		return err
	}
	limit := pace{rate: c.sweeping.Rate}
	for some := range slices.Chunk(marks, imageBatch) {
		if err := limit.wait(ctx, len(some)); err != nil {
			return err
		}
		if err := c.reach("lifecycle found"); err != nil {
			return err
		}
		if err := t.step(ctx, func(ctx context.Context) error { return run.apply(ctx, some) }); err != nil {
			return err
		}
	}
	return run.end(ctx)
}

// apply does to some images what the policy says, unless it was changed meanwhile.
func (run *lifecycleRun) apply(ctx context.Context, some []lifecycle.Mark) error {
	var expired, archived int
	err := run.c.db.Update(ctx, func(tx *store.Tx) error {
		expired, archived = 0, 0
		if same, err := run.stillSame(tx); err != nil || !same {
			return err
		}
		for _, m := range some {
			done, err := run.applyOne(tx, m)
			if err != nil {
				return err
			}
			switch {
			case done && m.Action == lifecycle.Expire:
				expired++
			case done:
				archived++
			}
		}
		return nil
	})
	if err == nil {
		run.expired, run.archived = run.expired+expired, run.archived+archived
	}
	return err
}

func (run *lifecycleRun) stillSame(tx *store.Tx) (bool, error) {
	p, err := readLifecycle(tx, run.repo)
	if errors.Is(err, ErrNoLifecycle) {
		return false, nil
	}
	return p.Text == run.text, err
}

// applyOne reports whether it did: not to an image that is not what it was when the policy looked at it.
func (run *lifecycleRun) applyOne(tx *store.Tx, m lifecycle.Mark) (bool, error) {
	i, err := findImage(tx, run.repo.id, Digest(m.Image.Digest))
	if noRows(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	tags, err := tagsOf(tx, run.repo.id, i.Digest)
	if err != nil || !slices.Equal(tags, m.Image.Tags) || !i.Pulled.Equal(m.Image.Pulled) || !i.Archived.Equal(m.Image.Archived) {
		return false, err
	}
	if m.Action == lifecycle.Archive {
		if i, err = setArchived(tx, run.repo.id, i, true); err != nil {
			return false, err
		}
		return true, run.c.tellBy(tx, archiveEvent(true), run.repo, i, "", "lifecycle")
	}
	return run.c.dropImage(tx, run.repo, i, "lifecycle")
}

type lifecycleEvent struct {
	Repository string `json:"repository"`
	Expired    int    `json:"expired"`
	Archived   int    `json:"archived"`
}

func (run *lifecycleRun) end(ctx context.Context) error {
	return run.c.db.Update(ctx, func(tx *store.Tx) error {
		if same, err := run.stillSame(tx); err != nil || !same {
			return err
		}
		_, err := tx.Exec(`update registry_lifecycles set evaluated = $2 where repository = $1`, run.repo.id, store.Micros(tx.Now))
		if err != nil || run.expired+run.archived == 0 {
			return err
		}
		return events.Append(tx, run.repo.Account, "repository.lifecycle", run.c.ARN(run.repo.Account, run.repo.Name),
			lifecycleEvent{run.repo.Name, run.expired, run.archived})
	})
}

// dropImage deletes an image with its tags, and with what lived by it: what it named, if nothing else
// names it and it has no tag, and what refers to it, if that has no tag. It reports whether it did: not to
// what an index needs.
func (c *Control) dropImage(tx *store.Tx, repo Repository, i Image, by string) (bool, error) {
	parents, err := parentsOf(tx, repo.id, i.Digest)
	if err != nil || len(parents) > 0 {
		return false, err
	}
	left, err := digests(tx, `select child from registry_manifest_children where repository = $1 and parent = $2`, repo.id, string(i.Digest))
	if err != nil {
		return false, err
	}
	referrers, err := digests(tx, `select digest from registry_manifests where repository = $1 and subject = $2`, repo.id, string(i.Digest))
	if err != nil {
		return false, err
	}
	if err := deleteManifest(tx, repo, i.Digest); err != nil {
		return false, err
	}
	if err := c.tellBy(tx, "image.deleted", repo, i, "", by); err != nil {
		return false, err
	}
	for _, d := range append(left, referrers...) {
		other, err := findImage(tx, repo.id, d)
		if noRows(err) || err == nil && other.untagged.IsZero() {
			continue // it went with another, or has a tag
		}
		if err != nil {
			return false, err
		}
		if _, err := c.dropImage(tx, repo, other, by); err != nil {
			return false, err
		}
	}
	return true, nil
}
