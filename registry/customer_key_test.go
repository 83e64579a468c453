package registry_test

import (
	"database/sql"
	"errors"
	"fmt"
	"io"
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
