package logs

import (
	"strings"
	"testing"
)

func TestPutTellsWhatItRejects(t *testing.T) {
	const hour = 60 * 60 * 1000
	at := func(hours ...int64) (events []Event) {
		for _, h := range hours {
			events = append(events, Event{1_000_000*hour + h*hour, "x"})
		}
		return events
	}
	for _, try := range []struct {
		name   string
		events []Event
		days   int
		want   Rejected
	}{
		{"all good", at(-1, 0, 1), 0, Rejected{0, 0, 3}},
		{"too old", at(-400, -337, -330), 0, Rejected{2, 0, 3}},
		{"too new", at(0, 1, 3, 4), 0, Rejected{0, 0, 2}},
		{"expired", at(-30, -25, -1), 1, Rejected{0, 2, 3}},
		{"old and expired", at(-400, -30, 0), 1, Rejected{1, 2, 3}},
		{"nothing is left", at(-400, 5), 0, Rejected{1, 0, 1}},
		{"all too new", at(5, 6), 0, Rejected{0, 0, 0}},
		{"at the edges", at(-336, 2), 0, Rejected{0, 0, 2}},
	} {
		const present = 1_000_000 * hour
		if got := reject(try.events, cutoff(try.days, present), present); got != try.want {
			t.Errorf("%s: %+v, want %+v", try.name, got, try.want)
		}
	}
}

func TestPutKeepsWhatItDoesNotReject(t *testing.T) {
	each(t, func(t *testing.T, c *Control) {
		must(t, c.SetRetention(t.Context(), us, "/app", 1))
		edge := now() - day // moves away while the test runs
		events := []Event{{edge - 60_000, "expired"}, {edge + 600_000, "kept"}}
		rejected, err := c.Put(t.Context(), us, "/app", "web", events)
		must(t, err)
		if want := (Rejected{0, 1, 2}); rejected != want {
			t.Errorf("rejected %+v, want %+v", rejected, want)
		}
		same(t, "kept", readAll(t, c, "/app", "web", 10), events[1:])

		rejected, err = c.Put(t.Context(), us, "/app", "web", lines(now()+3*60*60*1000, 2, "ahead"))
		must(t, err)
		if want := (Rejected{0, 0, 0}); rejected != want {
			t.Errorf("rejected %+v, want %+v", rejected, want)
		}
		same(t, "kept", readAll(t, c, "/app", "web", 10), events[1:])
	})
}

func TestPutRefusesWhatIsNoBatch(t *testing.T) {
	each(t, func(t *testing.T, c *Control) {
		for _, try := range []struct {
			events []Event
			want   error
		}{
			{[]Event{{now(), "b"}, {now() - 1000, "a"}}, ErrOrder},
			{[]Event{{now() - day - 1000, "a"}, {now(), "b"}}, ErrSpan},
			{[]Event{{now(), strings.Repeat("x", MaxPut-perEvent+1)}}, ErrTooLarge},
			{[]Event{{-1, "a"}}, ErrEvent},
		} {
			_, err := c.Put(t.Context(), us, "/app", "web", try.events)
			wantErr(t, err, try.want)
		}
		_, err := c.Put(t.Context(), us, "/gone", "web", lines(now(), 1, "x"))
		wantErr(t, err, ErrNoGroup)
		_, err = c.Put(t.Context(), them, "/app", "web", lines(now(), 1, "x"))
		wantErr(t, err, ErrNoGroup)
		_, err = c.Put(t.Context(), us, "/app", "gone", lines(now(), 1, "x"))
		wantErr(t, err, ErrNoStream)

		largest := []Event{{now(), strings.Repeat("x", MaxPut-perEvent)}}
		put(t, c, "web", largest)
		same(t, "kept", readAll(t, c, "/app", "web", 10), largest)
	})
}

func TestMessagesComeBackByteForByte(t *testing.T) {
	each(t, func(t *testing.T, c *Control) {
		var all strings.Builder
		for b := range 256 {
			all.WriteByte(byte(b))
		}
		events := []Event{{now(), ""}, {now(), all.String()}, {now(), "\r\n\t\x00"}, {now(), "été 漢字 🚢"}, {now(), strings.Repeat("\xff", 300_000)}}
		put(t, c, "web", events)
		same(t, "read", readAll(t, c, "/app", "web", 2), events)
	})
}
