package registry_test

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"slipway/blob"
	"slipway/registry"
	"slipway/store"
	"slipway/store/storetest"
)

var scaleImages = flag.Int("registry.images", 500, "how many images TestScale makes, of ten layers each")

// TestScale fills one repository with generated rows and says how long the questions take that clients and
// loops ask: go test ./registry -run TestScale -registry.images 100000 -v -timeout 30m
func TestScale(t *testing.T) {
	defer registry.FindMany()()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		k := newKit(t, db)
		k.create("web")
		k.push("web", "v1", "config", "layer") // has the bytes that the rows do not
		start := time.Now()
		k.fill(*scaleImages)
		t.Logf("%d images and %d layers in %v", *scaleImages, 10**scaleImages, time.Since(start).Round(time.Millisecond))
		analyze(t, db)
		k.measure(t)
	})
}

// analyze gives PostgreSQL the statistics that its own daemon would have gathered by then. SQLite has none.
func analyze(t *testing.T, db *store.DB) {
	if db.Dialect() == "sqlite" {
		return
	}
	check(t, db.Update(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(`analyze`)
		return err
	}))
}

func (k kit) measure(t *testing.T) {
	middle, half := scaleDigest("image", *scaleImages/2), fmt.Sprintf("t%07d", *scaleImages/2+1)
	for _, q := range []struct {
		what string
		ask  func() error
	}{
		{"start", func() error { k.server(); return nil }},
		{"describe 1000 images", func() error { return second(k.Images(ctx, account, "web", registry.AnyImage, string(middle), 1000)) }},
		{"describe 1000 tagged images", func() error { return second(k.Images(ctx, account, "web", registry.Tagged, string(middle), 1000)) }},
		{"describe 1000 untagged images", func() error { return second(k.Images(ctx, account, "web", registry.Untagged, "", 1000)) }},
		{"describe 100 images by tag", func() error {
			ids := make([]registry.ImageID, 100)
			for i := range ids {
				ids[i].Tag = fmt.Sprintf("t%07d", (i*100+1)%*scaleImages)
			}
			return second(k.ImagesByID(ctx, account, "web", ids))
		}},
		{"list 1000 image ids", func() error {
			return second(k.ImageIDs(ctx, account, "web", registry.AnyImage, registry.ImageID{Digest: middle}, 1000))
		}},
		{"list 1000 untagged image ids", func() error {
			return second(k.ImageIDs(ctx, account, "web", registry.Untagged, registry.ImageID{}, 1000))
		}},
		{"list 1000 tags", func() error { return second(k.Tags(ctx, account, "web", half, 1000)) }},
		{"read a manifest", func() error { return second(k.Manifest(ctx, account, "web", registry.ImageID{Tag: half})) }},
		{"ask for a layer", func() error { return second(k.BlobSize(ctx, account, "web", scaleDigest("layer", 77))) }},
		{"usage", func() error { return second(k.Usage(ctx, account)) }},
		{"push an image", func() error { return k.pushAs(account, "web", "new", "config", "layer") }},
		{"mark a layer", func() error {
			return second(k.Mark(ctx, account, registry.Criteria{Digest: scaleDigest("layer", 77)}, "why"))
		}},
		{"read a manifest, beside a mark", func() error { return second(k.Manifest(ctx, account, "web", registry.ImageID{Tag: half})) }},
		{"preview a lifecycle policy", func() error {
			if _, err := k.StartPreview(ctx, account, "web", keepOne); err != nil {
				return err
			}
			return k.EvaluateLifecycles(ctx)
		}},
		{"dry run of a sweep", func() error { return second(k.Sweep(ctx, true, func(registry.Swept) {})) }},
	} {
		var took []time.Duration
		for range 3 {
			start := time.Now()
			check(t, q.ask())
			took = append(took, time.Since(start))
		}
		slices.Sort(took)
		t.Logf("%-32s %8.1f ms", q.what, float64(took[1].Microseconds())/1000)
	}
}

func scaleDigest(what string, i int) registry.Digest { return blob.DigestOf(fmt.Append(nil, what, i)) }

// fill makes the rows of images with ten layers of their own each; one in ten has no tag.
func (k kit) fill(images int) {
	var repository int64
	check(k.t, k.db.View(ctx, func(tx *store.Tx) error {
		return tx.Row(`select id from registry_repositories where account = $1`, account).Scan(&repository)
	}))
	const step = 500
	raw := []byte(strings.Repeat("a manifest ", 160))
	for from := 0; from < images; from += step {
		var blobs, links, holdings, manifests, needs, tags [][]any
		now := time.Now().UnixMicro()
		for i := from; i < min(from+step, images); i++ {
			d, untagged := string(scaleDigest("image", i)), int64(0)
			if i%10 == 0 {
				untagged = now
			} else {
				tags = append(tags, []any{repository, fmt.Sprintf("t%07d", i), d, now})
			}
			manifests = append(manifests, []any{repository, d, registry.MediaTypeOCIManifest, "", configType, "", 10_000, now, untagged, len(raw), raw})
			for j := range 10 {
				l := string(scaleDigest("layer", 10*i+j))
				blobs = append(blobs, []any{l, 1000, now})
				links = append(links, []any{repository, l, now})
				holdings = append(holdings, []any{account, l, 1})
				needs = append(needs, []any{repository, d, l})
			}
		}
		check(k.t, k.db.Update(ctx, func(tx *store.Tx) error {
			for _, into := range []struct {
				table string
				rows  [][]any
			}{
				{"registry_blobs (digest, size, stored)", blobs}, {"registry_links (repository, blob, linked)", links},
				{"registry_holdings (account, blob, links)", holdings},
				{"registry_manifests (repository, digest, media_type, artifact_type, config_type, subject, image_size, pushed, untagged, size, raw)", manifests},
				{"registry_manifest_blobs (repository, manifest, blob)", needs}, {"registry_tags (repository, name, manifest, tagged)", tags},
			} {
				if err := insertRows(tx, into.table, into.rows); err != nil {
					return err
				}
			}
			_, err := tx.Exec(`update registry_usage set bytes = bytes + $2, images = images + $3 where account = $1 and id = (select min(id) from registry_usage where account = $1)`,
				account, 1000*len(blobs), len(manifests))
			return err
		}))
	}
}

func insertRows(tx *store.Tx, table string, rows [][]any) error {
	for some := range slices.Chunk(rows, 100) {
		var text []string
		var args []any
		for _, row := range some {
			text = append(text, store.In(len(args)+1, len(row)))
			args = append(args, row...)
		}
		if _, err := tx.Exec(`insert into `+table+` values `+strings.Join(text, ","), args...); err != nil {
			return err
		}
	}
	return nil
}
