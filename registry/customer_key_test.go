package registry_test

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"slipway/blob"
	"slipway/blob/disk"
	"slipway/blob/s3"
	"slipway/blob/s3/s3test"
	"slipway/blob/sealed"
	"slipway/events"
	"slipway/internal/errs"
	"slipway/registry"
	"slipway/store"
	"slipway/store/storetest"
)

// safe is a kit that knows where the bytes lie.
type safe struct {
	kit
	dir string
}

// eachSafe runs a test on SQLite over a folder and on PostgreSQL over a bucket, on a registry with the
// repository "web" and a key of the account, with which "vault" is sealed.
func eachSafe(t *testing.T, test func(*testing.T, safe, registry.CustomerKey)) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		check(t, events.Migrate(t.Context(), db))
		s := safe{kit{t: t, db: db}, t.TempDir()}
		if db.Dialect() == "postgres" {
			server := s3test.Start(t)
			s.dir, s.blobs = server.Dir, openBucket(t, server)
		} else {
			folder, err := disk.Open(s.dir)
			check(t, err)
			s.blobs = folder
		}
		s.kit = s.server()
		s.create("web")
		key := s.newKey(account, "")
		s.createSealed(account, "vault", key.ARN)
		test(t, s, key)
	})
}

func openBucket(t *testing.T, server s3test.Server) sealed.Inner {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", s3test.AccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", s3test.Secret)
	bucket, err := s3.Open(t.Context(), server.Location(""))
	check(t, err)
	return bucket
}

func (k kit) newKey(account, alias string) registry.CustomerKey {
	k.t.Helper()
	made, err := k.CreateCustomerKey(ctx, account, alias)
	check(k.t, err)
	return made
}

func (k kit) createSealed(account, name, key string) registry.Repository {
	k.t.Helper()
	made, err := k.CreateSealed(ctx, account, name, registry.Mutability{}, nil, key)
	check(k.t, err)
	return made
}

// wantNowhere expects that no file of the store, whatever it is, shows any of the words.
func (s safe) wantNowhere(words ...string) {
	s.t.Helper()
	seen := 0
	check(s.t, filepath.WalkDir(s.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		kept, err := os.ReadFile(path)
		seen += len(kept)
		for _, word := range words {
			if bytes.Contains(kept, []byte(word)) || strings.Contains(path, digestOf(word).Hex()) {
				s.t.Errorf("%s shows %.20q", path, word)
			}
		}
		return err
	}))
	if seen == 0 {
		s.t.Error("nothing lies anywhere")
	}
}

func (k kit) reads(account, repository, word string) error {
	r, err := k.OpenBlob(ctx, account, repository, digestOf(word))
	if err != nil {
		return err
	}
	defer r.Close()
	got, err := io.ReadAll(r)
	if err == nil && string(got) != word {
		err = fmt.Errorf("read %q, want %q", got, word)
	}
	return err
}

// What is pushed is pulled again, and lies nowhere in plain: neither what is kept nor what is on its way.
func TestSealedBlobsLieNowhereInPlain(t *testing.T) {
	eachSafe(t, func(t *testing.T, s safe, _ registry.CustomerKey) {
		secret, long := "the recipe of the sauce", strings.Repeat("the recipe of the sauce, in full. ", 300_000)
		image := s.push("vault", "v1", `{"the config": "is a secret, too"}`, secret, long)
		half := s.start("vault")
		_, err := s.Append(ctx, account, "vault", half, 0, strings.NewReader(long))
		check(t, err)
		s.wantNowhere(secret, long[:len(secret)], "is a secret", "in full")
		for _, word := range []string{secret, long} {
			check(t, s.reads(account, "vault", word))
		}
		content, err := s.BlobContent(ctx, account, "vault", digestOf(long), func(string) bool { return true })
		check(t, err)
		if content.Link != "" || content.Size() != int64(len(long)) {
			t.Errorf("a client is sent to %q for %d bytes", content.Link, content.Size())
		}
		check(t, content.Close())
		if m, err := s.Manifest(ctx, account, "vault", registry.ImageID{Tag: "v1"}); err != nil || m.Digest != image {
			t.Errorf("pulled %s, %v", m.Digest, err)
		}

		s.kit = s.server() // after a restart the upload goes on
		n, err := s.Append(ctx, account, "vault", half, int64(len(long)), strings.NewReader(secret))
		if err != nil || n != int64(len(long)+len(secret)) {
			t.Fatalf("%d bytes, %v", n, err)
		}
		_, err = s.FinishUpload(ctx, account, "vault", half, digestOf(long+secret))
		check(t, err)
		check(t, s.reads(account, "vault", long+secret))
		cancelled := s.start("vault")
		_, err = s.Append(ctx, account, "vault", cancelled, registry.End, strings.NewReader(secret))
		check(t, err)
		check(t, s.CancelUpload(ctx, account, "vault", cancelled))
		_, err = s.UploadSize(ctx, account, "vault", cancelled)
		wantErr(t, err, registry.ErrNoUpload)
		s.wantNowhere(secret, "in full")
		s.wantUsage()
	})
}

