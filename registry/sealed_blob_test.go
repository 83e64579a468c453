package registry_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"slipway/registry"
)

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

// A key that is disabled while a layer waits for others to go is disabled for that layer too.
func TestKeyIsRevokedWhileALayerArrives(t *testing.T) {
	eachSafe(t, func(t *testing.T, s safe, key registry.CustomerKey) {
		check(t, s.bringAnew(account, "vault", "layer"))
		s.age(month)
		s.crashAt("doomed", 1)
		if _, err := s.Sweep(ctx, false, func(registry.Swept) {}); !errors.Is(err, errCrash) {
			t.Fatal(err)
		}
		s.kit = s.server()
		s.OnReach(func(at string) error {
			if at != "doomed met" {
				return nil
			}
			_, err := s.DisableCustomerKey(ctx, account, key.ID)
			return errors.Join(err, s.ClearDoomed(ctx))
		})
		wantErr(t, s.bringAnew(account, "vault", "layer"), registry.ErrKeyDisabled)
		if n := s.count("registry_arrivals"); n != 0 {
			t.Errorf("%d arrivals", n)
		}
	})
}
