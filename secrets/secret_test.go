package secrets_test

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"slipway/secrets"
	"slipway/store"
)

// Ids of versions.
const (
	v1 = "11111111-1111-4111-8111-111111111111"
	v2 = "22222222-2222-4222-8222-222222222222"
	v3 = "33333333-3333-4333-8333-333333333333"
)

const gone = "Secrets Manager can't find the specified secret."

func text(s string) secrets.Value { return secrets.Value{Bytes: []byte(s)} }

// stages are a secret's versions and their stages, by the last digit of their ids.
func (w *world) stages(name string) string {
	w.t.Helper()
	s, err := w.Secret(w.t.Context(), w.SecretRef(account, name))
	must(w.t, err)
	var all []string
	for _, id := range []string{v1, v2, v3} {
		for _, stage := range s.Stages[id] {
			all = append(all, id[:1]+" "+stage)
		}
	}
	return strings.Join(all, ", ")
}

func TestSecretsAreNamedInManyWays(t *testing.T) {
	each(t, func(w *world) {
		s := w.create("app/db", "one", v1)
		if !regexp.MustCompile(`^arn:aws:secretsmanager:us-east-1:123456789012:secret:app/db-[A-Za-z0-9]{6}$`).MatchString(s.ARN) {
			t.Errorf("the ARN is %s", s.ARN)
		}
		tricky := w.create("app/db-abcdef", "tricky", "") // whose name looks like that of a secret with a suffix
		partial := "arn:aws:secretsmanager:us-east-1:" + account + ":secret:"
		for name, want := range map[string]string{
			"app/db": "one", s.ARN: "one", partial + "app/db": "one", tricky.ARN: "tricky", partial + "app/db-abcdef": "tricky", "app/db-abcdef": "tricky",
			strings.TrimPrefix(s.ARN, partial):                  gone,
			s.ARN[:len(s.ARN)-6] + "zzzzzz":                     gone,
			strings.Replace(s.ARN, "us-east-1", "eu-west-1", 1): gone,
			strings.Replace(s.ARN, account, other, 1):           gone,
			strings.Replace(s.ARN, ":secret:", ":secrets:", 1):  gone,
			strings.Replace(s.ARN, "secretsmanager", "ssm", 1):  gone,
			"arn:":  gone,
			"other": gone,
		} {
			if got := w.value(name, "", ""); got != want {
				t.Errorf("%s reads %q, want %q", name, got, want)
			}
		}
	})
}

// What decides about a secret tells nothing of one that is not there.
func TestDecidingAboutSecrets(t *testing.T) {
	each(t, func(w *world) {
		s := w.create("db", "one", "")
		must(t, w.TagSecret(t.Context(), w.SecretRef(account, "db"), map[string]string{"a": "b"}, nil))
		_, err := w.SetPolicy(t.Context(), w.SecretRef(account, "db"), "policy", false)
		must(t, err)
		prefix := "arn:aws:secretsmanager:us-east-1:" + account + ":secret:"
		for name, want := range map[string]string{
			"db": s.ARN + " policy map[a:b]", s.ARN: s.ARN + " policy map[a:b]", prefix + "db": s.ARN + " policy map[a:b]",
			"none": prefix + "none-??????  map[]", prefix + "none": prefix + "none-??????  map[]", prefix + "none-abcdef": prefix + "none-abcdef  map[]",
			"arn:aws:other": "arn:aws:other  map[]",
		} {
			d, err := w.Deciding(t.Context(), w.SecretRef(account, name))
			if got := fmt.Sprint(d.ARN, " ", d.Policy, " ", d.Tags); err != nil || got != want {
				t.Errorf("%s: %s, %v, want %s", name, got, err, want)
			}
		}
	})
}

