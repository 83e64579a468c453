package registry

import (
	"context"
	"errors"
	"slices"
	"time"

	"slipway/store"
)

// pageSize is how many rows a sweep reads at a time.
const pageSize = 1000

// imageBatch is how many images go in one transaction.
const imageBatch = 50

// images takes away the images that need what is marked, and those that nobody needs.
func (s *sweep) images(ctx context.Context) error {
	running, err := s.c.runningImages(ctx)
	if err != nil {
		return err
	}
	for after := int64(0); ; {
		var some []Repository
		err := s.c.db.View(ctx, func(tx *store.Tx) (err error) {
			some, err = sweepable(tx, after, pageSize)
			return err
		})
		if err != nil || len(some) == 0 {
			return err
		}
		for _, repo := range some {
			if err := s.repository(ctx, repo, running); err != nil {
				return err
			}
		}
		after = some[len(some)-1].id
	}
}

// repository takes away what goes of one repository.
func (s *sweep) repository(ctx context.Context, repo Repository, running map[Digest]bool) error {
	var goes []verdict
	err := s.c.db.View(ctx, func(tx *store.Tx) error {
		facts, children, err := readFacts(tx, repo, running)
		goes = planImages(facts, children, s.after(tx.Now))
		return err
	})
	if err != nil {
		return err
	}
	for len(goes) > 0 {
		n := min(imageBatch, len(goes))
		if err := s.take(ctx, repo, goes[:n]); err != nil {
			return err
		}
		goes = goes[n:]
	}
	return nil
}

// after is the time that what was used after it is young.
func (s *sweep) after(now time.Time) time.Time {
	if s.c.sweeping.Untagged < 0 {
		return time.Time{}
	}
	return now.Add(-s.c.sweeping.grace())
}

// take takes some images away, if what was found of each is still true.
func (s *sweep) take(ctx context.Context, repo Repository, some []verdict) error {
	if s.report.DryRun {
		for _, v := range some {
			s.gone[imageKey{repo.id, v.digest}] = true
			s.tellImage(repo, v)
		}
		return s.noteNeeds(ctx, repo, some)
	}
	if err := s.pace.wait(ctx, len(some)); err != nil {
		return err
	}
	if err := s.c.reach("images found"); err != nil {
		return err
	}
	var gone []verdict
	err := s.turn.step(ctx, func(ctx context.Context) error {
		return s.c.db.Update(ctx, func(tx *store.Tx) error {
			gone = nil
			for _, v := range some {
				went, err := s.takeImage(tx, repo, v)
				if err != nil {
					return err
				}
				if went {
					gone = append(gone, v)
				}
			}
			return s.c.reach("images")
		})
	})
	if err != nil {
		return err
	}
	for _, v := range gone {
		s.tellImage(repo, v)
	}
	return s.c.reach("images gone")
}

// noteNeeds notes what images need that a dry run would take away.
func (s *sweep) noteNeeds(ctx context.Context, repo Repository, some []verdict) error {
	manifests := make([]Digest, len(some))
	for i, v := range some {
		manifests[i] = v.digest
	}
	return s.c.db.View(ctx, func(tx *store.Tx) error {
		blobs, err := neededBy(tx, `select blob from registry_manifest_blobs where repository = $1 and manifest in `, repo.id, manifests)
		for _, d := range blobs {
			if !slices.Contains(s.needs[d], repo.id) {
				s.needs[d] = append(s.needs[d], repo.id)
			}
		}
		return err
	})
}

func (s *sweep) tellImage(repo Repository, v verdict) {
	s.tell(Swept{Kind: "image", Account: repo.Account, Repository: repo.Name, Digest: v.digest, Why: v.why})
}

func (s *sweep) takeImage(tx *store.Tx, repo Repository, v verdict) (bool, error) {
	image, err := findImage(tx, repo.id, v.digest)
	if noRows(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if goes, err := s.stillGoes(tx, repo, image, v.why); err != nil || !goes {
		return false, err
	}
	if err := deleteManifest(tx, repo, v.digest); err != nil {
		return false, err
	}
	return true, s.c.tellBy(tx, "image.deleted", repo, image, "", "sweep")
}

// stillGoes looks at one image as planImages did at all of them: what it depends on went before it.
func (s *sweep) stillGoes(tx *store.Tx, repo Repository, i Image, why string) (bool, error) {
	parents, err := parentsOf(tx, repo.id, i.Digest)
	if err != nil || len(parents) > 0 {
		return false, err
	}
	if why == whyMarked {
		err := checkMarks(tx, repo, nil, []Digest{i.Digest})
		if errors.Is(err, ErrMarked) {
			return true, nil
		}
		return false, err
	}
	after := s.after(tx.Now)
	if i.untagged.IsZero() || !i.Archived.IsZero() || i.lastUse().After(after) {
		return false, nil
	}
	if there, err := hasManifest(tx, repo.id, i.Subject); err != nil || there {
		return false, err
	}
	young, err := hasYoungReferrer(tx, repo.id, i.Digest, after)
	return !young, err
}

// runningImages are those that tasks run, of all accounts.
func (c *Control) runningImages(ctx context.Context) (map[Digest]bool, error) {
	running := map[Digest]bool{}
	if c.tasks == nil {
		return running, nil
	}
	all, err := c.tasks(ctx)
	for _, task := range all {
		running[task.Digest] = true
	}
	return running, err
}