// Behind a balancer an upload goes on at another server with every part.
func TestSealedUploadsMoveBetweenServers(t *testing.T) {
	eachSafe(t, func(t *testing.T, s safe, _ registry.CustomerKey) {
		servers, text := []kit{s.kit, s.server(), s.server()}, strings.Repeat("some of the text. ", 200_000)
		id := s.start("vault")
		for i, at := 0, 0; at < len(text); i++ {
			end := min(len(text), at+900_001)
			n, err := servers[i%3].Append(ctx, account, "vault", id, int64(at), strings.NewReader(text[at:end]))
			if at = end; err != nil || n != int64(at) {
				t.Fatalf("%d bytes of %d, %v", n, at, err)
			}
		}
		n, err := servers[1].FinishUpload(ctx, account, "vault", id, digestOf(text))
		if err != nil || n != int64(len(text)) {
			t.Fatalf("%d bytes, %v", n, err)
		}
		for _, k := range servers {
			check(t, k.reads(account, "vault", text))
		}
	})
}

// A repository that goes while a layer arrives, and comes again without a key or with another, does not have it.
func TestSealedUploadIntoARepositoryThatIsMadeAnew(t *testing.T) {
	eachSafe(t, func(t *testing.T, s safe, _ registry.CustomerKey) {
		for _, point := range []string{"arrived", "committed"} {
			for what, makeAnew := range map[string]func(){
				"without a key":    func() { s.create("vault") },
				"with another key": func() { s.createSealed(account, "vault", s.newKey(account, "").ID) },
			} {
				key := s.newKey(account, "")
				_, err := s.DeleteRepository(ctx, account, "vault", true)
				check(t, err)
				s.createSealed(account, "vault", key.ID)
				s.OnReach(func(at string) error {
					if at == point {
						_, err := s.DeleteRepository(ctx, account, "vault", true)
						makeAnew()
						return err
					}
					return nil
				})
				if err := s.bringAnew(account, "vault", "the recipe"); !errors.Is(err, registry.ErrNoBlob) {
					t.Errorf("%s, %s: %v, want that it is not there", point, what, err)
				}
				s.OnReach(nil)
				wantErr(t, s.reads(account, "vault", "the recipe"), registry.ErrNoBlob)
				s.wantNowhere("the recipe")
			}
		}
		s.age(month)
		_, err := s.Sweep(ctx, false, func(registry.Swept) {})
		check(t, err)
		if left := s.bytesOf(); len(left) > 0 || s.count("registry_arrivals") > 0 {
			t.Errorf("left: %v", left)
		}
	})
}

