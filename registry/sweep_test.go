package registry_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"slipway/blob"
	"slipway/events"
	"slipway/internal/ids"
	"slipway/registry"
	"slipway/store"
	"slipway/store/storetest"
)

// age makes everything that happened so far happen so much earlier.
func (k kit) age(d time.Duration) {
	k.t.Helper()
	check(k.t, k.db.Update(k.t.Context(), func(tx *store.Tx) error {
		for _, statement := range []string{
			`update registry_links set linked = linked - $1`,
			`update registry_repositories set pushed = pushed - $1 where pushed > 0`,
			`update registry_manifests set pushed = pushed - $1`,
			`update registry_manifests set untagged = untagged - $1 where untagged > 0`,
			`update registry_manifests set pulled = pulled - $1 where pulled > 0`,
			`update registry_blobs set stored = stored - $1`,
			`update registry_arrivals set begun = begun - $1`,
			`update registry_schedule set due = due - $1`,
			`update registry_walks set ended = ended - $1 where ended > 0`,
			`update registry_lifecycles set evaluated = evaluated - $1 where evaluated > 0`,
		} {
			if _, err := tx.Exec(statement, d.Microseconds()); err != nil {
				return err
			}
		}
		return nil
	}))
}

// anew is an empty registry over the same database and blob store, with the repository "web", for one of
// several stories: making a database takes longer than most of them.
func (k kit) anew(t *testing.T) kit {
	k.t = t
	k = k.server()
	for _, name := range []string{"web", "api"} {
		_, err := k.DeleteRepository(ctx, account, name, true)
		if !errors.Is(err, registry.ErrNoRepository) {
			check(t, err)
		}
	}
	marks, err := k.Marks(ctx, "")
	check(t, err)
	for _, m := range marks {
		_, err := k.Unmark(ctx, "", m.ID)
		check(t, err)
	}
	k.age(month)
	check(t, k.ForgetArrivals(ctx, time.Hour))
	k.store("an orphan is as good as none")
	_, err = k.Sweep(ctx, false, func(registry.Swept) {})
	check(t, err)
	if left := k.bytesOf(); len(left) > 0 {
		t.Fatalf("left: %v", left)
	}
	k.create("web")
	return k
}

const month = 31 * 24 * time.Hour

// sweep sweeps, after a dry run that must say the same, and returns what went: "image why" and "layer why"
// with what it was called, as names has it.
func (k kit) sweep(names map[registry.Digest]string) (report registry.SweepReport, went []string) {
	k.t.Helper()
	list := func(dryRun bool) (r registry.SweepReport, said []string) {
		r, err := k.Sweep(k.t.Context(), dryRun, func(s registry.Swept) {
			said = append(said, fmt.Sprintf("%s %s %s", s.Kind, names[s.Digest], s.Why))
		})
		check(k.t, err)
		slices.Sort(said)
		return r, said
	}
	dry, would := list(true)
	report, went = list(false)
	wantSame(k.t, "the dry run beside the sweep", would, went)
	if dry.Freed != report.Freed || dry.Images != report.Images || dry.Layers != report.Layers || !dry.DryRun || report.DryRun {
		k.t.Errorf("the dry run says %+v, the sweep %+v", dry, report)
	}
	return report, went
}

// bytesOf lists what the blob store has.
func (k kit) bytesOf() (all []registry.Digest) {
	k.t.Helper()
	check(k.t, k.blobs.Walk(context.Background(), "", func(d blob.Digest, _ int64, _ time.Time) error {
		all = append(all, d)
		return nil
	}))
	return all
}

func digestOf(s string) registry.Digest { return blob.DigestOf([]byte(s)) }

