package registry_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"slipway/blob"
	"slipway/blob/sealed"
	"slipway/internal/errs"
	"slipway/registry"
	"slipway/store"
	"slipway/store/storetest"
)

const stranger = "999999999999"

// layer is a layer with one file.
func layer(name, content string) string {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	archive := tar.NewWriter(z)
	err := archive.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content)), Typeflag: tar.TypeReg})
	if err == nil {
		_, err = io.WriteString(archive, content)
	}
	if err := errors.Join(err, archive.Close(), z.Close()); err != nil {
		panic(err)
	}
	return packed.String()
}

func (k kit) mark(scope string, criteria registry.Criteria) registry.Marking {
	k.t.Helper()
	m, err := k.Mark(ctx, scope, criteria, "CVE-2026-1")
	check(k.t, err)
	return m
}

func (k kit) unmark(m registry.Marking) {
	k.t.Helper()
	_, err := k.Unmark(ctx, "", m.ID)
	check(k.t, err)
}

// wantMarked expects that a blob of web is of no use to anybody of the account.
func (k kit) wantMarked(account, word string, raw []byte) {
	k.t.Helper()
	d := digestOf(word)
	refuse := func(what string, err error) {
		k.t.Helper()
		about, _ := errors.AsType[*registry.Error](err)
		if !errors.Is(err, registry.ErrMarked) || errs.KindOf(err) != errs.Denied || about == nil || about.Reason != "CVE-2026-1" || !slices.Contains(about.Digests, d) {
			k.t.Errorf("%s: %v, want %v with %s and the reason", what, err, registry.ErrMarked, d)
		}
	}
	refuse("a pull of the image", second(k.Manifest(ctx, account, "web", registry.ImageID{Digest: blob.DigestOf(raw)})))
	refuse("a pull of the blob", second(k.OpenBlob(ctx, account, "web", d)))
	_, _, err := k.PutManifest(ctx, account, "web", registry.Push{Raw: raw, Tag: "again"})
	refuse("a push of the manifest", err)
	if _, err := k.BlobSize(ctx, account, "web", d); !errors.Is(err, registry.ErrNoBlob) {
		k.t.Errorf("a push that asks is told: %v", err)
	}
	refuse("a push of the blob", k.bringAnew(account, "web", word))
	if mounted, err := k.MountBlob(ctx, account, "web", "web", d); err != nil || mounted {
		k.t.Errorf("mounted %v, %v", mounted, err)
	}
	_, failed, err := k.Manifests(ctx, account, "web", []registry.ImageID{{Digest: blob.DigestOf(raw)}})
	if err != nil || len(failed) != 1 {
		k.t.Fatalf("several: %v, %v", failed, err)
	}
	refuse("a pull of several images", failed[0].Err)
}

// What is marked is of no use from the moment at which Mark returns, lies where it lay, and is as it was
// when the mark is gone.
func TestMark(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		_, err := k.CreateRepository(t.Context(), stranger, "web", registry.Mutability{}, nil)
		check(t, err)
		bad, good := imageOf("config", "base", "bad"), imageOf("config", "base")
		for _, id := range []string{account, stranger} {
			check(t, k.pushAs(id, "web", "bad", "config", "base", "bad"))
			check(t, k.pushAs(id, "web", "good", "config", "base"))
			_, _, err := k.PutManifest(ctx, id, "web", registry.Push{Raw: indexOf(bad, good).raw(), Tag: "index"})
			check(t, err)
		}
		own := k.mark(account, registry.Criteria{Digest: digestOf("bad")})
		if own.New != 1 || own.Images != 2 || own.Read != 0 {
			t.Errorf("marked: %+v", own)
		}
		k.wantMarked(account, "bad", bad.raw())
		wantErr(t, k.tryPull(account, "web", "index"), registry.ErrMarked)
		wantErr(t, second(k.put2("web", "new", indexOf(bad))), registry.ErrMarked)
		k.wantPull("web", "good")
		check(t, k.tryPull(stranger, "web", "bad"))
		if got := k.bytesOf(); len(got) != 3 {
			t.Errorf("marking leaves %v", got)
		}
		k.unmark(own)
		for _, tag := range []string{"bad", "index"} {
			k.wantPull("web", tag)
		}

		all := k.mark("", registry.Criteria{Digest: digestOf("bad")})
		k.wantMarked(account, "bad", bad.raw())
		k.wantMarked(stranger, "bad", bad.raw())
		marks, err := k.Marks(t.Context(), stranger)
		if err != nil || len(marks) != 1 || marks[0].ID != all.ID || marks[0].Blobs != 1 || marks[0].Reason != "CVE-2026-1" || marks[0].Searched.IsZero() {
			t.Errorf("marks %+v, %v", marks, err)
		}
		_, err = k.Unmark(t.Context(), account, all.ID) // an operator's
		wantErr(t, err, registry.ErrNoMark)

		names := map[registry.Digest]string{digestOf("bad"): "bad", blob.DigestOf(bad.raw()): "bad", blob.DigestOf(indexOf(bad, good).raw()): "index"}
		_, went := k.sweep(names)
		wantSame(t, "a sweep", went, []string{
			"image bad marked", "image bad marked", "image index marked", "image index marked", "layer bad marked",
		})
		k.wantPull("web", "good")
		wantErr(t, k.bringAnew(account, "web", "bad"), registry.ErrMarked)
		k.unmark(all)
		k.push("web", "bad", "config", "base", "bad")
		k.wantPull("web", "bad")
		k.wantUsage()
	})
}