// Bytes are shared by repositories of one key, and by nobody else.
func TestKeysShareNoBytes(t *testing.T) {
	eachSafe(t, func(t *testing.T, s safe, key registry.CustomerKey) {
		_, err := s.CreateRepository(ctx, stranger, "web", registry.Mutability{}, nil)
		check(t, err)
		s.createSealed(account, "same", key.ID)
		s.createSealed(account, "other", s.newKey(account, "").ID)
		s.createSealed(stranger, "vault", s.newKey(stranger, "").ID)
		for i, push := range []struct {
			account, repository string
			kept                int // blobs after it
		}{
			{account, "vault", 1}, {account, "same", 1}, {account, "vault", 1},
			{account, "other", 2}, {account, "web", 3}, {stranger, "web", 3}, {stranger, "vault", 4},
		} {
			if _, err := s.BlobSize(ctx, push.account, push.repository, digestOf("layer")); i != 2 && !errors.Is(err, registry.ErrNoBlob) {
				t.Errorf("before it was pushed to %s of %s it is there: %v", push.repository, push.account, err)
			}
			check(t, s.bringAnew(push.account, push.repository, "layer"))
			check(t, s.reads(push.account, push.repository, "layer"))
			if kept := s.bytesOf(); len(kept) != push.kept {
				t.Errorf("after a push to %s of %s there are %d blobs, want %d", push.repository, push.account, len(kept), push.kept)
			}
		}
		check(t, s.bringAnew(account, "vault", "another"))
		check(t, s.bringAnew(account, "web", "plain"))
		for _, mount := range []struct {
			from, to, word string
			mounted        bool
		}{
			{"vault", "same", "another", true}, {"vault", "other", "another", false}, {"vault", "web", "another", false},
			{"web", "vault", "plain", false}, {"other", "vault", "layer", false},
		} {
			mounted, err := s.MountBlob(ctx, account, mount.to, mount.from, digestOf(mount.word))
			if err != nil || mounted != mount.mounted {
				t.Errorf("%q of %s is mounted in %s: %v, %v", mount.word, mount.from, mount.to, mounted, err)
			}
		}
		u, err := s.Usage(ctx, account)
		if want := int64(3*len("layer") + len("another") + len("plain")); err != nil || u.Bytes != want || u.Blobs != 5 {
			t.Errorf("the account uses %+v, want %d bytes of 5 blobs, %v", u, want, err)
		}
		s.wantUsage()

		check(t, s.DeleteBlob(ctx, account, "vault", digestOf("layer")))
		wantErr(t, s.DeleteBlob(ctx, account, "vault", digestOf("layer")), registry.ErrNoBlob)
		wantErr(t, s.reads(account, "vault", "layer"), registry.ErrNoBlob)
		for _, repository := range []string{"same", "other", "web"} {
			check(t, s.reads(account, repository, "layer"))
		}
		s.age(month)
		_, err = s.Sweep(ctx, false, func(registry.Swept) {})
		check(t, err)
		if left := s.bytesOf(); len(left) > 0 || s.blobsStored() > 0 {
			t.Errorf("a sweep leaves %v", left)
		}
	})
}

// The same image under two keys needs, in each repository, the blobs of that one's key.
func TestImagesUnderTwoKeys(t *testing.T) {
	eachSafe(t, func(t *testing.T, s safe, _ registry.CustomerKey) {
		s.createSealed(account, "other", s.newKey(account, "").ID)
		for _, repository := range []string{"vault", "other"} {
			s.push(repository, "v1", "config", "layer")
		}
		for _, repository := range []string{"vault", "other"} {
			s.put(repository, "v2", imageOf("layer", "config"))
			s.wantPull(repository, "v2")
			wantErr(t, s.DeleteBlob(ctx, account, repository, digestOf("layer")), registry.ErrBlobInUse)
		}
		_, err := s.DeleteRepository(ctx, account, "other", true)
		check(t, err)
		s.age(month)
		_, err = s.Sweep(ctx, false, func(registry.Swept) {})
		check(t, err)
		s.wantPull("vault", "v1")
		if kept := s.bytesOf(); len(kept) != 2 {
			t.Errorf("the blob store has %v", kept)
		}
		s.wantUsage()
	})
}

