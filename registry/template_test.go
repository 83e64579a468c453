package registry_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"slipway/registry"
)

// policyOfLife is a lifecycle policy.
const policyOfLife = `{"rules":[{"rulePriority":1,"selection":{"tagStatus":"untagged","countType":"imageCountMoreThan","countNumber":5},"action":{"type":"expire"}}]}`

// templateFor is one that repositories under the prefix are made by when they are pushed to.
func templateFor(prefix string) registry.Template {
	return registry.Template{Account: account, Prefix: prefix, Uses: []registry.Use{registry.UseCreateOnPush}}
}

func (k kit) template(t registry.Template) {
	k.t.Helper()
	_, err := k.CreateTemplate(k.t.Context(), t)
	check(k.t, err)
}

func TestTemplatesAreMadeChangedAndTakenAway(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		full := registry.Template{
			Account: account, Prefix: "prod/", Description: "of production", Uses: []registry.Use{registry.UsePullThrough, registry.UseCreateOnPush},
			Mutability: registry.Mutability{Immutable: true, Except: []string{"latest*"}}, Labels: map[string]string{"team": "sea"},
			Policy: `{"Statement":[]}`, Lifecycle: policyOfLife, Role: "arn:aws:iam::" + account + ":role/ecr",
		}
		made, err := k.CreateTemplate(t.Context(), full)
		check(t, err)
		found, err := k.Template(t.Context(), account, "prod")
		check(t, err)
		full.Created, full.Updated = made.Created, made.Created
		for what, got := range map[string]registry.Template{"made": made, "found": found} {
			if fmt.Sprint(got) != fmt.Sprint(full) || got.Created.IsZero() {
				t.Errorf("%s as %+v, want %+v", what, got, full)
			}
		}
		_, err = k.CreateTemplate(t.Context(), templateFor("prod"))
		wantErr(t, err, registry.ErrTemplateExists)

		changed, err := k.ChangeTemplate(t.Context(), account, "prod", func(t *registry.Template) error {
			t.Description, t.Policy = "", ""
			return nil
		})
		check(t, err)
		if changed.Description+changed.Policy != "" || changed.Lifecycle != policyOfLife || !changed.Updated.After(changed.Created) {
			t.Errorf("changed to %+v", changed)
		}
		k.template(templateFor("dev"))
		first, err := k.Templates(t.Context(), account, "", 1)
		check(t, err)
		rest, err := k.Templates(t.Context(), account, first[0].Prefix, 10)
		check(t, err)
		wantSame(t, "templates", []string{first[0].Prefix, rest[0].Prefix}, []string{"dev", "prod/"})

		gone, err := k.DeleteTemplate(t.Context(), account, "prod/")
		check(t, err)
		if fmt.Sprint(gone) != fmt.Sprint(changed) {
			t.Errorf("taken away: %+v, want %+v", gone, changed)
		}
		_, err = k.DeleteTemplate(t.Context(), account, "prod")
		wantErr(t, err, registry.ErrNoTemplate)
		_, err = k.ChangeTemplate(t.Context(), account, "prod", func(*registry.Template) error { return nil })
		wantErr(t, err, registry.ErrNoTemplate)
	})
}

func TestTemplatesThatAreNotTaken(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		for _, c := range []struct {
			change func(*registry.Template)
			want   error
		}{
			{func(t *registry.Template) { t.Uses = nil }, registry.ErrTemplate},
			{func(t *registry.Template) { t.Description = strings.Repeat("ä", 257) }, registry.ErrTemplate},
			{func(t *registry.Template) { t.Mutability.Except = []string{"a/b"} }, registry.ErrPattern},
			{func(t *registry.Template) { t.Labels = map[string]string{"aws:x": ""} }, registry.ErrLabel},
			{func(t *registry.Template) { t.Labels = manyLabels(51) }, registry.ErrTooManyLabels},
			{func(t *registry.Template) { t.Policy = "bad" }, registry.ErrPolicy},
			{func(t *registry.Template) { t.Lifecycle = `{"rules":[]}` }, registry.ErrLifecycle},
		} {
			wrong := templateFor("prod")
			c.change(&wrong)
			_, err := k.CreateTemplate(t.Context(), wrong)
			wantErr(t, err, c.want)
		}
		for i := range 100 {
			k.template(templateFor(fmt.Sprintf("p%d", i)))
		}
		_, err := k.CreateTemplate(t.Context(), templateFor("prod"))
		wantErr(t, err, registry.ErrTooManyTemplates)
		wrong := func(t *registry.Template) error { t.Uses = nil; return nil }
		_, err = k.ChangeTemplate(t.Context(), account, "p1", wrong)
		wantErr(t, err, registry.ErrTemplate)
	})
}

