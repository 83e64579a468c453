package accounts

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"slipway/store"
	"slipway/store/storetest"
)

// pair is a room with two accounts.
func pair(t testing.TB, db *store.DB) (c *Control, other string) {
	t.Helper()
	c = open(t, db)
	bootstrap(t, c, us)
	a, err := c.CreateAccount(t.Context(), "other")
	if err != nil {
		t.Fatal(err)
	}
	return c, a.ID
}

// wantSaying checks a cause and its sentence.
func wantSaying(t testing.TB, err, cause error, sentence string) {
	t.Helper()
	if !errors.Is(err, cause) || err.Error() != sentence {
		t.Errorf("error %v, want %q", err, sentence)
	}
}

func makeUser(t testing.TB, c *Control, account, name string) Entity {
	t.Helper()
	e, err := c.CreateUser(t.Context(), account, NewUser{Name: name, Path: "/"})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

const serviceTrusted = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`

// makers make an entity of each kind.
var makers = map[Kind]func(t testing.TB, c *Control, account, name string) (Entity, error){
	KindUser: func(t testing.TB, c *Control, account, name string) (Entity, error) {
		return c.CreateUser(t.Context(), account, NewUser{Name: name, Path: "/"})
	},
	KindGroup: func(t testing.TB, c *Control, account, name string) (Entity, error) {
		return c.CreateGroup(t.Context(), account, name, "/")
	},
	KindRole: func(t testing.TB, c *Control, account, name string) (Entity, error) {
		return c.CreateRole(t.Context(), account, NewRole{Name: name, Path: "/", Trust: serviceTrusted})
	},
	KindProfile: func(t testing.TB, c *Control, account, name string) (Entity, error) {
		return c.CreateProfile(t.Context(), account, name, "/", nil)
	},
}

func TestANameIsOnesOwnInAnAccount(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c, other := pair(t, db)
		ids := map[string]bool{}
		for kind, create := range makers {
			for _, account := range []string{us, other} {
				e, err := create(t, c, account, "Same")
				if err != nil || ids[e.ID] || !strings.HasPrefix(e.ID, kinds[kind].prefix) || len(e.ID) != 21 {
					t.Errorf("%s in %s: %+v, %v", kind, account, e, err)
				}
				ids[e.ID] = true
				got, err := c.Entity(t.Context(), account, kind, "sAME")
				if err != nil || got != e || got.ARN() != "arn:aws:iam::"+account+":"+string(kind)+"/Same" {
					t.Errorf("found %+v, %v, want %+v", got, err, e)
				}
			}
			_, err := create(t, c, us, "same")
			wantSaying(t, err, ErrEntityExists, fmt.Sprintf(kinds[kind].taken, "same"))
			_, err = c.Entity(t.Context(), us, kind, "other")
			wantSaying(t, err, ErrNoEntity, fmt.Sprintf(kinds[kind].missing, "other"))
		}
	})
}

func TestOfManyWhoMakeTheSameOneWins(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c, _ := pair(t, db)
		for kind, create := range makers {
			errs := make([]error, 6)
			var all sync.WaitGroup
			for i := range errs {
				all.Go(func() { _, errs[i] = create(t, c, us, "one") })
			}
			all.Wait()
			won := 0
			for _, err := range errs {
				if err == nil {
					won++
				} else if !errors.Is(err, ErrEntityExists) {
					t.Errorf("%s: %v", kind, err)
				}
			}
			if won != 1 {
				t.Errorf("%s: %d won", kind, won)
			}
		}
	})
}

func TestNamesAndPaths(t *testing.T) {
	c, _ := pair(t, storetest.SQLite(t))
	for _, name := range []string{"", "a b", "a/b", "ä", "a\n", strings.Repeat("x", 65), "a:b", "a*"} {
		if _, err := c.CreateUser(t.Context(), us, NewUser{Name: name, Path: "/"}); !errors.Is(err, ErrName) {
			t.Errorf("name %q: %v", name, err)
		}
	}
	for _, path := range []string{"", "a", "/a", "a/", "/a b/", "/ä/", "/" + strings.Repeat("x", 511) + "/"} {
		if _, err := c.CreateUser(t.Context(), us, NewUser{Name: "a", Path: path}); !errors.Is(err, ErrName) {
			t.Errorf("path %q: %v", path, err)
		}
	}
	for i, path := range []string{"/", "/a/", "/a/b=c@d/", "/" + strings.Repeat("x", 510) + "/"} {
		if _, err := c.CreateUser(t.Context(), us, NewUser{Name: fmt.Sprintf("_+=,.@-%d", i), Path: path}); err != nil {
			t.Errorf("path %q: %v", path, err)
		}
	}
}

func TestQuotasOfAnAccount(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c, other := pair(t, db)
		fill := func(account string, n int) {
			err := db.Update(t.Context(), func(tx *store.Tx) error {
				for i := range n {
					e := Entity{ID: KindGroup.newID(), Account: account, Kind: KindGroup, Name: fmt.Sprint("g", i), Path: "/"}
					if err := addEntity(tx, &e); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		fill(us, KindGroup.Quota())
		fill(other, 1)
		_, err := c.CreateGroup(t.Context(), us, "more", "/")
		wantSaying(t, err, ErrQuota, "Cannot exceed quota for GroupsPerAccount: 300")
		if _, err := c.CreateGroup(t.Context(), other, "more", "/"); err != nil {
			t.Errorf("another account's groups count: %v", err)
		}
		if plural := kinds[KindPolicy].plural(); plural != "Policies" {
			t.Errorf("more than one policy are %s", plural)
		}
	})
}

func TestWhatHangsOnAnEntityKeepsIt(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c, _ := pair(t, db)
		ctx := t.Context()
		for _, create := range makers {
			if _, err := create(t, c, us, "x"); err != nil {
				t.Fatal(err)
			}
		}
		key, _, err := c.CreateUserKey(ctx, us, "x")
		if err != nil {
			t.Fatal(err)
		}
		const readOnly = "arn:aws:iam::aws:policy/ReadOnlyAccess"
		for _, err := range []error{c.Join(ctx, us, "x", "x"), c.Fill(ctx, us, "x", "x")} {
			if err != nil {
				t.Fatal(err)
			}
		}
		for _, kind := range []Kind{KindUser, KindGroup, KindRole} {
			if err := errors.Join(c.AttachPolicy(ctx, us, kind, "x", readOnly), c.PutInline(ctx, us, kind, "x", InlinePolicy{"p", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`})); err != nil {
				t.Fatal(err)
			}
		}
		deletes := map[Kind]func() error{
			KindUser: func() error { return c.DeleteUser(ctx, us, "x") }, KindGroup: func() error { return c.DeleteGroup(ctx, us, "x") },
			KindRole: func() error { return c.DeleteRole(ctx, us, "x") }, KindProfile: func() error { return c.DeleteProfile(ctx, us, "x") },
		}
		// Each step frees something of what the one before told.
		for _, step := range []struct {
			kind Kind
			must string
			free func() error
		}{
			{KindUser, "delete access keys", func() error { return c.DeleteUserKey(ctx, us, "x", key.ID) }},
			{KindUser, "detach all policies", func() error { return c.DetachPolicy(ctx, us, KindUser, "x", readOnly) }},
			{KindUser, "delete policies", func() error { return c.DeleteInline(ctx, us, KindUser, "x", "p") }},
			{KindUser, "remove users from group", nil},
			{KindGroup, "remove users from group", func() error { return c.Leave(ctx, us, "x", "x") }},
			{KindGroup, "detach all policies", func() error { return c.DetachPolicy(ctx, us, KindGroup, "x", readOnly) }},
			{KindGroup, "delete policies", func() error { return c.DeleteInline(ctx, us, KindGroup, "x", "p") }},
			{KindRole, "detach all policies", func() error { return c.DetachPolicy(ctx, us, KindRole, "x", readOnly) }},
			{KindRole, "delete policies", func() error { return c.DeleteInline(ctx, us, KindRole, "x", "p") }},
			{KindRole, "remove roles from instance profile", nil},
			{KindProfile, "remove roles from instance profile", func() error { return c.Empty(ctx, us, "x", "x") }},
		} {
			wantSaying(t, deletes[step.kind](), ErrInUse, "Cannot delete entity, must "+step.must+" first.")
			if step.free == nil {
				continue
			}
			if err := step.free(); err != nil {
				t.Fatal(err)
			}
		}
		for kind, remove := range deletes {
			if err := remove(); err != nil {
				t.Errorf("%s: %v", kind, err)
			}
			if err := remove(); !errors.Is(err, ErrNoEntity) {
				t.Errorf("%s, again: %v", kind, err)
			}
		}
	})
}

