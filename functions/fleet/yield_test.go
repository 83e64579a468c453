package fleet_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"slipway/functions/fleet"
	"slipway/functions/fleet/fleettest"
)

// A fleet that gives an account up holds nothing of it any more: who waits is told, machines are left, and calls that run end
// as the machines have them. It may have the account again later.
func TestAnAccountThatIsGivenUp(t *testing.T) {
	inWorld(t, fleet.Config{}, func(w *world) {
		w.machine("a", 128, func(h *fleettest.Host) { h.Run = answer(time.Minute) })
		var calls sync.WaitGroup
		var waited error
		one := fleet.Call{Release: release("one"), Line: latest, Since: time.Now()}
		calls.Go(func() { w.fleet.Invoke(w.Context(), one, nil) })
		time.Sleep(time.Second)
		calls.Go(func() { _, waited = w.fleet.Invoke(w.Context(), one, nil) })
		left := make(chan error, 1)
		h := w.hosts["a"]
		go func() { left <- w.fleet.Join(context.Background(), account, "b", fleettest.NewHost()) }()
		synctest.Wait()

		w.fleet.Yield(account)
		if err := <-left; !errors.Is(err, fleet.ErrYielded) {
			t.Errorf("a machine is left with %v", err)
		}
		synctest.Wait()
		if n := w.room.Count(); n > 0 || !errors.Is(waited, fleet.ErrYielded) {
			t.Errorf("%d holds are left; who waited is told %v", n, waited)
		}
		w.fleet.Yield("nobody")
		calls.Wait()
		h.Run = answer(time.Millisecond)
		w.join("a", h)
		if _, err := w.fleet.Invoke(w.Context(), one, nil); err != nil {
			t.Errorf("it does not have the account again: %v", err)
		}
	})
}