// wantNoUse expects that nothing that has to do with bytes is done in a repository, and that all says why.
func (k kit) wantNoUse(account, repository, upload string, image registry.Digest, cause error, arn string) {
	k.t.Helper()
	pull := func() error { return second(k.Manifest(ctx, account, repository, registry.ImageID{Digest: image})) }
	push := func() error {
		return third(k.PutManifest(ctx, account, repository, registry.Push{Raw: imageOf("config", "layer").raw(), Tag: "again"}))
	}
	may := func(bool) error { return nil }
	several := func() error {
		_, failed, err := k.Manifests(ctx, account, repository, []registry.ImageID{{Digest: image}})
		for _, f := range failed {
			err = errors.Join(err, f.Err)
		}
		return err
	}
	if _, err := k.BlobSize(ctx, account, repository, digestOf("layer")); !errors.Is(err, registry.ErrNoBlob) {
		k.t.Errorf("a push that asks is told: %v, want that it must bring it", err)
	}
	for what, err := range map[string]error{
		"a pull":                    pull(),
		"a pull of several":         several(),
		"a pull, or from elsewhere": second(k.Pull(ctx, account, repository, registry.ImageID{Tag: "nowhere"}, may)),
		"a pull of a layer":         k.reads(account, repository, "layer"),
		"a question after a layer":  second(k.PulledSize(ctx, account, repository, digestOf("layer"))),
		"a push of a layer":         second(k.StartUpload(ctx, account, repository)),
		"more of a layer":           second(k.Append(ctx, account, repository, upload, registry.End, strings.NewReader("more"))),
		"how much there is of it":   second(k.UploadSize(ctx, account, repository, upload)),
		"the end of a layer":        second(k.FinishUpload(ctx, account, repository, upload, digestOf("half"))),
		"a mount":                   second(k.MountBlob(ctx, account, repository, repository, digestOf("layer"))),
		"a push of the manifest":    push(),
	} {
		about, _ := errors.AsType[*registry.Error](err)
		if !errors.Is(err, cause) || about == nil || about.Name != arn || about.Repository != repository {
			k.t.Errorf("%s: %v, want %v that names %s and %s", what, err, cause, arn, repository)
		}
	}
}

func third[A, B any](_ A, _ B, err error) error { return err }