func TestMakingSecretsTwice(t *testing.T) {
	each(t, func(w *world) {
		ctx := t.Context()
		make := func(n secrets.NewSecret) (string, error) {
			n.Account = account
			s, version, err := w.CreateSecret(ctx, n)
			return s.Name + " " + version, err
		}
		for _, step := range []struct {
			n    secrets.NewSecret
			want error
		}{
			{secrets.NewSecret{Name: "db", Value: text("one"), Version: v1}, nil},
			{secrets.NewSecret{Name: "db", Value: text("one"), Version: v1}, nil},
			{secrets.NewSecret{Name: "db", Value: text("two"), Version: v1}, secrets.ErrSecretExists},
			{secrets.NewSecret{Name: "db", Value: secrets.Value{Bytes: []byte("one"), Binary: true}, Version: v1}, secrets.ErrSecretExists},
			{secrets.NewSecret{Name: "db", Value: text("one"), Version: v2}, secrets.ErrSecretExists},
			{secrets.NewSecret{Name: "bad name"}, secrets.ErrName},
			{secrets.NewSecret{Name: "large", Value: secrets.Value{Bytes: make64(65537)}}, secrets.ErrInput},
			{secrets.NewSecret{Name: "large", Value: secrets.Value{Bytes: make64(65536)}}, nil},
		} {
			made, err := make(step.n)
			if !errors.Is(err, step.want) {
				t.Errorf("%v: %v, want %v", step.n, err, step.want)
			}
			if err == nil && step.n.Name == "db" && made != "db "+v1 {
				t.Errorf("made %s", made)
			}
		}
	})
}

func make64(n int) []byte { return bytes.Repeat([]byte("x"), n) }

// The stages of a secret as its values come: the current version, the one before it, and those that people name.
func TestStages(t *testing.T) {
	each(t, func(w *world) {
		ctx, ref := t.Context(), w.SecretRef(account, "db")
		_, _, err := w.CreateSecret(ctx, secrets.NewSecret{Account: account, Name: "db"})
		must(t, err)
		if got := w.value("db", "", ""); got != "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT" {
			t.Errorf("without a value: %s", got)
		}
		put := func(id, value string, stages ...string) error {
			_, _, err := w.PutValue(ctx, ref, secrets.Version{ID: id, Value: text(value), Stages: stages})
			return err
		}
		must(t, put(v1, "one", "first"))
		must(t, put(v2, "two"))
		must(t, put(v2, "two"))
		if err := put(v2, "another"); !errors.Is(err, secrets.ErrSecretExists) || strings.Contains(err.Error(), "another") {
			t.Errorf("the same version with another value: %v", err)
		}
		if got := w.stages("db"); got != "1 AWSPREVIOUS, 1 first, 2 AWSCURRENT" {
			t.Errorf("stages: %s", got)
		}
		must(t, put(v3, "three", "next"))
		for _, step := range []struct{ stage, from, to, wrong, want string }{
			{"AWSCURRENT", "", v3, "The parameter RemoveFromVersionId can't be empty. Staging label AWSCURRENT is currently attached to version " + v2 + ", so you must explicitly reference that version in RemoveFromVersionId.", ""},
			{"AWSCURRENT", v2, "", "You can only move staging label AWSCURRENT to a different secret version. It can’t be completely removed.", ""},
			{"AWSCURRENT", v1, v3, "Staging label AWSCURRENT is not attached to version " + v1 + ", which RemoveFromVersionId names.", ""},
			{"AWSCURRENT", v2, "4", "Secrets Manager can't find the specified secret value for VersionId: 4", ""},
			{"next", "", "", "You must specify RemoveFromVersionId, MoveToVersionId, or both.", ""},
			{"AWSCURRENT", v2, v3, "", "1 first, 2 AWSPREVIOUS, 3 AWSCURRENT, 3 next"},
			{"AWSCURRENT", v3, v2, "", "1 first, 2 AWSCURRENT, 3 AWSPREVIOUS, 3 next"},
			{"next", v3, "", "", "1 first, 2 AWSCURRENT, 3 AWSPREVIOUS"},
			{"mine", "", v1, "", "1 first, 1 mine, 2 AWSCURRENT, 3 AWSPREVIOUS"},
		} {
			_, err := w.MoveStage(ctx, ref, step.stage, step.from, step.to)
			if step.wrong == "" != (err == nil) || err != nil && err.Error() != step.wrong {
				t.Errorf("%+v: %v", step, err)
			}
			if got := w.stages("db"); err == nil && got != step.want {
				t.Errorf("%+v: %s", step, got)
			}
		}
		for _, step := range [][3]string{
			{"", "", "two"}, {v3, "", "three"}, {"", "AWSPREVIOUS", "three"}, {"", "mine", "one"}, {v1, "first", "one"},
			{v1, "AWSCURRENT", "You provided a VersionStage that is not associated to the provided VersionId."},
			{"4", "", "Secrets Manager can't find the specified secret value for VersionId: 4"},
		} {
			if got := w.value("db", step[0], step[1]); got != step[2] {
				t.Errorf("%v reads %q", step, got)
			}
		}
	})
}

