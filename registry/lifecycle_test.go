package registry_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"slipway/blob"
	"slipway/registry"
	"slipway/registry/lifecycle"
	"slipway/store"
)

const (
	keepOne   = `{"rules": [{"rulePriority": 1, "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 1}, "action": {"type": "expire"}}]}`
	oldGo     = `{"rules": [{"rulePriority": 3, "selection": {"tagStatus": "tagged", "tagPrefixList": ["v"], "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 10}, "action": {"type": "expire"}}]}`
	unpulled  = `{"rules": [{"rulePriority": 1, "selection": {"tagStatus": "any", "countType": "sinceImagePulled", "countUnit": "days", "countNumber": 10}, "action": {"type": "transition", "targetStorageClass": "archive"}}]}`
	badPolicy = `{"rules": []}`
)

func TestLifecyclePolicies(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		_, err := k.LifecyclePolicy(t.Context(), account, "web")
		wantErr(t, err, registry.ErrNoLifecycle)
		wantErr(t, k.PutLifecyclePolicy(t.Context(), account, "web", badPolicy), registry.ErrLifecycle)
		wantErr(t, k.PutLifecyclePolicy(t.Context(), account, "none", keepOne), registry.ErrNoRepository)
		check(t, k.PutLifecyclePolicy(t.Context(), account, "web", keepOne))
		p, err := k.LifecyclePolicy(t.Context(), account, "web")
		if err != nil || p.Text != keepOne || !p.Evaluated.IsZero() {
			t.Errorf("%+v, %v", p, err)
		}
		check(t, k.EvaluateLifecycles(t.Context()))
		if p, err := k.LifecyclePolicy(t.Context(), account, "web"); err != nil || p.Evaluated.IsZero() {
			t.Errorf("evaluated: %+v, %v", p, err)
		}
		p, err = k.DeleteLifecyclePolicy(t.Context(), account, "web")
		if err != nil || p.Text != keepOne || p.Evaluated.IsZero() {
			t.Errorf("%+v, %v", p, err)
		}
		_, err = k.DeleteLifecyclePolicy(t.Context(), account, "web")
		wantErr(t, err, registry.ErrNoLifecycle)
	})
}

// What a policy lets go goes with all that belongs to it, once a day, and its bytes with the next sweep.
func TestLifecycleIsApplied(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		k.push("web", "v1", "config 1", "layer 1")
		old := imageOf("config 1", "layer 1")
		index := k.put("web", "v-index", indexOf(old, imageOf("config 1", "layer 1")))
		k.upload("web", []byte("signature"))
		signature := imageOf("signature")
		signature.Subject = new(describe(registry.MediaTypeOCIIndex, indexOf(old, imageOf("config 1", "layer 1")).raw()))
		signed := k.put("web", "", signature)
		check(t, k.Untag(t.Context(), account, "web", "v1"))
		k.age(20 * 24 * time.Hour)
		k.push("web", "v2", "config 2", "layer 2")
		before := len(k.events())

		check(t, k.PutLifecyclePolicy(t.Context(), account, "web", oldGo))
		check(t, k.EvaluateLifecycles(t.Context()))
		for _, d := range []registry.Digest{index, blob.DigestOf(old.raw()), signed} {
			k.wantNoImage("web", string(d))
		}
		k.wantPull("web", "v2")
		var said []string
		for _, e := range k.events()[before:] {
			var data struct{ By string }
			check(t, json.Unmarshal(e.Data, &data))
			said = append(said, e.Type+" "+data.By)
		}
		wantSame(t, "events", said, []string{"image.deleted lifecycle", "image.deleted lifecycle", "image.deleted lifecycle", "repository.lifecycle "})

		k.push("web", "v3", "config 3", "layer 3")
		k.age(11 * time.Hour)
		check(t, k.db.Update(ctx, func(tx *store.Tx) error {
			_, err := tx.Exec(`update registry_manifests set pushed = pushed - $1`, (20 * 24 * time.Hour).Microseconds())
			return err
		}))
		check(t, k.EvaluateLifecycles(t.Context())) // not due
		k.wantPull("web", "v3")
		k.age(14 * time.Hour)
		check(t, k.EvaluateLifecycles(t.Context()))
		k.wantNoImage("web", "v3")
		k.age(month)
		k.sweep(nil)
		if left := k.bytesOf(); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
		k.wantUsage()
	})
}

