package sandbox

import (
	"slices"
	"testing"
	"time"

	"slipway/internal/ids"
	"slipway/nodeapi"
)

// BenchmarkCold takes a sandbox from nothing to ready for its first call, phase by phase. The figures are medians in milliseconds.
//
//	go test -run - -bench Cold -benchtime 30x ./agent/sandbox
func BenchmarkCold(b *testing.B) {
	w := newWorld(b)
	clock := map[string][]time.Duration{}
	note := func(name string, took time.Duration) { clock[name] = append(clock[name], took) }
	for b.Loop() {
		id := "sb-" + ids.Hex(16)
		began := time.Now()
		if err := w.host.Start(b.Context(), nodeapi.Sandbox{ID: id, Account: "123456789012", Image: w.image, Memory: 128, Disk: 512}); err != nil {
			b.Fatal(err)
		}
		started := time.Now()
		told, err := w.host.Assign(b.Context(), w.assignment(id))
		if err != nil || told.Error != nil {
			b.Fatal(err, told.Error)
		}
		ready := time.Now()
		w.call(id, nil, wants{})
		called := time.Now()
		if err := w.host.Stop(b.Context(), id); err != nil {
			b.Fatal(err)
		}
		note("start-ms", started.Sub(began))
		note("assign-ms", ready.Sub(started))
		note("cold-ms", ready.Sub(began))
		note("first-call-ms", called.Sub(ready))
		note("stop-ms", time.Since(called))
		note("fetch-ms", told.Fetch)
		note("mount-ms", told.Mount)
		note("launch-ms", told.Launch)
		note("init-ms", told.Init)
	}
	for name, times := range clock {
		slices.Sort(times)
		b.ReportMetric(float64(times[len(times)/2].Microseconds())/1000, name)
	}
}

// BenchmarkCall is a call of a function that does nothing, through the host alone.
func BenchmarkCall(b *testing.B) {
	w := newWorld(b)
	i := nodeapi.Invocation{
		Sandbox: w.assigned(), Request: newRequest(), ARN: "arn:aws:lambda:us-east-1:123456789012:function:test", Payload: []byte("{}"),
		Timeout: 10 * time.Second, MaxAnswer: 6 << 20,
	}
	b.ReportAllocs()
	for b.Loop() {
		if outcome, err := w.host.Invoke(b.Context(), i, nil); err != nil || outcome.Error != nil {
			b.Fatal(err, outcome.Error)
		}
	}
}
