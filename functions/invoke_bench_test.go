package functions

import (
	"context"
	"testing"
	"time"

	"slipway/functions/fleet"
	"slipway/nodeapi"
)

// BenchmarkInvoke is what the room costs a warm call, beside the fleet: its payload is checked, its name resolved, its
// answer made.
func BenchmarkInvoke(b *testing.B) {
	release := &fleet.Release{ID: "r", Account: callAccount, Function: greet, Version: Latest, Timeout: time.Second}
	target := &Target{Account: callAccount, Name: "greet", Function: greet, ARN: greet, Version: Latest, Release: release}
	c := &Control{config: Config{Region: "us-east-1", Fleet: echoes{}}}
	payload := []byte(`{"name":"you","numbers":[1,2,3,4,5,6,7,8,9,10]}`)
	b.ReportAllocs()
	for b.Loop() {
		i := Invoke{Account: callAccount, Function: "greet", Payload: payload, Request: "8f507cfc-xmpl-4697-b07a-ac58fc914c95"}
		if err := i.check(); err != nil {
			b.Fatal(err)
		}
		if _, err := c.callNow(b.Context(), target, &i); err != nil {
			b.Fatal(err)
		}
	}
}

// echoes is a fleet that takes no time.
type echoes struct{ Fleet }

func (echoes) Invoke(_ context.Context, c fleet.Call, _ nodeapi.AnswerWriter) (fleet.Result, error) {
	return fleet.Result{Outcome: nodeapi.Outcome{Payload: c.Invocation.Payload}, Release: c.Release}, nil
}
