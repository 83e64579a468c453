package accounts

import (
	"errors"
	"fmt"
	"testing"

	"slipway/store"
	"slipway/store/storetest"
)

// Tag keys of users and roles differ by more than case; those of profiles and policies do not.
func TestTagKeysAreToldApartAsIAMDoes(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c, _ := pair(t, db)
		ctx := t.Context()
		for kind, create := range makers {
			if kind == KindGroup {
				continue // has none
			}
			if _, err := create(t, c, us, "x"); err != nil {
				t.Fatal(err)
			}
			for _, tag := range []Tag{{"Team", "sea"}, {"zone", "1"}, {"team", "river"}} {
				if err := c.Tag(ctx, us, kind, "x", []Tag{tag}); err != nil {
					t.Fatal(err)
				}
			}
			want := "[{Team sea} {team river} {zone 1}]"
			twice := "Duplicate tag keys found."
			if kind == KindUser || kind == KindRole {
				want = "[{team river} {zone 1}]"
				twice = "Duplicate tag keys found. Please note that Tag keys are case insensitive."
				wantSaying(t, c.Tag(ctx, us, kind, "x", []Tag{{"a", "1"}, {"A", "2"}}), ErrInput, twice)
			}
			wantSaying(t, c.Tag(ctx, us, kind, "x", []Tag{{"a", "1"}, {"a", "1"}}), ErrInput, twice)
			tags, next, err := c.Tags(ctx, us, kind, "x", Page{})
			if err != nil || next != "" || fmt.Sprint(tags) != want {
				t.Errorf("%s has %v, %v, want %s", kind, tags, err, want)
			}
			if err := c.Untag(ctx, us, kind, "x", []string{"TEAM", "zone", "none"}); err != nil {
				t.Fatal(err)
			}
			left := map[bool]int{true: 0, false: 2}[kind.foldsKeys()]
			if tags, _, err := c.Tags(ctx, us, kind, "x", Page{}); err != nil || len(tags) != left {
				t.Errorf("untagged, %s has %v, %v", kind, tags, err)
			}
		}
	})
}

func TestAnEntityHasFiftyTags(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c, other := pair(t, db)
		ctx := t.Context()
		var tags []Tag
		for i := range maxTags {
			tags = append(tags, Tag{fmt.Sprintf("key-%02d", i), "v"})
		}
		ann, err := c.CreateUser(ctx, us, NewUser{Name: "ann", Path: "/", Tags: tags})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Tag(ctx, us, KindUser, "ann", []Tag{{"KEY-00", "w"}}); err != nil {
			t.Errorf("one that is there, replaced: %v", err)
		}
		wantSaying(t, c.Tag(ctx, us, KindUser, "ann", []Tag{{"more", ""}}), ErrQuota, "Cannot exceed quota for TagsPerUser: 50")
		first, next, err := c.Tags(ctx, us, KindUser, "ann", Page{Limit: 30})
		if err != nil || len(first) != 30 || next == "" || first[0] != (Tag{"KEY-00", "w"}) {
			t.Fatalf("%v, %q, %v", first, next, err)
		}
		rest, next, err := c.Tags(ctx, us, KindUser, "ann", Page{Limit: 30, Marker: next})
		if err != nil || len(rest) != 20 || next != "" {
			t.Errorf("%v, %q, %v", rest, next, err)
		}
		all, err := c.TagsOf(ctx, ann.ID)
		if err != nil || len(all) != maxTags || all["KEY-00"] != "w" {
			t.Errorf("%v, %v", all, err)
		}
		if _, err := c.CreateUser(ctx, us, NewUser{Name: "bob", Path: "/", Tags: append(tags, Tag{"more", ""})}); !errors.Is(err, ErrQuota) {
			t.Errorf("made with 51: %v", err)
		}
		if _, err := c.Entity(ctx, us, KindUser, "bob"); !errors.Is(err, ErrNoEntity) {
			t.Errorf("and is there: %v", err)
		}
		wantSaying(t, c.Tag(ctx, us, KindUser, "ann", []Tag{{"AWS:x", ""}}), ErrInput, "Tag keys starting with 'aws:' are reserved for internal use: AWS:x")
		wantSaying(t, c.Tag(ctx, other, KindUser, "ann", tags[:1]), ErrNoEntity, "The user with name ann cannot be found.")
	})
}

func TestPoliciesHaveTagsByTheirARN(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c, other := pair(t, db)
		ctx := t.Context()
		p, err := c.CreatePolicy(ctx, us, NewPolicy{Name: "read", Path: "/app/", Document: `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.TagPolicy(ctx, us, p.ARN(), []Tag{{"a", "1"}, {"A", "2"}}); err != nil {
			t.Fatal(err)
		}
		if err := c.UntagPolicy(ctx, us, p.ARN(), []string{"a"}); err != nil {
			t.Fatal(err)
		}
		tags, _, err := c.PolicyTags(ctx, us, p.ARN(), Page{})
		if err != nil || fmt.Sprint(tags) != "[{A 2}]" {
			t.Errorf("tags %v, %v", tags, err)
		}
		if got, err := c.TagsOfPolicy(ctx, us, p.ARN()); err != nil || got["A"] != "2" {
			t.Errorf("tags %v, %v", got, err)
		}
		for _, arn := range []string{p.ARN(), "arn:aws:iam::" + other + ":policy/none", "nonsense"} {
			if got, err := c.TagsOfPolicy(ctx, other, arn); err != nil || len(got) != 0 {
				t.Errorf("tags that decide on %s: %v, %v", arn, got, err)
			}
		}
		if err := c.TagPolicy(ctx, other, p.ARN(), []Tag{{"a", "1"}}); !errors.Is(err, ErrNoEntity) {
			t.Errorf("another account tags it: %v", err)
		}
		if err := c.TagPolicy(ctx, us, "arn:aws:iam::aws:policy/ReadOnlyAccess", []Tag{{"a", "1"}}); !errors.Is(err, ErrOfAWS) {
			t.Errorf("a policy of AWS is tagged: %v", err)
		}
	})
}
