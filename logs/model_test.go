package logs

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"slipway/store"
	"slipway/store/storetest"
)

// The oracle keeps events in plain slices. Whatever is put, appended, repeated, overlapped or
// deleted, the room reads the same, from every token, in both directions, however it is asked.
func TestRoomAgreesWithItsModel(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c, runs := open(t, db), 0
		rapid.Check(t, func(rt *rapid.T) {
			runs++
			m := &model{c: c, group: fmt.Sprint("/run/", runs), start: now() - 3*60*60*1000, streams: map[string]*modelStream{}}
			must(rt, c.CreateGroup(rt.Context(), us, m.group, nil))
			rt.Repeat(map[string]func(*rapid.T){
				"append": m.append, "put": m.put, "delete": m.delete,
				"page": m.page, "walk": m.walk, "filter": m.filter,
			})
		})
	})
}

type model struct {
	c       *Control
	group   string
	start   int64
	streams map[string]*modelStream
}

// modelStream has its events as they came, so that a stable sort by time is the order of reading.
type modelStream struct {
	events []Event
	source int64
	tokens []modelToken
}

// modelToken stands before the event of this time that came as number seq.
type modelToken struct {
	token     string
	time, seq int64
}

func (s *modelStream) inOrder() []Event { return byTime(s.events) }

func byTime(events []Event) []Event {
	sorted := slices.Clone(events)
	slices.SortStableFunc(sorted, func(a, b Event) int { return int(a.Time - b.Time) })
	return sorted
}

func (m *model) pick(t *rapid.T) (string, *modelStream) {
	name := rapid.SampledFrom([]string{"web/a", "web/b", "db"}).Draw(t, "stream")
	return name, m.streams[name]
}

// draw makes events in the order of their times, within three hours.
func (m *model) draw(t *rapid.T) []Event {
	at := m.start + rapid.Int64Range(0, 170*60).Draw(t, "second")*1000
	events := make([]Event, rapid.IntRange(1, 12).Draw(t, "events"))
	for i := range events {
		at += rapid.SampledFrom([]int64{0, 0, 1, 1000, 60_000}).Draw(t, "later")
		size := rapid.SampledFrom([]int{0, 10, 10, 100, 9000}).Draw(t, "size")
		events[i] = Event{at, rapid.SampledFrom([]string{"GET ", "POST "}).Draw(t, "word") + strings.Repeat("x", size)}
	}
	return events
}

func (m *model) append(t *rapid.T) {
	name, s := m.pick(t)
	have := int64(0)
	if s != nil {
		have = s.source
	}
	offset := max(0, have+rapid.SampledFrom([]int64{0, 0, 0, -7, -20, 5}).Draw(t, "offset"))
	next := offset + rapid.Int64Range(1, 20).Draw(t, "bytes")
	events := m.draw(t)
	goOn, err := m.c.Append(t.Context(), us, m.group, name, offset, next, events, false)
	must(t, err)

	if s == nil {
		s = &modelStream{source: offset}
		m.streams[name] = s
	}
	if offset == s.source {
		s.source = next
		s.events = append(s.events, events...)
	}
	if goOn != s.source {
		t.Fatalf("appended %d to %d: go on from %d, want %d", offset, next, goOn, s.source)
	}
}

func (m *model) put(t *rapid.T) {
	name, s := m.pick(t)
	events := m.draw(t)
	rejected, err := m.c.Put(t.Context(), us, m.group, name, events)
	if s == nil {
		wantErr(t, err, ErrNoStream)
		return
	}
	must(t, err)
	_, to := rejected.kept() // the latest may be more than two hours ahead
	s.events = append(s.events, events[:to]...)
}

func (m *model) delete(t *rapid.T) {
	name, s := m.pick(t)
	if rapid.IntRange(0, 4).Draw(t, "sure") > 0 {
		t.Skip("kept")
	}
	err := m.c.DeleteStream(t.Context(), us, m.group, name)
	if s == nil {
		wantErr(t, err, ErrNoStream)
		return
	}
	must(t, err)
	delete(m.streams, name)
}

