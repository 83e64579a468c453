package fleet_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"slipway/functions/fleet"
	"slipway/functions/fleet/fleettest"
	"slipway/internal/errs"
	"slipway/nodeapi"
)

// owner is who updates a function: callers read from it what the function is now.
type owner struct {
	mu    sync.Mutex
	now   *fleet.Release
	since time.Time
	moves []time.Time
	stale fleet.Staleness
}

func owns(r *fleet.Release, s fleet.Staleness) *owner {
	return &owner{now: r, since: time.Now(), stale: s}
}

func (o *owner) update(r *fleet.Release) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.now, o.since = r, time.Now()
	o.moves = append(o.moves, o.since)
}

func (o *owner) call() fleet.Call {
	o.mu.Lock()
	defer o.mu.Unlock()
	c := call(o.now, o.since, o.stale)
	c.Moves = slices.Clone(o.moves)
	return c
}

// prepare waits until calls go to what the function is now.
func (o *owner) prepare(w *world) error {
	c := o.call()
	return w.fleet.Prepare(context.Background(), c.Line, c.Release, c.Since, c.Moves)
}

func TestTheOlderAnswersUntilTheNewerIsReadyBesideIt(t *testing.T) {
	inWorld(t, fleet.Config{}, func(w *world) {
		host := w.machine("a", 4096)
		host.FetchTime = 30 * time.Second
		o := owns(release("v1"), fleet.AllowOld)
		l := w.load(4, o.call)
		time.Sleep(time.Minute)

		o.update(release("v2"))
		updated := time.Now()
		time.Sleep(15 * time.Millisecond)
		if n := host.Downloads("sha256:v2"); n != 1 {
			t.Errorf("%d downloads are under way 15 ms after the update, and 5 after a call, want 1", n)
		}
		if err := o.prepare(w); err != nil {
			t.Fatal(err)
		}
		ready := time.Now()
		time.Sleep(time.Minute)

		both := map[string]time.Time{}
		for _, r := range l.end(t) {
			began := updated.Add(r.Stale)
			if r.Release.ID == "v1" && r.Stale > 0 && began.After(ready) {
				t.Fatalf("an answer of v1 was begun %v after v2 was ready", began.Sub(ready))
			}
			if r.Wait > 100*time.Millisecond && r.Cold == nil {
				t.Fatalf("a call waited for %v in the swap", r.Wait)
			}
			both[r.Release.ID] = began
		}
		if len(both) != 2 {
			t.Errorf("answers came of %v, want of both", both)
		}
		if n := host.Downloads("sha256:v2"); n != 1 {
			t.Errorf("%d downloads, want 1", n)
		}
		if n := len(host.Sandboxes()["v1"]); n != 0 {
			t.Errorf("%d sandboxes of v1 are left", n)
		}
		if s := w.fleet.Stats(); s.Stale == 0 || s.Skew < 29*time.Second || s.Skew > 32*time.Second {
			t.Errorf("the skew is %v after %d stale answers, want the 30 s that the download took", s.Skew, s.Stale)
		}
	})
}

func TestBothReleasesAreOnOneMachineDuringTheSwap(t *testing.T) {
	inWorld(t, fleet.Config{Warm: -1}, func(w *world) {
		w.machine("a", 4096)
		w.machine("b", 256)
		o := owns(release("v1"), fleet.AllowOld)
		old := w.invoke(o.call())
		o.update(release("v2"))
		if r := w.invoke(o.call()); r.Release.ID != "v1" || r.Stale == 0 {
			t.Errorf("right after the update %s answered, stale for %v; want v1", r.Release.ID, r.Stale)
		}
		if err := o.prepare(w); err != nil {
			t.Fatal(err)
		}
		if r := w.invoke(o.call()); r.Release.ID != "v2" || r.Node != old.Node || r.Cold != nil || r.Stale != 0 {
			t.Errorf("then %s answered on %s, cold %+v; want v2 on %s", r.Release.ID, r.Node, r.Cold, old.Node)
		}
	})
}

func TestARunningCallOfTheOlderFinishes(t *testing.T) {
	inWorld(t, fleet.Config{}, func(w *world) {
		host := w.machine("a", 4096)
		o := owns(release("v1"), fleet.AllowOld)
		w.invoke(o.call())
		host.Change(func(h *fleettest.Host) { h.Run = answer(time.Hour) })
		var long sync.WaitGroup
		c := o.call()
		long.Go(func() {
			if r := w.invoke(c); r.Release.ID != "v1" || r.Duration != time.Hour {
				t.Errorf("it was %s for %v", r.Release.ID, r.Duration)
			}
		})
		synctest.Wait()
		o.update(release("v2"))
		if err := o.prepare(w); err != nil {
			t.Fatal(err)
		}
		long.Wait()
		synctest.Wait()
		if n := len(host.Sandboxes()["v1"]); n != 0 {
			t.Errorf("%d sandboxes of v1 are left", n)
		}
	})
}