func (k kit) put2(repository, tag string, m manifest) (bool, error) {
	_, changed, err := k.PutManifest(ctx, account, repository, registry.Push{Raw: m.raw(), MediaType: m.MediaType, Tag: tag})
	return changed, err
}

// counted counts how often a blob store is listed and read.
type counted struct {
	sealed.Inner
	lists, reads atomic.Int64
}

func (c *counted) Walk(ctx context.Context, after blob.Digest, f func(blob.Digest, int64, time.Time) error) error {
	c.lists.Add(1)
	return c.Inner.Walk(ctx, after, f)
}

func (c *counted) Open(ctx context.Context, d blob.Digest) (blob.Reader, error) {
	c.reads.Add(1)
	return c.Inner.Open(ctx, d)
}

func (c *counted) Uploads(ctx context.Context) ([]blob.Upload, error) {
	c.lists.Add(1)
	return c.Inner.Uploads(ctx)
}

// Each kind of criteria marks what it says, and nothing else; it lists no blob store, and reads no blob
// twice.
func TestMarkByCriteria(t *testing.T) {
	shell, passwd := layer("bin/sh", "#!/bin/evil"), layer("./etc/passwd", "root::0:0")
	labelled := `{"config": {"Labels": {"stage": "test", "team": "red"}}}`
	hash := string(digestOf("root::0:0"))
	stories := map[string]func(kit){}
	for name, story := range map[string]struct {
		criteria registry.Criteria
		want     []string
		reads    int64
	}{
		"digest":                  {registry.Criteria{Digest: digestOf(shell)}, []string{shell}, 0},
		"digest of nothing":       {registry.Criteria{Digest: missing(1)}, nil, 0},
		"image by tag":            {registry.Criteria{Repository: "web", Image: "shell"}, []string{shell, "config"}, 0},
		"image by digest":         {registry.Criteria{Repository: "web", Image: string(blob.DigestOf(imageOf(labelled, passwd).raw()))}, []string{passwd, labelled}, 0},
		"index":                   {registry.Criteria{Repository: "web", Image: "all"}, []string{shell, "config", passwd, labelled}, 0},
		"label of a config":       {registry.Criteria{Label: "team=red"}, []string{passwd, labelled}, 3},
		"label, any value":        {registry.Criteria{Label: "stage"}, []string{passwd, labelled}, 3},
		"label, other value":      {registry.Criteria{Label: "team=blue"}, nil, 3},
		"label of repository":     {registry.Criteria{Label: "owner=ops"}, []string{"api config", "api layer"}, 2},
		"age":                     {registry.Criteria{StoredBefore: time.Now().Add(-time.Hour)}, []string{"api config", "api layer"}, 0},
		"bytes, packed":           {registry.Criteria{Bytes: []byte("#!/bin/evil")}, []string{shell}, 6},
		"bytes, as stored":        {registry.Criteria{Bytes: []byte("api lay")}, []string{"api layer"}, 6},
		"bytes of one repository": {registry.Criteria{Repository: "api", Bytes: []byte("config")}, []string{"api config"}, 2},
		"file by path":            {registry.Criteria{FilePath: "/etc/passwd"}, []string{passwd}, 6},
		"file by hash":            {registry.Criteria{FileDigest: hash}, []string{passwd}, 6},
		"file by both":            {registry.Criteria{FilePath: "etc/passwd", FileDigest: hash}, []string{passwd}, 6},
		"file that is another":    {registry.Criteria{FilePath: "bin/sh", FileDigest: hash}, nil, 6},
	} {
		stories[name] = func(k kit) {
			spy := &counted{Inner: k.blobs}
			k.blobs = spy
			k = k.server()
			k.create("api")
			check(k.t, k.Label(ctx, account, "api", map[string]string{"owner": "ops"}))
			k.push("api", "v1", "api config", "api layer")
			k.age(2 * time.Hour)
			k.push("web", "shell", "config", shell)
			k.push("web", "passwd", labelled, passwd)
			k.put("web", "all", indexOf(imageOf("config", shell), imageOf(labelled, passwd)))

			m := k.mark(account, story.criteria)
			blobs, err := k.MarkedBlobs(ctx, m.ID, "", 100)
			check(k.t, err)
			wanted := []registry.Digest{}
			if d := story.criteria.Digest; d != "" && story.want == nil {
				wanted = append(wanted, d)
			}
			for _, word := range story.want {
				wanted = append(wanted, digestOf(word))
			}
			slices.Sort(wanted)
			wantSame(k.t, "marked", blobs, wanted)
			if m.New != len(wanted) || m.Blobs != len(wanted) || len(m.Unreadable) > 0 {
				k.t.Errorf("the answer says %+v", m)
			}
			if reads := spy.reads.Load(); reads != story.reads || spy.lists.Load() != 0 {
				k.t.Errorf("%d blobs read, want %d; the store was listed %d times", reads, story.reads, spy.lists.Load())
			}
			again := k.mark(account, story.criteria)
			if again.ID != m.ID || again.New != 0 || again.Read != 0 || spy.reads.Load() != story.reads {
				k.t.Errorf("the second search reads %d bytes of %d blobs, and finds %+v", again.Read, spy.reads.Load()-story.reads, again)
			}
		}
	}
	tell(t, stories)
}