// While a key is disabled or waits for its end nothing is pulled or pushed, on any server and at once; when it
// is enabled again all is as it was; and when it is gone for good, only taking away is left to do.
func TestKeysAreRevoked(t *testing.T) {
	eachSafe(t, func(t *testing.T, s safe, key registry.CustomerKey) {
		image := s.push("vault", "v1", "config", "layer")
		s.push("web", "v1", "config", "layer")
		id := s.start("vault")
		_, err := s.Append(ctx, account, "vault", id, 0, strings.NewReader("half"))
		check(t, err)
		elsewhere := s.server()
		check(t, elsewhere.reads(account, "vault", "layer"))
		open, err := s.OpenBlob(ctx, account, "vault", digestOf("layer"))
		check(t, err)
		defer open.Close()

		was, err := s.DisableCustomerKey(ctx, account, key.ARN)
		if err != nil || was.State != registry.KeyDisabled {
			t.Fatalf("%+v, %v", was, err)
		}
		if n := s.OpenVaults(); n != 0 {
			t.Errorf("%d keys are in memory when none can be used", n)
		}
		if got, err := io.ReadAll(open); err != nil || string(got) != "layer" {
			t.Errorf("what was being read: %q, %v", got, err)
		}
		for _, k := range []kit{s.kit, elsewhere} {
			k.wantNoUse(account, "vault", id, image, registry.ErrKeyDisabled, key.ARN)
			check(t, k.DeleteKeys(ctx))
			if n := k.OpenVaults(); n != 0 {
				t.Errorf("%d keys are in memory that cannot be used", n)
			}
		}
		_, err = s.CreateSealed(ctx, account, "new", registry.Mutability{}, nil, key.ID)
		wantErr(t, err, registry.ErrKeyDisabled)
		s.wantPull("web", "v1")
		if found, err := s.ImagesByID(ctx, account, "vault", []registry.ImageID{{Tag: "v1"}}); err != nil || found[0].Digest != image {
			t.Errorf("it is listed as %v, %v", found, err)
		}

		_, err = s.EnableCustomerKey(ctx, account, key.ID)
		check(t, err)
		for _, k := range []kit{elsewhere, s.kit} {
			k.wantPull("vault", "v1")
			check(t, k.reads(account, "vault", "layer"))
		}
		_, err = s.FinishUpload(ctx, account, "vault", id, digestOf("half"))
		check(t, err)

		for _, days := range []int{0, 6, 31} {
			_, err = s.DeleteCustomerKey(ctx, account, key.ID, time.Duration(days)*24*time.Hour)
			wantErr(t, err, registry.ErrKeyWait)
		}
		id = s.start("vault")
		gone, err := s.DeleteCustomerKey(ctx, account, key.ID, registry.MinKeyWait)
		if err != nil || gone.State != registry.KeyPendingDeletion || gone.Deletion.Sub(time.Now()) < registry.MinKeyWait-time.Hour {
			t.Fatalf("%+v, %v", gone, err)
		}
		s.wantNoUse(account, "vault", id, image, registry.ErrKeyPending, key.ARN)
		_, err = s.DisableCustomerKey(ctx, account, key.ID)
		wantErr(t, err, registry.ErrKeyPending)
		_, err = s.EnableCustomerKey(ctx, account, key.ID)
		check(t, err)
		s.wantPull("vault", "v1")

		_, err = s.DeleteCustomerKey(ctx, account, key.ID, registry.MinKeyWait)
		check(t, err)
		check(t, s.DeleteKeys(ctx))
		s.wantNoUse(account, "vault", id, image, registry.ErrKeyPending, key.ARN)
		check(t, s.db.Update(ctx, func(tx *store.Tx) error {
			_, err := tx.Exec(`update registry_customer_keys set deletion = deletion - $1`, registry.MinKeyWait.Microseconds())
			return err
		}))
		check(t, s.DeleteKeys(ctx))
		for _, k := range []kit{s.kit, elsewhere} {
			k.wantNoUse(account, "vault", id, image, registry.ErrNoKey, key.ARN)
		}
		if n := s.count("registry_customer_keys"); n != 0 {
			t.Errorf("%d keys are left", n)
		}
		check(t, s.CancelUpload(ctx, account, "vault", id))
		_, failed, err := s.DeleteImages(ctx, account, "vault", []registry.ImageID{{Tag: "v1"}})
		if err != nil || len(failed) > 0 {
			t.Errorf("not deleted: %v, %v", failed, err)
		}
		check(t, s.DeleteBlob(ctx, account, "vault", digestOf("half")))
		s.age(month)
		_, err = s.Sweep(ctx, false, func(registry.Swept) {})
		check(t, err)
		if left := s.bytesOf(); len(left) != 2 {
			t.Errorf("a sweep leaves %v, want what is not sealed", left)
		}
		s.wantUsage()
		wantSame(t, "what was told of the key", s.toldOf(key.ARN), []string{
			"key.created", "key.disabled", "key.enabled", "key.deletion.scheduled", "key.enabled", "key.deletion.scheduled", "key.deleted",
		})
	})
}

// toldOf are the kinds of the events about something.
func (k kit) toldOf(subject string) (kinds []string) {
	k.t.Helper()
	check(k.t, k.db.View(ctx, func(tx *store.Tx) error {
		all, err := events.Read(tx, 0, 1000)
		for _, e := range all {
			if e.Subject == subject && e.Account == account {
				kinds = append(kinds, e.Type)
			}
		}
		return err
	}))
	return kinds
}