// page reads one page from any token that the stream has ever given out.
func (m *model) page(t *rapid.T) {
	name, s := m.pick(t)
	if s == nil || len(s.tokens) == 0 {
		t.Skip("no tokens")
	}
	token := rapid.SampledFrom(s.tokens).Draw(t, "token")
	limit := rapid.IntRange(1, 20).Draw(t, "limit")
	page, err := m.c.Read(t.Context(), us, ReadQuery{Group: m.group, Stream: name, Span: AllTime, Limit: limit, Token: token.token})
	must(t, err)

	var before, after []Event // the events on either side of the token
	type numbered struct {
		Event
		seq int64
	}
	var all []numbered
	for i, e := range s.events {
		all = append(all, numbered{e, int64(i)})
	}
	slices.SortStableFunc(all, func(a, b numbered) int { return int(a.Time - b.Time) })
	for _, e := range all {
		if e.Time < token.time || e.Time == token.time && e.seq < token.seq {
			before = append(before, e.Event)
		} else {
			after = append(after, e.Event)
		}
	}
	want := after[:min(limit, len(after))]
	if token.token[0] == 'b' {
		want = before[max(0, len(before)-limit):]
	}
	same(t, "page at "+token.token, plain(page.Records), want)
	if len(want) == 0 && page.Forward != token.token && page.Backward != token.token {
		t.Errorf("at the end %s became %s and %s", token.token, page.Forward, page.Backward)
	}
	s.learn(t, page)
}

func (s *modelStream) learn(t *rapid.T, page Page) {
	t.Helper()
	for _, token := range []string{page.Forward, page.Backward} {
		p, err := parsePlace(token[2:58])
		must(t, err)
		s.tokens = append(s.tokens, modelToken{token, p.time, p.seq})
	}
}

// walk reads a whole stream one way or the other.
func (m *model) walk(t *rapid.T) {
	name, s := m.pick(t)
	if s == nil {
		t.Skip("no stream")
	}
	head := rapid.Bool().Draw(t, "head")
	q := ReadQuery{Group: m.group, Stream: name, Span: AllTime, FromHead: head, Limit: rapid.IntRange(1, 60).Draw(t, "limit")}
	var all []Event
	for {
		page, err := m.c.Read(t.Context(), us, q)
		must(t, err)
		if s.learn(t, page); len(page.Records) == 0 {
			break
		}
		if head {
			all, q.Token = append(all, plain(page.Records)...), page.Forward
		} else {
			all, q.Token = append(plain(page.Records), all...), page.Backward
		}
	}
	same(t, name, all, s.inOrder())
}

func (m *model) filter(t *rapid.T) {
	q := FilterQuery{Group: m.group, Limit: rapid.IntRange(1, 60).Draw(t, "limit")}
	from := m.start + rapid.Int64Range(-10, 180*60).Draw(t, "from")*1000
	q.Span = Span{from, from + rapid.Int64Range(0, 180*60).Draw(t, "seconds")*1000}
	q.Pattern = rapid.SampledFrom([]string{"", "GET", "-GET"}).Draw(t, "pattern")
	var names []string
	for name := range m.streams {
		names = append(names, name)
	}
	slices.Sort(names)
	switch rapid.IntRange(0, 2).Draw(t, "which") {
	case 0:
		q.Prefix = "web/"
		names = slices.DeleteFunc(names, func(name string) bool { return name == "db" })
	case 1:
		names = names[:min(1, len(names))]
		if q.Streams = names; len(names) == 0 {
			t.Skip("no streams")
		}
	}
	var want []string
	for _, name := range names {
		for _, e := range m.streams[name].events {
			if e.Time >= q.Span.From && e.Time < q.Span.Until && (q.Pattern == "" || strings.HasPrefix(e.Message, "GET") == (q.Pattern == "GET")) {
				want = append(want, fmt.Sprint(e.Time, name, e.Message))
			}
		}
	}
	found := filterAll(t, m.c, q)
	if !slices.IsSortedFunc(found, func(a, b Record) int { return int(a.Time - b.Time) }) {
		t.Error("found out of order")
	}
	var got []string
	for _, r := range found {
		got = append(got, fmt.Sprint(r.Time, r.Stream, r.Message))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Fatalf("%+v found %d events, want %d", q, len(got), len(want))
	}
}
