package registry_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"slipway/blob"
	"slipway/registry"
)

func TestPushAndResolve(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		want := imageOf("config", "a", "b")
		d := k.push("web", "v1", "config", "a", "b")

		for _, reference := range []string{"v1", string(d)} {
			got, mediaType, err := k.Resolve(t.Context(), account, "web", reference)
			if err != nil || got != d || mediaType != registry.MediaTypeOCIManifest {
				t.Errorf("%s resolves to %s %s, error %v", reference, got, mediaType, err)
			}
		}
		m, err := k.Manifest(t.Context(), account, "web", registry.ImageID{Tag: "v1"})
		check(t, err)
		if !bytes.Equal(m.Raw, want.raw()) || m.ImageSize != int64(len("config")+len("a")+len("b")) || m.ConfigType != configType {
			t.Errorf("manifest %s, image %+v", m.Raw, m.Image)
		}
		wantSame(t, "events", k.said(), []string{"repository.created web", "image.pushed web v1"})
	})
}

func TestPushOfWhatIsThereChangesNothing(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		k.push("web", "v1", "config", "layer")
		before := k.said()
		push := registry.Push{Raw: imageOf("config", "layer").raw(), Tag: "v1"}
		if _, changed, err := k.PutManifest(t.Context(), account, "web", push); err != nil || changed {
			t.Errorf("changed %v, error %v", changed, err)
		}
		wantSame(t, "events", k.said(), before)
	})
}

func TestTagMoves(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		first, second := k.push("web", "latest", "config", "a"), k.push("web", "latest", "config", "b")
		if got := k.resolve("web", "latest"); got != second {
			t.Errorf("latest is %s, want %s", got, second)
		}
		if got := k.resolve("web", string(first)); got != first {
			t.Errorf("the first image resolves to %s", got)
		}
	})
}

func TestManifestNeedsItsBlobs(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		k.create("api")
		k.upload("web", []byte("config"))
		k.upload("api", []byte("in api only"))
		m := imageOf("config", "in api only", "nowhere")

		_, _, err := k.PutManifest(t.Context(), account, "web", registry.Push{Raw: m.raw(), Tag: "v1"})
		wantMissing(t, err, registry.ErrMissingBlobs, m.Layers[0].Digest, m.Layers[1].Digest)
		k.wantNoImage("web", "v1")
	})
}

func TestIndexNeedsItsChildren(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		k.push("web", "", "config", "a")
		there, absent := imageOf("config", "a"), imageOf("config", "b")

		_, _, err := k.PutManifest(t.Context(), account, "web", registry.Push{Raw: indexOf(there, absent).raw()})
		wantMissing(t, err, registry.ErrMissingManifests, blob.DigestOf(absent.raw()))
		k.put("web", "multi", indexOf(there))
	})
}

func wantMissing(t *testing.T, err, cause error, want ...registry.Digest) {
	t.Helper()
	wantErr(t, err, cause)
	e, ok := err.(*registry.Error)
	if !ok || !slices.Equal(e.Digests, want) {
		t.Errorf("error %v, want it to name %v", err, want)
	}
}

func TestIndexSize(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		k.push("web", "", "config", "small")
		k.push("web", "", "config", "a larger layer")
		k.put("web", "multi", indexOf(imageOf("config", "small"), imageOf("config", "a larger layer")))
		images, err := k.ImagesByID(t.Context(), account, "web", []registry.ImageID{{Tag: "multi"}})
		if err != nil || images[0].ImageSize != int64(len("config")+len("a larger layer")) {
			t.Errorf("images %+v, error %v", images, err)
		}
	})
}

func TestForeignLayersNeedNotBeHere(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		k.upload("web", []byte("config"))
		m := imageOf("config", "windows")
		m.Layers[0].MediaType = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
		m.Layers[0].URLs = []string{"https://example.com/layer"}
		k.put("web", "v1", m)
	})
}

func TestSha512Manifest(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		k.push("web", "", "config", "a")
		raw := imageOf("config", "a").raw()
		h := blob.NewHash("sha512")
		h.Write(raw)
		d := blob.Sum("sha512", h.Sum(nil))
		made, _, err := k.PutManifest(t.Context(), account, "web", registry.Push{Raw: raw, Digest: d})
		if err != nil || made.Digest != d || k.resolve("web", string(d)) != d {
			t.Errorf("made %s, error %v, want %s", made.Digest, err, d)
		}
	})
}

