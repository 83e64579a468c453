package fleet_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"slipway/functions/fleet"
	"slipway/functions/fleet/fleettest"
	"slipway/internal/errs"
)

var errSick = errs.New(errs.Unavailable, "the machine is sick")

func TestWhatAMachineHadIsGoneWithIt(t *testing.T) {
	inWorld(t, fleet.Config{Warm: -1}, func(w *world) {
		w.machine("a", 1024)
		c := call(release("v1"), time.Now(), fleet.AllowOld)
		w.invoke(c)
		w.machine("b", 512)
		w.leave["a"]()
		w.room.Remove("a")
		synctest.Wait()
		if n := w.room.Count(); n != 0 {
			t.Errorf("%d holds are left", n)
		}
		if r := w.invoke(c); r.Node != "b" {
			t.Errorf("the call ran on %s", r.Node)
		}
		if all := w.told(fleet.MachineLost); len(all) != 1 || all[0].Node != "a" {
			t.Errorf("it was told %+v", all)
		}
	})
}

func TestTheCallsOfADyingMachineFailAndNoOthers(t *testing.T) {
	inWorld(t, fleet.Config{Warm: -1}, func(w *world) {
		host := w.machine("a", 256)
		w.machine("b", 256)
		host.Run = answer(time.Second)
		w.hosts["b"].Run = answer(time.Second)
		c := call(release("v1"), time.Now(), fleet.AllowOld)
		errs := make(chan error, 4)
		for range 4 {
			go func() {
				_, err := w.fleet.Invoke(context.Background(), c, nil)
				errs <- err
			}()
		}
		time.Sleep(500 * time.Millisecond)
		host.Die()
		failed := 0
		for range 4 {
			if <-errs != nil {
				failed++
			}
		}
		if failed != 2 {
			t.Errorf("%d calls failed, want those 2 that the machine ran", failed)
		}
	})
}

// A machine that ends in order is left: nothing is begun there any more, what is under way ends, and nobody notices.
func TestAMachineThatEndsInOrderIsLeft(t *testing.T) {
	inWorld(t, fleet.Config{Warm: 1}, func(w *world) {
		host := w.machine("a", 1024)
		c := call(release("v1"), time.Now(), fleet.AllowOld)
		w.invoke(c)
		host.Change(func(h *fleettest.Host) { h.Run = answer(20 * time.Second) })
		ended := make(chan fleet.Result)
		go func() { ended <- w.invoke(c) }()
		time.Sleep(time.Second)
		w.machine("b", 1024)
		host.Leave()
		synctest.Wait()
		if n := host.Count(); n != 1 {
			t.Errorf("%d sandboxes are there, want that with a call", n)
		}
		for range 5 {
			if r := w.invoke(c); r.Node != "b" {
				t.Errorf("a call was begun on %s", r.Node)
			}
		}
		if r := <-ended; r.Node != "a" {
			t.Errorf("the call that was under way ended on %s", r.Node)
		}
		synctest.Wait()
		if n := host.Count(); n != 0 {
			t.Errorf("%d sandboxes are left there", n)
		}
		w.leave["a"]()
		synctest.Wait()
		w.wantStates("1 warm, 1 idle")
		if all := w.told(fleet.MachineLost); len(all) != 0 {
			t.Errorf("nothing was lost, and it was told %+v", all)
		}
	})
}

// Calls wait for the only machine to come back, as they do when its line breaks.
func TestCallsWaitForTheOnlyMachineThatEndsInOrder(t *testing.T) {
	inWorld(t, fleet.Config{Warm: -1}, func(w *world) {
		host := w.machine("a", 1024)
		c := call(release("v1"), time.Now(), fleet.AllowOld)
		w.invoke(c)
		host.Leave()
		synctest.Wait()
		waits := make(chan fleet.Result)
		go func() { waits <- w.invoke(c) }()
		time.Sleep(time.Second)
		w.leave["a"]()
		synctest.Wait()
		again := fleettest.NewHost()
		again.Run = answer(0)
		w.join("a", again)
		<-waits
		if again.Count() != 1 {
			t.Error("the call did not run on the machine that came back")
		}
	})
}

// What is being made ready on a machine that ends is made elsewhere.
func TestASandboxThatIsBeingMadeOnAMachineThatEndsIsMadeElsewhere(t *testing.T) {
	inWorld(t, fleet.Config{Warm: -1}, func(w *world) {
		host := w.machine("a", 1024)
		w.machine("b", 512)
		time.AfterFunc(70*time.Millisecond, host.Leave) // in the middle of Assign
		if r := w.invoke(call(release("v1"), time.Now(), fleet.AllowOld)); r.Node != "b" {
			t.Errorf("it ran on %s", r.Node)
		}
		synctest.Wait()
		if n := host.Count(); n != 0 {
			t.Errorf("%d sandboxes are left there", n)
		}
	})
}

func TestASandboxThatWasBeingMadeOnADyingMachineIsMadeElsewhere(t *testing.T) {
	inWorld(t, fleet.Config{Warm: -1}, func(w *world) {
		host := w.machine("a", 1024)
		w.machine("b", 512)
		time.AfterFunc(70*time.Millisecond, host.Die) // in the middle of Assign
		if r := w.invoke(call(release("v1"), time.Now(), fleet.AllowOld)); r.Node != "b" {
			t.Errorf("it ran on %s", r.Node)
		}
		w.room.Remove("a")
	})
}

