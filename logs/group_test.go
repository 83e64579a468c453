package logs

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

func groupNames(t *testing.T, c *Control, q GroupQuery) (names []string) {
	t.Helper()
	for {
		groups, token, err := c.Groups(t.Context(), us, q)
		must(t, err)
		for _, g := range groups {
			names = append(names, g.Name)
		}
		if q.Token = token; token == "" {
			return names
		}
	}
}

func TestGroupsAreListedByName(t *testing.T) {
	each(t, func(t *testing.T, c *Control) {
		for _, name := range []string{"/b", "/App", "/app/web", "/app-2", "zoo"} {
			must(t, c.CreateGroup(t.Context(), us, name, nil))
		}
		must(t, c.CreateGroup(t.Context(), them, "/app/theirs", nil))

		for _, try := range []struct {
			q    GroupQuery
			want string
		}{
			{GroupQuery{}, "[/App /app /app-2 /app/web /b zoo]"},
			{GroupQuery{Limit: 1}, "[/App /app /app-2 /app/web /b zoo]"},
			{GroupQuery{Limit: 6}, "[/App /app /app-2 /app/web /b zoo]"},
			{GroupQuery{Prefix: "/app"}, "[/app /app-2 /app/web]"},
			{GroupQuery{Prefix: "/app", Limit: 2}, "[/app /app-2 /app/web]"},
			{GroupQuery{Contains: "pp", Limit: 2}, "[/App /app /app-2 /app/web]"},
			{GroupQuery{Names: []string{"zoo", "/b", "gone"}}, "[/b zoo]"},
			{GroupQuery{Prefix: "none"}, "[]"},
		} {
			if got := fmt.Sprint(groupNames(t, c, try.q)); got != try.want {
				t.Errorf("%+v: %s, want %s", try.q, got, try.want)
			}
		}
		_, _, err := c.Groups(t.Context(), us, GroupQuery{Token: "made up"})
		wantErr(t, err, ErrToken)
	})
}

func TestGroupIsMadeOnceAndNamesAreChecked(t *testing.T) {
	each(t, func(t *testing.T, c *Control) {
		wantErr(t, c.CreateGroup(t.Context(), us, "/app", nil), ErrGroupExists)
		must(t, c.CreateGroup(t.Context(), them, "/app", nil))
		for _, bad := range []string{"", "a b", "a:b", "ä", strings.Repeat("x", 513)} {
			wantErr(t, c.CreateGroup(t.Context(), us, bad, nil), ErrName)
		}
	})
}

func TestDeletedGroupIsGoneAtOnceAndItsNameIsFree(t *testing.T) {
	each(t, func(t *testing.T, c *Control) {
		put(t, c, "web", lines(now(), 10, "old"))
		wantErr(t, c.DeleteGroup(t.Context(), them, "/app"), ErrNoGroup)
		must(t, c.DeleteGroup(t.Context(), us, "/app"))

		_, err := c.Read(t.Context(), us, ReadQuery{Group: "/app", Stream: "web", Span: AllTime})
		wantErr(t, err, ErrNoGroup)
		wantErr(t, c.DeleteGroup(t.Context(), us, "/app"), ErrNoGroup)
		wantErr(t, c.CreateStream(t.Context(), us, "/app", "web"), ErrNoGroup)

		must(t, c.CreateGroup(t.Context(), us, "/app", nil))
		must(t, c.CreateStream(t.Context(), us, "/app", "web"))
		if events := readAll(t, c, "/app", "web", 100); len(events) != 0 {
			t.Errorf("the new group has %d old events", len(events))
		}
	})
}

func TestGroupTellsRetentionAndSize(t *testing.T) {
	each(t, func(t *testing.T, c *Control) {
		put(t, c, "web", []Event{{now(), "12345"}, {now(), "12345"}})
		must(t, c.SetRetention(t.Context(), us, "/app", 30))
		wantErr(t, c.SetRetention(t.Context(), us, "/app", 2), ErrRetention)
		wantErr(t, c.SetRetention(t.Context(), them, "/app", 30), ErrNoGroup)

		groups, _, err := c.Groups(t.Context(), us, GroupQuery{})
		must(t, err)
		if g := groups[0]; g.Retention != 30 || g.Size != 2*(5+perEvent) || g.Created.IsZero() {
			t.Errorf("group is %+v", g)
		}
	})
}

func TestTags(t *testing.T) {
	each(t, func(t *testing.T, c *Control) {
		has := func(want map[string]string) {
			t.Helper()
			tags, err := c.Tags(t.Context(), us, "/app")
			must(t, err)
			if !maps.Equal(tags, want) {
				t.Errorf("tags %v, want %v", tags, want)
			}
		}
		has(nil)
		must(t, c.Tag(t.Context(), us, "/app", map[string]string{"a": "1", "b": "2"}))
		must(t, c.Tag(t.Context(), us, "/app", map[string]string{"b": "3"}))
		has(map[string]string{"a": "1", "b": "3"})
		must(t, c.Untag(t.Context(), us, "/app", []string{"a", "gone"}))
		has(map[string]string{"b": "3"})

		many := map[string]string{}
		for i := range 50 {
			many[fmt.Sprint(i)] = ""
		}
		wantErr(t, c.Tag(t.Context(), us, "/app", many), ErrTooManyTags)
		wantErr(t, c.Tag(t.Context(), us, "/app", map[string]string{"aws:x": ""}), ErrTag)
		wantErr(t, c.Tag(t.Context(), them, "/app", many), ErrNoGroup)
		has(map[string]string{"b": "3"})
	})
}

