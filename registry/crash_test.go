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
)

var errCrash = errors.New("the process dies here")

// crashAt makes the registry die when it reaches a point for the nth time.
func (k kit) crashAt(point string, n int) {
	k.OnReach(func(at string) error {
		if at == point {
			if n--; n == 0 {
				return errCrash
			}
		}
		return nil
	})
}

// garbage makes three images that nobody needs and one that somebody does, which share a layer.
func (k kit) garbage() {
	k.t.Helper()
	for i := range 3 {
		k.push("web", "v1", fmt.Sprint("config ", i), "base", fmt.Sprint("layer ", i))
	}
	k.push("web", "v1", "config", "base", "layer")
	k.store("orphan")
	k.age(month)
}

// wantClean expects what somebody needs, and nothing else, in the rows and in the blob store.
func (k kit) wantClean() {
	k.t.Helper()
	k.wantPull("web", "v1")
	if got := k.bytesOf(); len(got) != 3 {
		k.t.Errorf("the blob store has %v", got)
	}
	if n := k.blobsStored(); n != 3 {
		k.t.Errorf("%d rows of blobs", n)
	}
	for _, table := range []string{"registry_doomed", "registry_arrivals", "registry_leases", "registry_uploads"} {
		if n := k.count(table); n != 0 {
			k.t.Errorf("%s has %d rows", table, n)
		}
	}
	k.wantUsage()
}

func (k kit) count(table string) (n int) {
	k.t.Helper()
	check(k.t, k.db.View(ctx, func(tx *store.Tx) error { return tx.Row(`select count(*) from ` + table).Scan(&n) }))
	return n
}

// A sweep that dies anywhere is finished by the next, which takes all that it would have taken.
func TestSweepThatDies(t *testing.T) {
	stories := map[string]func(kit){}
	for point, times := range map[string]int{
		"images found": 1, "images": 1, "images gone": 1, "found": 1, "dooming": 1, "doomed": 6, "deleted": 6,
	} {
		for n := range times {
			stories[fmt.Sprint(point, " ", n+1)] = func(k kit) {
				k.garbage()
				k.crashAt(point, n+1)
				if _, err := k.Sweep(ctx, false, func(registry.Swept) {}); !errors.Is(err, errCrash) {
					k.t.Fatalf("the sweep ends with %v: this point is never reached", err)
				}
				k = k.server()
				k.wantPull("web", "v1")
				k.sweep(nil)
				k.wantClean()
			}
		}
	}
	tellTwice(t, stories)
}

// After a crash in the middle of a sweep the next start takes the bytes whose rows are gone, and a push
// of the same bytes waits for that.
func TestPushOfWhatACrashLeftDoomed(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		k.garbage()
		k.crashAt("doomed", 2)
		if _, err := k.Sweep(t.Context(), false, func(registry.Swept) {}); !errors.Is(err, errCrash) {
			t.Fatal(err)
		}
		k = k.server()
		var waiting sync.WaitGroup
		met := make(chan struct{}, 100)
		k.OnReach(func(at string) error {
			if at == "doomed met" {
				met <- struct{}{}
			}
			return nil
		})
		waiting.Go(func() { k.mustPushAs(account, "web", "v0", "config 0", "base", "layer 0") })
		<-met
		check(t, k.ClearDoomed(t.Context()))
		waiting.Wait()
		k.wantPull("web", "v0")
		k.wantPull("web", "v1")
	})
}

func (k kit) mustPushAs(account, repository, tag, config string, layers ...string) {
	k.t.Helper()
	if err := k.pushAs(account, repository, tag, config, layers...); err != nil {
		k.t.Error(err)
	}
}

// An upload that dies on its way to become a blob leaves nothing for ever.
func TestUploadThatDies(t *testing.T) {
	stories := map[string]func(kit){}
	for _, point := range []string{"arrived", "committed"} {
		stories[point] = func(k kit) {
			k.push("web", "v1", "config", "base", "layer")
			k.crashAt(point, 1)
			id := k.start("web")
			_, err := k.Append(ctx, account, "web", id, 0, strings.NewReader("cut"))
			check(k.t, err)
			if _, err := k.FinishUpload(ctx, account, "web", id, digestOf("cut")); !errors.Is(err, errCrash) {
				k.t.Fatal(err)
			}
			k = k.server()
			k.age(48 * time.Hour)
			check(k.t, k.ForgetArrivals(ctx, 24*time.Hour))
			_, err = k.ForgetUploads(ctx, -1)
			check(k.t, err)
			k.sweep(nil)
			k.wantClean()
		}
	}
	tellTwice(t, stories)
}

// A client that tries again after such a crash gets through.
func TestUploadThatDiesIsTriedAgain(t *testing.T) {
	stories := map[string]func(kit){}
	for point, want := range map[string]error{"arrived": nil, "committed": registry.ErrNoUpload} {
		stories[point] = func(k kit) {
			k.crashAt(point, 1)
			id := k.start("web")
			_, err := k.Append(ctx, account, "web", id, 0, strings.NewReader("layer"))
			check(k.t, err)
			_, err = k.FinishUpload(ctx, account, "web", id, digestOf("layer"))
			wantErr(k.t, err, errCrash)
			k = k.server()
			_, err = k.FinishUpload(ctx, account, "web", id, digestOf("layer"))
			if !errors.Is(err, want) {
				k.t.Errorf("the second try: %v, want %v", err, want)
			}
			k.push("web", "v1", "config", "layer")
			k.sweep(nil)
			k.wantPull("web", "v1")
		}
	}
	tellTwice(t, stories)
}
