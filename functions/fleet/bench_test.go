package fleet_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"slipway/functions/fleet"
	"slipway/functions/fleet/fleettest"
	"slipway/nodeapi"
)

// quick is a machine on which calls take no time, so that what is measured is the fleet's part.
type quick struct{ *fleettest.Host }

func (quick) Invoke(context.Context, nodeapi.Invocation, nodeapi.AnswerWriter) (nodeapi.Outcome, error) {
	return nodeapi.Outcome{}, nil
}

func startQuick(b *testing.B) (*fleet.Fleet, fleet.Call) {
	f := fleettest.Start(b, fleet.Config{Records: func([]fleet.Record) {}}, account, quick{fleettest.NewHost()})
	c := call(release("v1"), time.Now(), fleet.AllowOld)
	if _, err := f.Invoke(context.Background(), c, nil); err != nil {
		b.Fatal(err)
	}
	return f, c
}

// BenchmarkInvoke is what the fleet adds to a warm call.
func BenchmarkInvoke(b *testing.B) {
	f, c := startQuick(b)
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.Invoke(ctx, c, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkInvokeParallel is the same, with callers that meet at the account's lock.
func BenchmarkInvokeParallel(b *testing.B) {
	f, c := startQuick(b)
	ctx := context.Background()
	var failed atomic.Int64
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if _, err := f.Invoke(ctx, c, nil); err != nil {
				failed.Add(1)
			}
		}
	})
	if n := failed.Load(); n > 0 {
		b.Fatalf("%d calls failed", n)
	}
}
