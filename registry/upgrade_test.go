package registry_test

import (
	"os"
	"testing"
	"testing/fstest"

	"slipway/events"
	"slipway/registry"
	"slipway/store"
	"slipway/store/storetest"
)

// What was pushed before there were customer keys is there as it was, and is nobody's secret.
func TestRowsFromBeforeCustomerKeys(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		check(t, events.Migrate(t.Context(), db))
		before := fstest.MapFS{}
		for _, name := range []string{
			"0001_registry.sql", "0002_policies.sql", "0003_sealed_keys.sql", "0004_marks_and_sweeps.sql", "0005_templates_and_upstreams.sql",
		} {
			text, err := os.ReadFile("schema/" + name)
			check(t, err)
			before[name] = &fstest.MapFile{Data: text}
		}
		check(t, db.Migrate(t.Context(), "registry", before))
		old := string(digestOf("layer"))
		check(t, db.Update(t.Context(), func(tx *store.Tx) error {
			for _, row := range []struct {
				insert string
				args   []any
			}{
				{`insert into registry_repositories (id, account, name, immutable, exceptions, created) values (-1, $1, 'old', 0, 'null', 1)`, []any{account}},
				{`insert into registry_blobs (digest, size, stored) values ($1, 5, 1)`, []any{old}},
				{`insert into registry_links (repository, blob, linked) values (-1, $1, 1)`, []any{old}},
				{`insert into registry_holdings (account, blob, links) values ($1, $2, 1)`, []any{account, old}},
				{`insert into registry_usage (account, id, bytes, blobs, images, repositories) values ($1, 0, 5, 1, 0, 1)`, []any{account}},
			} {
				if _, err := tx.Exec(row.insert, row.args...); err != nil {
					return err
				}
			}
			return nil
		}))
		k := newKit(t, db)
		repo, err := k.Repository(ctx, account, "old")
		if err != nil || repo.KeyID != "" {
			t.Errorf("the repository is %+v, %v", repo, err)
		}
		if size, err := k.BlobSize(ctx, account, "old", digestOf("layer")); err != nil || size != 5 {
			t.Errorf("the layer has %d bytes, %v", size, err)
		}
		k.mark(account, registry.Criteria{Digest: digestOf("layer")})
		wantErr(t, second(k.PulledSize(ctx, account, "old", digestOf("layer"))), registry.ErrMarked)
		k.wantUsage()
	})
}
