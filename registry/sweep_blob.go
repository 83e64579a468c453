package registry

import (
	"context"
	"maps"
	"slices"

	"slipway/store"
)

// candidate is a blob that some repository at least need not have any more.
type candidate struct {
	digest Digest
	size   int64
	marked bool
	free   bool // no repository is left that has it; only a dry run asks for it
}

// blobs takes away the links that no image needs, and the blobs that have none left.
func (s *sweep) blobs(ctx context.Context) error {
	for after := Digest(""); ; {
		var last Digest
		var found []candidate
		err := s.c.db.View(ctx, func(tx *store.Tx) (err error) {
			if last, err = pageEnd(tx, after, pageSize); err != nil || last == "" {
				return err
			}
			found, err = s.candidates(tx, after, last)
			return err
		})
		if err != nil || last == "" {
			return err
		}
		for some := range slices.Chunk(found, doomBatch) {
			if err := s.doom(ctx, some); err != nil {
				return err
			}
		}
		after = last
	}
}

// candidates finds the blobs of a page that some repository need not have, in the order of their digests.
func (s *sweep) candidates(tx *store.Tx, after, last Digest) ([]candidate, error) {
	links, err := unneededLinks(tx, after, last)
	if err != nil {
		return nil, err
	}
	soon, err := s.soonUnneeded(tx, after, last)
	if err != nil {
		return nil, err
	}
	loose, found := map[Digest]int{}, map[Digest]*candidate{}
	for _, l := range append(links, soon...) {
		if !s.c.isLoose(tx.Now, l) {
			continue
		}
		if found[l.digest] == nil {
			found[l.digest] = &candidate{digest: l.digest}
		}
		loose[l.digest]++
		found[l.digest].marked = found[l.digest].marked || l.marked
	}
	alone, err := unlinked(tx, after, last)
	if err != nil {
		return nil, err
	}
	for _, d := range alone {
		found[d] = &candidate{digest: d}
	}
	all := make([]candidate, 0, len(found))
	for _, d := range slices.Sorted(maps.Keys(found)) {
		if s.report.DryRun {
			if err := weigh(tx, found[d], loose[d]); err != nil {
				return nil, err
			}
		}
		all = append(all, *found[d])
	}
	return all, nil
}

// soonUnneeded finds the links of a page that only images need which a dry run would have taken away.
func (s *sweep) soonUnneeded(tx *store.Tx, after, last Digest) (links []looseLink, err error) {
	for d, repositories := range s.needs {
		if d <= after || d > last {
			continue
		}
		for _, repository := range repositories {
			only, err := neededOnlyBy(tx, repository, d, s.gone)
			if err != nil {
				return nil, err
			}
			if !only {
				continue
			}
			l, err := scanLooseRow(tx, repository, d)
			if err != nil {
				return nil, err
			}
			links = append(links, l)
		}
	}
	return links, nil
}

// weigh finds out whether a blob goes when so many of its links do.
func weigh(tx *store.Tx, found *candidate, loose int) (err error) {
	n, err := linkCount(tx, found.digest)
	if err != nil {
		return err
	}
	arrives := false
	if err := tx.Row(`select exists (select 1 from registry_arrivals where digest = $1)`, string(found.digest)).Scan(&arrives); err != nil {
		return err
	}
	found.free = n == loose && !arrives
	found.size, err = blobSize(tx, found.digest)
	return err
}

// doom takes some blobs away, rows first.
func (s *sweep) doom(ctx context.Context, some []candidate) error {
	if s.report.DryRun {
		for _, found := range some {
			if found.free {
				s.tell(Swept{Kind: "layer", Digest: found.digest, Bytes: found.size, Why: found.why()})
			}
		}
		return nil
	}
	if err := s.pace.wait(ctx, len(some)); err != nil {
		return err
	}
	if err := s.c.reach("found"); err != nil {
		return err
	}
	err := s.turn.step(ctx, func(ctx context.Context) error {
		return s.c.db.Update(ctx, func(tx *store.Tx) error {
			clear(s.why)
			for _, found := range some {
				_, gone, err := s.c.doom(tx, found.digest)
				if err != nil {
					return err
				}
				if gone != nil {
					s.why[found.digest] = found.why()
				}
			}
			return s.c.reach("dooming")
		})
	})
	if err != nil {
		return err
	}
	return s.c.finishDoomed(ctx, s.turn, s.tellDoomed)
}

func (found candidate) why() string {
	if found.marked {
		return whyMarked
	}
	return whyUnneeded
}
