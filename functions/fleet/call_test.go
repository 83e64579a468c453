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
	"slipway/internal/errs"
	"slipway/nodeapi"
)

func TestTheFirstCallStartsASandboxAndTheNextUsesIt(t *testing.T) {
	inWorld(t, fleet.Config{Warm: -1}, func(w *world) {
		host := w.machine("a", 1024)
		first := w.invoke(call(release("v1"), time.Now(), fleet.AllowOld))
		if first.Cold == nil || first.Cold.Pooled || first.Cold.Start != 60*time.Millisecond || first.Wait != 80*time.Millisecond {
			t.Errorf("the first call: cold %+v, waited %v; want a start of 60 ms and a wait of 80 ms", first.Cold, first.Wait)
		}
		second := w.invoke(call(release("v1"), time.Now(), fleet.AllowOld))
		if second.Cold != nil || second.Sandbox != first.Sandbox || second.Wait != 0 {
			t.Errorf("the second call: %+v; want it in %s without a wait", second, first.Sandbox)
		}
		if n := host.Started(); n != 1 {
			t.Errorf("%d sandboxes were started, want 1", n)
		}
	})
}

func TestCallsTakeTheSandboxThatWasUsedLast(t *testing.T) {
	inWorld(t, fleet.Config{Warm: -1}, func(w *world) {
		w.machine("a", 1024)
		c := call(release("v1"), time.Now(), fleet.AllowOld)
		var both sync.WaitGroup
		both.Go(func() { w.invoke(c) })
		both.Go(func() { w.invoke(c) })
		both.Wait()
		last := w.invoke(c).Sandbox
		for range 5 {
			time.Sleep(time.Second)
			if s := w.invoke(c).Sandbox; s != last {
				t.Errorf("a call ran in %s, which was idle for longer than %s", s, last)
			}
		}
	})
}

func TestEachCallIsWrittenDownOnce(t *testing.T) {
	inWorld(t, fleet.Config{Batch: 4}, func(w *world) {
		w.machine("a", 1024)
		c := call(release("v1"), time.Now(), fleet.AllowOld)
		for range 10 {
			w.invoke(c)
		}
		w.stop()
		if len(w.records) != 10 {
			t.Fatalf("%d executions are written down, want 10", len(w.records))
		}
		r := w.records[0]
		if r.Cold == nil || r.Function != function || r.Release != "v1" || r.Duration != 10*time.Millisecond || r.Node != "a" || r.Error != "" {
			t.Errorf("the first is %+v", r)
		}
		if w.records[9].Cold != nil {
			t.Error("the last is told to be cold")
		}
	})
}

func TestASandboxRunsAsManyCallsAsItsReleaseSays(t *testing.T) {
	inWorld(t, fleet.Config{Warm: -1}, func(w *world) {
		host := w.machine("a", 1024)
		r := release("v1")
		r.Concurrency = 4
		l := w.load(8, func() fleet.Call { return call(r, time.Time{}, fleet.AllowOld) })
		time.Sleep(time.Second)
		l.end(t)
		if n := host.Started(); n != 2 {
			t.Errorf("%d sandboxes were started for 8 clients, want 2", n)
		}
	})
}

func TestConcurrencyIsLimitedByWhatIsReservedOrLeft(t *testing.T) {
	inWorld(t, fleet.Config{}, func(w *world) {
		host := w.machine("a", 4096)
		host.Run = answer(time.Second)
		reserved := call(release("v1"), time.Now(), fleet.AllowOld)
		reserved.Limit = fleet.Limit{Reserved: true, Function: 2}
		other := pinned(version("7"))
		other.Release.Function += "-other"
		other.Limit = fleet.Limit{Unreserved: 1}
		var running sync.WaitGroup
		running.Go(func() { w.invoke(reserved) })
		running.Go(func() { w.invoke(reserved) })
		running.Go(func() { w.invoke(other) })
		synctest.Wait()
		w.refused(reserved, fleet.ErrThrottled)
		w.refused(other, fleet.ErrAccount)
		running.Wait()
		w.invoke(reserved)
		w.invoke(other)
		none := reserved
		none.Limit.Function = 0
		w.refused(none, fleet.ErrThrottled)
		if n := w.fleet.Stats().Throttled; n != 3 {
			t.Errorf("%d calls are counted as throttled, want 3", n)
		}
	})
}

