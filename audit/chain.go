package audit

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"slipway/store"
)

// chain is what is known of the chunks of an account as a whole. Each chunk has a hash of itself
// and of the hash of the chunk before it, made with the room's key, so that whoever can write in
// the database but has not the key can alter, add or take away nothing without its being found.
type chain struct {
	account string
	first   int64  // number of the first chunk that is kept
	next    int64  // number of the next chunk
	anchor  []byte // hash of the chunk before the first
	prior   []byte // hash of the chunk before the last
	tip     []byte // hash of the last chunk
	seal    []byte // of all that
}

// newChain is the chain of an account that has no records yet.
func newChain(account string) chain {
	origin := sha256.Sum256([]byte("slipway audit " + account))
	return chain{account: account, first: 1, next: 1, anchor: origin[:], prior: origin[:], tip: origin[:], seal: []byte("none")}
}

// sum is the hash of a chunk that comes after the one with the hash before.
func (c *Control) sum(k *chunk, before []byte) []byte {
	head := fmt.Appendf(nil, "chunk %s %x ", k.account, before)
	for _, n := range []int64{k.seq, k.first, k.last, k.records, k.size, int64(len(k.terms)), int64(len(k.data))} {
		head = appendInt(head, n)
	}
	return c.mac(head, k.terms, k.data)
}

// sealOf is the seal of a chain.
func (c *Control) sealOf(ch *chain) []byte {
	return c.mac(fmt.Appendf(nil, "chain %s %d %d %x %x %x", ch.account, ch.first, ch.next, ch.anchor, ch.prior, ch.tip))
}

func (c *Control) mac(parts ...[]byte) []byte {
	h := hmac.New(sha256.New, c.key)
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

// isSound tells whether a chain is as this room has written it. One that is not is written on
// with, since records must not be lost, but is never sealed again: what was done to it stays found.
func (c *Control) isSound(ch *chain) bool { return hmac.Equal(ch.seal, c.sealOf(ch)) }

// extend puts records behind what a chain has.
func (c *Control) extend(tx *store.Tx, account string, records []record) error {
	ch, sound, err := c.openChain(tx, account)
	if err != nil {
		return err
	}
	records, folded, err := c.fold(tx, &ch, records)
	if err != nil {
		return err
	}
	for i, k := range c.codec.cut(account, records) {
		if err := c.put(tx, &ch, k, i == 0 && folded); err != nil {
			return err
		}
	}
	if sound {
		ch.seal = c.sealOf(&ch)
	}
	return writeChain(tx, ch)
}

// put writes a chunk behind the last one of a chain, or over it.
func (c *Control) put(tx *store.Tx, ch *chain, k chunk, over bool) error {
	if !over {
		ch.prior, ch.next = ch.tip, ch.next+1
	}
	for {
		k.seq = ch.next - 1
		k.hash = c.sum(&k, ch.prior)
		ch.tip = k.hash
		if over {
			return replaceChunk(tx, k)
		}
		written, err := insertChunk(tx, k)
		if err != nil || written {
			return err
		}
		slog.Error("a chunk was added to the audit by somebody else", "account", k.account, "chunk", k.seq)
		ch.next++ // it stays, to be found
	}
}

// openChain reads a chain to write on with, and tells whether it is sound. One that is not goes
// on behind all chunks that are there, whatever it says, so that none is written over.
func (c *Control) openChain(tx *store.Tx, account string) (ch chain, sound bool, err error) {
	ch, found, err := readChain(tx, account)
	if err != nil || found && c.isSound(&ch) {
		return ch, true, err
	}
	last, err := lastChunk(tx, account)
	if err != nil || !found && last == 0 {
		return ch, true, err
	}
	slog.Error("what is written of the audit's records as a whole was altered", "account", account)
	ch.next = max(ch.next, last+1)
	return ch, false, nil
}

// fold puts the records of the last chunk before those that are to be written, if that chunk is
// small, so that single calls do not become single rows. The first chunk that is cut of them is
// written over it. A last chunk that was altered is left as it is, to be found.
func (c *Control) fold(tx *store.Tx, ch *chain, records []record) (all []record, folded bool, err error) {
	size, first, err := chunkStart(tx, ch.account, ch.next-1)
	if errors.Is(err, store.ErrNoRows) {
		return records, false, nil
	}
	if away := records[0].id.micros() - first; err != nil || size > foldWeight || max(away, -away) > chunkSpan {
		return records, false, err
	}
	last, err := readChunk(tx, ch.account, ch.next-1)
	if err != nil {
		return records, false, err
	}
	kept, err := c.reopen(&last, ch)
	if err != nil {
		slog.Error("a chunk of the audit was altered", "account", ch.account, "chunk", last.seq, "error", err)
		return records, false, nil
	}
	all = append(kept, records...)
	sortRecords(all)
	return all, true, nil
}

// reopen returns the records of the last chunk of a chain, if it is as it was written.
func (c *Control) reopen(last *chunk, ch *chain) ([]record, error) {
	if !hmac.Equal(ch.tip, c.sum(last, ch.prior)) || !bytes.Equal(ch.tip, last.hash) {
		return nil, ErrBroken
	}
	texts, err := c.codec.unpack(last.data)
	if err != nil {
		return nil, err
	}
	return readRecords(texts)
}

// Chain is what Verify has seen of an account's records.
type Chain struct {
	Account     string
	Records     int64
	Chunks      int64
	First, Last time.Time // of the records; zero if there are none
	Tip         string    // hash of the last chunk: noted elsewhere, it proves that nothing was cut off later
}

// BreakError is ErrBroken with where the chain of an account breaks first.
type BreakError struct {
	Account     string
	Chunk       int64     // its number; 0: the chain's own row
	First, Last time.Time // of the records that are not to be trusted, as far as it is known
	What        string    // what is wrong
}

func (e *BreakError) Error() string {
	if e.Chunk == 0 {
		return fmt.Sprintf("%v: account %s: %s", ErrBroken, e.Account, e.What)
	}
	text := fmt.Sprintf("%v: account %s: chunk %d: %s", ErrBroken, e.Account, e.Chunk, e.What)
	if e.First.IsZero() {
		return text
	}
	return text + fmt.Sprintf(" (records from %s to %s)", e.First.Format(time.RFC3339), e.Last.Format(time.RFC3339))
}

func (e *BreakError) Unwrap() error { return ErrBroken }

// Accounts lists the accounts that have records in the database.
func (c *Control) Accounts(ctx context.Context) (ids []string, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		ids = nil
		return tx.Each(`select account from audit_chains order by account`, nil, func(rows *sql.Rows) error {
			var id string
			err := rows.Scan(&id)
			ids = append(ids, id)
			return err
		})
	})
	return ids, err
}

