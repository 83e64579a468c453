package registry_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"slipway/registry"
	"slipway/store"
	"slipway/store/storetest"
)

// outside are the points of a sweep at which others can write, and how often each is reached in
// TestPushMeetsSweep; inside are those in the middle of a transaction, where only PostgreSQL lets others write.
var (
	outside = map[string]int{"images found": 1, "images gone": 1, "found": 1, "doomed": 4, "deleted": 4}
	inside  = map[string]int{"images": 1, "dooming": 1}
)

// What a client does while a sweep is at a point, and then goes on with after it. What it was told is
// there must be there.
var meetings = map[string]func(k kit) (goOn func() error){
	"pushes all": func(k kit) func() error {
		err := k.pushAs(account, "web", "v2", "config", "base", "layer")
		return func() error { return err }
	},
	"asks, then pushes the manifest": func(k kit) func() error {
		missing := map[string]error{}
		for _, word := range []string{"config", "base", "layer"} {
			_, missing[word] = k.BlobSize(ctx, account, "web", digestOf(word))
		}
		return func() error {
			for word, err := range missing {
				switch {
				case errors.Is(err, registry.ErrNoBlob):
					if err := k.bringAnew(account, "web", word); err != nil {
						return err
					}
				case err != nil:
					return err
				}
			}
			_, _, err := k.PutManifest(ctx, account, "web", registry.Push{Raw: imageOf("config", "base", "layer").raw(), Tag: "v2"})
			return err
		}
	},
	"tags the image": func(k kit) func() error {
		_, _, err := k.PutManifest(ctx, account, "web", registry.Push{Raw: imageOf("config", "base", "layer").raw(), Tag: "v2"})
		if errors.Is(err, registry.ErrMissingBlobs) { // it is told so, and brings them
			err = k.pushAs(account, "web", "v2", "config", "base", "layer")
		}
		return func() error { return err }
	},
	"reads the manifest, then tags it": func(k kit) func() error {
		m, err := k.Manifest(ctx, account, "web", registry.ImageID{Digest: registry.Digest(digestOf(string(imageOf("config", "base", "layer").raw())))})
		if errors.Is(err, registry.ErrNoImage) {
			return func() error { return k.pushAs(account, "web", "v2", "config", "base", "layer") }
		}
		return func() error {
			if err == nil {
				_, _, err = k.PutManifest(ctx, account, "web", registry.Push{Raw: m.Raw, Tag: "v2"})
			}
			return err
		}
	},
	"mounts, then pushes the manifest": func(k kit) func() error {
		var failed error
		for _, word := range []string{"config", "base", "layer"} {
			mounted, err := k.MountBlob(ctx, account, "web", "api", digestOf(word))
			if err == nil && !mounted {
				err = k.bring(account, "web", word)
			}
			failed = errors.Join(failed, err)
		}
		return func() error {
			_, _, err := k.PutManifest(ctx, account, "web", registry.Push{Raw: imageOf("config", "base", "layer").raw(), Tag: "v2"})
			return errors.Join(failed, err)
		}
	},
	"ends an upload": func(k kit) func() error {
		err := k.bringAnew(account, "web", "layer")
		return func() error { return errors.Join(err, k.pushAs(account, "web", "v2", "config", "base", "layer")) }
	},
}

// bringAnew uploads without asking.
func (k kit) bringAnew(account, repository, word string) error {
	id, err := k.StartUpload(ctx, account, repository)
	if err == nil {
		_, err = k.Append(ctx, account, repository, id, 0, strings.NewReader(word))
	}
	if err == nil {
		_, err = k.FinishUpload(ctx, account, repository, id, digestOf(word))
	}
	return err
}

// At every point of a sweep a push that meets it gets what it was promised.
func TestPushMeetsSweep(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		k := newKit(t, db)
		meet := func(points map[string]int) {
			for point, times := range points {
				for n := range times {
					for what, begin := range meetings {
						t.Run(fmt.Sprintf("%s %d, a client %s", point, n+1, what), func(t *testing.T) { meetAt(t, k, point, n+1, begin) })
					}
				}
			}
		}
		meet(outside)
		if db.Dialect() == "postgres" {
			meet(inside)
		}
	})
}

// meetAt has a client begin at a point of a sweep that takes an old image and its three blobs.
func meetAt(t *testing.T, k kit, point string, n int, begin func(kit) func() error) {
	k = k.server()
	k.t = t
	k.create("web", "api")
	check(t, k.pushAs(account, "web", "", "config", "base", "layer"))
	check(t, k.pushAs(account, "api", "", "config", "base", "layer"))
	k.store("orphan") // goes, too
	k.age(month)

	var client sync.WaitGroup
	goOn, waits, reached := func() error { return errors.New("it never began") }, make(chan struct{}, 1000), false
	k.OnReach(func(at string) error {
		if at == "doomed met" {
			waits <- struct{}{}
			return nil
		}
		if at != point {
			return nil
		}
		if n--; n != 0 {
			return nil
		}
		reached = true
		begun := make(chan struct{})
		client.Go(func() {
			goOn = begin(k)
			close(begun)
		})
		for { // a client that waits for the sweep lets it go on
			select {
			case <-begun:
				return nil
			case <-waits:
				return nil
			case <-time.After(time.Millisecond):
				if k.locked() {
					return nil
				}
			}
		}
	})
	_, err := k.Sweep(ctx, false, func(registry.Swept) {})
	check(t, err)
	client.Wait()
	if !reached {
		t.Fatal("the sweep never came there")
	}
	if err := goOn(); err != nil {
		t.Fatal(err)
	}
	k.wantPull("web", "v2")
	k.sweep(nil)
	k.wantPull("web", "v2")
	k.wantUsage()
	for _, repository := range []string{"web", "api"} {
		_, err := k.DeleteRepository(ctx, account, repository, true)
		check(t, err)
	}
	k.age(month)
	k.sweep(nil)
	if left := k.bytesOf(); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// locked reports whether somebody waits for a row that another transaction has.
func (k kit) locked() (waits bool) {
	if k.db.Dialect() == "sqlite" {
		return false
	}
	check(k.t, k.db.View(ctx, func(tx *store.Tx) error {
		return tx.Row(`select exists (select 1 from pg_locks where not granted)`).Scan(&waits)
	}))
	return waits
}

// At every point at which bytes become a blob a sweep leaves them alone.
func TestSweepMeetsUpload(t *testing.T) {
	stories := map[string]func(kit){}
	for _, point := range []string{"arrived", "committed"} {
		for _, there := range []bool{false, true} {
			stories[fmt.Sprintf("%s, and there already: %v", point, there)] = func(k kit) {
				k.upload("web", []byte("config"))
				if there {
					k.upload("web", []byte("layer"))
				}
				id := k.start("web")
				_, err := k.Append(ctx, account, "web", id, 0, strings.NewReader("layer"))
				check(k.t, err)
				k.age(month)
				_, err = k.BlobSize(ctx, account, "web", digestOf("config"))
				check(k.t, err)
				other, swept := k.server(), 0
				k.OnReach(func(at string) error {
					if at != point {
						return nil
					}
					swept++
					_, err := other.Sweep(ctx, false, func(s registry.Swept) { k.t.Errorf("goes: %+v", s) })
					return err
				})
				_, err = k.FinishUpload(ctx, account, "web", id, digestOf("layer"))
				check(k.t, err)
				k.put("web", "v1", imageOf("config", "layer"))
				k.wantPull("web", "v1")
				if swept != 1 {
					k.t.Errorf("%d sweeps", swept)
				}
			}
		}
	}
	tellTwice(t, stories)
}
