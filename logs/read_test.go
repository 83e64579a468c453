package logs

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func read(t testing.TB, c *Control, q ReadQuery) Page {
	t.Helper()
	if q.Span == (Span{}) {
		q.Span = AllTime
	}
	q.Group, q.Stream = "/app", "web"
	page, err := c.Read(t.Context(), us, q)
	must(t, err)
	return page
}

func TestReadBothWaysFromAnyPage(t *testing.T) {
	each(t, func(t *testing.T, c *Control) {
		events := lines(now()-1000, 25, "line")
		put(t, c, "web", events)

		last := read(t, c, ReadQuery{Limit: 10})
		same(t, "the latest page", plain(last.Records), events[15:])
		middle := read(t, c, ReadQuery{Limit: 10, Token: last.Backward})
		same(t, "the page before", plain(middle.Records), events[5:15])
		first := read(t, c, ReadQuery{Limit: 10, Token: middle.Backward})
		same(t, "the first page", plain(first.Records), events[:5])
		again := read(t, c, ReadQuery{Limit: 10, Token: first.Forward})
		same(t, "and back", plain(again.Records), events[5:15])
		same(t, "from the head", plain(read(t, c, ReadQuery{Limit: 10, FromHead: true}).Records), events[:10])
	})
}

func TestTokensStayTheSameAtTheEnds(t *testing.T) {
	each(t, func(t *testing.T, c *Control) {
		events := lines(now()-1000, 5, "line")
		put(t, c, "web", events)
		all := read(t, c, ReadQuery{FromHead: true})

		end := read(t, c, ReadQuery{Token: all.Forward})
		if len(end.Records) != 0 || end.Forward != all.Forward {
			t.Errorf("at the end: %d events, token %s, want none and %s", len(end.Records), end.Forward, all.Forward)
		}
		same(t, "back from the end", plain(read(t, c, ReadQuery{Token: end.Backward}).Records), events)

		start := read(t, c, ReadQuery{Token: all.Backward})
		if len(start.Records) != 0 || start.Backward != all.Backward {
			t.Errorf("at the beginning: %d events, token %s, want none and %s", len(start.Records), start.Backward, all.Backward)
		}
		same(t, "on from the beginning", plain(read(t, c, ReadQuery{Token: start.Forward}).Records), events)

		more := lines(now(), 2, "more")
		put(t, c, "web", more)
		same(t, "what came since", plain(read(t, c, ReadQuery{Token: end.Forward}).Records), more)
	})
}

func TestAnEmptyStreamCanBeFollowed(t *testing.T) {
	each(t, func(t *testing.T, c *Control) {
		ahead, back := read(t, c, ReadQuery{FromHead: true}), read(t, c, ReadQuery{})
		events := lines(now(), 3, "line")
		put(t, c, "web", events)
		for _, empty := range []Page{ahead, back} {
			if empty.Records == nil || len(empty.Records) != 0 {
				t.Errorf("events of an empty stream: %v", empty.Records)
			}
			same(t, "from the token of an empty page", plain(read(t, c, ReadQuery{Token: empty.Forward}).Records), events)
		}
	})
}

func TestReadOfASpan(t *testing.T) {
	each(t, func(t *testing.T, c *Control) {
		start := now() - 1000
		events := lines(start, 10, "line")
		put(t, c, "web", events)
		for _, try := range []struct{ from, until, first, last int64 }{
			{0, 5, 0, 5}, {5, 10, 5, 10}, {3, 4, 3, 4}, {4, 4, 4, 4}, {6, 2, 6, 6}, {-9, 99, 0, 10}, {20, 30, 0, 0},
		} {
			for _, head := range []bool{true, false} {
				page := read(t, c, ReadQuery{Span: Span{start + try.from, start + try.until}, FromHead: head})
				same(t, fmt.Sprintf("%d to %d", try.from, try.until), plain(page.Records), events[try.first:try.last])
			}
		}
	})
}

