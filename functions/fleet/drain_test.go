package fleet_test

import (
	"testing"
	"time"

	"slipway/functions/fleet"
)

// What runs on a machine that is drained goes elsewhere, and no call is the slower for it.
func TestADrainedMachineIsLeft(t *testing.T) {
	inWorld(t, fleet.Config{Warm: 1}, func(w *world) {
		w.machine("a", 4096)
		r := version("1")
		for range 20 {
			w.invoke(pinned(r))
			time.Sleep(time.Second)
		}
		other := w.machine("b", 4096)
		w.room.Add("a", 0) // the books give nothing of it any more
		w.fleet.Drain(account, "a")
		for range 60 {
			time.Sleep(time.Second)
			if got := w.invoke(pinned(r)); got.Cold != nil {
				t.Fatalf("a call had to wait %v for a sandbox", got.Wait)
			}
		}
		for _, s := range w.fleet.Inventory(account) {
			if s.Node == "a" {
				t.Errorf("there is still %+v", s)
			}
		}
		if other.Started() == 0 {
			t.Error("nothing was started elsewhere")
		}
	})
}

// Where there is no other machine, a drained one goes on: calls are not refused for it.
func TestADrainedMachineGoesOnWhereThereIsNoOther(t *testing.T) {
	inWorld(t, fleet.Config{Warm: 1}, func(w *world) {
		w.machine("a", 4096)
		r := version("1")
		w.invoke(pinned(r))
		w.room.Add("a", 0)
		for range 60 {
			w.fleet.Drain(account, "a")
			time.Sleep(time.Second)
			if got := w.invoke(pinned(r)); got.Cold != nil || got.Node != "a" {
				t.Fatalf("a call ran on %s, and had to wait %v", got.Node, got.Wait)
			}
		}
	})
}
