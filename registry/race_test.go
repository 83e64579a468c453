package registry_test

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"slipway/registry"
	"slipway/store"
	"slipway/store/storetest"
)

var (
	racePushes = flag.Int("registry.pushes", 300, "how many pushes TestPushesBesideSweeps makes")
	raceSeed   = flag.Uint64("registry.seed", uint64(time.Now().UnixNano()), "seed of TestPushesBesideSweeps")
)

const pushers = 6

// Pushes of images that share layers, by several accounts and beside sweeps that never end: each that
// succeeds pulls clean for as long as its tag stands, and in the end nothing is there but what is needed. Leases
// are so short that sweeps are always at the heels of pushes; a push that is too slow is told so, and begins
// anew, as clients do.
func TestPushesBesideSweeps(t *testing.T) {
	t.Logf("go test ./registry -run TestPushesBesideSweeps -registry.pushes %d -registry.seed %d", *racePushes, *raceSeed)
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		k := newKit(t, db, registry.Sweeps(registry.Sweeping{At: "off", Lease: 100 * time.Millisecond}))
		accounts, repositories := []string{account, "999999999999"}, []string{"web", "api"}
		for _, id := range accounts {
			for _, name := range repositories {
				_, err := k.CreateRepository(t.Context(), id, name, registry.Mutability{}, nil)
				check(t, err)
			}
		}
		var left atomic.Int64
		left.Store(int64(*racePushes))
		var anew, swept atomic.Int64
		var all, sweeping sync.WaitGroup
		over := make(chan struct{})
		sweeping.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
				}
				report, err := k.Sweep(t.Context(), false, func(registry.Swept) {})
				if err != nil {
					t.Errorf("sweep: %v", err)
					return
				}
				swept.Add(int64(report.Images + report.Layers))
			}
		})
		for i := range pushers {
			p := &pusher{kit: k, dice: rand.New(rand.NewPCG(*raceSeed, uint64(i))), account: accounts[i%2], repository: repositories[i/2%2], tag: fmt.Sprint("of-", i), anew: &anew}
			all.Go(func() {
				for left.Add(-1) >= 0 && !t.Failed() {
					p.push()
				}
			})
		}
		all.Wait()
		close(over)
		sweeping.Wait()
		t.Logf("%d pushes, %d of them begun anew; %d images and layers swept", *racePushes, anew.Load(), swept.Load())
		if swept.Load() == 0 {
			t.Error("nothing was swept")
		}
		k.wantUsage()
		k.age(month)
		_, err := k.Sweep(t.Context(), false, func(registry.Swept) {})
		check(t, err)
		k.wantUsage()
		if got, want := k.bytesOf(), k.needed(); !slices.Equal(got, want) {
			t.Errorf("the blob store has %v, needed are %v", got, want)
		}
	})
}

// pusher is a client that pushes one image after the other.
type pusher struct {
	kit
	dice                     *rand.Rand
	account, repository, tag string
	anew                     *atomic.Int64
}

func (p *pusher) push() {
	config, layers := p.word(), []string{p.word(), p.word(), p.word()}
	for {
		err := p.pushAs(p.account, p.repository, p.tag, config, layers...)
		if err == nil {
			break
		}
		if !errors.Is(err, registry.ErrMissingBlobs) {
			p.t.Errorf("push: %v", err)
			return
		}
		p.anew.Add(1)
	}
	if err := p.tryPull(p.account, p.repository, p.tag); err != nil {
		p.t.Error(err)
	}
	if p.dice.IntN(3) == 0 {
		if err := p.Untag(ctx, p.account, p.repository, p.tag); err != nil {
			p.t.Error(err)
		}
	}
}

// word is one of few contents, so that pushes share blobs, of which some are always on their way out.
func (p *pusher) word() string { return fmt.Sprint("blob ", p.dice.IntN(24)) }

// needed lists the blobs that a manifest needs.
func (k kit) needed() (all []registry.Digest) {
	k.t.Helper()
	check(k.t, k.db.View(ctx, func(tx *store.Tx) (err error) {
		all, err = digestsOf(tx, `select distinct blob from registry_manifest_blobs order by blob`)
		return err
	}))
	return all
}
