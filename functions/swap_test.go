package functions

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"slipway/functions/fleet/fleettest"
	"slipway/nodeapi"
	"slipway/store"
	"slipway/store/storetest"
)

// Functions are called without a pause while their code is updated, some of it broken: no call fails, broken code
// never answers, and what is good is what callers get in the end, also where it has to be started anew.
func TestUpdatesUnderLoad(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		h := newHall(t, db)
		broken := newBroken(h)
		h.create("f")
		ctx, stop := context.WithCancel(t.Context())
		var callers sync.WaitGroup
		var calling sync.RWMutex
		for range 3 {
			callers.Go(func() {
				for ; ctx.Err() == nil; time.Sleep(time.Millisecond) { // so that the machine has something left for updates
					calling.RLock()
					h.call(broken)
					calling.RUnlock()
				}
			})
		}
		good := h.latest().Release
		for i := range 9 {
			bad := i%3 == 1
			release := h.update(broken, bad, fmt.Sprint(i))
			if v := h.latest(); bad && v.Update.State != UpdateFailed || !bad && v.Update.State != Successful {
				t.Errorf("update %d, which is broken: %v, is %+v", i, bad, v.Update)
			}
			if !bad {
				good = release
			}
			if i%3 == 2 {
				continue
			}
			calling.Lock() // a call that runs cannot outlive its sandbox
			h.killAll()
			calling.Unlock()
			h.wait(func() bool { return h.call(broken) == good })
		}
		stop()
		callers.Wait()
		if faults := h.host.Faults(); len(faults) > 0 {
			t.Errorf("the fleet asked for what it must not: %q", faults)
		}
	})
}

// bad is which code does not start.
type bad struct {
	mu   sync.Mutex
	code map[string]bool
}

func newBroken(h *hall) *bad {
	b := &bad{code: map[string]bool{}}
	h.host.Change(func(host *fleettest.Host) {
		host.Run = func(_ context.Context, a nodeapi.Assignment, i nodeapi.Invocation) nodeapi.Outcome {
			return nodeapi.Outcome{Payload: []byte(`"` + a.Release + `"`)}
		}
		host.Init = func(a nodeapi.Assignment) nodeapi.Init {
			if b.has(a.Code[0].Digest) {
				return nodeapi.Init{Error: &nodeapi.FunctionError{Type: "Runtime.ExitError", Message: "Error: Runtime exited without providing a reason"}}
			}
			return nodeapi.Init{}
		}
	})
	return b
}

func (b *bad) has(digest string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.code[digest]
}

// call calls the function once, and returns the release that answered.
func (h *hall) call(b *bad) (release string) {
	h.Helper()
	a, err := h.Invoke(context.Background(), Invoke{Account: callAccount, Function: "f"})
	switch {
	case err != nil:
		h.Errorf("a call fails: %v", err)
	case a.Failed != "":
		h.Errorf("a call is answered %s", a.Payload)
	case strings.Trim(string(a.Payload), `"`) != a.Release:
		h.Errorf("%s answers, and %s is said to", a.Payload, a.Release)
	}
	return a.Release
}

func (h *hall) latest() Version {
	h.Helper()
	v, err := h.Version(h.Context(), Ref{Account: callAccount, Name: "f"})
	if err != nil {
		h.Fatal(err)
	}
	return v
}

// update gives the function other code, and waits until it is known what becomes of it.
func (h *hall) update(b *bad, broken bool, text string) (release string) {
	h.Helper()
	zip := zipOf(h.T, "bootstrap", text)
	if broken {
		digest, _, err := h.putZip(h.Context(), zip)
		if err != nil {
			h.Fatal(err)
		}
		b.mu.Lock()
		b.code[digest] = true
		b.mu.Unlock()
	}
	v, err := h.UpdateCode(h.Context(), Ref{Account: callAccount, Name: "f"}, NewCode{Code: Code{Zip: zip}}, Precondition{})
	if err != nil {
		h.Fatal(err)
	}
	h.wait(func() bool { return h.latest().Update.State != InProgress })
	return v.Release
}

// killAll ends all sandboxes without a word.
func (h *hall) killAll() {
	for _, ids := range h.host.Sandboxes() {
		for _, id := range ids {
			h.host.Lose(id)
		}
	}
}