func TestSweepTakesWhatNobodyNeeds(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		names := map[registry.Digest]string{}
		name := func(d registry.Digest, s string) registry.Digest { names[d] = s; return d }
		for _, layer := range []string{"base", "only old", "only new", "config old", "config new", "loose"} {
			name(digestOf(layer), layer)
		}
		name(k.push("web", "v1", "config old", "base", "only old"), "old image")
		name(k.push("web", "v1", "config new", "base", "only new"), "new image")
		k.upload("web", []byte("loose"))

		if _, went := k.sweep(names); went != nil {
			t.Errorf("while all is young, %q goes", went)
		}
		k.age(2 * 24 * time.Hour)
		_, went := k.sweep(names)
		wantSame(t, "after a push is over", went, []string{"layer loose unneeded"})
		k.age(month)
		report, went := k.sweep(names)
		wantSame(t, "after a month", went, []string{"image old image untagged", "layer config old unneeded", "layer only old unneeded"})
		if want := int64(len("only old") + len("config old")); report.Freed != want || report.Images != 1 || report.Layers != 2 {
			t.Errorf("the report says %+v, want %d bytes", report, want)
		}
		if got := k.bytesOf(); len(got) != 3 {
			t.Errorf("the blob store has %v", got)
		}
		k.wantPull("web", "v1")
		if _, went := k.sweep(names); went != nil {
			t.Errorf("another sweep takes %q", went)
		}
		u, err := k.Usage(t.Context(), account)
		if want := (registry.Usage{Account: account, Bytes: int64(len("base") + len("only new") + len("config new")), Blobs: 3, Images: 1, Repositories: 1}); err != nil || u != want {
			t.Errorf("usage %+v, want %+v, error %v", u, want, err)
		}
	})
}

// wantPull reads an image as clients do, to the last byte.
func (k kit) wantPull(repository, reference string) {
	k.t.Helper()
	if err := k.tryPull(account, repository, reference); err != nil {
		k.t.Error(err)
	}
}

func (k kit) tryPull(account, repository, reference string) error {
	id, err := registry.ParseReference(reference)
	if err != nil {
		return err
	}
	m, err := k.Manifest(context.Background(), account, repository, id)
	if err != nil {
		return fmt.Errorf("pull of %s:%s: %w", repository, reference, err)
	}
	var parts manifest
	if err := json.Unmarshal(m.Raw, &parts); err != nil {
		return err
	}
	for _, child := range parts.Manifests {
		if err := k.tryPull(account, repository, string(child.Digest)); err != nil {
			return err
		}
	}
	for _, d := range parts.blobs() {
		if err := k.tryRead(account, repository, d); err != nil {
			return fmt.Errorf("pull of %s:%s: %w", repository, reference, err)
		}
	}
	return nil
}

func (k kit) tryRead(account, repository string, d registry.Digest) error {
	r, err := k.OpenBlob(context.Background(), account, repository, d)
	if err != nil {
		return err
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err == nil && blob.DigestOf(data) != d {
		err = fmt.Errorf("%s reads as other bytes", d)
	}
	return err
}

// What belongs together lives and goes as one.
func TestIndexesAndReferrersAreSwept(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		names := map[registry.Digest]string{}
		image := func(tag, word string) manifest {
			k.upload("web", []byte("config "+word))
			m := imageOf("config " + word)
			names[digestOf("config "+word)] = "config " + word
			names[k.put("web", tag, m)] = word
			return m
		}
		about := func(word string, subject manifest) manifest {
			m := imageOf("config " + word)
			k.upload("web", []byte("config "+word))
			m.Subject = new(describe(subject.MediaType, subject.raw()))
			names[digestOf("config "+word)] = "config " + word
			names[k.put("web", "", m)] = word
			return m
		}
		shared, amd, arm := image("", "shared"), image("", "amd"), image("", "arm")
		names[k.put("web", "old", indexOf(amd, shared))] = "old index"
		names[k.put("web", "new", indexOf(arm, shared))] = "new index"
		names[k.put("web", "", indexOf(indexOf(amd, shared)))] = "index of indexes"
		about("signature of a signature", about("signature of amd", amd))
		about("signature of arm", arm)
		about("signature of nothing", imageOf("nothing"))
		kept := image("kept", "archived")
		check(t, k.Untag(t.Context(), account, "web", "kept"))
		_, err := k.Archive(t.Context(), account, "web", registry.ImageID{Digest: blob.DigestOf(kept.raw())}, true)
		check(t, err)
		k.age(month)
		if _, went := k.sweep(names); !slices.Contains(went, "image index of indexes untagged") || slices.Contains(went, "image old index untagged") {
			t.Errorf("of an index of indexes that nobody tags goes %q", went)
		}
		check(t, k.Untag(t.Context(), account, "web", "old"))
		k.age(month)
		_, went := k.sweep(names)
		wantSame(t, "with the tag of the old index", went, []string{
			"image amd untagged", "image old index untagged", "image signature of a signature untagged", "image signature of amd untagged",
			"layer config amd unneeded", "layer config signature of a signature unneeded", "layer config signature of amd unneeded",
		})
		k.wantPull("web", "new")
	})
}