// Whatever is done to the stages, one version is the current one, no stage is of two versions, and the version
// that was current is the previous one.
func TestStagesHoldTogether(t *testing.T) {
	each(t, func(w *world) {
		made := 0
		rapid.Check(t, func(r *rapid.T) {
			made++
			ctx, name := t.Context(), fmt.Sprint("s", made)
			ref := w.SecretRef(account, name)
			w.create(name, "1", v1)
			current := v1
			for range rapid.IntRange(1, 8).Draw(r, "steps") {
				from, to := rapid.SampledFrom([]string{"", v1, v2, v3}).Draw(r, "from"), rapid.SampledFrom([]string{"", v1, v2, v3}).Draw(r, "to")
				stage := rapid.SampledFrom([]string{"AWSCURRENT", "AWSPREVIOUS", "x"}).Draw(r, "stage")
				before := current
				if rapid.Bool().Draw(r, "put") && to != "" {
					if _, v, err := w.PutValue(ctx, ref, secrets.Version{ID: to, Value: text(to), Stages: []string{stage}}); err == nil && len(v.Stages) > 0 && stage == "AWSCURRENT" {
						current = w.currentOf(r, ref)
					}
				} else if _, err := w.MoveStage(ctx, ref, stage, from, to); err == nil && stage == "AWSCURRENT" {
					current = to
				}
				w.checkStages(r, ref, before, current)
			}
		})
	})
}

func (w *world) currentOf(r *rapid.T, ref secrets.SecretRef) string {
	_, v, err := w.ReadValue(w.t.Context(), ref, "", "")
	if err != nil {
		r.Fatal(err)
	}
	return v.ID
}

func (w *world) checkStages(r *rapid.T, ref secrets.SecretRef, before, current string) {
	s, err := w.Secret(w.t.Context(), ref)
	if err != nil {
		r.Fatal(err)
	}
	of := map[string]string{}
	for id, stages := range s.Stages {
		for _, stage := range stages {
			if of[stage] != "" {
				r.Fatalf("%s is of %s and %s", stage, of[stage], id)
			}
			of[stage] = id
		}
	}
	if of["AWSCURRENT"] != current || before != current && of["AWSPREVIOUS"] != before {
		r.Fatalf("stages %v, want current %s after %s", of, current, before)
	}
}

func TestChangingSecrets(t *testing.T) {
	each(t, func(w *world) {
		ctx, ref := t.Context(), w.SecretRef(account, "db")
		w.create("db", "one", v1)
		about := "about"
		_, id, err := w.ChangeSecret(ctx, ref, &about, secrets.Version{ID: v2})
		must(t, err)
		s, err := w.Secret(ctx, ref)
		if err != nil || id != "" || s.Description != "about" || w.value("db", "", "") != "one" {
			t.Errorf("described: %+v, version %q, %v", s, id, err)
		}
		_, id, err = w.ChangeSecret(ctx, ref, nil, secrets.Version{ID: v2, Value: text("two")})
		must(t, err)
		if got := w.stages("db"); id != v2 || got != "1 AWSPREVIOUS, 2 AWSCURRENT" {
			t.Errorf("changed: version %q, stages %s", id, got)
		}
		s, err = w.Secret(ctx, ref)
		if err != nil || s.Description != "about" || s.Accessed.IsZero() || s.Changed.Before(s.Created) {
			t.Errorf("changed: %+v, %v", s, err)
		}
	})
}