func TestAUserIsInTenGroups(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c, other := pair(t, db)
		makeUser(t, c, us, "ann")
		makeUser(t, c, other, "bob")
		for i := range groupsPerUser + 1 {
			group := fmt.Sprint("g", i)
			if _, err := c.CreateGroup(t.Context(), us, group, "/"); err != nil {
				t.Fatal(err)
			}
			err := c.Join(t.Context(), us, group, "ann")
			if i < groupsPerUser && err != nil {
				t.Fatal(err)
			}
			if i == groupsPerUser {
				wantSaying(t, err, ErrQuota, "Cannot exceed quota for GroupsPerUser: 10")
			}
		}
		wantSaying(t, c.Join(t.Context(), us, "g0", "bob"), ErrNoEntity, "The user with name bob cannot be found.")
		wantSaying(t, c.Join(t.Context(), us, "none", "ann"), ErrNoEntity, "The group with name none cannot be found.")
	})
}

func TestARenamedUserIsTheSameToAll(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c, other := pair(t, db)
		ctx := t.Context()
		ann := makeUser(t, c, us, "ann")
		makeUser(t, c, us, "bob")
		key, _, err := c.CreateUserKey(ctx, us, "ann")
		if err != nil {
			t.Fatal(err)
		}
		wantSaying(t, c.Rename(ctx, us, KindUser, "ann", "BOB", ""), ErrEntityExists, "User with name BOB already exists.")
		if err := c.Rename(ctx, us, KindUser, "ann", "Ann", "/team/"); err != nil { // her own name, otherwise spelled
			t.Fatal(err)
		}
		for _, name := range []string{"a b", strings.Repeat("x", 65)} {
			if err := c.Rename(ctx, us, KindUser, "ann", name, ""); !errors.Is(err, ErrName) {
				t.Errorf("renamed to %q: %v", name, err)
			}
		}
		got, err := c.Key(ctx, key.ID)
		if want := "arn:aws:iam::" + us + ":user/team/Ann"; err != nil || got.Owner.ARN != want || got.Owner.UserID != ann.ID {
			t.Errorf("her key is of %+v, %v", got.Owner, err)
		}
		e, err := c.EntityOf(ctx, us, ann.ID)
		if err != nil || e.Name != "Ann" || e.Path != "/team/" || !e.Updated.After(ann.Updated) || !e.Created.Equal(ann.Created) {
			t.Errorf("she is %+v, %v", e, err)
		}
		if _, err := c.EntityOf(ctx, other, ann.ID); !errors.Is(err, ErrNoEntity) {
			t.Errorf("another account finds her: %v", err)
		}
	})
}