// What came since is searched by the next search of the same criteria, and what cannot be read is named.
func TestSearchGoesOn(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		broken := layer("etc/shadow", strings.Repeat("secret", 1000))[:60]
		k.upload("web", []byte(broken))
		criteria := registry.Criteria{FilePath: "etc/passwd"}
		m := k.mark(account, criteria)
		if m.New != 0 || m.Read == 0 || !slices.Equal(m.Unreadable, []registry.Digest{digestOf(broken)}) {
			t.Errorf("the first search: %+v", m)
		}
		fresh := layer("etc/passwd", "root")
		k.push("web", "v1", "config", fresh)
		again := k.mark(account, criteria)
		if want := int64(len("config") + len(fresh)); again.New != 1 || again.Read > want || again.Read == 0 || len(again.Unreadable) != 1 {
			t.Errorf("the second: %+v, want at most %d bytes to be read", again, want)
		}
		k.unmark(again)
		k.wantPull("web", "v1")
		if third := k.mark(account, criteria); third.New != 1 || third.Read != 0 {
			t.Errorf("the third: %+v", third)
		}
		all := k.mark("", criteria)
		if all.New != 1 || all.Read != 0 {
			t.Errorf("for all accounts: %+v", all)
		}
	})
}

func TestCriteriaThatAreRefused(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		for name, c := range map[string]registry.Criteria{
			"nothing":              {},
			"two things":           {Digest: missing(1), Label: "a"},
			"a digest":             {Digest: "sha256:00"},
			"an image of nowhere":  {Image: "v1"},
			"a tag":                {Repository: "web", Image: "-"},
			"few bytes":            {Bytes: []byte("abc")},
			"many bytes":           {Bytes: make([]byte, 5000)},
			"a label without name": {Label: "=x"},
			"a path to the root":   {FilePath: "/.."},
			"a hash":               {FileDigest: "md5:00"},
			"another's repository": {Account: stranger, Repository: "web", Image: "v1"},
			"a long path":          {FilePath: strings.Repeat("a/", 4000)},
		} {
			if _, err := k.Mark(t.Context(), account, c, "why"); !errors.Is(err, registry.ErrCriteria) {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, reason := range []string{"", strings.Repeat("x", 2000)} {
			_, err := k.Mark(t.Context(), account, registry.Criteria{Digest: missing(1)}, reason)
			wantErr(t, err, registry.ErrCriteria)
		}
		_, err := k.Mark(t.Context(), account, registry.Criteria{Repository: "none", Image: "v1"}, "why")
		wantErr(t, err, registry.ErrNoRepository)
		_, err = k.Mark(t.Context(), account, registry.Criteria{Repository: "web", Image: "v1"}, "why")
		wantErr(t, err, registry.ErrNoImage)
		_, err = k.Unmark(t.Context(), "", "none")
		wantErr(t, err, registry.ErrNoMark)
	})
}

