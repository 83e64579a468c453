package registry_test

import (
	"errors"
	"strings"
	"testing"

	"slipway/registry"
	"slipway/seal/sealtest"
	"slipway/store/storetest"
)

var errUnread = errors.New("Statement[0]: no Effect")

// checkPolicy takes what looks like a document.
func checkPolicy(text string) error {
	if !strings.HasPrefix(text, "{") {
		return errUnread
	}
	return nil
}

func TestPolicies(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		deciding := func(want string) {
			t.Helper()
			if text, err := k.DecidingPolicy(t.Context(), account, "web"); err != nil || text != want {
				t.Errorf("who decides reads %q, %v, want %q", text, err, want)
			}
		}
		_, err := k.Policy(t.Context(), account, "web")
		wantErr(t, err, registry.ErrNoPolicy)
		_, err = k.DeletePolicy(t.Context(), account, "web")
		wantErr(t, err, registry.ErrNoPolicy)
		deciding("")

		err = k.SetPolicy(t.Context(), account, "web", "nonsense")
		wantErr(t, err, registry.ErrPolicy)
		wantErr(t, err, errUnread)
		deciding("")

		check(t, k.SetPolicy(t.Context(), account, "web", `{"first":1}`))
		check(t, k.SetPolicy(t.Context(), account, "web", `{ "second": 2 }`))
		deciding(`{ "second": 2 }`)
		if text, err := k.Policy(t.Context(), account, "web"); err != nil || text != `{ "second": 2 }` {
			t.Errorf("kept as %q, %v", text, err)
		}
		if text, err := k.DeletePolicy(t.Context(), account, "web"); err != nil || text != `{ "second": 2 }` {
			t.Errorf("took away %q, %v", text, err)
		}
		deciding("")
	})
}

// One that is made again under the name of another begins without a policy.
func TestPoliciesEndWithTheirRepository(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		check(t, k.SetPolicy(t.Context(), account, "web", `{}`))
		_, err := k.DeleteRepository(t.Context(), account, "web", false)
		check(t, err)
		_, err = k.Policy(t.Context(), account, "web")
		wantErr(t, err, registry.ErrNoRepository)
		k.create("web")
		_, err = k.Policy(t.Context(), account, "web")
		wantErr(t, err, registry.ErrNoPolicy)
	})
}

// To who decides, what is not there looks like what has nothing.
func TestDecidingOnARepositoryThatIsNotThere(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		for _, err := range []error{
			k.SetPolicy(t.Context(), "999999999999", "web", `{}`),
			second(k.Policy(t.Context(), account, "gone")),
			second(k.DeletePolicy(t.Context(), account, "gone")),
		} {
			wantErr(t, err, registry.ErrNoRepository)
		}
		text, err1 := k.DecidingPolicy(t.Context(), account, "gone")
		labels, err2 := k.DecidingLabels(t.Context(), account, "gone")
		if text != "" || len(labels) != 0 || err1 != nil || err2 != nil {
			t.Errorf("%q, %v, %v, %v", text, labels, err1, err2)
		}
		check(t, k.Label(t.Context(), account, "web", map[string]string{"team": "sea"}))
		if labels, err := k.DecidingLabels(t.Context(), account, "web"); err != nil || labels["team"] != "sea" {
			t.Errorf("%v, %v", labels, err)
		}
	})
}

func TestWithoutAReaderNoPolicyIsTaken(t *testing.T) {
	db := storetest.SQLite(t)
	k := newKit(t, db)
	k.create("web")
	plain, err := registry.New(t.Context(), db, sealtest.Keys(t, db), k.blobs, "us-east-1")
	check(t, err)
	wantErr(t, plain.SetPolicy(t.Context(), account, "web", `{}`), registry.ErrPolicy)
}

// Every call on a repository asks for its policy.
func BenchmarkDecidingPolicy(b *testing.B) {
	k := newKit(b, storetest.SQLite(b))
	k.create("web", "open")
	check(b, k.SetPolicy(b.Context(), account, "open", `{}`))
	for _, name := range []string{"web", "open", "gone"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := k.DecidingPolicy(b.Context(), account, name); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