func TestStrictNeverAnswersByTheOlder(t *testing.T) {
	inWorld(t, fleet.Config{}, func(w *world) {
		host := w.machine("a", 4096)
		host.FetchTime = 5 * time.Second
		o := owns(release("v1"), fleet.Strict)
		w.invoke(o.call())
		o.update(release("v2"))
		l := w.load(4, o.call)
		time.Sleep(20 * time.Second)
		if n := by(l.end(t)); n["v1"] != 0 || n["v2"] == 0 {
			t.Errorf("answers after the update: %v", n)
		}
		if n := host.Downloads("sha256:v2"); n != 1 {
			t.Errorf("%d downloads, want 1", n)
		}
	})
}

func TestMaxAgeAnswersByTheOlderForSoLong(t *testing.T) {
	inWorld(t, fleet.Config{}, func(w *world) {
		host := w.machine("a", 4096)
		host.FetchTime = 30 * time.Second
		o := owns(release("v1"), fleet.MaxAge(5*time.Second))
		w.invoke(o.call())
		o.update(release("v2"))
		l := w.load(2, o.call)
		time.Sleep(time.Minute)
		all := l.end(t)
		oldest := time.Duration(0)
		for _, r := range all {
			oldest = max(oldest, r.Stale)
		}
		if oldest >= 5*time.Second || oldest < 4900*time.Millisecond {
			t.Errorf("the oldest answer was superseded for %v, want nearly 5 s", oldest)
		}
		if by(all)["v2"] == 0 {
			t.Error("v2 never answered")
		}
	})
}

func TestTheAgeCountsFromTheFirstUpdateThatSuperseded(t *testing.T) {
	inWorld(t, fleet.Config{}, func(w *world) {
		host := w.machine("a", 4096)
		host.FetchTime = 8 * time.Second
		o := owns(release("v1"), fleet.MaxAge(10*time.Second))
		w.invoke(o.call())
		o.update(release("v2"))
		w.invoke(o.call())
		time.Sleep(6 * time.Second)
		o.update(release("v3"))
		w.invoke(o.call())
		time.Sleep(4 * time.Second)
		if r := w.invoke(o.call()); r.Release.ID != "v3" {
			t.Errorf("%s answered 10 s after v2 came", r.Release.ID)
		}
	})
}

// The same, where nobody called between two updates, so that the fleet was told of the second alone.
func TestTheAgeCountsFromAnUpdateThatNobodyTold(t *testing.T) {
	inWorld(t, fleet.Config{}, func(w *world) {
		host := w.machine("a", 4096)
		host.FetchTime = 8 * time.Second
		o := owns(release("v0"), fleet.MaxAge(10*time.Second))
		o.update(release("v1"))
		w.invoke(o.call())
		time.Sleep(time.Second)
		o.update(release("v2"))
		time.Sleep(6 * time.Second)
		o.update(release("v3"))
		if r := w.invoke(o.call()); r.Release.ID != "v1" || r.Stale != 6*time.Second {
			t.Errorf("%s answered as superseded for %v, 6 s after v2 came", r.Release.ID, r.Stale)
		}
		time.Sleep(4 * time.Second)
		if r := w.invoke(o.call()); r.Release.ID != "v3" {
			t.Errorf("%s answered 10 s after v2 came", r.Release.ID)
		}
	})
}

func TestAPinnedVersionIsNeverSubstituted(t *testing.T) {
	inWorld(t, fleet.Config{}, func(w *world) {
		w.machine("a", 4096)
		one, two := version("1"), version("2")
		for range 10 {
			if r := w.invoke(pinned(one)); r.Release != one || r.Stale != 0 {
				t.Errorf("%s answered for version 1", r.Release.ID)
			}
			if r := w.invoke(pinned(two)); r.Release != two || r.Stale != 0 {
				t.Errorf("%s answered for version 2", r.Release.ID)
			}
		}
	})
}

func TestAVersionThatIsStillPinnedOutlivesTheLineThatLeftIt(t *testing.T) {
	inWorld(t, fleet.Config{}, func(w *world) {
		w.machine("a", 4096)
		o := owns(version("1"), fleet.AllowOld)
		w.invoke(o.call())
		w.invoke(pinned(o.now))
		one := o.now
		o.update(version("2"))
		if err := o.prepare(w); err != nil {
			t.Fatal(err)
		}
		if r := w.invoke(pinned(one)); r.Cold != nil {
			t.Error("the sandbox of a version that is called by its number went with the line")
		}
	})
}