// A deleted secret can be restored until its window is over, keeps its name, and gives out nothing.
func TestDeletingAndRestoring(t *testing.T) {
	each(t, func(w *world) {
		ctx, ref := t.Context(), w.SecretRef(account, "db")
		first := w.create("db", "one", v1)
		for _, days := range []int{-1, 1, 6, 31} {
			if _, err := w.DeleteSecret(ctx, ref, days); !errors.Is(err, secrets.ErrInput) {
				t.Errorf("%d days: %v", days, err)
			}
		}
		s, err := w.DeleteSecret(ctx, ref, 7)
		must(t, err)
		if left := time.Until(s.Due); left < 6*24*time.Hour || left > 8*24*time.Hour {
			t.Errorf("it goes at %v", s.Due)
		}
		marked := "You can't perform this operation on the secret because it was marked for deletion."
		if got := w.value("db", "", ""); got != marked {
			t.Errorf("reads %q", got)
		}
		_, _, put := w.PutValue(ctx, ref, secrets.Version{ID: v2, Value: text("two")})
		_, _, made := w.CreateSecret(ctx, secrets.NewSecret{Account: account, Name: "db"})
		_, again := w.DeleteSecret(ctx, ref, 8)
		for _, err := range []error{put, made, again, w.TagSecret(ctx, ref, map[string]string{"a": "b"}, nil)} {
			if !errors.Is(err, secrets.ErrState) {
				t.Errorf("deleted, it answers %v", err)
			}
		}
		_, err = w.RestoreSecret(ctx, ref)
		must(t, err)
		if got := w.value("db", "", ""); got != "one" {
			t.Errorf("restored, it reads %q", got)
		}
		_, err = w.DeleteSecret(ctx, ref, 30)
		must(t, err)
		_, err = w.DeleteSecret(ctx, ref, 0)
		must(t, err)
		if got := w.value("db", "", ""); got != gone {
			t.Errorf("gone, it reads %q", got)
		}
		if anew := w.create("db", "anew", v1); anew.ARN == first.ARN || w.value(first.ARN, "", "") != gone {
			t.Errorf("made anew, it is %s as before", anew.ARN)
		}
	})
}

func TestTheSweepTakesWhatIsDue(t *testing.T) {
	each(t, func(w *world) {
		ctx := t.Context()
		for _, name := range []string{"due", "later", "kept"} {
			w.create(name, name, "")
		}
		for _, name := range []string{"due", "later"} {
			_, err := w.DeleteSecret(ctx, w.SecretRef(account, name), 7)
			must(t, err)
		}
		must(t, w.db.Update(ctx, func(tx *store.Tx) error {
			_, err := tx.Exec(`update secrets_secrets set due = $1 where name = $2`, store.Micros(tx.Now), []byte("due"))
			return err
		}))
		must(t, secrets.Sweep(w.Control, ctx))
		found, _, err := w.ListSecrets(ctx, account, secrets.SecretQuery{Deleted: true, Order: secrets.OrderName, Limit: 10})
		if err != nil || len(found) != 2 || found[0].Name != "kept" || found[1].Name != "later" {
			t.Errorf("left are %v, %v", found, err)
		}
	})
}

// Versions without stages are kept for a day, and then only as long as there is room.
func TestOldVersionsMakeRoom(t *testing.T) {
	each(t, func(w *world) {
		ctx, ref := t.Context(), w.SecretRef(account, "db")
		w.create("db", "0", "")
		put := func(value string) error {
			_, _, err := w.PutValue(ctx, ref, secrets.Version{Value: text(value)})
			return err
		}
		for i := range 99 {
			must(t, put(fmt.Sprint(i+1)))
		}
		if err := put("100"); !errors.Is(err, secrets.ErrTooManySecrets) {
			t.Errorf("a hundred and one within a day: %v", err)
		}
		must(t, w.db.Update(ctx, func(tx *store.Tx) error {
			_, err := tx.Exec(`update secrets_versions set created = created - $1`, (25 * time.Hour).Microseconds())
			return err
		}))
		must(t, put("100"))
		_, all, err := w.Versions(ctx, ref, true, "", 1000)
		must(t, err)
		_, live, err := w.Versions(ctx, ref, false, "", 1000)
		must(t, err)
		if len(all) != 100 || len(live) != 2 || w.value("db", "", "") != "100" || w.value("db", "", "AWSPREVIOUS") != "99" {
			t.Errorf("%d versions, %d with stages", len(all), len(live))
		}
		_, page, err := w.Versions(ctx, ref, true, all[97].ID, 1)
		if err != nil || len(page) != 1 || page[0].ID != all[98].ID {
			t.Errorf("a page: %v, %v", page, err)
		}
	})
}

