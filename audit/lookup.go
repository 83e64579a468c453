package audit

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"slipway/internal/page"
	"slipway/store"
)

// Query says which entries to look up.
type Query struct {
	From, Until time.Time // entries at From or later and before Until; zero: without end
	By          Attribute
	Value       string
	Limit       int    // entries of a page; 0: 50, as AWS CloudTrail; at most MaxPage
	Token       string // of the page before, with everything else as it was then
}

// MaxPage is how many entries a page has at most.
const MaxPage = 1000

const (
	defaultPage  = 50
	lookupChunks = 5000 // looked at for one page
	lookupUnpack = 250  // and unpacked
	lookupWait   = time.Second
)

// Lookup returns a page of the entries of an account, the latest first, and the token of the next
// page, or "" if there is none. A page may have fewer entries than there are, or none, when a rare
// value is looked for: then too there is a token. It returns ErrToken.
//
// Calls that were recorded by this server before are found; those that were by another, after a
// second.
func (c *Control) Lookup(ctx context.Context, account string, q Query) (entries []Entry, next string, err error) {
	s, err := q.search(account)
	if err != nil {
		return nil, "", err
	}
	if q.Token == "" {
		c.catchUp(ctx)
	}
	err = c.db.View(ctx, func(tx *store.Tx) error {
		s.reset(store.Micros(tx.Now.Add(-c.retention)))
		return c.find(tx, s)
	})
	if err != nil {
		return nil, "", err
	}
	entries, last := s.page()
	return entries, page.Token(q.listing(account), last), nil
}

// catchUp brings this server's records into the database. Where that fails the loop says so, and
// what is there can still be read.
func (c *Control) catchUp(ctx context.Context) {
	if c.spool.waiting.Load() == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, lookupWait)
	defer cancel()
	_ = c.move(ctx)
}

// listing is what a token is bound to.
func (q *Query) listing(account string) string {
	return fmt.Sprintf("audit %s %d %d %d %s", account, store.Micros(q.From), store.Micros(q.Until), q.By, q.Value)
}

// search is a query on its way through the chunks, from the latest back.
type search struct {
	account     string
	from, until int64 // times; until is not among them
	before      id    // entries of smaller ids only
	by          Attribute
	value       string
	limit       int

	kept    int64    // records from here on are not past their retention
	found   []record // the latest that were found, more than limit only until they are trimmed
	left    int64    // where it was given up: what is not later may be missing
	unpacks int
}

// lastID is behind all ids.
var lastID = id(bytes.Repeat([]byte{0xff}, len(id{})))

func (q *Query) search(account string) (*search, error) {
	s := &search{account: account, until: math.MaxInt64, before: lastID, by: q.By, value: q.Value, limit: min(cmp.Or(q.Limit, defaultPage), MaxPage)}
	s.from = store.Micros(q.From)
	if !q.Until.IsZero() {
		s.until = store.Micros(q.Until)
	}
	if n, ok := parseID(q.Value); q.By == ByID && ok {
		s.from, s.until = max(s.from, n.micros()), min(s.until, n.micros()+1)
	} else if q.By == ByID {
		s.until = 0
	}
	key, err := page.Key(q.listing(account), q.Token)
	if err != nil || key != "" && len(key) != len(s.before) {
		return nil, fmt.Errorf("%w: %.100s", ErrToken, q.Token)
	}
	if key != "" {
		s.before = id([]byte(key))
		s.until = min(s.until, s.before.micros()+1)
	}
	return s, nil
}

// reset begins the search: a transaction may be run again.
func (s *search) reset(kept int64) {
	s.kept, s.found, s.left, s.unpacks = kept, nil, 0, 0
}

// find goes through the chunks that may hold what is searched for, by the time of their last
// record, until no chunk can hold anything later than the last entry of a full page.
func (c *Control) find(tx *store.Tx, s *search) error {
	from := max(s.from, s.kept)
	at := place{last: math.MaxInt64, seq: math.MaxInt64}
	if s.until < math.MaxInt64-chunkSpan {
		at.last = s.until + chunkSpan
	}
	for seen := 0; from < s.until; {
		batch, err := placesBefore(tx, s.account, at, from, s.until)
		if err != nil {
			return err
		}
		for _, at = range batch {
			if s.isFull() && at.last < s.found[s.limit].id.micros() {
				return nil
			}
			if seen++; (seen > lookupChunks || s.unpacks >= lookupUnpack) && at.last+1 < s.until { // so that every page gets on
				s.left = at.last + 1
				return nil
			}
			if err := c.look(tx, s, at); err != nil {
				return err
			}
		}
		if len(batch) < placesBatch {
			return nil
		}
	}
	return nil
}

func (s *search) isFull() bool { return len(s.found) > s.limit }

// look takes what is searched for from one chunk.
func (c *Control) look(tx *store.Tx, s *search, at place) error {
	if s.by != ByNothing && s.by != ByID && !hasTerm(at.terms, termOf(s.by, s.value)) {
		return nil
	}
	s.unpacks++
	data, err := chunkData(tx, s.account, at.seq)
	if err != nil {
		return err
	}
	texts, err := c.codec.unpack(data)
	if err != nil {
		return fmt.Errorf("account %s chunk %d: %w", s.account, at.seq, err)
	}
	for _, b := range texts {
		if n := idOf(b); !s.wants(n) {
			continue
		}
		r, err := readRecord(b)
		if err != nil {
			return fmt.Errorf("account %s chunk %d: %w", s.account, at.seq, err)
		}
		if r.entry.has(s.by, s.value) {
			s.found = append(s.found, r)
		}
	}
	s.trim()
	return nil
}

func (s *search) wants(n id) bool {
	at := n.micros()
	return at >= max(s.from, s.kept) && at < s.until && bytes.Compare(n[:], s.before[:]) < 0
}

// trim keeps the latest, one more than a page has.
func (s *search) trim() {
	slices.SortFunc(s.found, func(a, b record) int { return bytes.Compare(b.id[:], a.id[:]) })
	if s.isFull() {
		s.found = slices.Clip(s.found[:s.limit+1])
	}
}

// page returns the entries found, and the id before which to go on; "" if there is nothing.
func (s *search) page() (entries []Entry, last string) {
	rows := s.found
	switch {
	case s.isFull() && rows[s.limit-1].id.micros() >= s.left:
		rows = rows[:s.limit]
		last = string(rows[s.limit-1].id[:])
	case s.left > 0:
		rows = slices.DeleteFunc(rows, func(r record) bool { return r.id.micros() < s.left })
		first := firstID(s.left)
		last = string(first[:])
	}
	entries = make([]Entry, len(rows))
	for i, r := range rows {
		entries[i] = r.entry
	}
	return entries, last
}