// An image that is pulled, or gets another tag, while its policy is applied is left to the next time; and
// so are all when the policy is changed.
func TestLifecycleLooksAgain(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		for i := range 60 {
			k.push("web", fmt.Sprint("v", i), fmt.Sprint("config ", i))
		}
		k.age(20 * 24 * time.Hour)
		check(t, k.PutLifecyclePolicy(t.Context(), account, "web", oldGo))
		met := 0
		k.OnReach(func(point string) error {
			if point != "lifecycle found" {
				return nil
			}
			if met++; met > 1 {
				return k.PutLifecyclePolicy(t.Context(), account, "web", keepOne)
			}
			k.put("web", "release", imageOf("config 1"))
			k.wantPull("web", "v2")
			return k.WritePulls(t.Context())
		})
		check(t, k.EvaluateLifecycles(t.Context()))
		images, err := k.Images(t.Context(), account, "web", registry.AnyImage, "", 1000)
		if err != nil || len(images) < 10 || len(images) > 12 || met != 2 {
			t.Errorf("%d images are left, %v", len(images), err)
		}
		k.wantPull("web", "release")
		k.wantPull("web", "v2")
		if p, err := k.LifecyclePolicy(t.Context(), account, "web"); err != nil || p.Text != keepOne || !p.Evaluated.IsZero() {
			t.Errorf("%+v, %v", p, err)
		}
	})
}

func TestLifecycleArchives(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		idle, busy := k.push("web", "idle", "config 1"), k.push("web", "busy", "config 2")
		k.age(20 * 24 * time.Hour)
		k.wantPull("web", "busy")
		check(t, k.PutLifecyclePolicy(t.Context(), account, "web", unpulled))
		check(t, k.EvaluateLifecycles(t.Context()))
		images, err := k.ImagesByID(t.Context(), account, "web", []registry.ImageID{{Digest: idle}, {Digest: busy}})
		check(t, err)
		if images[0].Archived.IsZero() || !images[1].Archived.IsZero() || images[1].Pulled.IsZero() || !images[0].Pulled.IsZero() {
			t.Errorf("%+v", images)
		}
		err = k.tryPull(account, "web", "idle")
		wantErr(t, err, registry.ErrArchived)
		_, failed, err := k.Manifests(t.Context(), account, "web", []registry.ImageID{{Tag: "idle"}})
		if err != nil || len(failed) != 1 || !errors.Is(failed[0].Err, registry.ErrArchived) {
			t.Errorf("%v, %v", failed, err)
		}
		i, err := k.Archive(t.Context(), account, "web", registry.ImageID{Tag: "idle"}, false)
		if err != nil || !i.Archived.IsZero() || i.Activated.IsZero() || !slices.Equal(i.Tags, []string{"idle"}) {
			t.Errorf("%+v, %v", i, err)
		}
		k.wantPull("web", "idle")
		_, err = k.Archive(t.Context(), account, "web", registry.ImageID{Tag: "idle"}, true)
		check(t, err)
		k.put("web", "idle", imageOf("config 1")) // who pushes it wants it back
		k.wantPull("web", "idle")
		_, err = k.Archive(t.Context(), account, "web", registry.ImageID{Tag: "none"}, true)
		wantErr(t, err, registry.ErrNoImage)
	})
}