// The owner of each repository is told which images are out of use, and which tasks run one.
func TestMarksAreTold(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		bad := imageOf("config", "bad")
		tasks := []registry.Task{
			{ARN: "runs the image", Account: account, Digest: blob.DigestOf(bad.raw())},
			{ARN: "runs the index", Account: account, Digest: blob.DigestOf(indexOf(bad).raw())},
			{ARN: "of another account", Account: stranger, Digest: blob.DigestOf(bad.raw())},
			{ARN: "runs another image", Account: account, Digest: blob.DigestOf(imageOf("config").raw())},
		}
		k := newKit(t, db, registry.Tasks(func(context.Context) ([]registry.Task, error) { return tasks, nil }))
		k.create("web", "api", "other")
		k.push("web", "bad", "config", "bad")
		k.put("web", "index", indexOf(bad))
		k.push("api", "bad", "config", "bad")
		k.push("other", "good", "config")
		before := len(k.events())
		m := k.mark(account, registry.Criteria{Digest: digestOf("bad")})
		k.mark(account, registry.Criteria{Digest: digestOf("bad")})
		k.unmark(m)

		type told struct {
			Repository, Mark, Reason string
			Layers, Images           []registry.Digest
			Tasks                    []string
		}
		images := map[string][]registry.Digest{
			"web": {blob.DigestOf(bad.raw()), blob.DigestOf(indexOf(bad).raw())}, "api": {blob.DigestOf(bad.raw())},
		}
		slices.Sort(images["web"])
		running := map[string][]string{"web": {"runs the image", "runs the index"}, "api": {"runs the image"}}
		var kinds []string
		for _, e := range k.events()[before:] {
			kinds = append(kinds, e.Type)
			if !strings.HasPrefix(e.Type, "layer.") {
				continue
			}
			var got told
			check(t, json.Unmarshal(e.Data, &got))
			if e.Subject != k.ARN(account, got.Repository) || got.Mark != m.ID || got.Reason != "CVE-2026-1" {
				t.Errorf("%s about %s: %+v", e.Type, e.Subject, got)
			}
			wantSame(t, "layers", got.Layers, []registry.Digest{digestOf("bad")})
			wantSame(t, "images of "+got.Repository, got.Images, images[got.Repository])
			if e.Type == "layer.marked" {
				wantSame(t, "tasks with images of "+got.Repository, got.Tasks, running[got.Repository])
			}
		}
		wantSame(t, "events", kinds, []string{
			"layer.marked", "layer.marked", "mark.made", "mark.made", "layer.unmarked", "layer.unmarked", "mark.unmade",
		})
	})
}

// A mark that is made beside a push comes before it or after it, and never in between.
func TestMarkMeetsPush(t *testing.T) {
	for _, point := range []string{"arrived", "committed"} {
		t.Run(point, func(t *testing.T) {
			each(t, func(t *testing.T, k kit) {
				k.OnReach(func(at string) error {
					if at == point {
						k.mark(account, registry.Criteria{Digest: digestOf("bad")})
					}
					return nil
				})
				check(t, k.bringAnew(account, "web", "bad"))
				check(t, k.bringAnew(account, "web", "config"))
				wantErr(t, second(k.put2("web", "v1", imageOf("config", "bad"))), registry.ErrMarked)
				_, went := k.sweep(map[registry.Digest]string{digestOf("bad"): "bad"})
				wantSame(t, "goes", went, []string{"layer bad marked"})
			})
		})
	}
}