func TestWaitingCallsAreServedInTheirOrder(t *testing.T) {
	inWorld(t, fleet.Config{Warm: -1}, func(w *world) {
		w.machine("a", 128) // room for one
		c := call(release("v1"), time.Now(), fleet.AllowOld)
		var mu sync.Mutex
		var order []int
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				w.invoke(c)
				mu.Lock()
				defer mu.Unlock()
				order = append(order, i)
			})
			synctest.Wait()
		}
		all.Wait()
		for i, got := range order {
			if got != i {
				t.Fatalf("calls ended in the order %v", order)
			}
		}
	})
}

func TestACallWaitsForRoomOnlySoLong(t *testing.T) {
	inWorld(t, fleet.Config{Wait: 3 * time.Second, Waiting: 1}, func(w *world) {
		w.machine("a", 100)
		c := call(release("v1"), time.Now(), fleet.AllowOld)
		begun := time.Now()
		var first sync.WaitGroup
		first.Go(func() { w.refused(c, fleet.ErrNoRoom) })
		synctest.Wait()
		w.refused(c, fleet.ErrBusy)
		first.Wait()
		if d := time.Since(begun); d != 3*time.Second {
			t.Errorf("it waited %v, want 3 s", d)
		}
	})
}

func TestACallThatWaitsForRoomGetsItWhenSomeComes(t *testing.T) {
	inWorld(t, fleet.Config{Warm: -1}, func(w *world) {
		w.machine("a", 100)
		time.AfterFunc(4*time.Second, func() { w.room.Add("a", 200) })
		if r := w.invoke(call(release("v1"), time.Now(), fleet.AllowOld)); r.Wait < 4*time.Second || r.Wait > 6*time.Second {
			t.Errorf("it waited %v for room that came after 4 s", r.Wait)
		}
	})
}

func TestIdleSandboxesOfOthersMakeRoom(t *testing.T) {
	inWorld(t, fleet.Config{Warm: -1}, func(w *world) {
		w.machine("a", 256)
		one, two, three := version("1"), version("2"), version("3")
		w.invoke(pinned(one))
		time.Sleep(time.Second)
		w.invoke(pinned(two))
		time.Sleep(time.Second)
		w.invoke(pinned(three)) // the first has been idle for longest
		if w.invoke(pinned(two)).Cold != nil {
			t.Error("the sandbox that was used later had to go")
		}
		if w.invoke(pinned(one)).Cold == nil {
			t.Error("three sandboxes of 128 MiB are on a machine of 256 MiB")
		}
	})
}

func TestABigSandboxTakesTheRoomOfSeveral(t *testing.T) {
	inWorld(t, fleet.Config{Warm: 3}, func(w *world) {
		w.machine("a", 512)
		w.invoke(pinned(version("1")))
		time.Sleep(time.Minute)
		w.wantStates("3 warm, 1 idle")
		big := version("2")
		big.Memory = 512
		w.invoke(pinned(big))
		w.wantStates("1 idle")
	})
}

func TestWithoutMachinesACallIsRefused(t *testing.T) {
	inWorld(t, fleet.Config{}, func(w *world) {
		w.refused(call(release("v1"), time.Now(), fleet.AllowOld), fleet.ErrNoMachine)
		begun := time.Now()
		w.refused(call(release("v1"), time.Now(), fleet.AllowOld), fleet.ErrNoMachine)
		if d := time.Since(begun); d != 0 {
			t.Errorf("it is refused after %v, want at once: there has been no machine for long", d)
		}
	})
}

func TestACallWaitsForAMachineThatComesBack(t *testing.T) {
	inWorld(t, fleet.Config{}, func(w *world) {
		time.AfterFunc(2*time.Second, func() { w.machine("a", 1024) })
		w.invoke(call(release("v1"), time.Now(), fleet.AllowOld))
	})
}

// The line of a machine may be back before the books know of it: that is no want of room, by which a caller is throttled.
func TestACallWaitsForAMachineThatTheBooksDoNotHaveYet(t *testing.T) {
	inWorld(t, fleet.Config{Wait: 5 * time.Second, Warm: -1}, func(w *world) {
		w.machine("a", 1024)
		w.room.Break(errs.Say(fleet.ErrNoMachine, "its session is not back"))
		c := call(release("v1"), time.Now(), fleet.AllowOld)
		w.refused(c, fleet.ErrNoMachine)
		time.AfterFunc(3*time.Second, func() { w.room.Break(nil) })
		w.invoke(c)
		w.room.Add("a", 128) // it is too small now, and that is said again
		big := version("2")
		big.Memory = 512
		w.refused(pinned(big), fleet.ErrNoRoom)
	})
}

