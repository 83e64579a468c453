package registry_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"slipway/blob"
	"slipway/internal/ids"
	"slipway/registry"
	"slipway/store"
	"slipway/store/storetest"
)

// TestModel does random things to four repositories, of which two are sealed with a key, and compares the
// registry, after each, with a few maps that say what should be there. Nothing is young there: a sweep takes
// whatever nobody needs.
func TestModel(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		k := newKit(t, db, registry.Sweeps(registry.Sweeping{At: "off"}))
		rapid.Check(t, func(rt *rapid.T) {
			m := newModel(rt, k)
			defer m.end(rt)
			rt.Repeat(map[string]func(*rapid.T){
				"upload":           m.upload,
				"mount":            m.mount,
				"delete blob":      m.deleteBlob,
				"push image":       m.pushImage,
				"push index":       m.pushIndex,
				"push referrer":    m.pushReferrer,
				"mark":             m.mark,
				"unmark":           m.unmark,
				"sweep":            m.sweep,
				"untag":            m.untag,
				"delete by tag":    m.deleteByTag,
				"delete by digest": m.deleteByDigest,
				"delete all":       m.deleteRepository,
				"revoke the key":   m.revoke,
				"":                 m.compare,
			})
		})
	})
}

type model struct {
	kit
	account string // one of its own for each run
	repos   map[string]*modelRepo
	stored  map[modelBlob]bool
	marks   map[registry.Digest]string // of blobs: the id of the mark
	key     string
	revoked bool
	names   map[registry.Digest]modelBlob // of sealed blobs, there or not
}

// modelBlob is a blob that is shared by the repositories with a key, or by those without.
type modelBlob struct {
	sealed bool
	digest registry.Digest
}

func (b modelBlob) String() string { return fmt.Sprint(b.digest, " sealed ", b.sealed) }

type modelRepo struct {
	sealed    bool
	links     map[registry.Digest]bool
	manifests map[registry.Digest]manifest
	tags      map[string]registry.Digest
}

func newModelRepo(sealed bool) *modelRepo {
	return &modelRepo{sealed, map[registry.Digest]bool{}, map[registry.Digest]manifest{}, map[string]registry.Digest{}}
}

func newModel(t *rapid.T, k kit) *model {
	m := &model{
		kit: k, account: ids.Digits(12), repos: map[string]*modelRepo{}, stored: map[modelBlob]bool{},
		marks: map[registry.Digest]string{}, names: map[registry.Digest]modelBlob{},
	}
	key, err := m.CreateCustomerKey(ctx, m.account, "")
	m.want(t, err, nil)
	m.key = key.ID
	for _, name := range modelNames {
		m.make(t, name)
	}
	return m
}

var modelNames = []string{"web", "api", "vault", "safe"}

// make makes an empty repository: the last two are sealed.
func (m *model) make(t *rapid.T, name string) {
	sealed := name == "vault" || name == "safe"
	m.repos[name] = newModelRepo(sealed)
	if !sealed {
		_, err := m.CreateRepository(ctx, m.account, name, registry.Mutability{}, nil)
		m.want(t, err, nil)
		return
	}
	_, err := m.CreateSealed(ctx, m.account, name, registry.Mutability{}, nil, m.key)
	if m.revoked {
		m.want(t, err, registry.ErrKeyDisabled)
		m.revoke(t)
		_, err = m.CreateSealed(ctx, m.account, name, registry.Mutability{}, nil, m.key)
	}
	m.want(t, err, nil)
}

// revoke disables the key, or enables it again.
func (m *model) revoke(t *rapid.T) {
	change := m.DisableCustomerKey
	if m.revoked {
		change = m.EnableCustomerKey
	}
	_, err := change(ctx, m.account, m.key)
	m.want(t, err, nil)
	m.revoked = !m.revoked
}

// isRevoked reports whether nothing can be done in a repository that has to do with bytes.
func (m *model) isRevoked(repo *modelRepo) bool { return m.revoked && repo.sealed }

// known says which blobs names are of: their own, but for what is sealed.
func (m *model) known(names []registry.Digest) (all []string) {
	m.t.Helper()
	check(m.t, m.db.View(ctx, func(tx *store.Tx) error {
		return tx.Each(`select digest, content from registry_blobs where content is not null`, nil, func(rows *sql.Rows) error {
			var name, content registry.Digest
			err := rows.Scan(&name, &content)
			m.names[name] = modelBlob{true, content}
			return err
		})
	}))
	for _, name := range names {
		all = append(all, m.label(name))
	}
	slices.Sort(all)
	return all
}

func (m *model) label(name registry.Digest) string {
	if b, sealed := m.names[name]; sealed {
		return b.String()
	}
	return modelBlob{false, name}.String()
}

var ctx = context.Background()

