package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"

	"slipway/store"
)

// errUnreadable is of one segment: others can still be moved.
var errUnreadable = errors.New("a spool of the audit cannot be read")

// move brings all records of the spool into the database.
func (c *Control) move(ctx context.Context) error {
	select {
	case c.moving <- struct{}{}:
		defer func() { <-c.moving }()
	case <-ctx.Done():
		return ctx.Err()
	}
	var unreadable error // the first
	for _, g := range c.spool.all() {
		err := c.drain(ctx, g)
		if err != nil && !errors.Is(err, errUnreadable) {
			return err
		}
		unreadable = cmp.Or(unreadable, err)
	}
	gone, err := c.spool.clear()
	c.gone = append(c.gone, gone...)
	return cmp.Or(unreadable, err)
}

// drain moves what a segment has now.
func (c *Control) drain(ctx context.Context, g *segment) error {
	for {
		p, err := c.spool.read(g)
		if err != nil {
			return fmt.Errorf("%w: %w", errUnreadable, err)
		}
		if p.to == p.from {
			return nil
		}
		records, err := readRecords(p.records)
		if err != nil {
			return fmt.Errorf("%w: %s from %d: %w", errUnreadable, g.name, p.from, err)
		}
		if err := c.keep(ctx, p, records); err != nil {
			return err
		}
	}
}

// keep writes a piece into the database, once however often it is tried: how far the segment is
// moved is written in the same transaction. A piece that begins elsewhere is not written.
func (c *Control) keep(ctx context.Context, p piece, records []record) error {
	byAccount := spread(records)
	accounts := slices.Sorted(maps.Keys(byAccount))
	var at int64
	err := c.db.Update(ctx, func(tx *store.Tx) (err error) {
		if at, err = movedTo(tx, p.segment.name); err != nil || at != p.from {
			return err
		}
		at = p.to
		expired := store.Micros(tx.Now.Add(-c.retention))
		for _, account := range accounts {
			kept := after(byAccount[account], expired)
			if len(kept) == 0 {
				continue
			}
			if err := c.extend(tx, account, kept); err != nil {
				return err
			}
		}
		if err := setMoved(tx, p.segment.name, p.to); err != nil {
			return err
		}
		return forgetSpools(tx, c.gone)
	})
	if err != nil {
		return err
	}
	c.gone = nil
	c.spool.move(p.segment, at)
	return nil
}

// after leaves out records that are past their retention.
func after(records []record, micros int64) []record {
	i := slices.IndexFunc(records, func(r record) bool { return r.id.micros() >= micros })
	if i < 0 {
		return nil
	}
	return slices.Clip(records[i:])
}

// spread gives every account its records, in order: a call across accounts is told in both.
func spread(records []record) map[string][]record {
	byAccount := map[string][]record{}
	for _, r := range records {
		byAccount[r.entry.Account] = append(byAccount[r.entry.Account], r)
		if owner := r.entry.Owner; owner != "" {
			byAccount[owner] = append(byAccount[owner], forOwner(r))
		}
	}
	for _, some := range byAccount {
		sortRecords(some)
	}
	return byAccount
}

// forOwner is the record of a call as the account has it whose resources the call was about. As at
// AWS, it does not tell who it was in the other account, but by an id.
func forOwner(r record) record {
	e := r.entry
	e.Shared = e.ID
	e.Principal = Principal{Type: PrincipalAccount, UserID: e.Principal.UserID}
	b := appendRecord(nil, &e)
	n := r.id.sibling(e.Owner)
	copy(b[idAt:], n[:])
	copied, err := readRecord(string(b))
	if err != nil {
		slog.Error("a record for another account cannot be read", "error", err) // it has just been written
	}
	return copied
}