// What did not start before is not tried without a pause where there is no room for it: time would stand still here.
func TestWhatDidNotStartWaitsForRoomLikeOthers(t *testing.T) {
	inWorld(t, fleet.Config{Wait: 5 * time.Second, Warm: -1}, func(w *world) {
		w.machine("a", 1024).Init = unfit("v1")
		c := call(release("v1"), time.Now(), fleet.AllowOld)
		for _, books := range []error{nil, errs.Say(fleet.ErrNoRoom, "all is held")} {
			w.room.Break(books)
			if r, err := w.fleet.Invoke(context.Background(), c, nil); err != nil || !r.Unfit {
				t.Errorf("the answer is %+v, %v", r, err)
			}
			time.Sleep(time.Minute)
		}
		w.room.Break(nil)
	})
}

func TestACallThatIsGivenUpTakesItsSandboxAlong(t *testing.T) {
	inWorld(t, fleet.Config{Warm: -1}, func(w *world) {
		host := w.machine("a", 1024)
		host.Run = answer(time.Minute)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_, err := w.fleet.Invoke(ctx, call(release("v1"), time.Now(), fleet.AllowOld), nil)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the call ended with %v", err)
		}
		synctest.Wait()
		if n := host.Count(); n != 0 || w.room.Count() != 0 {
			t.Errorf("%d sandboxes and %d holds are left", n, w.room.Count())
		}
	})
}

func TestACallThatIsKeptGoesOnWithoutItsCaller(t *testing.T) {
	inWorld(t, fleet.Config{Warm: -1}, func(w *world) {
		host := w.machine("a", 1024)
		host.Run = answer(time.Minute)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		c := call(release("v1"), time.Now(), fleet.AllowOld)
		c.Kept = true
		if r, err := w.fleet.Invoke(ctx, c, nil); err != nil || r.Duration != time.Minute {
			t.Errorf("the call ended after %v with %v", r.Duration, err)
		}
		if r := w.invoke(c); r.Cold != nil || host.Started() != 1 {
			t.Errorf("its sandbox was not used again: %d were started", host.Started())
		}
	})
}

func TestACallThatIsGivenUpWhileItWaitsLeavesNothing(t *testing.T) {
	inWorld(t, fleet.Config{Warm: -1}, func(w *world) {
		w.machine("a", 1024)
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
		defer cancel()
		c := call(release("v1"), time.Now(), fleet.AllowOld)
		if _, err := w.fleet.Invoke(ctx, c, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the call ended with %v", err)
		}
		time.Sleep(time.Second)
		if r := w.invoke(c); r.Wait != 0 {
			t.Errorf("what was started for the first call is of no use to the next, which waited %v", r.Wait)
		}
		if n := w.fleet.Stats().Waiting; n != 0 {
			t.Errorf("%d calls are still waiting", n)
		}
	})
}

func TestACallThatHasNotBegunIsMadeElsewhere(t *testing.T) {
	inWorld(t, fleet.Config{}, func(w *world) {
		host := w.machine("a", 1024)
		c := call(release("v1"), time.Now(), fleet.AllowOld)
		gone := w.invoke(c).Sandbox
		host.Lose(gone)
		if r := w.invoke(c); r.Sandbox == gone {
			t.Error("it ran in a sandbox that is gone")
		}
	})
}

func TestAFailedCallIsNotRepeated(t *testing.T) {
	inWorld(t, fleet.Config{Warm: -1}, func(w *world) {
		host := w.machine("a", 1024)
		runs := 0
		host.Run = func(ctx context.Context, a nodeapi.Assignment, i nodeapi.Invocation) nodeapi.Outcome {
			runs++
			<-ctx.Done()
			return nodeapi.Outcome{}
		}
		time.AfterFunc(time.Second, func() {
			for _, s := range w.fleet.Inventory(account) {
				host.Kill(s.ID)
			}
		})
		_, err := w.fleet.Invoke(context.Background(), call(release("v1"), time.Now(), fleet.AllowOld), nil)
		if err == nil || runs != 1 {
			t.Errorf("error %v after %d runs; want an error after one", err, runs)
		}
		if all := w.told(fleet.SandboxLost); len(all) != 1 || all[0].Node != "a" || all[0].Reason == "" {
			t.Errorf("it was told %+v", all)
		}
	})
}

