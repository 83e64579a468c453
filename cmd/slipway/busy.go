package main

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// A control plane keeps little, so one that is busy would look for garbage several times a second. It may have more of it
// then, up to busyGarbage, and goes back to what is usual when it has come to rest.
const (
	busyGarbage = 64 << 20 // bytes
	busyEvery   = 5 * time.Second
	busyLooks   = 5   // for garbage in busyEvery, from which on it is busy
	usualGC     = 100 // percent
)

// keepBusy works until ctx ends. Whoever sets GOGC has the say.
func keepBusy(ctx context.Context) {
	if os.Getenv("GOGC") != "" {
		return
	}
	tick := time.NewTicker(busyEvery)
	defer tick.Stop()
	seen := []metrics.Sample{{Name: "/gc/cycles/automatic:gc-cycles"}, {Name: "/gc/heap/live:bytes"}}
	metrics.Read(seen)
	looks, percent := seen[0].Value.Uint64(), usualGC
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		metrics.Read(seen)
		now := seen[0].Value.Uint64()
		if next := garbage(percent, now-looks, seen[1].Value.Uint64()); next != percent {
			percent = next
			debug.SetGCPercent(percent)
		}
		looks = now
	}
}

// garbage is how much there may be from now on, in percent of what lives, after so many looks for it in busyEvery. Who
// had more than is usual keeps that as long as looks are made at all.
func garbage(percent int, looks, live uint64) int {
	busy := looks >= busyLooks || percent > usualGC && looks > 0
	if !busy || live == 0 {
		return usualGC
	}
	return max(usualGC, int(min(busyGarbage*100/live, 1000)))
}
