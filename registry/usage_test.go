package registry_test

import (
	"database/sql"
	"errors"
	"slices"
	"strings"
	"testing"

	"slipway/registry"
	"slipway/store"
)

// wantUsage counts what each account has, and compares that with what the registry says.
func (k kit) wantUsage() {
	k.t.Helper()
	got, err := k.Usages(ctx)
	check(k.t, err)
	if want := k.counted(); !slices.Equal(got, want) {
		k.t.Errorf("usage %+v, counted %+v", got, want)
	}
}

func (k kit) counted() (all []registry.Usage) {
	k.t.Helper()
	check(k.t, k.db.View(ctx, func(tx *store.Tx) error {
		return tx.Each(`select a.account,
				(select cast(coalesce(sum(size), 0) as bigint) from registry_blobs where digest in
					(select l.blob from registry_links l join registry_repositories r on r.id = l.repository where r.account = a.account)),
				(select count(distinct l.blob) from registry_links l join registry_repositories r on r.id = l.repository where r.account = a.account),
				(select count(*) from registry_manifests m join registry_repositories r on r.id = m.repository where r.account = a.account),
				(select count(*) from registry_repositories r where r.account = a.account)
			from (select distinct account from registry_repositories) a order by a.account`, nil, func(rows *sql.Rows) error {
			var u registry.Usage
			err := rows.Scan(&u.Account, &u.Bytes, &u.Blobs, &u.Images, &u.Repositories)
			all = append(all, u)
			return err
		})
	}))
	return all
}

// Each blob counts once for each account that has it.
func TestUsage(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		k.create("api")
		k.push("web", "v1", "config", "base", "layer")
		k.push("api", "v1", "another config", "base")
		k.mount("api", "web", "layer")
		k.wantUsage()
		u, err := k.Usage(t.Context(), account)
		want := registry.Usage{Account: account, Bytes: int64(len("config" + "base" + "layer" + "another config")), Blobs: 4, Images: 2, Repositories: 2}
		if err != nil || u != want {
			t.Errorf("usage %+v, want %+v, error %v", u, want, err)
		}
		check(t, k.FoldUsage(t.Context()))
		k.wantUsage()
		if n := k.count("registry_usage"); n != 1 {
			t.Errorf("%d rows when all is added up", n)
		}
		check(t, k.DeleteBlob(t.Context(), account, "api", digestOf("layer")))
		k.wantUsage()
		_, err = k.DeleteRepository(t.Context(), account, "api", true)
		check(t, err)
		k.wantUsage()
		_, err = k.DeleteRepository(t.Context(), account, "web", true)
		check(t, err)
		check(t, k.FoldUsage(t.Context()))
		if all, err := k.Usages(t.Context()); err != nil || len(all) != 0 {
			t.Errorf("an account that has nothing uses %+v, %v", all, err)
		}
	})
}

func (k kit) mount(to, from, word string) {
	k.t.Helper()
	mounted, err := k.MountBlob(ctx, account, to, from, digestOf(word))
	if check(k.t, err); !mounted {
		k.t.Errorf("%s of %s is not mounted", word, from)
	}
}

func TestQuotas(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		if q, err := k.QuotaOf(t.Context(), account); err != nil || q != registry.DefaultQuota {
			t.Errorf("%+v, %v", q, err)
		}
		check(t, k.SetQuota(t.Context(), account, registry.Quota{Bytes: 20, Images: 2, Repositories: 2}))
		k.create("api")
		_, err := k.CreateRepository(t.Context(), account, "third", registry.Mutability{}, nil)
		wantErr(t, err, registry.ErrQuota)
		_, err = k.CreateRepository(t.Context(), account, "api", registry.Mutability{}, nil)
		wantErr(t, err, registry.ErrRepositoryExists)
		_, err = k.CreateRepository(t.Context(), "999999999999", "third", registry.Mutability{}, nil)
		check(t, err)

		k.push("web", "v1", "12345", "67890")
		k.push("web", "v2", "67890", "12345")
		_, _, err = k.PutManifest(t.Context(), account, "web", registry.Push{Raw: imageOf("12345").raw(), Tag: "v3"})
		wantErr(t, err, registry.ErrQuota)
		k.put("web", "v3", imageOf("12345", "67890")) // it is there
		k.put("api", "v1", imageOfNothing())

		id := k.start("web")
		n, err := k.Append(t.Context(), account, "web", id, 0, strings.NewReader("abcdefghijklmn"))
		if wantErr(t, err, registry.ErrQuota); n > 10 {
			t.Errorf("%d bytes were taken", n)
		}
		_, err = k.UploadSize(t.Context(), account, "web", id)
		wantErr(t, err, registry.ErrNoUpload)

		one, two := k.start("web"), k.start("web") // each fits, and both do not
		for _, id := range []string{one, two} {
			_, err := k.Append(t.Context(), account, "web", id, 0, strings.NewReader("abcdefg"+id[:1]))
			check(t, err)
		}
		_, err = k.FinishUpload(t.Context(), account, "web", one, digestOf("abcdefg"+one[:1]))
		check(t, err)
		if one[:1] != two[:1] {
			_, err = k.FinishUpload(t.Context(), account, "web", two, digestOf("abcdefg"+two[:1]))
			wantErr(t, err, registry.ErrQuota)
		}
		k.mount("api", "web", "12345") // the account has it

		check(t, k.SetQuota(t.Context(), account, registry.Quota{Bytes: 5, Images: -1}))
		_, err = k.StartUpload(t.Context(), account, "web")
		if wantErr(t, err, registry.ErrQuota); !strings.Contains(err.Error(), "at most 5 bytes") {
			t.Errorf("%q does not say how much is allowed", err)
		}
		check(t, k.SetQuota(t.Context(), account, registry.Quota{}))
		k.upload("web", []byte("as much as one likes, by default"))
		k.wantUsage()
	})
}

func imageOfNothing() manifest {
	m := indexOf()
	m.Manifests = []descriptor{}
	return m
}

// Bytes that arrive at the same time count together.
func TestQuotaOfArrivals(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		check(t, k.SetQuota(t.Context(), account, registry.Quota{Bytes: 10}))
		inner := k.start("web")
		_, err := k.Append(t.Context(), account, "web", inner, 0, strings.NewReader("second"))
		check(t, err)
		outer := k.start("web")
		_, err = k.Append(t.Context(), account, "web", outer, 0, strings.NewReader("first!"))
		check(t, err)
		first := true
		k.OnReach(func(point string) error {
			if point != "arrived" || !first {
				return nil
			}
			first = false
			_, err := k.FinishUpload(t.Context(), account, "web", inner, digestOf("second"))
			if !errors.Is(err, registry.ErrQuota) {
				t.Errorf("beside an arrival: %v", err)
			}
			return nil
		})
		_, err = k.FinishUpload(t.Context(), account, "web", outer, digestOf("first!"))
		check(t, err)
		k.wantUsage()
	})
}