// A young signature keeps what it signs.
func TestWhatIsUsedIsKept(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		var running []registry.Task
		k := newKit(t, db, registry.Tasks(func(context.Context) ([]registry.Task, error) { return running, nil }))
		k.create("web")
		signed, pulled, run, pushed := k.push("web", "", "signed"), k.push("web", "", "pulled"), k.push("web", "", "run"), k.push("web", "", "pushed")
		k.push("web", "", "gone")
		k.age(month)
		running = []registry.Task{{ARN: "arn:aws:ecs:us-east-1:123456789012:task/web/1", Account: account, Digest: run}}
		k.wantPull("web", string(pulled))
		k.put("web", "", imageOf("pushed"))
		k.upload("web", []byte("signature"))
		signature := imageOf("signature")
		signature.Subject = new(describe(registry.MediaTypeOCIManifest, imageOf("signed").raw()))
		k.put("web", "", signature)

		report, _ := k.sweep(nil)
		if report.Images != 1 {
			t.Errorf("%d images go", report.Images)
		}
		for _, d := range []registry.Digest{signed, pulled, run, pushed} {
			k.wantPull("web", string(d))
		}
	})
}

func TestUntaggedImagesMayStay(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		forEver := registry.DefaultSweeping
		forEver.Untagged = -1
		k := newKit(t, db, registry.Sweeps(forEver))
		k.create("web")
		d := k.push("web", "", "config", "layer")
		k.age(100 * month)
		if report, went := k.sweep(nil); report.Images+report.Layers > 0 {
			t.Errorf("goes: %q", went)
		}
		k.wantPull("web", string(d))
	})
}

// What a push was told is there stays until its manifest comes.
func TestLeases(t *testing.T) {
	const long = 25 * time.Hour
	stories := map[string]func(kit){}
	for name, story := range map[string]struct {
		before func(k kit, d registry.Digest) // the push, a day after the blob was last asked for
		keeps  bool
	}{
		"nobody asks": {func(kit, registry.Digest) {}, false},
		"a push asks": {func(k kit, d registry.Digest) {
			_, err := k.BlobSize(ctx, account, "web", d)
			check(k.t, err)
		}, true},
		"a pull asks": {func(k kit, d registry.Digest) {
			check(k.t, k.tryRead(account, "web", d))
		}, false},
		"a push mounts it where it is": {func(k kit, d registry.Digest) {
			mounted, err := k.MountBlob(ctx, account, "web", "web", d)
			if check(k.t, err); !mounted {
				k.t.Error("not mounted")
			}
		}, true},
		"a push brings it again":                       {func(k kit, d registry.Digest) { k.upload("web", []byte("layer")) }, true},
		"another push is at work, for more than a day": {func(k kit, d registry.Digest) { k.start("web") }, false},
		"a push is at work": {func(k kit, d registry.Digest) {
			_, err := k.BlobSize(ctx, account, "web", d)
			check(k.t, err)
			k.start("web")
			k.age(20 * time.Hour)
		}, true},
		"a push was at work": {func(k kit, d registry.Digest) {
			_, err := k.BlobSize(ctx, account, "web", d)
			check(k.t, err)
			k.age(20 * time.Hour)
			k.upload("web", []byte("another layer"))
		}, true},
		"a push was at work in another repository": {func(k kit, d registry.Digest) {
			_, err := k.BlobSize(ctx, account, "web", d)
			check(k.t, err)
			k.age(20 * time.Hour)
			k.upload("api", []byte("another layer"))
		}, false},
	} {
		stories[name] = func(k kit) {
			k.create("api")
			d := k.upload("web", []byte("layer"))
			k.upload("web", []byte("config"))
			k.age(long)
			_, err := k.BlobSize(ctx, account, "web", digestOf("config"))
			check(k.t, err)
			story.before(k, d)
			k.sweep(nil)
			_, _, err = k.PutManifest(ctx, account, "web", registry.Push{Raw: imageOf("config", "layer").raw(), Tag: "v1"})
			if story.keeps {
				check(k.t, err)
				k.wantPull("web", "v1")
				return
			}
			wantErr(k.t, err, registry.ErrMissingBlobs)
			if _, err := k.BlobSize(ctx, account, "web", d); !errors.Is(err, registry.ErrNoBlob) {
				k.t.Errorf("a push is told: %v", err)
			}
			k.push("web", "v1", "config", "layer")
			k.wantPull("web", "v1")
		}
	}
	tell(t, stories)
}