func TestBadManifests(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		k.push("web", "", "config", "layer")
		good := string(imageOf("config", "layer").raw())
		layer := string(imageOf("config", "layer").Layers[0].Digest)
		with := func(old, new string) registry.Push {
			return registry.Push{Raw: []byte(strings.Replace(good, old, new, 1))}
		}
		many := imageOf("config")
		for i := range 4201 {
			many.Layers = append(many.Layers, descriptor{MediaType: layerType, Digest: missing(i)})
		}

		for name, c := range map[string]struct {
			push registry.Push
			want error
		}{
			"empty":             {registry.Push{Raw: nil, MediaType: registry.MediaTypeOCIManifest}, registry.ErrManifest},
			"not JSON":          {registry.Push{Raw: []byte("layer"), MediaType: registry.MediaTypeOCIManifest}, registry.ErrManifest},
			"cut JSON":          {registry.Push{Raw: []byte(good[:len(good)-1])}, registry.ErrManifest},
			"more after it":     {registry.Push{Raw: []byte(good + "{}")}, registry.ErrManifest},
			"deep":              {registry.Push{Raw: []byte(strings.Repeat("[", 1<<20))}, registry.ErrManifest},
			"a list":            {registry.Push{Raw: []byte("[]")}, registry.ErrManifest},
			"too large":         {registry.Push{Raw: bytes.Repeat([]byte(" "), registry.MaxManifest+1)}, registry.ErrManifestTooLarge},
			"no type":           {registry.Push{Raw: []byte(`{"schemaVersion":2}`)}, registry.ErrMediaType},
			"unknown type":      {with(registry.MediaTypeOCIManifest, "application/json"), registry.ErrMediaType},
			"schema 1":          {registry.Push{Raw: []byte(`{"schemaVersion":1,"fsLayers":[]}`)}, registry.ErrMediaType},
			"types disagree":    {registry.Push{Raw: []byte(good), MediaType: registry.MediaTypeOCIIndex}, registry.ErrManifest},
			"schema version":    {with(`"schemaVersion":2`, `"schemaVersion":3`), registry.ErrManifest},
			"no config":         {registry.Push{Raw: []byte(`{"schemaVersion":2}`), MediaType: registry.MediaTypeOCIManifest}, registry.ErrManifest},
			"image and index":   {with(`"layers"`, `"manifests":[],"layers"`), registry.ErrManifest},
			"index with layers": {registry.Push{Raw: []byte(`{"schemaVersion":2,"manifests":[],"layers":[]}`), MediaType: registry.MediaTypeOCIIndex}, registry.ErrManifest},
			"bad layer digest":  {with(layer, "sha256:xyz"), registry.ErrManifest},
			"no layer type":     {with(layerType, ""), registry.ErrManifest},
			"wrong layer size":  {with(`"size":5`, `"size":6`), registry.ErrManifest},
			"negative size":     {with(`"size":5`, `"size":-5`), registry.ErrManifest},
			"too many layers":   {registry.Push{Raw: many.raw()}, registry.ErrManifest},
			"bad subject":       {with(`"layers"`, `"subject":{"mediaType":"x","digest":"none"},"layers"`), registry.ErrManifest},
			"wrong digest":      {registry.Push{Raw: []byte(good), Digest: missing(0)}, registry.ErrMismatch},
			"bad tag":           {registry.Push{Raw: []byte(good), Tag: "-v1"}, registry.ErrTag},
			"long tag":          {registry.Push{Raw: []byte(good), Tag: strings.Repeat("v", 129)}, registry.ErrTag},
		} {
			t.Run(name, func(t *testing.T) {
				_, _, err := k.PutManifest(t.Context(), account, "web", c.push)
				wantErr(t, err, c.want)
			})
		}
		ids, err := k.ImageIDs(t.Context(), account, "web", registry.AnyImage, registry.ImageID{}, 10)
		if err != nil || len(ids) != 1 {
			t.Errorf("images %v, error %v after refused ones", ids, err)
		}
	})
}

func TestReferences(t *testing.T) {
	d := missing(0)
	for s, want := range map[string]registry.ImageID{
		string(d): {Digest: d}, "v1": {Tag: "v1"}, "_x": {Tag: "_x"}, strings.Repeat("v", 128): {Tag: strings.Repeat("v", 128)},
	} {
		if got, err := registry.ParseReference(s); err != nil || got != want {
			t.Errorf("%s: %+v, error %v", s, got, err)
		}
	}
	for s, want := range map[string]error{
		"": registry.ErrTag, ".x": registry.ErrTag, "a b": registry.ErrTag, "v1\n": registry.ErrTag,
		"sha256:": registry.ErrDigest, "md5:00": registry.ErrDigest,
	} {
		_, err := registry.ParseReference(s)
		wantErr(t, err, want)
	}
}

