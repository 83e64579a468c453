package logs

import (
	"slices"
	"strings"
)

const pageWeight = 1 << 20 // of the events of one page. Source: Amazon CloudWatch Logs API Reference, GetLogEvents

// sheaf binds the events of one page: of all that it is offered, those that come first in reading
// order and fit, however the offers are ordered. It never holds much more than a page.
type sheaf struct {
	back    bool // reading order is from the latest event to the earliest
	limit   int
	records []record // in reading order
	full    bool     // there are events that did not fit
}

// offer adds those of a chunk's records that want says yes to.
func (s *sheaf) offer(records []record, want func(*record) bool) {
	for i := range records {
		if r := &records[i]; want(r) {
			kept := *r
			kept.message = strings.Clone(r.message) // not the whole chunk
			s.records = append(s.records, kept)
		}
	}
	s.trim()
}

func (s *sheaf) trim() {
	order := compareRecords
	if s.back {
		order = func(a, b record) int { return b.compare(a.place) }
	}
	if !slices.IsSortedFunc(s.records, order) {
		slices.SortFunc(s.records, order)
	}
	n := s.fitting()
	if n < len(s.records) {
		s.full = true
		clear(s.records[n:])
		s.records = s.records[:n]
	}
}

// fitting is how many records fit, at least one.
func (s *sheaf) fitting() int {
	size := int64(0)
	for i, r := range s.records {
		size += weight(r.message)
		if i == s.limit || i > 0 && size > pageWeight {
			return i
		}
	}
	return len(s.records)
}

// wants tells whether a record between two times could still belong in the sheaf.
func (s *sheaf) wants(earliest, latest int64) bool {
	if !s.full {
		return true
	}
	last := s.records[len(s.records)-1].time
	if s.back {
		return latest >= last
	}
	return earliest <= last
}

// inOrder returns the records from the earliest to the latest.
func (s *sheaf) inOrder() []record {
	if s.back {
		slices.Reverse(s.records)
	}
	return s.records
}
