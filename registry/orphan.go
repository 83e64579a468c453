package registry

import (
	"context"
	"database/sql"
	"time"

	"slipway/store"
)

// A walk compares the blob store with the rows, and dooms bytes that no row names. It goes on after
// each sweep where it was cut off.

const (
	walkName  = "blobs"
	walkBatch = 500
	walkRate  = 20 // times as many bytes are looked at in a second as may be deleted
)

// stray is what the blob store has.
type stray struct {
	digest Digest
	size   int64
}

// orphans takes away bytes that no row names, if it is time to look for them.
func (s *sweep) orphans(ctx context.Context) error {
	var after Digest
	due := false
	err := s.c.db.View(ctx, func(tx *store.Tx) (err error) {
		after, due, err = s.c.walkDue(tx)
		return err
	})
	if err != nil || !due {
		return err
	}
	looks := pace{rate: walkRate * s.c.sweeping.Rate}
	var some []stray
	err = s.c.blobs.Walk(ctx, after, func(d Digest, size int64, _ time.Time) error {
		if some = append(some, stray{d, size}); len(some) < walkBatch {
			return nil
		}
		if err := looks.wait(ctx, len(some)); err != nil {
			return err
		}
		err := s.compare(ctx, some)
		some = some[:0]
		return err
	})
	if err == nil && len(some) > 0 {
		err = s.compare(ctx, some)
	}
	if err != nil || s.report.DryRun {
		return err
	}
	return s.c.db.Update(ctx, func(tx *store.Tx) error { return saveWalk(tx, "", true) })
}

// compare takes away those that no row names.
func (s *sweep) compare(ctx context.Context, some []stray) error {
	var strange []stray
	err := s.c.db.View(ctx, func(tx *store.Tx) (err error) {
		strange, err = unknown(tx, some)
		return err
	})
	if err != nil {
		return err
	}
	if s.report.DryRun {
		for _, found := range strange {
			s.tell(Swept{Kind: "layer", Digest: found.digest, Bytes: found.size, Why: whyOrphan})
		}
		return nil
	}
	if err := s.pace.wait(ctx, len(strange)); err != nil {
		return err
	}
	err = s.turn.step(ctx, func(ctx context.Context) error {
		return s.c.db.Update(ctx, func(tx *store.Tx) error { return s.doomStrange(tx, strange, some[len(some)-1].digest) })
	})
	if err != nil {
		return err
	}
	return s.c.finishDoomed(ctx, s.turn, s.tellDoomed)
}

func (s *sweep) doomStrange(tx *store.Tx, strange []stray, last Digest) error {
	clear(s.why)
	for _, found := range strange {
		went, err := doomUnknown(tx, found.digest, found.size)
		if err != nil {
			return err
		}
		if went {
			s.why[found.digest] = whyOrphan
		}
	}
	return saveWalk(tx, last, false)
}

// unknown returns those that are neither blobs nor about to be or to have been.
func unknown(tx *store.Tx, some []stray) (strange []stray, err error) {
	known := map[Digest]bool{}
	args := make([]any, len(some))
	for i := range some {
		args[i] = string(some[i].digest)
	}
	for _, query := range []string{
		`select digest from registry_blobs where digest in `,
		`select digest from registry_arrivals where digest in `,
		`select digest from registry_doomed where digest in `,
	} {
		err := tx.Each(query+store.In(1, len(args)), args, func(rows *sql.Rows) error {
			var d Digest
			err := rows.Scan(&d)
			known[d] = true
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	for _, found := range some {
		if !known[found.digest] {
			strange = append(strange, found)
		}
	}
	return strange, nil
}

// walkDue reports whether it is time to walk, and after which digest.
func (c *Control) walkDue(tx *store.Tx) (after Digest, due bool, err error) {
	if c.sweeping.Walk == 0 {
		return "", false, nil
	}
	var ended int64
	err = tx.Row(`select after, ended from registry_walks where name = $1`, walkName).Scan(&after, &ended)
	if noRows(err) {
		return "", true, nil
	}
	return after, ended == 0 || tx.Now.Sub(store.Time(ended)) >= c.sweeping.Walk, err
}

func saveWalk(tx *store.Tx, after Digest, done bool) error {
	var ended int64
	if done {
		ended = store.Micros(tx.Now)
	}
	_, err := tx.Exec(`insert into registry_walks (name, after, started, ended) values ($1, $2, $3, $4)
		on conflict (name) do update set after = excluded.after, ended = excluded.ended,
			started = case when registry_walks.after = '' then excluded.started else registry_walks.started end`,
		walkName, string(after), store.Micros(tx.Now), ended)
	return err
}