func TestAMachineInTroubleIsAvoided(t *testing.T) {
	inWorld(t, fleet.Config{Warm: -1}, func(w *world) {
		sick := w.machine("a", 4096)
		sick.Fail = func(method, _ string) error {
			if method == "start" {
				return errSick
			}
			return nil
		}
		w.machine("b", 512)
		for _, n := range []string{"1", "2", "3"} {
			if r := w.invoke(pinned(version(n))); r.Node != "b" {
				t.Errorf("version %s ran on %s", n, r.Node)
			}
		}
		sick.Change(func(h *fleettest.Host) { h.Fail = nil })
		time.Sleep(time.Minute)
		if r := w.invoke(pinned(version("4"))); r.Node != "a" {
			t.Errorf("version 4 ran on %s, and the machine that has most room is well by now", r.Node)
		}
	})
}

func TestIfAllMachinesAreInTroubleTheCallIsTold(t *testing.T) {
	inWorld(t, fleet.Config{Warm: -1}, func(w *world) {
		w.machine("a", 1024).Fail = func(string, string) error { return errSick }
		_, err := w.fleet.Invoke(context.Background(), pinned(version("1")), nil)
		if err == nil {
			t.Error("the call succeeded")
		}
		if w.room.Count() != 0 {
			t.Errorf("%d holds are left", w.room.Count())
		}
	})
}

func TestTheNewerLineOfAMachineWins(t *testing.T) {
	inWorld(t, fleet.Config{Warm: -1}, func(w *world) {
		first := w.machine("a", 1024)
		c := call(release("v1"), time.Now(), fleet.AllowOld)
		w.invoke(c)
		ended := make(chan error, 1)
		again := fleettest.NewHost()
		again.Run = answer(0)
		w.leave["a"]()
		synctest.Wait()
		ctx, cancel := context.WithCancel(context.Background())
		go func() { ended <- w.fleet.Join(ctx, account, "a", first) }()
		synctest.Wait()
		w.join("a", again)
		if err := <-ended; !errors.Is(err, fleet.ErrReplaced) {
			t.Errorf("the older line ended with %v", err)
		}
		cancel()
		synctest.Wait()
		w.invoke(c)
		if again.Count() != 1 {
			t.Error("the call did not run over the newer line")
		}
	})
}

func TestSandboxesOfAFormerLifeAreEnded(t *testing.T) {
	inWorld(t, fleet.Config{Warm: -1}, func(w *world) {
		host := w.machine("a", 1024)
		w.invoke(pinned(version("1")))
		w.leave["a"]()
		synctest.Wait()
		if host.Count() != 1 {
			t.Fatal("the machine has ended what the fleet only lost sight of")
		}
		w.join("a", host)
		if n := host.Count(); n != 0 {
			t.Errorf("%d sandboxes of before run on the machine that came back", n)
		}
	})
}

func TestMachinesThatTheBooksKnowAndTheFleetDoesNotAreLeftOut(t *testing.T) {
	inWorld(t, fleet.Config{Warm: -1}, func(w *world) {
		w.room.Add("elsewhere", 64<<10)
		w.room.Add("elsewhere-too", 64<<10)
		w.machine("a", 512)
		if r := w.invoke(pinned(version("1"))); r.Node != "a" {
			t.Errorf("it ran on %s", r.Node)
		}
		if n := w.room.Count(); n != 1 {
			t.Errorf("there are %d holds for one sandbox", n)
		}
	})
}

func TestHoldsOfAServerThatWasKilledAreFreed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		room := fleettest.NewRoom()
		room.Add("a", 1024)
		for range 4 {
			if _, err := room.Hold(context.Background(), account, fleet.Need{Memory: 256}, "", nil); err != nil {
				t.Fatal(err)
			}
		}
		f := fleettest.Start(t, fleet.Config{Room: room}, account, fleettest.NewHost())
		synctest.Wait()
		if n := room.Count(); n != 0 {
			t.Errorf("%d holds are left", n)
		}
		_ = f
	})
}

func TestHoldsThatCouldNotBeFreedAreFreedLater(t *testing.T) {
	inWorld(t, fleet.Config{Warm: -1}, func(w *world) {
		w.machine("a", 1024)
		w.invoke(pinned(version("1")))
		w.room.Break(errSick)
		w.fleet.Retire(account, function, "")
		time.Sleep(time.Minute)
		w.room.Break(nil)
		if n := w.room.Count(); n != 1 {
			t.Fatalf("there are %d holds, want the one that could not be freed", n)
		}
		time.Sleep(2 * time.Minute)
		if n := w.room.Count(); n != 0 {
			t.Errorf("%d holds are left", n)
		}
	})
}

func TestAFleetThatStopsAnswersWhoWaits(t *testing.T) {
	inWorld(t, fleet.Config{Warm: -1}, func(w *world) {
		host := w.machine("a", 128)
		host.Run = answer(time.Minute)
		c := call(release("v1"), time.Now(), fleet.AllowOld)
		answers := make(chan error, 2)
		for range 2 {
			go func() {
				_, err := w.fleet.Invoke(context.Background(), c, nil)
				answers <- err
			}()
		}
		time.Sleep(time.Second)
		w.stop()
		waited, ran := <-answers, <-answers
		if waited == nil || ran == nil || !errors.Is(waited, fleet.ErrStopping) && !errors.Is(ran, fleet.ErrStopping) {
			t.Errorf("the one that waited and the one that ran ended with %v and %v", waited, ran)
		}
		w.refused(c, fleet.ErrStopping)
		if n := host.Count(); n != 0 {
			t.Errorf("%d sandboxes run on", n)
		}
	})
}