func TestStreamsAreListedByNameOrTime(t *testing.T) {
	each(t, func(t *testing.T, c *Control) {
		for i, name := range []string{"web/2", "web/1", "db", "été"} {
			must(t, c.CreateStream(t.Context(), us, "/app", name))
			put(t, c, name, lines(now()-int64(i)*1000, 1, name))
		}
		names := func(q StreamQuery) string {
			t.Helper()
			var names []string
			for q.Group = "/app"; ; {
				streams, token, err := c.Streams(t.Context(), us, q)
				must(t, err)
				for _, s := range streams {
					names = append(names, s.Name)
				}
				if q.Token = token; token == "" {
					return strings.Join(names, " ")
				}
			}
		}
		for _, try := range []struct {
			q    StreamQuery
			want string
		}{
			{StreamQuery{}, "db web web/1 web/2 été"},
			{StreamQuery{Limit: 2}, "db web web/1 web/2 été"},
			{StreamQuery{Limit: 1, Descending: true}, "été web/2 web/1 web db"},
			{StreamQuery{Prefix: "web"}, "web web/1 web/2"},
			{StreamQuery{Prefix: "web/", Descending: true}, "web/2 web/1"},
			{StreamQuery{ByTime: true, Limit: 2}, "web été db web/1 web/2"},
			{StreamQuery{ByTime: true, Descending: true, Limit: 3}, "web/2 web/1 db été web"},
		} {
			if got := names(try.q); got != try.want {
				t.Errorf("%+v: %s, want %s", try.q, got, try.want)
			}
		}
		_, _, err := c.Streams(t.Context(), us, StreamQuery{Group: "gone"})
		wantErr(t, err, ErrNoGroup)
		_, _, err = c.Streams(t.Context(), us, StreamQuery{Group: "/app", Token: "made up"})
		wantErr(t, err, ErrToken)
	})
}

func TestStreamTellsItsTimes(t *testing.T) {
	each(t, func(t *testing.T, c *Control) {
		start := now()
		put(t, c, "web", []Event{{start - 50, "b"}, {start - 40, "c"}})
		put(t, c, "web", []Event{{start - 90, "a"}})
		streams, _, err := c.Streams(t.Context(), us, StreamQuery{Group: "/app"})
		must(t, err)
		s := streams[0]
		if s.FirstTime != start-90 || s.LastTime != start-40 || s.Ingested.UnixMilli() < start || s.Created.IsZero() {
			t.Errorf("stream is %+v", s)
		}
	})
}

func TestStreamIsMadeOnceAndDeletedAtOnce(t *testing.T) {
	each(t, func(t *testing.T, c *Control) {
		wantErr(t, c.CreateStream(t.Context(), us, "/app", "web"), ErrStreamExists)
		for _, bad := range []string{"", "a:b", "a*", strings.Repeat("x", 513)} {
			wantErr(t, c.CreateStream(t.Context(), us, "/app", bad), ErrName)
		}
		put(t, c, "web", lines(now(), 3, "x"))
		must(t, c.CreateStream(t.Context(), us, "/app", "other"))
		put(t, c, "other", lines(now(), 2, "y"))

		must(t, c.DeleteStream(t.Context(), us, "/app", "web"))
		wantErr(t, c.DeleteStream(t.Context(), us, "/app", "web"), ErrNoStream)
		_, err := c.Put(t.Context(), us, "/app", "web", lines(now(), 1, "x"))
		wantErr(t, err, ErrNoStream)
		if found := filterAll(t, c, FilterQuery{Group: "/app", Span: AllTime}); len(found) != 2 {
			t.Errorf("found %d events, want those of the other stream", len(found))
		}
	})
}

func TestManyMakeTheSameAtOnceAndOneDoes(t *testing.T) {
	each(t, func(t *testing.T, c *Control) {
		errs := make(chan error)
		for range 8 {
			go func() { errs <- c.CreateGroup(t.Context(), us, "/race", nil) }()
		}
		var made int
		for range 8 {
			switch err := <-errs; {
			case err == nil:
				made++
			case !errors.Is(err, ErrGroupExists):
				t.Error(err)
			}
		}
		if made != 1 {
			t.Errorf("made %d times", made)
		}
		if names := groupNames(t, c, GroupQuery{}); !slices.Equal(names, []string{"/app", "/race"}) {
			t.Errorf("groups %v", names)
		}
	})
}
