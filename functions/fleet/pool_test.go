package fleet_test

import (
	"sync"
	"testing"
	"time"

	"slipway/functions/fleet"
	"slipway/functions/fleet/fleettest"
	"slipway/nodeapi"
)

func TestThePoolRefillsWhenOneLeavesIt(t *testing.T) {
	inWorld(t, fleet.Config{Warm: 3}, func(w *world) {
		w.machine("a", 4096)
		r := version("1")
		w.fleet.Warm(account, r.Runtime, r.Disk)
		time.Sleep(time.Second)
		w.wantStates("3 warm")
		if got := w.invoke(pinned(r)); got.Cold == nil || !got.Cold.Pooled || got.Wait != 20*time.Millisecond {
			t.Errorf("it waited %v, cold %+v; want 20 ms in one of the pool", got.Wait, got.Cold)
		}
		w.wantStates("1 starting, 2 warm, 1 idle")
		time.Sleep(time.Second)
		w.wantStates("3 warm, 1 idle")
	})
}

func TestEachThatLeavesThePoolIsReplacedByTheRefill(t *testing.T) {
	inWorld(t, fleet.Config{Warm: 2, Refill: 3}, func(w *world) {
		w.machine("a", 4096)
		w.fleet.Warm(account, version("1").Runtime, 512)
		time.Sleep(time.Second)
		w.invoke(pinned(version("1")))
		time.Sleep(100 * time.Millisecond)
		w.wantStates("4 warm, 1 idle")
		time.Sleep(5 * time.Minute)
		w.wantStates("2 warm")
	})
}

func TestASickSandboxOfThePoolIsNotHandedOut(t *testing.T) {
	inWorld(t, fleet.Config{Warm: 2}, func(w *world) {
		host := w.machine("a", 4096)
		r := version("1")
		w.fleet.Warm(account, r.Runtime, r.Disk)
		time.Sleep(time.Second)
		for _, s := range w.fleet.Inventory(account) {
			host.Lose(s.ID) // without a word
		}
		w.invoke(pinned(r))
	})
}

func TestASandboxOfThePoolThatGoesIsReplaced(t *testing.T) {
	inWorld(t, fleet.Config{Warm: 2}, func(w *world) {
		host := w.machine("a", 4096)
		r := version("1")
		w.fleet.Warm(account, r.Runtime, r.Disk)
		time.Sleep(time.Second)
		host.Kill(w.fleet.Inventory(account)[0].ID)
		time.Sleep(2 * time.Second)
		w.wantStates("2 warm")
	})
}

func TestSandboxesOfThePoolDoNotGrowOld(t *testing.T) {
	inWorld(t, fleet.Config{Warm: 2, MaxAge: 30 * time.Minute}, func(w *world) {
		w.machine("a", 4096)
		r := version("1")
		w.fleet.Warm(account, r.Runtime, r.Disk)
		for range 50 {
			time.Sleep(time.Minute)
			for _, s := range w.fleet.Inventory(account) {
				if age := time.Since(s.Born); age > 31*time.Minute {
					t.Fatalf("a sandbox is %v old", age)
				}
			}
		}
		time.Sleep(time.Second)
		w.wantStates("2 warm")
	})
}

func TestAPoolThatNobodyWantsGoes(t *testing.T) {
	inWorld(t, fleet.Config{Warm: 2}, func(w *world) {
		w.machine("a", 4096)
		w.fleet.Warm(account, version("1").Runtime, 512)
		time.Sleep(2 * time.Hour)
		w.wantStates("")
	})
}

func TestAFunctionsOwnImageIsNotPooled(t *testing.T) {
	inWorld(t, fleet.Config{Warm: 2}, func(w *world) {
		w.machine("a", 4096)
		r := version("1")
		r.Packaged = true
		if got := w.invoke(pinned(r)); got.Cold.Pooled {
			t.Error("it came from a pool")
		}
		time.Sleep(time.Minute)
		w.wantStates("1 idle")
	})
}

func TestMoreMemoryThanThePoolHasIsHeldBeforeItIsGiven(t *testing.T) {
	inWorld(t, fleet.Config{Warm: 1}, func(w *world) {
		w.machine("a", 2048)
		r := version("1")
		r.Memory = 1024
		w.fleet.Warm(account, r.Runtime, r.Disk)
		time.Sleep(time.Second)
		if got := w.invoke(pinned(r)); !got.Cold.Pooled {
			t.Error("it did not come from the pool")
		}
		time.Sleep(time.Second)
		if left := w.room.Left("a"); left != 2048-1024-128 {
			t.Errorf("%d MiB are left", left)
		}
	})
}

func TestIdleSandboxesAreKeptByHowMuchTheyWereUsed(t *testing.T) {
	inWorld(t, fleet.Config{Warm: -1}, func(w *world) {
		w.machine("a", 4096)
		rare, often := version("1"), version("2")
		w.invoke(pinned(rare))
		for range 60 {
			w.invoke(pinned(often))
		}
		time.Sleep(3 * time.Minute)
		w.wantStates("1 idle")
		if w.invoke(pinned(often)).Cold != nil {
			t.Error("the release that was called often has no sandbox any more")
		}
		time.Sleep(time.Hour)
		w.wantStates("")
	})
}

