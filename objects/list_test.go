package objects

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"slipway/store"
	"slipway/store/storetest"
)

func TestListing(t *testing.T) {
	each(t, func(w *world) {
		for _, key := range []string{"a", "a/", "a/1", "a/2", "a0", "b/c/d", "b/e", "ü", "~"} {
			w.put(key, key)
		}
		for _, row := range []struct {
			q    Query
			want string
		}{
			{Query{Limit: 20}, "a a/ a/1 a/2 a0 b/c/d b/e ~ ü"},
			{Query{Limit: 3}, "a a/ a/1 then after a/1"},
			{Query{Limit: 3, After: "a/1"}, "a/2 a0 b/c/d then after b/c/d"},
			{Query{Limit: 20, Delimiter: "/"}, "a a0 ~ ü [a/] [b/]"},
			{Query{Limit: 2, Delimiter: "/"}, "a [a/] then after a/"},
			{Query{Limit: 2, Delimiter: "/", After: "a/"}, "a0 [b/] then after b/"},
			{Query{Limit: 20, Prefix: "a/", Delimiter: "/"}, "a/ a/1 a/2"},
			{Query{Limit: 20, Prefix: "b/", Delimiter: "/"}, "b/e [b/c/]"},
			{Query{Limit: 20, Prefix: "b"}, "b/c/d b/e"},
			{Query{Limit: 20, Prefix: "zz"}, ""},
			{Query{Limit: 0}, ""},
		} {
			if got := w.list(row.q); got != row.want {
				w.Errorf("%+v lists %q, want %q", row.q, got, row.want)
			}
		}
	})
}

// However a listing is cut into pages, together they are what there is.
func TestPagesOfListings(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	w.keep(Versioned)
	key := rapid.StringMatching(`[ab/]{1,5}`)
	rapid.Check(t, func(t *rapid.T) {
		must(w.T, w.empty(w.Context(), w.bucket))
		keys := rapid.SliceOfNDistinct(key, 0, 12, rapid.ID[string]).Draw(t, "keys")
		gone := rapid.SliceOfN(rapid.SampledFrom(append(keys, "none")), 0, 3).Draw(t, "gone")
		w.fill(keys, gone)
		q := Query{
			Bucket: w.bucket, Prefix: rapid.StringMatching(`[ab/]{0,2}`).Draw(t, "prefix"), Delimiter: rapid.SampledFrom([]string{"", "/", "ab"}).Draw(t, "delimiter"),
			Limit: rapid.IntRange(1, 4).Draw(t, "limit"),
		}
		want := plainList(slices.DeleteFunc(slices.Clone(keys), func(k string) bool { return slices.Contains(gone, k) }), q)
		if got := w.pages(q); !slices.Equal(got, want) {
			t.Fatalf("%+v lists %q, want %q", q, got, want)
		}
		if got, want := w.versionPages(q), plainList(append(slices.Clone(keys), gone...), q); !slices.Equal(got, want) {
			t.Fatalf("%+v lists the versions %q, want %q", q, got, want)
		}
	})
}

// fill puts objects and deletes some, in one transaction.
func (w *world) fill(keys, gone []string) {
	w.Helper()
	must(w.T, w.db.Update(w.Context(), func(tx *store.Tx) error {
		for _, key := range keys {
			if err := place(tx, w.bucket, &Object{Key: key}, Precondition{}); err != nil {
				return err
			}
		}
		for _, key := range gone {
			if _, err := deleteLatest(tx, w.bucket, key); err != nil {
				return err
			}
		}
		return nil
	}))
}

func (w *world) pages(q Query) (all []string) {
	w.Helper()
	for {
		l, err := w.List(w.Context(), q)
		must(w.T, err)
		page := []string{}
		for _, o := range l.Objects {
			page = append(page, o.Key)
		}
		all = append(all, append(page, l.Prefixes...)...)
		if l.size() > q.Limit {
			w.Errorf("%d at once", l.size())
		}
		if q.After = l.Next; q.After == "" {
			slices.Sort(all)
			return all
		}
	}
}

func (w *world) versionPages(of Query) (all []string) {
	w.Helper()
	q := VersionQuery{Bucket: of.Bucket, Prefix: of.Prefix, Delimiter: of.Delimiter, Limit: of.Limit}
	seen := map[string]bool{}
	for {
		l, err := w.Versions(w.Context(), q)
		must(w.T, err)
		for _, o := range l.Objects {
			id := fmt.Sprintf("%s %s", o.Key, o.Version)
			if seen[id] {
				w.Errorf("%s comes twice", id)
			}
			seen[id] = true
			all = append(all, o.Key)
		}
		all = append(all, l.Prefixes...)
		if q.After, q.AfterVersion = l.Next, l.NextVersion; q.After == "" {
			slices.Sort(all)
			return all
		}
	}
}

// plainList is a listing as the definition has it.
func plainList(keys []string, q Query) (all []string) {
	slices.Sort(keys)
	for _, key := range keys {
		if !strings.HasPrefix(key, q.Prefix) {
			continue
		}
		group := common(key, q.Prefix, q.Delimiter)
		if group == "" {
			all = append(all, key)
		} else if !slices.Contains(all, group) {
			all = append(all, group)
		}
	}
	slices.Sort(all)
	return all
}