func (m *model) want(t *rapid.T, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Fatalf("error %v, want %v", got, want)
	}
}

func (m *model) repo(t *rapid.T) (string, *modelRepo) {
	name := rapid.SampledFrom(modelNames).Draw(t, "repository")
	return name, m.repos[name]
}

// word is the content of a blob: one of a few, so that things meet, but never one of another run.
func (m *model) word(t *rapid.T) string {
	return fmt.Sprint(m.account, rapid.IntRange(0, 3).Draw(t, "word"))
}

func (m *model) tag(t *rapid.T) string {
	return rapid.SampledFrom([]string{"v1", "v2", "latest"}).Draw(t, "tag")
}

func (m *model) upload(t *rapid.T) {
	name, repo := m.repo(t)
	data := []byte(m.word(t))
	d := blob.DigestOf(data)
	id, err := m.StartUpload(ctx, m.account, name)
	if m.isRevoked(repo) {
		m.want(t, err, registry.ErrKeyDisabled)
		return
	}
	m.want(t, err, nil)
	_, err = m.Append(ctx, m.account, name, id, 0, bytes.NewReader(data))
	m.want(t, err, nil)
	_, err = m.FinishUpload(ctx, m.account, name, id, d)
	if m.marks[d] != "" {
		m.want(t, err, registry.ErrMarked)
		return
	}
	m.want(t, err, nil)
	repo.links[d], m.stored[modelBlob{repo.sealed, d}] = true, true
}

func (m *model) mount(t *rapid.T) {
	to, repo := m.repo(t)
	from, source := m.repo(t)
	d := blob.DigestOf([]byte(m.word(t)))
	mounted, err := m.MountBlob(ctx, m.account, to, from, d)
	if m.isRevoked(repo) {
		m.want(t, err, registry.ErrKeyDisabled)
		return
	}
	m.want(t, err, nil)
	if mounted != (source.links[d] && m.marks[d] == "" && repo.sealed == source.sealed) {
		t.Fatalf("mounted %v, the source has it: %v, marked: %q", mounted, source.links[d], m.marks[d])
	}
	if mounted {
		repo.links[d] = true
	}
}

func (m *model) deleteBlob(t *rapid.T) {
	name, repo := m.repo(t)
	d := blob.DigestOf([]byte(m.word(t)))
	err := m.DeleteBlob(ctx, m.account, name, d)
	switch {
	case repo.needs(d):
		m.want(t, err, registry.ErrBlobInUse)
	case !repo.links[d]:
		m.want(t, err, registry.ErrNoBlob)
	default:
		m.want(t, err, nil)
		delete(repo.links, d)
	}
}

// needs reports whether a manifest of the repository needs the blob.
func (r *modelRepo) needs(d registry.Digest) bool {
	for _, m := range r.manifests {
		for _, b := range m.blobs() {
			if b == d {
				return true
			}
		}
	}
	return false
}

func (m manifest) blobs() []registry.Digest {
	var found []registry.Digest
	if m.Config != nil {
		found = append(found, m.Config.Digest)
	}
	for _, layer := range m.Layers {
		found = append(found, layer.Digest)
	}
	return found
}

func (m *model) pushImage(t *rapid.T) {
	name, repo := m.repo(t)
	image := imageOf(m.word(t), m.word(t), m.word(t))
	var want error
	for _, d := range image.blobs() {
		if !repo.links[d] {
			want = registry.ErrMissingBlobs
		}
	}
	m.push(t, name, image, want)
}

// pushReferrer pushes an image about another, which need not be there.
func (m *model) pushReferrer(t *rapid.T) {
	name, repo := m.repo(t)
	image, subject := imageOf(m.word(t)), imageOf(m.word(t), m.word(t), m.word(t))
	if known := slices.Sorted(maps.Keys(repo.manifests)); len(known) > 0 && rapid.Bool().Draw(t, "subject is there") {
		subject = repo.manifests[rapid.SampledFrom(known).Draw(t, "subject")]
	}
	image.Subject = new(describe(subject.MediaType, subject.raw()))
	var want error
	if !repo.links[image.Config.Digest] {
		want = registry.ErrMissingBlobs
	}
	m.push(t, name, image, want)
}

func (m *model) pushIndex(t *rapid.T) {
	name, repo := m.repo(t)
	if len(repo.manifests) == 0 {
		t.Skip("no children")
	}
	known := slices.Sorted(maps.Keys(repo.manifests))
	a, b := rapid.SampledFrom(known).Draw(t, "child"), rapid.SampledFrom(known).Draw(t, "child")
	m.push(t, name, indexOf(repo.manifests[a], repo.manifests[b]), nil)
}