func TestAPageIsNoMoreThanAMegabyte(t *testing.T) {
	each(t, func(t *testing.T, c *Control) {
		big := strings.Repeat("x", 300_000-perEvent)
		var events []Event
		for i := range 7 {
			events = append(events, Event{now() + int64(i), fmt.Sprint(i) + big[1:]})
			put(t, c, "web", events[i:])
		}
		same(t, "from the head", plain(read(t, c, ReadQuery{FromHead: true}).Records), events[:3])
		same(t, "the latest", plain(read(t, c, ReadQuery{}).Records), events[4:])
	})
}

func TestLateEventsComeInTheirOrder(t *testing.T) {
	each(t, func(t *testing.T, c *Control) {
		start := now() - 60*60*1000
		want := lines(start, 60*60, "every second")
		for i := range want {
			want[i].Time = start + int64(i)*1000
		}
		for _, part := range []int{2, 0, 1} { // of the stream, every third event
			var events []Event
			for i := part; i < len(want); i += 3 {
				events = append(events, want[i])
			}
			put(t, c, "web", events)
		}
		if n := chunkCount(t, c); n < 6 {
			t.Fatalf("%d chunks: the test wants them to overlap", n)
		}
		same(t, "forward", readAll(t, c, "/app", "web", 500), want)

		var back []Event
		for page := read(t, c, ReadQuery{Limit: 500}); len(page.Records) > 0; page = read(t, c, ReadQuery{Limit: 500, Token: page.Backward}) {
			back = append(plain(page.Records), back...)
		}
		same(t, "backward", back, want)
	})
}

func TestEventsOfOneMillisecondStayAsTheyCame(t *testing.T) {
	each(t, func(t *testing.T, c *Control) {
		var want []Event
		for i := range 50 {
			events := []Event{{now() / 1e6 * 1e6, fmt.Sprint(i, "a")}, {now() / 1e6 * 1e6, fmt.Sprint(i, "b")}}
			put(t, c, "web", events)
			want = append(want, events...)
		}
		same(t, "read", readAll(t, c, "/app", "web", 7), want)
	})
}

func TestMadeUpTokensAreRefused(t *testing.T) {
	each(t, func(t *testing.T, c *Control) {
		put(t, c, "web", lines(now(), 3, "x"))
		must(t, c.CreateStream(t.Context(), us, "/app", "other"))
		token := read(t, c, ReadQuery{}).Forward
		for _, bad := range []string{"x", "f/", "f//s", "f/12/s", "x/" + strings.Repeat("0", 56) + "/s", "f/" + strings.Repeat("9", 56) + "/s", "f/-" + token[3:], token[:20] + "x" + token[21:]} {
			_, err := c.Read(t.Context(), us, ReadQuery{Group: "/app", Stream: "web", Span: AllTime, Token: bad})
			wantErr(t, err, ErrToken)
		}
		_, err := c.Read(t.Context(), us, ReadQuery{Group: "/app", Stream: "other", Span: AllTime, Token: token})
		wantErr(t, err, ErrToken)
		_, err = c.Read(t.Context(), them, ReadQuery{Group: "/app", Stream: "web", Span: AllTime})
		wantErr(t, err, ErrNoGroup)
	})
}

func TestFilterInterleavesStreamsByTime(t *testing.T) {
	each(t, func(t *testing.T, c *Control) {
		var want []Event
		start := now() - 10_000
		for i := range 60 {
			e := Event{start + int64(i), fmt.Sprint("line ", i)}
			want = append(want, e)
			feed(t, c, fmt.Sprint("c", i%3), e)
		}
		found := filterAll(t, c, FilterQuery{Group: "/app", Span: AllTime, Limit: 7})
		same(t, "all streams", plain(found), want)
		for i, r := range found {
			if r.Stream != fmt.Sprint("c", i%3) || r.Ingested < start {
				t.Errorf("event %d is of stream %s, came at %d", i, r.Stream, r.Ingested)
			}
		}
		byID := func(a, b Record) int { return strings.Compare(a.ID, b.ID) }
		if !slices.IsSortedFunc(found, byID) || len(slices.CompactFunc(slices.Clone(found), func(a, b Record) bool { return a.ID == b.ID })) != len(found) {
			t.Error("ids are not in order, or some events share one")
		}
		if again := filterAll(t, c, FilterQuery{Group: "/app", Span: Span{start + 30, start + 31}}); len(again) != 1 || again[0].ID != found[30].ID {
			t.Errorf("asked otherwise, event 30 has another id: %v", again)
		}
	})
}