func TestGrowingKeepsByUseAndRoom(t *testing.T) {
	g := fleet.Growing{Least: 2 * time.Minute, Each: 30 * time.Second, Most: 30 * time.Minute}
	for _, c := range []struct {
		use  fleet.Use
		want time.Duration
	}{
		{fleet.Use{}, 2 * time.Minute},
		{fleet.Use{Recent: 4}, 4 * time.Minute},
		{fleet.Use{Recent: 1e9}, 30 * time.Minute},
		{fleet.Use{Recent: 4, Tight: true}, time.Minute},
	} {
		if got := g.Idle(c.use); got != c.want {
			t.Errorf("%+v: %v, want %v", c.use, got, c.want)
		}
	}
}

func TestABusyReleaseIsNeverWithoutASandboxForAge(t *testing.T) {
	inWorld(t, fleet.Config{Warm: -1, MaxAge: 10 * time.Minute}, func(w *world) {
		host := w.machine("a", 4096)
		r := version("1")
		w.invoke(pinned(r))
		for range 60 * 60 {
			time.Sleep(time.Second)
			if got := w.invoke(pinned(r)); got.Cold != nil {
				t.Fatalf("a call had to wait %v for a sandbox", got.Wait)
			}
		}
		if n := host.Started(); n < 6 {
			t.Errorf("%d sandboxes were started in an hour; none may be older than 10 minutes and a quarter", n)
		}
	})
}

func TestProvisionedSandboxesAreAlwaysReady(t *testing.T) {
	inWorld(t, fleet.Config{Warm: -1}, func(w *world) {
		host := w.machine("a", 4096)
		r := version("1")
		kinds := make(chan bool, 1000)
		host.Change(func(h *fleettest.Host) {
			h.Init = func(a nodeapi.Assignment) nodeapi.Init { kinds <- a.Provisioned; return nodeapi.Init{} }
		})
		w.fleet.Provision(r, 3)
		if p := w.fleet.Provisioned(r); p.Wanted != 3 || p.Allocated != 3 || p.Ready != 0 {
			t.Errorf("at once: %+v", p)
		}
		time.Sleep(3 * time.Hour)
		if p := w.fleet.Provisioned(r); p.Ready != 3 || p.Err != nil {
			t.Errorf("later: %+v", p)
		}
		if w.invoke(pinned(r)).Cold != nil {
			t.Error("a call had to wait")
		}
		host.Kill(w.fleet.Inventory(account)[0].ID)
		time.Sleep(2 * time.Second)
		if p := w.fleet.Provisioned(r); p.Ready != 3 {
			t.Errorf("after one was lost: %+v", p)
		}
		if len(kinds) < 4 {
			t.Errorf("%d sandboxes were made ready", len(kinds))
		}
		for len(kinds) > 0 {
			if !<-kinds {
				t.Error("one that is always to be ready is not told so")
			}
		}
		host.Change(func(h *fleettest.Host) { h.Run = answer(time.Minute) })
		busy := w.load(5, func() fleet.Call { return pinned(r) })
		time.Sleep(time.Second)
		busy.end(t)
		for range 2 {
			if <-kinds {
				t.Error("one beyond them is told to be always ready")
			}
		}
		w.fleet.Provision(r, 0)
		time.Sleep(3 * time.Hour)
		w.wantStates("")
	})
}

func TestProvisionedTellsWhyThereAreTooFew(t *testing.T) {
	inWorld(t, fleet.Config{Warm: -1}, func(w *world) {
		host := w.machine("a", 256)
		w.fleet.Provision(version("1"), 3)
		time.Sleep(10 * time.Second)
		if p := w.fleet.Provisioned(version("1")); p.Ready != 2 || p.Err != fleet.ErrNoRoom {
			t.Errorf("%+v", p)
		}
		host.Change(func(h *fleettest.Host) { h.Init = unfit("release-2") })
		w.fleet.Provision(version("1"), 0)
		w.fleet.Provision(version("2"), 1)
		time.Sleep(10 * time.Second)
		if p := w.fleet.Provisioned(version("2")); p.Ready != 0 || p.Err == nil {
			t.Errorf("%+v", p)
		}
	})
}

func TestWhatIsRetiredGoesOnceItsCallsAreOver(t *testing.T) {
	inWorld(t, fleet.Config{Warm: -1}, func(w *world) {
		host := w.machine("a", 256)
		host.Run = answer(time.Minute)
		c := call(release("v1"), time.Now(), fleet.AllowOld)
		var calls sync.WaitGroup
		for range 2 {
			calls.Go(func() { w.invoke(c) })
		}
		time.Sleep(time.Second)
		calls.Go(func() { w.refused(c, fleet.ErrRetired) }) // no room: it waits
		time.Sleep(time.Second)
		w.fleet.Retire(account, function, "")
		w.wantStates("2 busy")
		calls.Wait()
		time.Sleep(time.Second)
		w.wantStates("")
		w.invoke(c) // whoever makes a function of that name anew
	})
}

func TestProvisionedSandboxesDoNotGiveWay(t *testing.T) {
	inWorld(t, fleet.Config{Warm: -1}, func(w *world) {
		w.machine("a", 256)
		w.fleet.Provision(version("1"), 1)
		time.Sleep(time.Second)
		w.invoke(pinned(version("2")))
		w.invoke(pinned(version("3")))
		if w.invoke(pinned(version("1"))).Cold != nil {
			t.Error("it had to go, though it had been idle for longest")
		}
	})
}