func (m *model) push(t *rapid.T, name string, what manifest, want error) {
	repo := m.repos[name]
	tag := rapid.SampledFrom([]string{"", "v1", "v2", "latest"}).Draw(t, "tag")
	if m.isMarked(repo, what) {
		want = registry.ErrMarked
	}
	if m.isRevoked(repo) {
		want = registry.ErrKeyDisabled
	}
	made, _, err := m.PutManifest(ctx, m.account, name, registry.Push{Raw: what.raw(), Tag: tag})
	m.want(t, err, want)
	if err != nil {
		return
	}
	repo.manifests[made.Digest] = what
	if tag != "" {
		repo.tags[tag] = made.Digest
	}
}

func (m *model) untag(t *rapid.T) {
	name, repo := m.repo(t)
	tag := m.tag(t)
	err := m.Untag(ctx, m.account, name, tag)
	if repo.tags[tag] == "" {
		m.want(t, err, registry.ErrNoImage)
		return
	}
	m.want(t, err, nil)
	delete(repo.tags, tag)
}

func (m *model) deleteByTag(t *rapid.T) {
	name, repo := m.repo(t)
	tag := m.tag(t)
	d := repo.tags[tag]
	_, failed, err := m.DeleteImages(ctx, m.account, name, []registry.ImageID{{Tag: tag}})
	m.want(t, err, nil)
	switch {
	case d == "":
		m.wantFailed(t, failed, registry.ErrNoImage)
	case repo.tagsOf(d) > 1:
		delete(repo.tags, tag)
	case repo.isChild(d):
		m.wantFailed(t, failed, registry.ErrImageInUse)
	default:
		repo.drop(d)
	}
}

func (m *model) deleteByDigest(t *rapid.T) {
	name, repo := m.repo(t)
	if len(repo.manifests) == 0 {
		t.Skip("nothing to delete")
	}
	d := rapid.SampledFrom(slices.Sorted(maps.Keys(repo.manifests))).Draw(t, "image")
	_, failed, err := m.DeleteImages(ctx, m.account, name, []registry.ImageID{{Digest: d}})
	m.want(t, err, nil)
	if repo.isChild(d) {
		m.wantFailed(t, failed, registry.ErrImageInUse)
		return
	}
	m.wantFailed(t, failed)
	repo.drop(d)
}

func (m *model) wantFailed(t *rapid.T, failed []registry.Failure, want ...error) {
	t.Helper()
	if len(failed) != len(want) {
		t.Fatalf("failed %v, want %v", failed, want)
	}
	for i := range want {
		m.want(t, failed[i].Err, want[i])
	}
}

func (r *modelRepo) tagsOf(d registry.Digest) (n int) {
	for _, of := range r.tags {
		if of == d {
			n++
		}
	}
	return n
}

func (r *modelRepo) isChild(d registry.Digest) bool {
	for _, m := range r.manifests {
		for _, child := range m.Manifests {
			if child.Digest == d {
				return true
			}
		}
	}
	return false
}

func (r *modelRepo) drop(d registry.Digest) {
	delete(r.manifests, d)
	maps.DeleteFunc(r.tags, func(_ string, of registry.Digest) bool { return of == d })
}

func (m *model) deleteRepository(t *rapid.T) {
	name, _ := m.repo(t)
	_, err := m.DeleteRepository(ctx, m.account, name, true)
	m.want(t, err, nil)
	m.make(t, name)
}

func (m *model) mark(t *rapid.T) {
	d := blob.DigestOf([]byte(m.word(t)))
	made, err := m.Mark(ctx, m.account, registry.Criteria{Digest: d}, "why not")
	m.want(t, err, nil)
	m.marks[d] = made.ID
}

func (m *model) unmark(t *rapid.T) {
	d := blob.DigestOf([]byte(m.word(t)))
	_, err := m.Unmark(ctx, m.account, m.marks[d])
	switch {
	case m.marks[d] == "" && err == nil:
		t.Fatal("a mark that was never made is taken away")
	case m.marks[d] != "":
		m.want(t, err, nil)
	}
	delete(m.marks, d)
}

// isMarked reports whether a manifest needs a blob that is marked, itself or through an index.
func (m *model) isMarked(repo *modelRepo, what manifest) bool {
	for _, d := range what.blobs() {
		if m.marks[d] != "" {
			return true
		}
	}
	for _, child := range what.Manifests {
		if m.isMarked(repo, repo.manifests[child.Digest]) {
			return true
		}
	}
	return false
}