func TestASandboxThatIsOverIsReplaced(t *testing.T) {
	inWorld(t, fleet.Config{Warm: -1}, func(w *world) {
		host := w.machine("a", 1024)
		host.Run = func(_ context.Context, a nodeapi.Assignment, _ nodeapi.Invocation) nodeapi.Outcome {
			return nodeapi.Outcome{Over: true, Error: &nodeapi.FunctionError{Type: "Runtime.ExitError"}}
		}
		c := call(release("v1"), time.Now(), fleet.AllowOld)
		first, _ := w.fleet.Invoke(context.Background(), c, nil)
		second, err := w.fleet.Invoke(context.Background(), c, nil)
		if err != nil || second.Error.Type != "Runtime.ExitError" || second.Sandbox == first.Sandbox {
			t.Errorf("the second call: %+v, %v; the first was in %s", second, err, first.Sandbox)
		}
	})
}

func TestAReleaseThatDoesNotStartAnswersWithItsInitError(t *testing.T) {
	inWorld(t, fleet.Config{Warm: -1}, func(w *world) {
		host := w.machine("a", 1024)
		host.Init = func(nodeapi.Assignment) nodeapi.Init {
			return nodeapi.Init{Error: &nodeapi.FunctionError{Type: "Runtime.ExitError", Message: "exit status 1"}}
		}
		c := call(release("v1"), time.Now(), fleet.AllowOld)
		r, err := w.fleet.Invoke(context.Background(), c, nil)
		if err != nil || !r.Unfit || r.Error == nil || r.Error.Type != "Runtime.ExitError" || r.Sandbox == "" || r.Node != "a" {
			t.Errorf("the answer is %+v, %v", r, err)
		}
		l := w.load(3, func() fleet.Call { return c })
		time.Sleep(time.Minute)
		close(l.halt)
		l.clients.Wait()
		if n := host.Started(); n > 30 {
			t.Errorf("%d sandboxes were started in a minute of calls: that is no backoff", n)
		}
		host.Change(func(h *fleettest.Host) { h.Init = nil })
		time.Sleep(5 * time.Second)
		w.invoke(c)
	})
}

func TestWhyAReleaseCannotBeStartedIsTold(t *testing.T) {
	inWorld(t, fleet.Config{}, func(w *world) {
		w.machine("a", 1024)
		r := release("v1")
		errRole := errors.New("the role cannot be assumed")
		r.Env = func(context.Context) ([]string, error) { return nil, errRole }
		c := call(r, time.Now(), fleet.AllowOld)
		w.refused(c, errRole)
		w.refused(c, fleet.ErrUnfit)
	})
}

func TestASandboxIsGivenWhatItsReleaseSays(t *testing.T) {
	inWorld(t, fleet.Config{HardCPU: true}, func(w *world) {
		host := w.machine("a", 2048)
		var got nodeapi.Assignment
		host.Init = func(a nodeapi.Assignment) nodeapi.Init { got = a; return nodeapi.Init{} }
		r := version("3")
		r.Memory = 1024
		r.Assignment.Handler = "bootstrap"
		r.Assignment.Log.Group = "/aws/lambda/hello"
		r.Env = func(context.Context) ([]string, error) { return []string{"AWS_REGION=us-east-1"}, nil }
		w.invoke(pinned(r))
		if got.Release != r.ID || got.Version != "3" || got.Memory != 1024 || got.CPU != 1024 || !got.HardCPU || got.Handler != "bootstrap" ||
			len(got.Env) != 1 || got.Timeout != r.Timeout || got.Concurrency != 1 {
			t.Errorf("it was given %+v", got)
		}
		if want := "2000/01/01/[3]" + got.Sandbox[len("sb-"):]; got.Log.Stream != want || got.Log.Group != "/aws/lambda/hello" {
			t.Errorf("it logs to %+v, want stream %s", got.Log, want)
		}
	})
}

func TestManyShortCallsNeedFewSandboxesAndLongOnesOneEach(t *testing.T) {
	for took, want := range map[time.Duration]func(n int) bool{
		100 * time.Microsecond: func(n int) bool { return n <= 16 },
		time.Second:            func(n int) bool { return n == 64 },
	} {
		inWorld(t, fleet.Config{Warm: -1}, func(w *world) {
			host := w.machine("a", 16<<10, func(h *fleettest.Host) { h.Run = answer(took) })
			c := call(release("v1"), time.Now(), fleet.AllowOld)
			w.invoke(c)
			l := w.load(64, func() fleet.Call { return c })
			time.Sleep(3 * time.Second)
			l.end(t)
			if n := host.Started(); !want(n) {
				t.Errorf("%d sandboxes were started for 64 clients whose calls take %v", n, took)
			}
		})
	}
}