func TestTagAndDigestMustAgree(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		a, b := k.push("web", "a", "config", "a"), k.push("web", "b", "config", "b")
		for id, want := range map[registry.ImageID]error{
			{Digest: a, Tag: "b"}:           registry.ErrTagMismatch,
			{Digest: missing(0), Tag: "a"}:  registry.ErrTagMismatch,
			{Digest: b, Tag: "never there"}: registry.ErrNoImage,
			{Digest: missing(0)}:            registry.ErrNoImage,
		} {
			_, err := k.Manifest(t.Context(), account, "web", id)
			wantErr(t, err, want)
		}
		found, failed, err := k.Manifests(t.Context(), account, "web", []registry.ImageID{{Digest: a, Tag: "a"}, {Digest: b}, {Tag: "c"}})
		if err != nil || len(found) != 2 || found[0].Digest != a || found[1].Digest != b || len(failed) != 1 || failed[0].ID.Tag != "c" {
			t.Errorf("found %v, failed %v, error %v", found, failed, err)
		}
	})
}

func TestDeleteByTagTakesTheTagAndThenTheImage(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		d := k.push("web", "v1", "config", "a")
		k.put("web", "latest", imageOf("config", "a"))

		k.delete("web", []registry.ImageID{{Digest: d, Tag: "v1"}}, registry.ImageID{Tag: "v1"})
		if got := k.resolve("web", "latest"); got != d {
			t.Errorf("latest is %s", got)
		}
		k.delete("web", []registry.ImageID{{Digest: d, Tag: "latest"}}, registry.ImageID{Tag: "latest"})
		k.wantNoImage("web", string(d))
	})
}

// delete deletes all ids and wants exactly those pairs to go.
func (k kit) delete(repository string, want []registry.ImageID, ids ...registry.ImageID) {
	k.t.Helper()
	gone, failed, err := k.DeleteImages(k.t.Context(), account, repository, ids)
	if err != nil || len(failed) > 0 {
		k.t.Fatalf("failed %v, error %v", failed, err)
	}
	wantSame(k.t, "deleted", gone, want)
}

func TestDeleteByDigestTakesAllTags(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		d := k.push("web", "b", "config", "x")
		k.put("web", "a", imageOf("config", "x"))
		untagged := k.push("web", "", "config", "y")

		k.delete("web", []registry.ImageID{{Digest: d, Tag: "a"}, {Digest: d, Tag: "b"}, {Digest: untagged}},
			registry.ImageID{Digest: d}, registry.ImageID{Digest: untagged})
		k.wantNoImage("web", "a")
		wantSame(t, "events", k.said()[4:], []string{"image.deleted web", "image.deleted web"})
	})
}

func TestChildIsNotDeletedBeforeItsIndex(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		child := k.push("web", "amd64", "config", "a")
		inner := indexOf(imageOf("config", "a"))
		innerDigest := k.put("web", "", inner)
		outer := k.put("web", "multi", indexOf(inner))

		_, failed, err := k.DeleteImages(t.Context(), account, "web", []registry.ImageID{{Tag: "amd64"}, {Digest: missing(0)}})
		if err != nil || len(failed) != 2 {
			t.Fatalf("failed %v, error %v", failed, err)
		}
		wantErr(t, failed[0].Err, registry.ErrNoImage)
		wantMissing(t, failed[1].Err, registry.ErrImageInUse, innerDigest)
		k.resolve("web", "amd64")

		k.delete("web", []registry.ImageID{{Digest: outer, Tag: "multi"}, {Digest: innerDigest}, {Digest: child, Tag: "amd64"}},
			registry.ImageID{Digest: child}, registry.ImageID{Digest: innerDigest}, registry.ImageID{Digest: outer})
	})
}

func TestUntagLeavesTheImage(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		d := k.push("web", "v1", "config", "a")
		check(t, k.Untag(t.Context(), account, "web", "v1"))
		wantErr(t, k.Untag(t.Context(), account, "web", "v1"), registry.ErrNoImage)
		if got := k.resolve("web", string(d)); got != d {
			t.Errorf("the image resolves to %s", got)
		}
		check(t, k.DeleteManifest(t.Context(), account, "web", d))
		wantErr(t, k.DeleteManifest(t.Context(), account, "web", d), registry.ErrNoImage)
	})
}