func TestPreview(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		_, err := k.Preview(t.Context(), account, "web")
		wantErr(t, err, registry.ErrNoPreview)
		_, err = k.StartPreview(t.Context(), account, "web", "")
		wantErr(t, err, registry.ErrNoLifecycle)
		_, err = k.StartPreview(t.Context(), account, "web", badPolicy)
		wantErr(t, err, registry.ErrLifecycle)

		one, two := k.push("web", "v1", "config 1"), k.push("web", "", "config 2")
		k.push("web", "v3", "config 3")
		check(t, k.PutLifecyclePolicy(t.Context(), account, "web", oldGo))
		text, err := k.StartPreview(t.Context(), account, "web", keepOne)
		if err != nil || text != keepOne {
			t.Errorf("%q, %v", text, err)
		}
		p, err := k.Preview(t.Context(), account, "web")
		if err != nil || p.Status != registry.PreviewRunning || p.Text != keepOne {
			t.Errorf("%+v, %v", p, err)
		}
		_, err = k.StartPreview(t.Context(), account, "web", "")
		wantErr(t, err, registry.ErrPreviewRunning)
		check(t, k.EvaluateLifecycles(t.Context()))
		p, err = k.Preview(t.Context(), account, "web")
		if err != nil || p.Status != registry.PreviewComplete || p.Expires != 2 || p.Archives != 0 {
			t.Errorf("%+v, %v", p, err)
		}
		for f, want := range map[registry.Filter][]registry.Digest{registry.AnyImage: sorted(one, two), registry.Tagged: {one}, registry.Untagged: {two}} {
			var got []registry.Digest
			for after := ""; ; {
				page, err := k.PreviewImages(t.Context(), account, "web", f, after, 1)
				check(t, err)
				if len(page) == 0 {
					break
				}
				if i := page[0]; i.Action != lifecycle.Expire || i.Rule != 1 || i.Pushed.IsZero() || i.Archived || (i.Digest == one) != slices.Equal(i.Tags, []string{"v1"}) {
					t.Errorf("%+v", i)
				}
				got, after = append(got, page[0].Digest), string(page[0].Digest)
			}
			wantSame(t, fmt.Sprint("filter ", f), got, want)
		}
		byID, err := k.PreviewImagesByID(t.Context(), account, "web", []registry.ImageID{{Tag: "v1"}, {Tag: "v3"}, {Tag: "none"}})
		if err != nil || len(byID) != 1 || byID[0].Digest != one {
			t.Errorf("%+v, %v", byID, err)
		}
		k.wantPull("web", "v1") // it was a preview

		text, err = k.StartPreview(t.Context(), account, "web", "")
		if err != nil || text != oldGo {
			t.Errorf("%q, %v", text, err)
		}
		check(t, k.EvaluateLifecycles(t.Context()))
		if p, err := k.Preview(t.Context(), account, "web"); err != nil || p.Expires != 0 || p.Status != registry.PreviewComplete {
			t.Errorf("%+v, %v", p, err)
		}
		check(t, k.db.Update(ctx, func(tx *store.Tx) error {
			_, err := tx.Exec(`update registry_previews set started = started - $1`, (25 * time.Hour).Microseconds())
			return err
		}))
		if p, err := k.Preview(t.Context(), account, "web"); err != nil || p.Status != registry.PreviewExpired {
			t.Errorf("%+v, %v", p, err)
		}
	})
}

func sorted(all ...registry.Digest) []registry.Digest {
	slices.Sort(all)
	return all
}

// Pulls are written down together, and told once for each image.
func TestPullTimes(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		d := k.push("web", "v1", "config")
		k.push("web", "v2", "config", "config")
		before := len(k.events())
		for range 5 {
			k.wantPull("web", "v1")
		}
		_, _, err := k.Manifests(t.Context(), account, "web", []registry.ImageID{{Tag: "v1"}})
		check(t, err)
		_, err = k.Manifest(registry.Unnoted(t.Context()), account, "web", registry.ImageID{Tag: "v2"})
		check(t, err)
		if n := len(k.events()); n != before {
			t.Errorf("%d events before pulls are written down", n-before)
		}
		check(t, k.WritePulls(t.Context()))
		images, err := k.ImagesByID(t.Context(), account, "web", []registry.ImageID{{Tag: "v1"}, {Tag: "v2"}})
		check(t, err)
		if images[0].Pulled.IsZero() || time.Since(images[0].Pulled) > time.Hour || !images[1].Pulled.IsZero() {
			t.Errorf("pulled at %v and %v", images[0].Pulled, images[1].Pulled)
		}
		said := k.events()[before:]
		var data struct {
			Digest registry.Digest
			Count  int
		}
		if len(said) != 1 || said[0].Type != "image.pulled" || json.Unmarshal(said[0].Data, &data) != nil || data.Digest != d || data.Count != 6 {
			t.Errorf("said %+v", said)
		}
		check(t, k.WritePulls(t.Context()))
		if n := len(k.events()) - before; n != 1 {
			t.Errorf("%d events", n)
		}
		k.wantPull("web", "v1")
		_, err = k.DeleteRepository(t.Context(), account, "web", true)
		check(t, err)
		check(t, k.WritePulls(t.Context()))
	})
}