// unfit has a release's init phase fail.
func unfit(release string) func(nodeapi.Assignment) nodeapi.Init {
	return func(a nodeapi.Assignment) nodeapi.Init {
		if a.Release != release {
			return nodeapi.Init{}
		}
		return nodeapi.Init{Error: &nodeapi.FunctionError{Type: "Runtime.ExitError", Message: "exit status 1"}}
	}
}

func TestABrokenNewerLeavesTheOlderInService(t *testing.T) {
	corrupt := errs.New(errs.Invalid, "the zip is corrupt")
	for name, breakIt := range map[string]func(*world){
		"in its init phase": func(w *world) { w.hosts["a"].Init = unfit("v2") },
		"in its download": func(w *world) {
			w.hosts["a"].Fail = func(method, of string) error {
				if method == "fetch" && of == "sha256:v2" {
					return corrupt
				}
				return nil
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, fleet.Config{}, func(w *world) {
				host := w.machine("a", 4096)
				breakIt(w)
				o := owns(release("v1"), fleet.AllowOld)
				l := w.load(4, o.call)
				time.Sleep(10 * time.Second)
				o.update(release("v2"))
				err := o.prepare(w)
				var f *fleet.Failure
				if !errors.As(err, &f) || !errors.Is(err, fleet.ErrUnfit) {
					t.Errorf("to prepare it returned %v", err)
				}
				begun := host.Started()
				time.Sleep(5 * time.Minute)
				if n := host.Started() - begun; n > 40 {
					t.Errorf("%d sandboxes were started in 5 min for a release that does not start", n)
				}
				if all := w.told(fleet.ReleaseFailed); len(all) < 2 || len(all) > 20 || all[0].Release != "v2" || all[0].Line != latest {
					t.Errorf("it was told %d times, %+v", len(all), all)
				}
				o.update(release("v3"))
				if err := o.prepare(w); err != nil {
					t.Error(err)
				}
				time.Sleep(time.Second)
				if n := by(l.end(t)); n["v2"] != 0 || n["v1"] == 0 || n["v3"] == 0 {
					t.Errorf("answers: %v", n)
				}
			})
		})
	}
}

func TestTheOlderIsStartedAnewWhileTheNewerIsBroken(t *testing.T) {
	inWorld(t, fleet.Config{}, func(w *world) {
		host := w.machine("a", 4096)
		host.Init = unfit("v2")
		o := owns(release("v1"), fleet.AllowOld)
		w.invoke(o.call())
		o.update(release("v2"))
		if err := o.prepare(w); !errors.Is(err, fleet.ErrUnfit) {
			t.Fatalf("prepared: %v", err)
		}
		for range 5 {
			time.Sleep(time.Hour) // its sandboxes are gone
			if r := w.invoke(o.call()); r.Release.ID != "v1" {
				t.Errorf("%s answered", r.Release.ID)
			}
		}
		host.Change(func(h *fleettest.Host) { h.Init = nil })
		time.Sleep(5 * time.Minute)
		w.invoke(o.call())
		time.Sleep(time.Minute)
		if r := w.invoke(o.call()); r.Release.ID != "v2" {
			t.Errorf("%s answered, though v2 starts by now", r.Release.ID)
		}
	})
}

func TestStrictCallsOfABrokenReleaseAreToldWhy(t *testing.T) {
	inWorld(t, fleet.Config{}, func(w *world) {
		w.machine("a", 4096).Init = unfit("v2")
		o := owns(release("v1"), fleet.Strict)
		w.invoke(o.call())
		o.update(release("v2"))
		for range 3 {
			r, err := w.fleet.Invoke(context.Background(), o.call(), nil)
			if err != nil || !r.Unfit || r.Release.ID != "v2" {
				t.Errorf("the answer is %+v, %v", r, err)
			}
		}
	})
}

func TestWithoutRoomBesideTheNewerTakesThePlaceOfTheOlder(t *testing.T) {
	inWorld(t, fleet.Config{Warm: -1}, func(w *world) {
		w.machine("a", 128) // for one sandbox
		o := owns(release("v1"), fleet.AllowOld)
		l := w.load(2, o.call)
		time.Sleep(10 * time.Second)
		o.update(release("v2"))
		if err := o.prepare(w); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		if n := by(l.end(t)); n["v1"] == 0 || n["v2"] == 0 {
			t.Errorf("answers: %v", n)
		}
	})
}