// A key goes by its id, its ARN, its alias, and the ARN of that; another account's is as good as none.
func TestKeysByName(t *testing.T) {
	eachSafe(t, func(t *testing.T, s safe, first registry.CustomerKey) {
		key, foreign := s.newKey(account, "team/sea"), s.newKey(stranger, "team/sea")
		if key.Alias != "alias/team/sea" || key.ARN != "arn:aws:kms:us-east-1:"+account+":key/"+key.ID || key.State != registry.KeyEnabled {
			t.Errorf("made as %+v", key)
		}
		aliasARN := "arn:aws:kms:us-east-1:" + account + ":alias/team/sea"
		for i, name := range []string{key.ID, key.ARN, "alias/team/sea", aliasARN} {
			if made := s.createSealed(account, fmt.Sprint("repo", i), name); made.KeyID != key.ID {
				t.Errorf("%s is key %s", name, made.KeyID)
			}
		}
		for name, want := range map[string]string{
			foreign.ID:  s.KeyARN(account, foreign.ID),
			foreign.ARN: foreign.ARN,
			"arn:aws:kms:us-east-1:" + stranger + ":alias/team/sea": "arn:aws:kms:us-east-1:" + stranger + ":alias/team/sea",
			strings.Replace(key.ARN, "us-east-1", "eu-west-1", 1):   strings.Replace(key.ARN, "us-east-1", "eu-west-1", 1),
			strings.Replace(key.ARN, ":kms:", ":ecr:", 1):           strings.Replace(key.ARN, ":kms:", ":ecr:", 1),
			"alias/team":             "arn:aws:kms:us-east-1:" + account + ":alias/team",
			"alias/":                 "arn:aws:kms:us-east-1:" + account + ":alias/",
			"team/sea":               s.KeyARN(account, "team/sea"),
			"arn:aws:kms":            "arn:aws:kms",
			s.KeyARN(account, "')"):  s.KeyARN(account, "')"),
			s.KeyARN(stranger, "no"): s.KeyARN(stranger, "no"),
		} {
			_, err := s.CreateSealed(ctx, account, "new", registry.Mutability{}, nil, name)
			about, _ := errors.AsType[*registry.Error](err)
			if !errors.Is(err, registry.ErrNoKey) || about.Name != want {
				t.Errorf("%s: %v, want %v that names %s", name, err, registry.ErrNoKey, want)
			}
			_, err = s.DisableCustomerKey(ctx, account, name)
			wantErr(t, err, registry.ErrNoKey)
		}
		for _, alias := range []string{"aws/ecr", "alias/aws/x", "with space", "alias/", strings.Repeat("a", 251)} {
			if _, err := s.CreateCustomerKey(ctx, account, alias); !errors.Is(err, registry.ErrKeyAlias) || errs.KindOf(err) != errs.Invalid {
				t.Errorf("alias %q: %v", alias, err)
			}
		}
		_, err := s.CreateCustomerKey(ctx, account, "alias/team/sea")
		wantErr(t, err, registry.ErrKeyExists)

		own := s.createSealed(account, "own", "")
		if again := s.createSealed(account, "own2", ""); own.KeyID != again.KeyID || own.KeyID == key.ID || own.KeyID == first.ID {
			t.Errorf("the default keys are %s and %s", own.KeyID, again.KeyID)
		}
		if theirs := s.createSealed(stranger, "own", ""); theirs.KeyID == own.KeyID {
			t.Error("two accounts have one default key")
		}
		all, err := s.CustomerKeys(ctx, account)
		check(t, err)
		var aliases []string
		for _, k := range all {
			aliases = append(aliases, k.Alias)
		}
		wantSame(t, "keys", aliases, []string{"", "alias/team/sea", registry.DefaultKeyAlias})
		found, err := s.Repository(ctx, account, "own")
		if err != nil || found.KeyID != own.KeyID {
			t.Errorf("found %+v, %v", found, err)
		}
		check(t, s.ForgetAccount(ctx, account))
		if all, err := s.CustomerKeys(ctx, account); err != nil || len(all) > 0 {
			t.Errorf("an account that is gone has the keys %v, %v", all, err)
		}
		if all, err := s.CustomerKeys(ctx, stranger); err != nil || len(all) != 2 {
			t.Errorf("another has the keys %v, %v", all, err)
		}
	})
}

// Keys lie in SQL only as what nobody can read.
func TestKeysLieSealed(t *testing.T) {
	eachSafe(t, func(t *testing.T, s safe, key registry.CustomerKey) {
		s.push("vault", "v1", "config", "layer")
		check(t, s.db.View(ctx, func(tx *store.Tx) error {
			return tx.Each(`select sealed from registry_customer_keys`, nil, func(rows *sql.Rows) error {
				var kept []byte
				err := rows.Scan(&kept)
				for from := 0; from+sealed.KeySize <= len(kept); from++ {
					guess, err := sealed.NewKey(kept[from : from+sealed.KeySize])
					check(t, err)
					if _, err := sealed.New(s.blobs, guess).Open(ctx, digestOf("layer")); !errors.Is(err, blob.ErrNoBlob) {
						t.Errorf("a key lies in plain: %v", err)
					}
				}
				return err
			})
		}))
	})
}

