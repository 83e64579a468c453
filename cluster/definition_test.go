package cluster_test

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"slipway/cluster"
	"slipway/cluster/taskdef"
)

func TestRevisionsOfAFamily(t *testing.T) {
	each(t, func(w world) {
		w.register("web", web())
		second := web()
		second.Containers[0].Image = "example.com/web:2"
		wantEqual(w.T, "the second", w.register("web", second), taskdef.Ref{Family: "web", Revision: 2})

		latest, err := w.Definition(w.Context(), account, taskdef.Ref{Family: "web"})
		if err != nil || latest.Revision != 2 || latest.Spec.Containers[0].Image != "example.com/web:2" {
			w.Fatalf("the latest is %+v, error %v", latest, err)
		}
		gone, err := w.Deregister(w.Context(), account, latest.Ref)
		if err != nil || gone.Status != cluster.Inactive || gone.Deregistered.IsZero() {
			w.Fatalf("deregistered %+v, error %v", gone, err)
		}
		latest, err = w.Definition(w.Context(), account, taskdef.Ref{Family: "web"})
		if err != nil || latest.Revision != 1 {
			w.Errorf("the latest active is %+v, error %v", latest, err)
		}
		old, err := w.Definition(w.Context(), account, gone.Ref)
		if err != nil || old.Status != cluster.Inactive || old.Spec.Containers[0].Image != "example.com/web:2" {
			w.Errorf("the inactive one is %+v, error %v", old, err)
		}
		wantEqual(w.T, "a number is never used again", w.register("web", web()).Revision, 3)
	})
}

func TestEveryRevisionIsGivenOnce(t *testing.T) {
	each(t, func(w world) {
		const writers, each = 6, 5
		var all sync.WaitGroup
		var mu sync.Mutex
		var given []int
		for range writers {
			all.Go(func() {
				for range each {
					d, err := w.Register(w.Context(), account, "me", "web", web(), nil)
					if err != nil {
						w.Error(err)
					}
					mu.Lock()
					given = append(given, d.Revision)
					mu.Unlock()
				}
			})
		}
		all.Wait()
		slices.Sort(given)
		for i, revision := range given {
			if revision != i+1 {
				w.Fatalf("revisions %v", given)
			}
		}
	})
}

func TestDefinitionsThatAreNotThere(t *testing.T) {
	each(t, func(w world) {
		ref := w.register("web", web())
		for _, missing := range []taskdef.Ref{{Family: "nope"}, {Family: "web", Revision: 9}} {
			_, err := w.Definition(w.Context(), account, missing)
			wantErr(w.T, err, taskdef.ErrNotFound)
		}
		_, err := w.Definition(w.Context(), "210987654321", ref)
		wantErr(w.T, err, taskdef.ErrNotFound)
		_, err = w.Deregister(w.Context(), account, taskdef.Ref{Family: "web"})
		wantErr(w.T, err, cluster.ErrNoRevision)
	})
}

func TestDefinitionsAreListedInBothOrders(t *testing.T) {
	each(t, func(w world) {
		for _, family := range []string{"b", "a", "a", "c", "a"} {
			w.register(family, web())
		}
		if _, err := w.Deregister(w.Context(), account, taskdef.Ref{Family: "a", Revision: 2}); err != nil {
			w.Fatal(err)
		}
		for _, c := range []struct {
			filter cluster.DefinitionFilter
			want   string
		}{
			{cluster.DefinitionFilter{}, "a:1 a:3 b:1 c:1"},
			{cluster.DefinitionFilter{Descending: true}, "c:1 b:1 a:3 a:1"},
			{cluster.DefinitionFilter{Family: "a"}, "a:1 a:3"},
			{cluster.DefinitionFilter{Status: cluster.Inactive}, "a:2"},
			{cluster.DefinitionFilter{Family: "nope"}, ""},
			{cluster.DefinitionFilter{Family: "\x00"}, ""},
		} {
			var got []string
			page := cluster.Page{Limit: 1}
			for {
				refs, next, err := w.ListDefinitions(w.Context(), account, c.filter, page)
				if err != nil {
					w.Fatal(err)
				}
				for _, ref := range refs {
					got = append(got, ref.String())
				}
				if page.Token = next; next == "" {
					break
				}
			}
			wantEqual(w.T, "list", strings.Join(got, " "), c.want)
		}
	})
}

func TestFamilies(t *testing.T) {
	each(t, func(w world) {
		for _, family := range []string{"web-a", "web_b", "job"} {
			w.register(family, web())
		}
		if _, err := w.Deregister(w.Context(), account, taskdef.Ref{Family: "job", Revision: 1}); err != nil {
			w.Fatal(err)
		}
		for _, c := range []struct{ prefix, status, want string }{
			{"", "", "job web-a web_b"},
			{"web_", "", "web_b"}, // no pattern: the underscore stands for itself
			{"", cluster.Active, "web-a web_b"},
			{"", cluster.Inactive, "job"},
			{"%", "", ""},
		} {
			families, _, err := w.ListFamilies(w.Context(), account, c.prefix, c.status, cluster.Page{})
			if err != nil {
				w.Fatal(err)
			}
			wantEqual(w.T, "families", strings.Join(families, " "), c.want)
		}
	})
}

func TestABadDefinitionIsNotKept(t *testing.T) {
	each(t, func(w world) {
		bad := web()
		bad.Containers[0].Image = ""
		_, err := w.Register(w.Context(), account, "me", "web", bad, nil)
		wantText(w.T, err, taskdef.ErrInvalid, "containerDefinitions[0].image")
		_, err = w.Register(w.Context(), account, "me", "a web", web(), nil)
		wantText(w.T, err, taskdef.ErrInvalid, `"a web"`)
		large := web()
		large.Containers[0].Command = []string{strings.Repeat("x", 70_000)}
		_, err = w.Register(w.Context(), account, "me", "web", large, nil)
		wantText(w.T, err, taskdef.ErrInvalid, "Max allowed length is '65536' bytes.")

		families, _, err := w.ListFamilies(w.Context(), account, "", "", cluster.Page{})
		if err != nil || len(families) > 0 {
			w.Errorf("families %v, error %v", families, err)
		}
	})
}