// Whatever comes and goes between two pages, a listing shows each that stayed once, in order.
func TestPagesAreTheWhole(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c, _ := pair(t, db)
		rapid.Check(t, func(rt *rapid.T) {
			account, err := c.CreateAccount(t.Context(), "one of many")
			if err != nil {
				rt.Fatal(err)
			}
			names := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-cA-C]{1,3}`), 0, 12, fold).Draw(rt, "names")
			under := map[string]string{}
			for _, name := range names {
				under[fold(name)] = rapid.SampledFrom([]string{"/", "/a/", "/a/b/", "/ab/"}).Draw(rt, "path")
				if _, err := c.CreateGroup(t.Context(), account.ID, name, under[fold(name)]); err != nil {
					rt.Fatal(err)
				}
			}
			prefix := rapid.SampledFrom([]string{"/", "/a", "/a/", "/a/b/", "/x"}).Draw(rt, "prefix")
			page := Page{Limit: rapid.IntRange(1, 5).Draw(rt, "limit")}
			last, seen := "", 0
			for more := true; more; more = page.Marker != "" {
				list, next, err := c.Entities(t.Context(), account.ID, KindGroup, prefix, page)
				if err != nil || len(list) > page.Limit {
					rt.Fatalf("%d groups, %v", len(list), err)
				}
				for _, e := range list {
					if e.folded() <= last || !strings.HasPrefix(e.Path, prefix) || under[e.folded()] != e.Path {
						rt.Errorf("after %s comes %s", last, e.ARN())
					}
					last = e.folded()
					seen++
				}
				page.Marker = next
			}
			want := 0
			for _, path := range under {
				if strings.HasPrefix(path, prefix) {
					want++
				}
			}
			if seen != want {
				rt.Errorf("%d of %d groups were listed", seen, want)
			}
		})
	})
}

func TestAMarkerBelongsToItsListing(t *testing.T) {
	c, _ := pair(t, storetest.SQLite(t))
	makeUser(t, c, us, "a")
	makeUser(t, c, us, "b")
	_, next, err := c.Entities(t.Context(), us, KindUser, "/", Page{Limit: 1})
	if err != nil || next == "" {
		t.Fatal(next, err)
	}
	for _, bad := range []Page{{Marker: "x"}, {Marker: next[:4]}} {
		_, _, err := c.Entities(t.Context(), us, KindUser, "/", bad)
		wantSaying(t, err, ErrToken, "Invalid Marker.")
	}
	_, _, err = c.Entities(t.Context(), us, KindRole, "/", Page{Marker: next})
	wantSaying(t, err, ErrToken, "Invalid Marker.")
}

func TestEntityARNsAreReadAsTheyAreWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := Entity{
			Account: rapid.StringMatching(`[0-9]{12}`).Draw(t, "account"),
			Kind:    rapid.SampledFrom([]Kind{KindUser, KindGroup, KindRole, KindProfile, KindPolicy}).Draw(t, "kind"),
			Path:    rapid.StringMatching(`/([!-~]{1,10}/)?`).Draw(t, "path"),
			Name:    rapid.StringMatching(`[\w+=,.@-]{1,20}`).Draw(t, "name"),
		}
		account, kind, path, name, ok := parseEntityARN(e.ARN())
		if !ok || account != e.Account || kind != e.Kind || path != e.Path || name != e.Name {
			t.Errorf("%s is read as %s %s %s %s, %v", e.ARN(), account, kind, path, name, ok)
		}
	})
	for _, bad := range []string{"", "arn:aws:iam::123456789012:root", "arn:aws:iam::123456789012:user/", "arn:aws:iam::123456789012:user/a/", "arn:aws:iam:us-east-1:123456789012:user/a", "arn:aws:sts::123456789012:assumed-role/a/b", "arn:aws:iam::123456789012:mfa/a"} {
		if _, _, _, _, ok := parseEntityARN(bad); ok {
			t.Errorf("%q is the ARN of an entity", bad)
		}
	}
}