// tell tells several stories on each database, each on an empty registry.
func tell(t *testing.T, stories map[string]func(kit)) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		k := newKit(t, db)
		for name, story := range stories {
			t.Run(name, func(t *testing.T) { story(k.anew(t)) })
		}
	})
}

// tellTwice is tell, and tells all of it once more of repositories that are sealed.
func tellTwice(t *testing.T, stories map[string]func(kit)) {
	tell(t, stories)
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		k := newKit(t, db)
		k.sealed = true
		for name, story := range stories {
			t.Run(name+", sealed", func(t *testing.T) { story(k.anew(t)) })
		}
	})
}

// One account's blob that nobody needs is another's that somebody does.
func TestSweepLeavesOtherAccountsAlone(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		const other = "999999999999"
		_, err := k.CreateRepository(t.Context(), other, "web", registry.Mutability{}, nil)
		check(t, err)
		k.push("web", "v1", "config", "layer")
		check(t, k.pushAs(other, "web", "v1", "config", "layer"))
		check(t, k.Untag(t.Context(), account, "web", "v1"))
		k.age(month)
		report, _ := k.sweep(nil)
		if report.Images != 1 || report.Layers != 0 || report.Freed != 0 {
			t.Errorf("went: %+v", report)
		}
		check(t, k.tryPull(other, "web", "v1"))
		for id, want := range map[string]int64{account: 0, other: int64(len("config") + len("layer"))} {
			if u, err := k.Usage(t.Context(), id); err != nil || u.Bytes != want {
				t.Errorf("%s uses %d bytes, want %d, error %v", id, u.Bytes, want, err)
			}
		}
	})
}

// pushAs pushes an image as a client does, for any account: it asks what is there, and brings what is not.
func (k kit) pushAs(account, repository, tag, config string, layers ...string) error {
	for _, word := range append([]string{config}, layers...) {
		if err := k.bring(account, repository, word); err != nil {
			return err
		}
	}
	_, _, err := k.PutManifest(ctx, account, repository, registry.Push{Raw: imageOf(config, layers...).raw(), Tag: tag})
	return err
}

func (k kit) bring(account, repository, word string) error {
	d := digestOf(word)
	if _, err := k.BlobSize(ctx, account, repository, d); !errors.Is(err, registry.ErrNoBlob) {
		return err
	}
	id, err := k.StartUpload(ctx, account, repository)
	if err == nil {
		_, err = k.Append(ctx, account, repository, id, 0, strings.NewReader(word))
	}
	if err == nil {
		_, err = k.FinishUpload(ctx, account, repository, id, d)
	}
	return err
}

// Bytes that no row names are found by walking through the blob store.
func TestOrphansAreSwept(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		k.push("web", "v1", "config", "layer")
		for _, word := range []string{"orphan", "another"} {
			k.store(word)
		}
		names := map[registry.Digest]string{digestOf("orphan"): "one", digestOf("another"): "two"}
		report, went := k.sweep(names)
		wantSame(t, "orphans", went, []string{"layer one orphan", "layer two orphan"})
		if report.Freed != int64(len("orphan")+len("another")) {
			t.Errorf("%d bytes are free", report.Freed)
		}
		k.wantPull("web", "v1")
		if got := k.bytesOf(); len(got) != 2 {
			t.Errorf("left: %v", got)
		}
	})
}

