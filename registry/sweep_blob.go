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
	free   bool // no repository is left that has it
}

// maxFound is how many blobs a sweep finds at a time. In a test it is few.
var maxFound = 20_000

// blobs takes away the links that no image needs, and the blobs that have none left.
func (s *sweep) blobs(ctx context.Context) error {
	soon := slices.Sorted(maps.Keys(s.needs))
	for after, more := Digest(""), true; more; {
		var found []Digest
		var last Digest
		err := s.c.db.View(ctx, func(tx *store.Tx) (err error) {
			found, last, err = findUnneeded(tx, after, maxFound)
			return err
		})
		if err != nil {
			return err
		}
		n := len(soon)
		if more = last != ""; more {
			n, _ = slices.BinarySearch(soon, last+"~") // ~ is after every digit
		}
		found, soon, after = append(found, soon[:n]...), soon[n:], last
		slices.Sort(found)
		if err := s.look(ctx, slices.Compact(found)); err != nil {
			return err
		}
	}
	return nil
}

// look takes away those of the blobs that go.
func (s *sweep) look(ctx context.Context, blobs []Digest) error {
	for some := range slices.Chunk(blobs, inAtOnce) {
		var goes []candidate
		err := s.c.db.View(ctx, func(tx *store.Tx) (err error) {
			goes, err = s.candidates(tx, some)
			return err
		})
		if err != nil {
			return err
		}
		for few := range slices.Chunk(goes, doomBatch) {
			if err := s.doom(ctx, few); err != nil {
				return err
			}
		}
	}
	return nil
}

// candidates are those of the blobs that some repository need not have.
func (s *sweep) candidates(tx *store.Tx, some []Digest) (all []candidate, err error) {
	links, err := unneededLinks(tx, some)
	if err != nil {
		return nil, err
	}
	soon, err := s.soonUnneeded(tx, some)
	if err != nil {
		return nil, err
	}
	weights, err := weigh(tx, some)
	if err != nil {
		return nil, err
	}
	loose, marked := map[Digest]int{}, map[Digest]bool{}
	for _, l := range append(links, soon...) {
		if s.c.isLoose(tx.Now, l) {
			loose[l.digest]++
			marked[l.digest] = marked[l.digest] || l.marked
		}
	}
	for _, w := range weights {
		if loose[w.digest] > 0 || w.links == 0 {
			all = append(all, candidate{w.digest, w.size, marked[w.digest], w.links == loose[w.digest] && !w.arrives})
		}
	}
	return all, nil
}

// soonUnneeded finds the links that only images need which a dry run would have taken away.
func (s *sweep) soonUnneeded(tx *store.Tx, some []Digest) (links []looseLink, err error) {
	for _, d := range some {
		for _, repository := range s.needs[d] {
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