func TestARollbackIsASwapLikeAnyOther(t *testing.T) {
	inWorld(t, fleet.Config{}, func(w *world) {
		w.machine("a", 4096)
		o := owns(version("1"), fleet.AllowOld)
		l := w.load(3, o.call)
		for _, next := range []string{"2", "1", "3", "1"} {
			time.Sleep(5 * time.Second)
			o.update(version(next))
			if err := o.prepare(w); err != nil {
				t.Error(err)
			}
			if r := w.invoke(o.call()); r.Release.Version != next {
				t.Errorf("version %s answered after the line came to %s", r.Release.Version, next)
			}
		}
		l.end(t)
	})
}

func TestACallThatWasResolvedBeforeAnUpdateDoesNotMoveTheLineBack(t *testing.T) {
	inWorld(t, fleet.Config{}, func(w *world) {
		w.machine("a", 4096)
		o := owns(release("v1"), fleet.Strict)
		before := o.call()
		w.invoke(before)
		time.Sleep(time.Second)
		o.update(release("v2"))
		w.invoke(o.call())
		if r := w.invoke(before); r.Release.ID != "v2" {
			t.Errorf("%s answered", r.Release.ID)
		}
	})
}

func TestUpdatesUnderLoadFailNoCall(t *testing.T) {
	inWorld(t, fleet.Config{}, func(w *world) {
		for _, node := range []string{"a", "b", "c"} {
			h := w.machine(node, 4096)
			h.FetchTime = 700 * time.Millisecond
			h.Init = func(a nodeapi.Assignment) nodeapi.Init {
				if len(a.Release) > 3 && a.Release[:3] == "bad" {
					return unfit(a.Release)(a)
				}
				return nodeapi.Init{}
			}
		}
		o := owns(release("good-0"), fleet.MaxAge(20*time.Second))
		l := w.load(16, o.call)
		for i := range 12 {
			time.Sleep(5 * time.Second)
			id := string(rune('a'+i)) + "-release"
			if i%3 == 1 {
				id = "bad-" + id
			}
			o.update(release(id))
		}
		time.Sleep(5 * time.Second)
		all := l.end(t)
		if n := by(all); len(n) != 9 {
			t.Errorf("answers came of %v, want of the 9 that start", n)
		}
		for _, r := range all {
			if r.Stale > 20*time.Second {
				t.Fatalf("an answer was superseded for %v", r.Stale)
			}
		}
	})
}

func TestNothingRunningIsPreparedAtOnce(t *testing.T) {
	inWorld(t, fleet.Config{}, func(w *world) {
		w.machine("a", 1024)
		o := owns(release("v1"), fleet.AllowOld)
		begun := time.Now()
		if err := o.prepare(w); err != nil || time.Since(begun) != 0 {
			t.Errorf("prepared: %v after %v", err, time.Since(begun))
		}
		time.Sleep(time.Second)
		w.wantStates("1 warm")
		if r := w.invoke(o.call()); r.Cold == nil || !r.Cold.Pooled || r.Wait != 20*time.Millisecond {
			t.Errorf("the first call waited %v, cold %+v; want it in the sandbox of the pool", r.Wait, r.Cold)
		}
	})
}

func TestToPrepareAVersionFillsItsPoolAndMovesNothing(t *testing.T) {
	inWorld(t, fleet.Config{}, func(w *world) {
		w.machine("a", 1024)
		one, two := version("1"), version("2")
		for _, v := range []*fleet.Release{one, two} {
			if err := w.fleet.Prepare(context.Background(), "", v, time.Now(), nil); err != nil {
				t.Error(err)
			}
		}
		time.Sleep(time.Second)
		w.wantStates("1 warm")
		w.invoke(pinned(one))
		w.invoke(pinned(two))
		if w.invoke(pinned(one)).Cold != nil {
			t.Error("the first version made way for the second")
		}
	})
}

func TestOnEachMachineTheOlderGoOnceTheNewerIsReadyThere(t *testing.T) {
	inWorld(t, fleet.Config{Warm: -1}, func(w *world) {
		quick := w.machine("a", 1024)
		slow := w.machine("b", 256)
		slow.FetchTime = 30 * time.Second
		o := owns(release("v1"), fleet.AllowOld)
		l := w.load(8, o.call)
		time.Sleep(time.Minute)
		l.end(t)
		if a, b := len(quick.Sandboxes()["v1"]), len(slow.Sandboxes()["v1"]); a < 2 || b < 1 {
			t.Fatalf("%d and %d sandboxes are on the machines", a, b)
		}
		time.Sleep(20 * time.Second)
		o.update(release("v2"))
		w.invoke(o.call())
		time.Sleep(time.Second)
		if a, b := len(quick.Sandboxes()["v1"]), len(slow.Sandboxes()["v1"]); a != 0 || b == 0 {
			t.Errorf("%d sandboxes of v1 are where v2 is ready, and %d where it is not; want none and some", a, b)
		}
	})
}
