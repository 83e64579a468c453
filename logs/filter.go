package logs

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"slipway/internal/page"
	"slipway/logs/pattern"
	"slipway/store"
)

// FilterQuery says which events of a group to look for.
type FilterQuery struct {
	Group   string
	Streams []string // nil: all that have the prefix
	Prefix  string
	Span    Span
	Pattern string // see pattern.Parse; "" fits every event
	Limit   int    // events of a page; 0: MaxPage
	Token   string // of the page before; "" is the first
}

// filterWeight is how much is searched for one page: a page may be empty though there is another.
const filterWeight = 32 << 20

// Filter returns a page of events that fit, of all streams in one order: by time, then by stream.
// The token is that of the next page, if there may be more events. It returns ErrNoGroup,
// ErrNoStream, ErrPattern or ErrToken.
func (c *Control) Filter(ctx context.Context, account string, q FilterQuery) (found []Record, token string, err error) {
	wanted, err := pattern.Parse(q.Pattern)
	if err != nil {
		return nil, "", err
	}
	list := fmt.Sprintf("events of %s %s %q %q %v %q", account, q.Group, q.Streams, q.Prefix, q.Span, q.Pattern)
	from, err := q.begin(list)
	if err != nil {
		return nil, "", err
	}
	err = c.db.View(ctx, func(tx *store.Tx) error {
		g, err := findGroup(tx, account, q.Group)
		if err != nil {
			return err
		}
		of, err := q.scope(tx, account, g.id)
		if err != nil {
			return err
		}
		span := q.Span.after(cutoff(g.Retention, tx.Now.UnixMilli()))
		s := &search{codec: c.codec, pattern: wanted, span: span, from: from, sheaf: sheaf{limit: cmp.Or(q.Limit, MaxPage)}}
		if err := s.run(tx, of); err != nil {
			return err
		}
		token = page.Token(list, s.next())
		found, err = named(tx, s.sheaf.records)
		return err
	})
	return found, token, err
}

func (q *FilterQuery) begin(list string) (place, error) {
	key, err := page.Key(list, q.Token)
	if err != nil {
		return place{}, fmt.Errorf("%w: %s", ErrToken, q.Token)
	}
	if key == "" {
		return place{}, nil
	}
	return parsePlace(key)
}

func (q *FilterQuery) scope(tx *store.Tx, account string, group int64) (scope, error) {
	switch {
	case q.Streams != nil:
		var ids []int64
		for _, name := range q.Streams {
			t, err := findStream(tx, account, q.Group, name)
			if err != nil {
				return scope{}, err
			}
			ids = append(ids, t.stream)
		}
		return ofStreams(ids), nil
	case q.Prefix != "":
		return ofPrefix(group, q.Prefix), nil
	}
	return ofGroup(group), nil
}

// named gives records the names of their streams.
func named(tx *store.Tx, records []record) ([]Record, error) {
	var ids []int64
	for _, r := range records {
		ids = append(ids, r.stream)
	}
	slices.Sort(ids)
	names, err := streamNames(tx, slices.Compact(ids))
	found := make([]Record, len(records))
	for i, r := range records {
		found[i] = r.public(names[r.stream])
	}
	return found, err
}

// search is one page of a Filter in the making.
type search struct {
	codec    *codec
	pattern  pattern.Pattern
	span     Span
	from     place
	sheaf    sheaf
	searched int64  // weight of the chunks looked at
	stopped  *place // where the search gave up before its end
}

func (s *search) run(tx *store.Tx, of scope) error {
	span := Span{max(s.span.From, s.from.time), s.span.Until}
	err := eachChunk(tx, of, span, false, func(k chunk) (more bool, err error) {
		if !s.sheaf.wants(k.firstTime, k.lastTime) {
			return false, nil
		}
		if s.searched > filterWeight && k.firstTime > span.From {
			s.stopped = &place{time: k.firstTime}
			return false, nil
		}
		records, err := s.codec.decode(k)
		if err != nil {
			return false, fmt.Errorf("stream %d at %d: %w", k.stream, k.firstTime, err)
		}
		if k.firstTime >= span.From { // the others reach in from before: counted, they could use up every page
			s.searched += k.size
		}
		s.sheaf.offer(records, s.wants)
		return true, nil
	})
	if s.stopped != nil {
		s.dropFrom(*s.stopped)
	}
	return err
}

func (s *search) wants(r *record) bool {
	return r.time >= s.span.From && r.time < s.span.Until && !r.before(s.from) && s.pattern.Match(r.message)
}

// dropFrom leaves the events after the place where the search gave up to the next page: of those,
// not all have been seen.
func (s *search) dropFrom(p place) {
	n, _ := slices.BinarySearchFunc(s.sheaf.records, p, func(r record, p place) int { return r.compare(p) })
	if n < len(s.sheaf.records) {
		s.sheaf.records = s.sheaf.records[:n]
		s.sheaf.full = false
	}
}

// next is the key of the next page, "" if all has been searched.
func (s *search) next() string {
	switch records := s.sheaf.records; {
	case s.sheaf.full:
		return records[len(records)-1].next().String()
	case s.stopped != nil:
		return s.stopped.String()
	}
	return ""
}