// sweep takes the images that are marked or that no tag keeps, and then the blobs that none needs.
func (m *model) sweep(t *rapid.T) {
	want := map[string]bool{}
	for _, repo := range m.repos {
		stays := map[registry.Digest]bool{}
		for again := true; again; {
			again = false
			for d, what := range repo.manifests {
				if !stays[d] && !m.isMarked(repo, what) && repo.keeps(d, what, stays) {
					stays[d], again = true, true
				}
			}
		}
		for d := range repo.manifests {
			if !stays[d] {
				want[modelBlob{false, d}.String()] = true
				repo.drop(d)
			}
		}
		for d := range repo.links {
			if !repo.needs(d) {
				delete(repo.links, d)
			}
		}
	}
	for b := range m.stored {
		if !m.isSomewhere(b, func(repo *modelRepo) bool { return repo.links[b.digest] }) {
			want[b.String()] = true
			delete(m.stored, b)
		}
	}
	for _, dryRun := range []bool{true, false} {
		got := map[string]bool{}
		_, err := m.Sweep(ctx, dryRun, func(s registry.Swept) { got[m.label(s.Digest)] = true })
		m.want(t, err, nil)
		if !maps.Equal(got, want) {
			t.Fatalf("a sweep (dry: %v) takes %v, want %v", dryRun, got, want)
		}
	}
}

// isSomewhere reports whether something is true in one of the repositories that share a blob.
func (m *model) isSomewhere(b modelBlob, is func(*modelRepo) bool) bool {
	for _, repo := range m.repos {
		if repo.sealed == b.sealed && is(repo) {
			return true
		}
	}
	return false
}

// keeps reports whether an image stays when those stay that are known to.
func (r *modelRepo) keeps(d registry.Digest, what manifest, stays map[registry.Digest]bool) bool {
	if r.tagsOf(d) > 0 || what.Subject != nil && stays[what.Subject.Digest] {
		return true
	}
	for parent, other := range r.manifests {
		if stays[parent] && slices.ContainsFunc(other.Manifests, func(c descriptor) bool { return c.Digest == d }) {
			return true
		}
	}
	return false
}

// end leaves nothing to the next run.
func (m *model) end(t *rapid.T) {
	for name := range m.repos {
		_, err := m.DeleteRepository(ctx, m.account, name, true)
		m.want(t, err, nil)
	}
	for _, id := range m.marks {
		_, err := m.Unmark(ctx, m.account, id)
		m.want(t, err, nil)
	}
	_, err := m.Sweep(ctx, false, func(registry.Swept) {})
	m.want(t, err, nil)
	if left := m.bytesOf(); len(left) > 0 {
		t.Fatalf("left: %v", left)
	}
}

func (m *model) compare(t *rapid.T) {
	for name, repo := range m.repos {
		m.compareRepository(t, name, repo)
	}
	var all, want []string
	for b := range m.stored {
		all = append(all, b.String())
		if !m.isSomewhere(b, func(repo *modelRepo) bool { return repo.needs(b.digest) }) {
			want = append(want, b.String())
		}
	}
	slices.Sort(all)
	slices.Sort(want)
	if got := m.known(m.unreferenced()); !slices.Equal(got, want) {
		t.Fatalf("unreferenced blobs %v, want %v", got, want)
	}
	if got := m.known(m.bytesOf()); !slices.Equal(got, all) {
		t.Fatalf("the blob store has %v, want %v", got, all)
	}
	if got, err := m.Usages(ctx); err != nil || !slices.Equal(got, m.counted()) {
		t.Fatalf("usage %+v, error %v, counted %+v", got, err, m.counted())
	}
}

func (m *model) compareRepository(t *rapid.T, name string, repo *modelRepo) {
	var want []registry.ImageID
	for d := range repo.manifests {
		if repo.tagsOf(d) == 0 {
			want = append(want, registry.ImageID{Digest: d})
		}
	}
	for tag, d := range repo.tags {
		want = append(want, registry.ImageID{Digest: d, Tag: tag})
	}
	sortIDs(want)
	got, err := m.ImageIDs(ctx, m.account, name, registry.AnyImage, registry.ImageID{}, 1000)
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("%s has %v, error %v, want %v", name, got, err, want)
	}
	for b := range m.stored {
		_, err := m.BlobSize(ctx, m.account, name, b.digest)
		if (err == nil) != (repo.links[b.digest] && m.marks[b.digest] == "" && !m.isRevoked(repo)) {
			t.Fatalf("%s answers for blob %s with %v, want it there: %v", name, b, err, repo.links[b.digest])
		}
	}
	for d, what := range repo.manifests {
		if m.isRevoked(repo) {
			m.want(t, m.tryPull(m.account, name, string(d)), registry.ErrKeyDisabled)
			continue
		}
		if err := m.tryPull(m.account, name, string(d)); m.isMarked(repo, what) != errors.Is(err, registry.ErrMarked) || err != nil && !errors.Is(err, registry.ErrMarked) {
			t.Fatalf("%s: a pull of %s: %v, want it to be marked: %v", name, d, err, m.isMarked(repo, what))
		}
		for _, b := range what.blobs() {
			if !repo.links[b] {
				t.Fatalf("manifest %s needs %s, which is not linked", d, b)
			}
		}
	}
}
