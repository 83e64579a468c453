package logs

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// Event is one line of a log.
type Event struct {
	Time    int64  // milliseconds since 1970
	Message string // any bytes, without the line feed
}

// Record is an event as it is kept.
type Record struct {
	ID       string // 56 digits that no other event has, ordered by time
	Stream   string
	Time     int64 // milliseconds since 1970
	Ingested int64 // when it came in, likewise
	Message  string
}

// Span is the time from which and before which events are looked for, in milliseconds since 1970.
type Span struct{ From, Until int64 }

// maxTime is what fits in an id.
const maxTime = 99_999_999_999_999

// AllTime is the span of every event.
var AllTime = Span{0, maxTime + 1}

// after is what there can be of the span, from a cutoff on.
func (s Span) after(cutoff int64) Span {
	return Span{min(max(s.From, cutoff, 0), maxTime), min(s.Until, maxTime+1)}
}

// perEvent is what AWS counts for an event besides its message.
const perEvent = 26

// weight is the size of an event: what limits of bytes count.
func weight(message string) int64 { return int64(len(message)) + perEvent }

// place is where an event stands in the order of all events of a group: by time, then by
// stream, then as they came. It is also the gap before that event, where a page begins or ends.
type place struct{ time, stream, seq int64 }

func (p place) compare(q place) int {
	return cmp.Or(cmp.Compare(p.time, q.time), cmp.Compare(p.stream, q.stream), cmp.Compare(p.seq, q.seq))
}

func (p place) before(q place) bool { return p.compare(q) < 0 }

// next is the gap after the event at p.
func (p place) next() place { return place{p.time, p.stream, p.seq + 1} }

func (p place) String() string { return fmt.Sprintf("%014d%021d%021d", p.time, p.stream, p.seq) }

func parsePlace(s string) (p place, err error) {
	if len(s) != 56 || strings.Trim(s, "0123456789") != "" {
		return place{}, fmt.Errorf("%w: %s", ErrToken, s)
	}
	for i, field := range []*int64{&p.time, &p.stream, &p.seq} {
		from, to := []int{0, 14, 35}[i], []int{14, 35, 56}[i]
		if *field, err = strconv.ParseInt(s[from:to], 10, 64); err != nil {
			return place{}, fmt.Errorf("%w: %s", ErrToken, s)
		}
	}
	return p, nil
}

// record is an event with its place.
type record struct {
	place
	ingested int64
	message  string
}

func compareRecords(a, b record) int { return a.compare(b.place) }