func TestFilterPicksStreamsSpanAndPattern(t *testing.T) {
	each(t, func(t *testing.T, c *Control) {
		start := now() - 10_000
		for i, stream := range []string{"web/1", "web/2", "db/1"} {
			feed(t, c, stream, Event{start + int64(i), "GET " + stream}, Event{start + 10 + int64(i), "POST " + stream})
		}
		for _, try := range []struct {
			q    FilterQuery
			want string
		}{
			{FilterQuery{Streams: []string{"db/1", "web/2"}}, "[GET web/2 GET db/1 POST web/2 POST db/1]"},
			{FilterQuery{Prefix: "web/"}, "[GET web/1 GET web/2 POST web/1 POST web/2]"},
			{FilterQuery{Prefix: "none"}, "[]"},
			{FilterQuery{Pattern: "GET -db"}, "[GET web/1 GET web/2]"},
			{FilterQuery{Span: Span{start + 1, start + 11}}, "[GET web/2 GET db/1 POST web/1]"},
		} {
			if try.q.Span == (Span{}) {
				try.q.Span = AllTime
			}
			try.q.Group, try.q.Limit = "/app", 3
			var got []string
			for _, r := range filterAll(t, c, try.q) {
				got = append(got, r.Message)
			}
			if fmt.Sprint(got) != try.want {
				t.Errorf("%+v: %v, want %s", try.q, got, try.want)
			}
		}
		for _, try := range []struct {
			q    FilterQuery
			want error
		}{
			{FilterQuery{Group: "/gone"}, ErrNoGroup},
			{FilterQuery{Group: "/app", Streams: []string{"web/1", "gone"}}, ErrNoStream},
			{FilterQuery{Group: "/app", Token: "made up"}, ErrToken},
			{FilterQuery{Group: "/app", Pattern: "{ $.x = }"}, ErrPattern},
		} {
			_, _, err := c.Filter(t.Context(), us, try.q)
			wantErr(t, err, try.want)
		}
	})
}

// A search that finds nothing in much gives up in between and says where it goes on.
func TestFilterGivesUpAndGoesOn(t *testing.T) {
	each(t, func(t *testing.T, c *Control) {
		start := now() - 5*60*60*1000
		message := strings.Repeat("hay ", 60_000)
		const events = 3 * filterWeight / 240_000
		for i := range events {
			e := Event{start + int64(i)*1000, message}
			if i == 0 || i == events-1 {
				e.Message = "needle"
			}
			feed(t, c, fmt.Sprint("c", i%3), e)
		}
		q := FilterQuery{Group: "/app", Span: AllTime, Pattern: "needle"}
		var found []Record
		pages := 0
		for {
			some, token, err := c.Filter(t.Context(), us, q)
			must(t, err)
			found = append(found, some...)
			pages++
			if q.Token = token; token == "" {
				break
			}
		}
		if len(found) != 2 || pages < 3 || pages > 5 {
			t.Errorf("found %d needles on %d pages", len(found), pages)
		}
	})
}

func TestRetentionHidesAtOnce(t *testing.T) {
	each(t, func(t *testing.T, c *Control) {
		events := []Event{{now() - 2*day, "old"}, {now() - 1000, "new"}}
		appendTo(t, c, "web", 0, 9, events)
		must(t, c.SetRetention(t.Context(), us, "/app", 1))
		same(t, "read", readAll(t, c, "/app", "web", 10), events[1:])
		same(t, "read back", plain(read(t, c, ReadQuery{}).Records), events[1:])
		same(t, "filtered", plain(filterAll(t, c, FilterQuery{Group: "/app", Span: AllTime})), events[1:])
	})
}
