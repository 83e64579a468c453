package registry_test

import (
	"maps"
	"strings"
	"testing"

	"slipway/registry"
)

func TestRepositoriesBelongToAccounts(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		const other = "999999999999"
		_, err := k.CreateRepository(t.Context(), other, "web", registry.Mutability{}, nil)
		check(t, err)
		d := k.push("web", "v1", "config", "layer")

		_, _, err = k.Resolve(t.Context(), other, "web", string(d))
		wantErr(t, err, registry.ErrNoImage)
		_, err = k.BlobSize(t.Context(), other, "web", imageOf("config").Config.Digest)
		wantErr(t, err, registry.ErrNoBlob)
		mine, err := k.Repositories(t.Context(), account, "", 10)
		check(t, err)
		wantSame(t, "repositories", names(mine), []string{"web"})
	})
}

func names(found []registry.Repository) []string {
	var names []string
	for _, r := range found {
		names = append(names, r.Name)
	}
	return names
}

func TestRepositoryNamesAreTakenOnce(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		_, err := k.CreateRepository(t.Context(), account, "web", registry.Mutability{}, nil)
		wantErr(t, err, registry.ErrRepositoryExists)
	})
}

func TestRepositoryNames(t *testing.T) {
	for _, name := range []string{"ab", "team/web", "a.b_c__d-e--f/g/h", strings.Repeat("a", 256)} {
		if err := registry.CheckName(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"", "a", "Web", "web/", "/web", "we b", "a..b", "web\n", "..", "a/../b", strings.Repeat("a", 257)} {
		err := registry.CheckName(name)
		wantErr(t, err, registry.ErrName)
	}
}

func TestRepositoriesInPages(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		k.create("db", "api", "cache")
		var seen []string
		for after := ""; ; after = seen[len(seen)-1] {
			page, err := k.Repositories(t.Context(), account, after, 2)
			check(t, err)
			if len(page) == 0 {
				break
			}
			seen = append(seen, names(page)...)
		}
		wantSame(t, "repositories", seen, []string{"api", "cache", "db", "web"})
	})
}

func TestRepositoryWithImagesIsDeletedOnlyByForce(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		a, b := k.push("web", "v1", "config", "a"), k.push("web", "", "config", "b")
		index := indexOf(imageOf("config", "a"), imageOf("config", "b"))
		k.put("web", "multi", index)

		_, err := k.DeleteRepository(t.Context(), account, "web", false)
		wantErr(t, err, registry.ErrNotEmpty)
		if got := k.resolve("web", "v1"); got != a {
			t.Errorf("v1 is %s after a refused delete, want %s", got, a)
		}

		gone, err := k.DeleteRepository(t.Context(), account, "web", true)
		if err != nil || gone.Name != "web" {
			t.Fatalf("deleted %+v, error %v", gone, err)
		}
		_, err = k.Repository(t.Context(), account, "web")
		wantErr(t, err, registry.ErrNoRepository)

		k.create("web")
		k.wantNoImage("web", string(b))
	})
}

func TestEmptyRepositoryIsDeleted(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		k.upload("web", []byte("a blob that no image needs"))
		_, err := k.DeleteRepository(t.Context(), account, "web", false)
		check(t, err)
		_, err = k.DeleteRepository(t.Context(), account, "web", false)
		wantErr(t, err, registry.ErrNoRepository)
	})
}

func TestLabels(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		_, err := k.CreateRepository(t.Context(), account, "api", registry.Mutability{}, map[string]string{"team": "a", "tier": ""})
		check(t, err)
		check(t, k.Label(t.Context(), account, "api", map[string]string{"team": "b", "cost": "7"}))
		check(t, k.Unlabel(t.Context(), account, "api", []string{"tier", "never there"}))

		got, err := k.Labels(t.Context(), account, "api")
		if want := map[string]string{"team": "b", "cost": "7"}; err != nil || !maps.Equal(got, want) {
			t.Errorf("labels %v, error %v, want %v", got, err, want)
		}
	})
}

func TestBadLabels(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		for _, bad := range []map[string]string{
			{"": "x"}, {"aws:team": "x"}, {strings.Repeat("n", 129): "x"}, {"team": strings.Repeat("v", 257)},
		} {
			wantErr(t, k.Label(t.Context(), account, "web", bad), registry.ErrLabel)
		}
		many := map[string]string{}
		for i := range 51 {
			many[strings.Repeat("x", i+1)] = ""
		}
		wantErr(t, k.Label(t.Context(), account, "web", many), registry.ErrTooManyLabels)
		if got, err := k.Labels(t.Context(), account, "web"); err != nil || len(got) != 0 {
			t.Errorf("labels %v, error %v after refused ones", got, err)
		}
	})
}

func TestMutability(t *testing.T) {
	release := registry.Mutability{Immutable: true, Except: []string{"dev-*", "*nightly*"}}
	frozen := registry.Mutability{Except: []string{"v*.*"}}
	for _, c := range []struct {
		m       registry.Mutability
		tag     string
		movable bool
	}{
		{registry.Mutability{}, "latest", true},
		{registry.Mutability{Immutable: true}, "latest", false},
		{release, "v1", false},
		{release, "dev-", true},
		{release, "dev-7", true},
		{release, "a-dev-7", false},
		{release, "x-nightly-1", true},
		{frozen, "v1.0", false},
		{frozen, "v1", true},
	} {
		if got := c.m.Movable(c.tag); got != c.movable {
			t.Errorf("%+v: tag %s movable %v, want %v", c.m, c.tag, got, c.movable)
		}
	}
}

func TestImmutableTagsStay(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		check(t, k.SetMutability(t.Context(), account, "web", registry.Mutability{Immutable: true, Except: []string{"latest"}}))
		first := k.push("web", "v1", "config", "a")
		k.put("web", "latest", imageOf("config", "a"))
		second := k.push("web", "latest", "config", "b")

		_, _, err := k.PutManifest(t.Context(), account, "web", registry.Push{Raw: imageOf("config", "b").raw(), Tag: "v1"})
		wantErr(t, err, registry.ErrTagImmutable)
		if v1, latest := k.resolve("web", "v1"), k.resolve("web", "latest"); v1 != first || latest != second {
			t.Errorf("v1 is %s and latest %s, want %s and %s", v1, latest, first, second)
		}
		k.put("web", "v1", imageOf("config", "a")) // the same again is no move
	})
}

func TestBadPatterns(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		for _, bad := range [][]string{{""}, {"a*b*c*"}, {"a b"}, {"a", "b", "c", "d", "e", "f"}} {
			wantErr(t, k.SetMutability(t.Context(), account, "web", registry.Mutability{Except: bad}), registry.ErrPattern)
		}
	})
}
