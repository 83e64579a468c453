package registry_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"slipway/registry"
	"slipway/store"
)

// A push or a pull of what is there does not wait for whoever writes, however long that takes.
func TestWhatIsThereWaitsForNoWriter(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		k.create("api")
		image := k.push("web", "v1", "config", "layer")
		k.push("api", "v1", "config", "layer")
		m := imageOf("config", "layer")
		questions := map[string]func(context.Context) error{
			"asks for a blob": func(ctx context.Context) error { return second(k.BlobSize(ctx, account, "web", digestOf("layer"))) },
			"pulls a blob":    func(ctx context.Context) error { return second(k.PulledSize(ctx, account, "web", digestOf("layer"))) },
			"mounts a blob": func(ctx context.Context) error {
				mounted, err := k.MountBlob(ctx, account, "api", "web", digestOf("layer"))
				if !mounted {
					t.Error("not mounted")
				}
				return err
			},
			"pushes a tag": func(ctx context.Context) error {
				made, changed, err := k.PutManifest(ctx, account, "web", registry.Push{Raw: m.raw(), Tag: "v1"})
				if made.Digest != image || changed {
					t.Errorf("%v, changed: %v", made, changed)
				}
				return err
			},
			"pushes a digest": func(ctx context.Context) error {
				_, changed, err := k.PutManifest(ctx, account, "web", registry.Push{Raw: m.raw(), Digest: image})
				if changed {
					t.Error("changed")
				}
				return err
			},
			"pulls a tag":    func(ctx context.Context) error { return k.pullNow(ctx, registry.ImageID{Tag: "v1"}) },
			"pulls a digest": func(ctx context.Context) error { return k.pullNow(ctx, registry.ImageID{Digest: image}) },
			"pulls both":     func(ctx context.Context) error { return k.pullNow(ctx, registry.ImageID{Tag: "v1", Digest: image}) },
		}
		for what, ask := range questions {
			t.Run(what, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // or it would wait for itself
				defer cancel()
				check(t, k.db.Update(ctx, func(*store.Tx) error { return ask(ctx) }))
			})
		}
	})
}

func (k kit) pullNow(ctx context.Context, id registry.ImageID) error {
	return second(k.Pull(ctx, account, "web", id, func(bool) error { return nil }))
}

// A lease is not written anew while half of it is left, and is long enough whenever it was asked for.
func TestLeasesAreRenewedWhenHalfOfThemIsLeft(t *testing.T) {
	for what, ask := range map[string]func(kit){
		"asks": func(k kit) { check(k.t, second(k.BlobSize(ctx, account, "web", digestOf("layer")))) },
		"mounts": func(k kit) {
			check(k.t, second(k.MountBlob(ctx, account, "web", "web", digestOf("layer"))))
		},
		"uploads": func(k kit) { k.upload("web", []byte("layer")) },
	} {
		t.Run("a push "+what, func(t *testing.T) {
			each(t, func(t *testing.T, k kit) {
				k.upload("web", []byte("layer"))
				first := k.linked()
				k.age(25 * time.Minute)
				if ask(k); !k.linked().Equal(first.Add(-25 * time.Minute)) {
					t.Errorf("written anew after 25 minutes: %v, %v", first, k.linked())
				}
				k.age(10 * time.Minute)
				if ask(k); k.linked().Before(first) {
					t.Errorf("not written anew after 35 minutes: %v, %v", first, k.linked())
				}
				k.age(55 * time.Minute)
				if would := k.wouldSweep(); would != 0 {
					t.Errorf("%d layers would go while they are held", would)
				}
				k.age(24 * time.Hour)
				if would := k.wouldSweep(); would != 1 {
					t.Errorf("%d layers would go when nothing holds them", would)
				}
			})
		})
	}
}

// linked is when the one blob that a repository has was last asked for.
func (k kit) linked() time.Time {
	k.t.Helper()
	var linked int64
	check(k.t, k.db.View(ctx, func(tx *store.Tx) error {
		return tx.Row(`select l.linked from registry_links l join registry_repositories r on r.id = l.repository where r.account = $1`, account).Scan(&linked)
	}))
	return store.Time(linked)
}

// wouldSweep is how many layers a dry run of a sweep names.
func (k kit) wouldSweep() int {
	k.t.Helper()
	report, err := k.Sweep(ctx, true, func(registry.Swept) {})
	check(k.t, err)
	return report.Layers
}

// However pushes go to two servers, and whatever is deleted and added up meanwhile, a repository has as many images
// as it may, and not one more.
func TestImagesAreCountedOnAllServers(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		const most = 6
		check(t, k.SetQuota(ctx, account, registry.Quota{Images: most}))
		servers := []kit{k, k.server()}
		var there []registry.Digest
		for i := range 40 {
			image := fmt.Sprint("config ", i)
			err := servers[i%2].pushAs(account, "web", "", image)
			if full := len(there) == most; full != errors.Is(err, registry.ErrQuota) || !full && err != nil {
				t.Fatalf("push %d beside %d images: %v", i, len(there), err)
			}
			if err == nil {
				there = append(there, digestOf(string(imageOf(image).raw())))
			}
			if len(there) == most && i%3 == 0 {
				check(t, k.DeleteManifest(ctx, account, "web", there[0]))
				there = there[1:]
			}
			if i%7 == 0 {
				check(t, k.FoldUsage(ctx))
			}
		}
	})
}
