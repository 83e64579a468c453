package logs

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"slipway/store"
)

// ReadQuery says which events of a stream to read.
type ReadQuery struct {
	Group, Stream string
	Span          Span
	Limit         int    // events of a page; 0: MaxPage
	FromHead      bool   // begin with the earliest event, and not with the latest page
	Token         string // of another page: goes on from there, whatever FromHead says
}

// MaxPage is how many events a page has at most.
// Source: Amazon CloudWatch Logs API Reference, GetLogEvents.
const MaxPage = 10_000

// Page is a run of events of one stream, the earliest first.
type Page struct {
	Records  []Record
	Forward  string // token of what comes after the page, now or later; the same again at the end
	Backward string // token of what came before the page; the same again at the beginning
}

// Read returns a page of at most q.Limit events and 1 MiB. It returns ErrNoGroup, ErrNoStream
// or ErrToken.
func (c *Control) Read(ctx context.Context, account string, q ReadQuery) (page Page, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		t, err := findStream(tx, account, q.Group, q.Stream)
		if err != nil {
			return err
		}
		span := q.Span.after(t.cutoff(tx.Now.UnixMilli()))
		from, back, err := q.begin(t.stream, span)
		if err != nil {
			return err
		}
		s := &sheaf{back: back, limit: cmp.Or(q.Limit, MaxPage)}
		if err := c.gather(tx, ofStream(t.stream), span, from, s); err != nil {
			return err
		}
		records := s.inOrder()
		if len(records) == 0 && q.Token == "" {
			from = place{span.From, t.stream, 0} // what comes into the span comes after its beginning
		}
		page = newPage(q.Stream, records, from)
		return nil
	})
	return page, err
}

// begin is the gap between events at which to begin, and in which direction.
func (q *ReadQuery) begin(stream int64, span Span) (from place, back bool, err error) {
	switch {
	case q.Token != "":
		return parseReadToken(q.Token, stream)
	case q.FromHead:
		return place{span.From, stream, 0}, false, nil
	}
	return place{span.Until, stream, 0}, true, nil
}

// newPage makes a page of what was read on either side of the gap at from.
func newPage(stream string, records []record, from place) Page {
	first, after := from, from
	if n := len(records); n > 0 {
		first, after = records[0].place, records[n-1].next()
	}
	page := Page{Records: make([]Record, len(records)), Forward: readToken("f", after), Backward: readToken("b", first)}
	for i, r := range records {
		page.Records[i] = r.public(stream)
	}
	return page
}

func (r *record) public(stream string) Record {
	return Record{ID: r.place.String(), Stream: stream, Time: r.time, Ingested: r.ingested, Message: r.message}
}

// Tokens of a stream have the form that they have at AWS: f/<56 digits>/s or b/<56 digits>/s.
func readToken(direction string, p place) string { return direction + "/" + p.String() + "/s" }

func parseReadToken(token string, stream int64) (p place, back bool, err error) {
	direction, rest, _ := strings.Cut(token, "/")
	digits, ok := strings.CutSuffix(rest, "/s")
	if !ok || direction != "f" && direction != "b" {
		return p, false, fmt.Errorf("%w: %s", ErrToken, token)
	}
	p, err = parsePlace(digits)
	if err == nil && p.stream != stream {
		err = fmt.Errorf("%w: %s is of another stream", ErrToken, token)
	}
	return p, direction == "b", err
}

// gather fills a sheaf with the events of a span that come after the gap at from, or before it if
// the sheaf is read back.
func (c *Control) gather(tx *store.Tx, of scope, span Span, from place, s *sheaf) error {
	want := func(r *record) bool {
		return r.time >= span.From && r.time < span.Until && r.before(from) == s.back
	}
	if s.back {
		span.Until = min(span.Until, from.time+1)
	} else {
		span.From = max(span.From, from.time)
	}
	return eachChunk(tx, of, span, s.back, func(k chunk) (more bool, err error) {
		if !s.wants(k.firstTime, k.firstTime+chunkSpan) {
			return false, nil // nor any that comes after it
		}
		if !s.wants(k.firstTime, k.lastTime) {
			return true, nil
		}
		records, err := c.codec.decode(k)
		if err != nil {
			return false, fmt.Errorf("stream %d at %d: %w", k.stream, k.firstTime, err)
		}
		s.offer(records, want)
		return true, nil
	})
}
