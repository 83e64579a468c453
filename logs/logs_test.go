package logs

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"slipway/store"
	"slipway/store/storetest"
)

const us, them = "123456789012", "999999999999"

// each runs a test on both databases, with a group /app that has the stream web.
func each(t *testing.T, test func(t *testing.T, c *Control)) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := open(t, db)
		must(t, c.CreateGroup(t.Context(), us, "/app", nil))
		must(t, c.CreateStream(t.Context(), us, "/app", "web"))
		test(t, c)
	})
}

func open(t testing.TB, db *store.DB) *Control {
	t.Helper()
	c, err := New(t.Context(), db, CheckPolicies(checkPolicy))
	must(t, err)
	return c
}

// tester is what testing.T and rapid.T have in common.
type tester interface {
	rapid.TB
	Context() context.Context
}

func must(t tester, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t tester, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error %v, want %v", err, want)
	}
}

func now() int64 { return time.Now().UnixMilli() }

// lines makes n events from a time on, a millisecond apart.
func lines(from int64, n int, what string) []Event {
	events := make([]Event, n)
	for i := range events {
		events[i] = Event{from + int64(i), fmt.Sprintf("%s %d", what, i)}
	}
	return events
}

func put(t tester, c *Control, stream string, events []Event) {
	t.Helper()
	rejected, err := c.Put(t.Context(), us, "/app", stream, events)
	must(t, err)
	if from, to := rejected.kept(); from != 0 || to != len(events) {
		t.Fatalf("rejected %+v of %d events", rejected, len(events))
	}
}

// feed appends events to a container's stream, wherever it has got to.
func feed(t tester, c *Control, stream string, events ...Event) {
	t.Helper()
	at := appendTo(t, c, stream, 0, 0, nil)
	if goOn := appendTo(t, c, stream, at, at+1, events); goOn != at+1 {
		t.Fatalf("stream %s goes on from %d, want %d", stream, goOn, at+1)
	}
}

// readAll reads a stream from its beginning to its end, page by page.
func readAll(t tester, c *Control, group, stream string, limit int) []Event {
	t.Helper()
	q := ReadQuery{Group: group, Stream: stream, Span: AllTime, FromHead: true, Limit: limit}
	var all []Event
	for {
		page, err := c.Read(t.Context(), us, q)
		must(t, err)
		all = append(all, plain(page.Records)...)
		if len(page.Records) == 0 {
			return all
		}
		q.Token = page.Forward
	}
}

func filterAll(t tester, c *Control, q FilterQuery) (all []Record) {
	t.Helper()
	for {
		found, token, err := c.Filter(t.Context(), us, q)
		must(t, err)
		all = append(all, found...)
		if q.Token = token; token == "" {
			return all
		}
	}
}

func plain(records []Record) []Event {
	events := make([]Event, len(records))
	for i, r := range records {
		events[i] = Event{r.Time, r.Message}
	}
	return events
}

func same(t tester, what string, got, want []Event) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d events, want %d", what, len(got), len(want))
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("%s: event %d is %d %.60q, want %d %.60q", what, i, got[i].Time, got[i].Message, want[i].Time, want[i].Message)
		}
	}
}

func chunkCount(t testing.TB, c *Control) (n int) {
	t.Helper()
	must(t, c.db.View(t.Context(), func(tx *store.Tx) error {
		return tx.Row(`select count(*) from log_chunks`).Scan(&n)
	}))
	return n
}