func TestBlobOfAnImageIsNotDeleted(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		image := k.push("web", "v1", "config", "a")
		layer := blob.DigestOf([]byte("a"))
		wantMissing(t, k.DeleteBlob(t.Context(), account, "web", layer), registry.ErrBlobInUse, image)
		if got := k.unreferenced(); len(got) != 0 {
			t.Errorf("unreferenced: %v", got)
		}
		check(t, k.DeleteManifest(t.Context(), account, "web", image))
		if got := k.unreferenced(); len(got) != 2 {
			t.Errorf("unreferenced: %v, want the layer and the config", got)
		}
		check(t, k.DeleteBlob(t.Context(), account, "web", layer))
		wantErr(t, k.DeleteBlob(t.Context(), account, "web", layer), registry.ErrNoBlob)
	})
}

func TestListings(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		var all, tagged, untagged []registry.ImageID
		for i := range 7 {
			layer := fmt.Sprint("layer ", i)
			d := k.push("web", "", "config", layer)
			switch {
			case i%3 == 0:
				untagged = append(untagged, registry.ImageID{Digest: d})
			default:
				for _, tag := range []string{fmt.Sprint("a", i), fmt.Sprint("b", i)} {
					k.put("web", tag, imageOf("config", layer))
					tagged = append(tagged, registry.ImageID{Digest: d, Tag: tag})
				}
			}
		}
		all = slices.Concat(tagged, untagged)
		for f, want := range map[registry.Filter][]registry.ImageID{
			registry.AnyImage: all, registry.Tagged: tagged, registry.Untagged: untagged,
		} {
			sortIDs(want)
			wantSame(t, "ids", k.allIDs("web", f), want)
			wantSame(t, "images", k.allImages("web", f), want)
		}
	})
}

func sortIDs(ids []registry.ImageID) {
	slices.SortFunc(ids, func(a, b registry.ImageID) int {
		return strings.Compare(string(a.Digest)+" "+a.Tag, string(b.Digest)+" "+b.Tag)
	})
}

// allIDs reads the listing of pairs in pages of two.
func (k kit) allIDs(repository string, f registry.Filter) (ids []registry.ImageID) {
	k.t.Helper()
	for after := (registry.ImageID{}); ; after = ids[len(ids)-1] {
		page, err := k.ImageIDs(k.t.Context(), account, repository, f, after, 2)
		check(k.t, err)
		if len(page) == 0 {
			return ids
		}
		ids = append(ids, page...)
	}
}

// allImages reads the listing of images in pages of two, as pairs.
func (k kit) allImages(repository string, f registry.Filter) (ids []registry.ImageID) {
	k.t.Helper()
	for after := ""; ; after = string(ids[len(ids)-1].Digest) {
		page, err := k.Images(k.t.Context(), account, repository, f, after, 2)
		check(k.t, err)
		if len(page) == 0 {
			return ids
		}
		for _, image := range page {
			if len(image.Tags) == 0 {
				ids = append(ids, registry.ImageID{Digest: image.Digest})
			}
			for _, tag := range image.Tags {
				ids = append(ids, registry.ImageID{Digest: image.Digest, Tag: tag})
			}
		}
	}
}

func TestTagsInOrder(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		k.push("web", "", "config", "a")
		for _, tag := range []string{"v2", "B", "v10", "_a", "a"} {
			k.put("web", tag, imageOf("config", "a"))
		}
		first, err := k.Tags(t.Context(), account, "web", "", 3)
		check(t, err)
		rest, err := k.Tags(t.Context(), account, "web", first[len(first)-1], 10)
		check(t, err)
		wantSame(t, "tags", slices.Concat(first, rest), []string{"B", "_a", "a", "v10", "v2"})
	})
}

func TestReferrers(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		k.push("web", "", "config", "a")
		image := imageOf("config", "a")
		subject := describe(image.MediaType, image.raw())
		signature := imageOf("config")
		signature.Subject, signature.ArtifactType = &subject, "application/x.signature"
		signature.Annotations = map[string]string{"by": "ann"}
		other := imageOf("config", "a")
		other.Subject = &subject
		k.put("web", "", signature)
		k.put("web", "", other)

		found, _, err := k.Referrers(t.Context(), account, "web", subject.Digest, "", 10)
		if err != nil || len(found) != 2 {
			t.Fatalf("found %+v, error %v", found, err)
		}
		for _, r := range found {
			signs := r.Digest == blob.DigestOf(signature.raw())
			if signs && (r.Type() != "application/x.signature" || r.Annotations["by"] != "ann") || !signs && r.Type() != configType {
				t.Errorf("referrer %+v", r)
			}
		}
		none, _, err := k.Referrers(t.Context(), account, "web", missing(0), "", 10)
		if err != nil || len(none) != 0 {
			t.Errorf("referrers of nothing: %v, error %v", none, err)
		}
	})
}