func TestListingSecrets(t *testing.T) {
	each(t, func(w *world) {
		ctx := t.Context()
		for _, n := range []secrets.NewSecret{
			{Name: "prod/db", Description: "The Database of production", Tags: map[string]string{"team": "sea"}},
			{Name: "prod/web", Description: "front", Tags: map[string]string{"stage": "Prod"}},
			{Name: "test/db", Description: "the database of tests"},
			{Name: "gone"},
		} {
			n.Account, n.Value = account, text(n.Name)
			_, _, err := w.CreateSecret(ctx, n)
			must(t, err)
		}
		_, err := w.DeleteSecret(ctx, w.SecretRef(account, "gone"), 7)
		must(t, err)
		list := func(q secrets.SecretQuery) string {
			t.Helper()
			var names []string
			for pages := 0; pages == 0 || q.After != ""; pages++ {
				found, next, err := w.ListSecrets(ctx, account, q)
				must(t, err)
				for _, s := range found {
					names = append(names, s.Name)
					if len(s.Stages) != 1 {
						t.Errorf("%s has stages %v", s.Name, s.Stages)
					}
				}
				q.After = next
			}
			return strings.Join(names, " ")
		}
		filter := func(key string, values ...string) []secrets.SecretFilter {
			return []secrets.SecretFilter{{Key: key, Values: values}}
		}
		for _, step := range []struct {
			query secrets.SecretQuery
			want  string
		}{
			{secrets.SecretQuery{Order: secrets.OrderCreated}, "prod/db prod/web test/db"},
			{secrets.SecretQuery{Order: secrets.OrderCreated, Descending: true}, "test/db prod/web prod/db"},
			{secrets.SecretQuery{Order: secrets.OrderName, Deleted: true}, "gone prod/db prod/web test/db"},
			{secrets.SecretQuery{Order: secrets.OrderName, Descending: true}, "test/db prod/web prod/db"},
			{secrets.SecretQuery{Order: secrets.OrderChanged, Deleted: true}, "prod/db prod/web test/db gone"},
			{secrets.SecretQuery{Order: secrets.OrderName, Filters: filter("name", "prod/")}, "prod/db prod/web"},
			{secrets.SecretQuery{Order: secrets.OrderName, Filters: filter("name", "Prod/")}, ""},
			{secrets.SecretQuery{Order: secrets.OrderName, Filters: filter("name", "!prod/")}, "test/db"},
			{secrets.SecretQuery{Order: secrets.OrderName, Filters: filter("description", "the DATABASE")}, "prod/db test/db"},
			{secrets.SecretQuery{Order: secrets.OrderName, Filters: filter("tag-key", "team", "stage")}, "prod/db prod/web"},
			{secrets.SecretQuery{Order: secrets.OrderName, Filters: filter("tag-value", "se")}, "prod/db"},
			{secrets.SecretQuery{Order: secrets.OrderName, Filters: filter("all", "prod")}, "prod/db prod/web"},
			{secrets.SecretQuery{Order: secrets.OrderName, Filters: filter("all", "database test")}, "test/db"},
			{secrets.SecretQuery{Order: secrets.OrderName, Filters: filter("owning-service", "rds")}, ""},
			{secrets.SecretQuery{Order: secrets.OrderName, Filters: append(filter("name", "prod"), filter("tag-key", "stage")...)}, "prod/web"},
		} {
			for _, limit := range []int{1, 2, 100} {
				step.query.Limit = limit
				if got := list(step.query); got != step.want {
					t.Errorf("%+v: %s, want %s", step.query, got, step.want)
				}
			}
		}
	})
}

// Many who write at once leave versions in a row, and one of them current.
func TestManyWriteAtOnce(t *testing.T) {
	each(t, func(w *world) {
		ctx, ref, writers := t.Context(), w.SecretRef(account, "db"), 6
		w.create("db", "0", "")
		var all sync.WaitGroup
		for i := range writers {
			all.Go(func() {
				if _, err := w.put("/db", fmt.Sprint(i)); err != nil {
					t.Error(err)
				}
				if _, _, err := w.PutValue(ctx, ref, secrets.Version{Value: text(fmt.Sprint(i))}); err != nil {
					t.Error(err)
				}
				if _, version, err := w.CreateSecret(ctx, secrets.NewSecret{Account: account, Name: "once", Value: text("same"), Version: v1}); err != nil || version != v1 {
					t.Errorf("made version %s, %v", version, err)
				}
			})
		}
		all.Wait()
		history, err := w.History(ctx, w.ParameterRef(account, "/db"), true, 0, 100)
		must(t, err)
		_, versions, err := w.Versions(ctx, ref, true, "", 100)
		must(t, err)
		s, err := w.Secret(ctx, ref)
		must(t, err)
		if len(history) != writers || history[writers-1].Version != int64(writers) || len(versions) != writers+1 || len(s.Stages) != 2 {
			t.Errorf("versions %v of the parameter; %d of the secret, with stages %v", history, len(versions), s.Stages)
		}
	})
}