// store puts bytes into the blob store that no row names.
func (k kit) store(word string) registry.Digest {
	k.t.Helper()
	id, d := ids.UUID(), digestOf(word)
	check(k.t, k.blobs.Begin(ctx, id))
	_, err := k.blobs.Append(ctx, id, 0, strings.NewReader(word))
	check(k.t, err)
	_, err = k.blobs.Commit(ctx, id, d)
	check(k.t, err)
	return d
}

func TestSweepAtItsTime(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		k.upload("web", []byte("layer"))
		k.age(month)
		check(t, k.SweepWhenDue(t.Context())) // plans the first
		check(t, k.SweepWhenDue(t.Context()))
		if got := k.bytesOf(); len(got) != 1 {
			t.Fatalf("before its time a sweep takes bytes: %v are left", got)
		}
		k.age(24 * time.Hour)
		check(t, k.SweepWhenDue(t.Context()))
		if got := k.bytesOf(); len(got) != 0 {
			t.Errorf("at its time it takes nothing: %v", got)
		}
		check(t, k.SweepWhenDue(t.Context()))
		ran, err := k.Control.SweepRuns(t.Context(), 10)
		if err != nil || len(ran) != 1 || ran[0].Layers != 1 || ran[0].Ended.IsZero() {
			t.Errorf("ran: %+v, %v", ran, err)
		}
		if said := k.kinds(); !slices.Contains(said, "registry.swept") {
			t.Errorf("said: %v", said)
		}
	})
}

// kinds lists the types of the events so far.
func (k kit) kinds() (kinds []string) {
	for _, e := range k.events() {
		kinds = append(kinds, e.Type)
	}
	return kinds
}

func (k kit) events() (all []events.Event) {
	k.t.Helper()
	check(k.t, k.db.View(k.t.Context(), func(tx *store.Tx) (err error) {
		all, err = events.Read(tx, 0, 100_000)
		return err
	}))
	return all
}

func TestOneSweepAtATime(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		k.upload("web", []byte("layer"))
		k.age(month)
		other := k.server()
		k.OnReach(func(point string) error {
			if point == "found" {
				_, err := other.Sweep(t.Context(), false, func(registry.Swept) { t.Error("another sweep took something") })
				wantErr(t, err, registry.ErrSweeping)
			}
			return nil
		})
		report, err := k.Sweep(t.Context(), false, func(registry.Swept) {})
		if err != nil || report.Layers != 1 {
			t.Errorf("%+v, %v", report, err)
		}
	})
}

// Of several servers one sweeps. When it dies, another does after a while; where there is only one, it
// does as soon as it is started again.
func TestTurnOfAServerThatDied(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		k.upload("web", []byte("layer"))
		k.age(month)
		check(t, k.db.Update(ctx, func(tx *store.Tx) error {
			_, err := tx.Exec(`insert into registry_leases (name, owner, until) values ('sweep', 'a server that died', $1)`, store.Micros(tx.Now.Add(time.Minute)))
			return err
		}))
		_, err := k.Sweep(t.Context(), false, func(registry.Swept) {})
		wantErr(t, err, registry.ErrSweeping)
		if k.db.Dialect() == "postgres" {
			_, err := k.server().Sweep(t.Context(), false, func(registry.Swept) {})
			wantErr(t, err, registry.ErrSweeping)
			check(t, k.db.Update(ctx, func(tx *store.Tx) error {
				_, err := tx.Exec(`update registry_leases set until = $1`, store.Micros(tx.Now)-1)
				return err
			}))
		}
		report, err := k.server().Sweep(t.Context(), false, func(registry.Swept) {})
		if err != nil || report.Layers != 1 {
			t.Errorf("%+v, %v", report, err)
		}
	})
}

func TestSweepingIsChecked(t *testing.T) {
	for _, bad := range []registry.Sweeping{{At: ""}, {At: "25:00"}, {At: "03:00", Lease: -1}, {At: "off", Rate: -1}, {At: "off", Walk: -1}} {
		if bad.Check() == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
	check(t, registry.DefaultSweeping.Check())
	check(t, registry.Sweeping{At: "off"}.Check())
}
