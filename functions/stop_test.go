package functions

import (
	"context"
	"testing"
	"time"

	"slipway/nodeapi"
	"slipway/store"
	"slipway/store/storetest"
)

// Calls of an account that is closed are given up, those that are under way too, and are dead letters that say why. Those
// of others go on.
func TestCallsOfAClosedAccountAreGivenUp(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		h := newHall(t, db)
		h.create("greet")
		begun, let := make(chan struct{}, 1), make(chan struct{})
		h.host.Run = func(ctx context.Context, _ nodeapi.Assignment, i nodeapi.Invocation) nodeapi.Outcome {
			begun <- struct{}{}
			select {
			case <-let:
			case <-ctx.Done():
			}
			return nodeapi.Outcome{Payload: i.Payload}
		}
		if err := h.Reserve(t.Context(), Ref{Account: callAccount, Name: "greet"}, 1); err != nil { // so that one waits for the other
			t.Fatal(err)
		}
		for range 2 {
			if _, err := h.Invoke(t.Context(), Invoke{Account: callAccount, Function: "greet", Type: EventCall, Payload: []byte(`"hello"`)}); err != nil {
				t.Fatal(err)
			}
		}
		<-begun
		other := &call{ID: "of another", Account: "999999999999", Function: "arn:aws:lambda:us-east-1:999999999999:function:greet", Payload: []byte(`{}`), holder: "another server"}
		if err := db.Update(t.Context(), func(tx *store.Tx) error { return insertCalls(tx, []*call{other}, time.Hour) }); err != nil {
			t.Fatal(err)
		}
		if err := h.StopAccount(t.Context(), callAccount); err != nil {
			t.Fatal(err)
		}
		close(let)
		dead := func() []DeadCall {
			t.Helper()
			all, _, err := h.DeadCalls(t.Context(), Ref{Account: callAccount}, "", 10)
			if err != nil {
				t.Fatal(err)
			}
			return all
		}
		for _, d := range dead() {
			if d.Condition != AccountClosed || d.Reason != "the account was closed" || d.Size != 7 {
				t.Errorf("a dead letter is %+v", d)
			}
		}
		h.wait(func() bool { return len(h.calls.flying()) == 0 })
		if n := len(dead()); n != 2 {
			t.Errorf("%d dead letters, and 2 calls waited", n)
		}
		var told, left int
		for query, n := range map[string]*int{
			`select count(*) from events where type = 'function.event.failed'`: &told,
			`select count(*) from functions_calls where ended = 0`:             &left,
		} {
			if err := db.Row(t.Context(), query).Scan(n); err != nil {
				t.Fatal(err)
			}
		}
		if told != 2 || left != 1 {
			t.Errorf("%d events, want 2, and %d calls are left, want that of another account", told, left)
		}
	})
}