func manyLabels(n int) map[string]string {
	labels := map[string]string{}
	for i := range n {
		labels[fmt.Sprint("l", i)] = ""
	}
	return labels
}

// The longest prefix that a name has, among those for the use, decides.
func TestTheTemplateThatCounts(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		for _, prefix := range []string{"a", "a/b/", registry.Root} {
			made := templateFor(prefix)
			made.Labels = map[string]string{"by": prefix}
			k.template(made)
		}
		pulls := templateFor("a/b/c")
		pulls.Uses = []registry.Use{registry.UsePullThrough}
		k.template(pulls)
		for name, want := range map[string]string{
			"xa": "ROOT", "a/x": "a", "ab/x": "ROOT", "a/b": "a", "a/b/x": "a/b/", "a/b/c/d": "a/b/",
		} {
			_, err := k.Provide(t.Context(), account, name, registry.UseCreateOnPush)
			check(t, err)
			labels, err := k.Labels(t.Context(), account, name)
			check(t, err)
			if labels["by"] != want {
				t.Errorf("%s is made by %q, want %q", name, labels["by"], want)
			}
		}
	})
}

func TestRepositoriesAreMadeAsTheirTemplateSays(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		made := templateFor("prod")
		made.Mutability = registry.Mutability{Immutable: true}
		made.Labels, made.Policy, made.Lifecycle = map[string]string{"team": "sea"}, `{"Statement":[]}`, policyOfLife
		k.template(made)
		repo, err := k.Provide(t.Context(), account, "prod/api", registry.UseCreateOnPush)
		check(t, err)
		again, err := k.Provide(t.Context(), account, "prod/api", registry.UseCreateOnPush)
		check(t, err)
		if fmt.Sprint(repo) != fmt.Sprint(again) || !repo.Mutability.Immutable {
			t.Errorf("made %+v, and then it is %+v", repo, again)
		}
		labels, err := k.Labels(t.Context(), account, "prod/api")
		check(t, err)
		policy, err := k.Policy(t.Context(), account, "prod/api")
		check(t, err)
		life, err := k.LifecyclePolicy(t.Context(), account, "prod/api")
		check(t, err)
		wantSame(t, "of the repository", []string{labels["team"], policy, life.Text}, []string{"sea", `{"Statement":[]}`, policyOfLife})
		wantSame(t, "events", k.said(), []string{"repository.created web", "repository.created prod/api"})
	})
}

// Nothing is made that nobody asked for: a push needs a template, and a pull through a rule does not.
func TestRepositoriesWithoutATemplate(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		_, err := k.Provide(t.Context(), account, "prod/api", registry.UseCreateOnPush)
		wantErr(t, err, registry.ErrNoRepository)
		_, err = k.Provide(t.Context(), account, "Prod", registry.UseCreateOnPush)
		wantErr(t, err, registry.ErrName)
		found, err := k.Provide(t.Context(), account, "web", registry.UseCreateOnPush)
		check(t, err)
		made, err := k.Provide(t.Context(), account, "quay/api", registry.UsePullThrough)
		check(t, err)
		wantSame(t, "repositories", []string{found.Name, made.Name}, []string{"web", "quay/api"})
	})
}

// Of many pushes at once, one makes the repository.
func TestManyPushesMakeOneRepository(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		k.template(templateFor("prod"))
		atOnce(t, 8, func(context.Context) error {
			_, err := k.Provide(t.Context(), account, "prod/api", registry.UseCreateOnPush)
			return err
		})
		wantSame(t, "events", k.said(), []string{"repository.created web", "repository.created prod/api"})
	})
}