// A mark by digest holds whatever a blob is sealed with, and a search reads what it has the keys of.
func TestMarksReachSealedBlobs(t *testing.T) {
	eachSafe(t, func(t *testing.T, s safe, key registry.CustomerKey) {
		s.createSealed(account, "other", s.newKey(account, "").ID)
		bad := layer("bin/sh", "#!/bin/evil")
		labelled := `{"config": {"Labels": {"team": "red"}}}`
		repositories := []string{"web", "vault", "other"}
		for _, repository := range repositories {
			s.push(repository, "bad", "config", bad)
			s.push(repository, "red", labelled, "base")
		}
		refused := func(tag string) (refused []string) {
			for _, repository := range repositories {
				err := s.tryPull(account, repository, tag)
				if errors.Is(err, registry.ErrMarked) {
					refused = append(refused, repository)
				} else {
					check(t, err)
				}
			}
			return refused
		}
		for name, c := range map[string]struct {
			criteria registry.Criteria
			tag      string
		}{
			"digest": {registry.Criteria{Digest: digestOf(bad)}, "bad"},
			"file":   {registry.Criteria{FilePath: "bin/sh"}, "bad"},
			"bytes":  {registry.Criteria{Bytes: []byte("#!/bin/evil")}, "bad"},
			"image":  {registry.Criteria{Account: account, Repository: "vault", Image: "bad"}, "bad"},
			"label":  {registry.Criteria{Label: "team=red"}, "red"},
		} {
			m := s.mark("", c.criteria)
			wantSame(t, "marked by "+name, refused(c.tag), repositories)
			marked, err := s.MarkedBlobs(ctx, m.ID, "", 10)
			check(t, err)
			for _, d := range marked {
				if !slices.Contains([]registry.Digest{digestOf(bad), digestOf("config"), digestOf("base"), digestOf(labelled)}, d) {
					t.Errorf("by %s, %s is marked, which is no digest of anything", name, d)
				}
			}
			if m.Images != 3 && name != "image" && name != "label" || m.Blobs != len(marked) {
				t.Errorf("by %s: %+v", name, m)
			}
			wantErr(t, s.bringAnew(account, "vault", contentOf(marked[0], bad, "config", "base", labelled)), registry.ErrMarked)
			s.unmark(m)
			wantSame(t, "when the mark is gone", refused(c.tag), nil)
		}

		_, err := s.DisableCustomerKey(ctx, account, key.ID)
		check(t, err)
		m := s.mark("", registry.Criteria{Bytes: []byte("#!/bin/ev")})
		if !slices.Contains(m.Unreadable, digestOf(bad)) || m.New != 1 {
			t.Errorf("while a key is disabled: %+v", m)
		}
		_, err = s.EnableCustomerKey(ctx, account, key.ID)
		check(t, err)
		if m = s.mark("", registry.Criteria{Bytes: []byte("#!/bin/ev")}); len(m.Unreadable) != 0 {
			t.Errorf("when it is enabled again: %+v", m)
		}
		_, went := s.sweep(map[registry.Digest]string{})
		if count := len(went); count != 6 { // an image and its layer in each
			t.Errorf("a sweep takes %q", went)
		}
		for _, repository := range repositories {
			s.wantPull(repository, "red")
		}
		s.wantUsage()
	})
}

func contentOf(d registry.Digest, words ...string) string {
	for _, word := range words {
		if digestOf(word) == d {
			return word
		}
	}
	return ""
}

// A quota bounds what is sealed as it does everything else: by the bytes that were pushed.
func TestQuotaOfSealedBytes(t *testing.T) {
	eachSafe(t, func(t *testing.T, s safe, _ registry.CustomerKey) {
		check(t, s.SetQuota(ctx, account, registry.Quota{Bytes: 10}))
		check(t, s.bringAnew(account, "vault", "12345"))
		check(t, s.bringAnew(account, "vault", "12345"))
		check(t, s.bringAnew(account, "web", "12345")) // counts once more
		wantErr(t, s.bringAnew(account, "vault", "6"), registry.ErrQuota)
		s.wantUsage()
	})
}