// Verify walks the records of an account that are in the database from the oldest to the latest,
// and tells what it has seen. It returns a BreakError for the first chunk that was altered, that
// is missing or that somebody has added.
func (c *Control) Verify(ctx context.Context, account string) (seen Chain, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		ch, found, err := readChain(tx, account)
		if err != nil {
			return err
		}
		w := &walk{c: c, chain: ch, at: ch.first, before: ch.anchor, seen: Chain{Account: account}}
		if found && !c.isSound(&ch) {
			return w.broken(0, nil, "what is written of the chain as a whole was altered")
		}
		err = w.chunks(tx)
		seen = w.seen
		return err
	})
	return seen, err
}

// walk goes from chunk to chunk.
type walk struct {
	c      *Control
	chain  chain
	at     int64  // number of the chunk that should be next
	before []byte // hash of the one before
	seen   Chain
}

// walkBatch is how many chunks are read at a time.
const walkBatch = 16

func (w *walk) chunks(tx *store.Tx) error {
	for after := int64(-1 << 62); ; {
		batch, err := chunksAfter(tx, w.chain.account, after, walkBatch)
		if err != nil {
			return err
		}
		for i := range batch {
			if err := w.step(&batch[i]); err != nil {
				return err
			}
			after = batch[i].seq
		}
		if len(batch) < walkBatch {
			return w.end()
		}
	}
}

func (w *walk) step(k *chunk) error {
	switch {
	case k.seq > w.at:
		return w.broken(w.at, nil, "it is missing")
	case k.seq < w.at || k.seq >= w.chain.next:
		return w.broken(k.seq, k, "it was added")
	case !hmac.Equal(k.hash, w.c.sum(k, w.before)):
		return w.broken(k.seq, k, "it was altered")
	}
	w.before = k.hash
	w.at++
	w.seen.Chunks++
	w.seen.Records += k.records
	if w.seen.First.IsZero() {
		w.seen.First = store.Time(k.first)
	}
	w.seen.Last = store.Time(k.last)
	return nil
}

func (w *walk) end() error {
	if w.at < w.chain.next {
		return w.broken(w.at, nil, "it is missing")
	}
	if !bytes.Equal(w.before, w.chain.tip) {
		return w.broken(w.at-1, nil, "it is not the one that was last")
	}
	w.seen.Tip = fmt.Sprintf("%x", w.before)
	return nil
}

func (w *walk) broken(seq int64, k *chunk, what string) error {
	e := &BreakError{Account: w.chain.account, Chunk: seq, What: what}
	if k != nil {
		e.First, e.Last = store.Time(k.first), store.Time(k.last)
	}
	return e
}
