package main

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// An agent shares its machine with what it runs there, so it keeps little: its garbage is half of what it uses, not
// as much again, and what a crowd of tasks took while it started goes back to the kernel.
const (
	leanGC    = 50      // percent
	leanFree  = 4 << 20 // bytes that it may hold and not use
	leanEvery = 5 * time.Second
)

// keepLean works until ctx ends.
func keepLean(ctx context.Context) {
	debug.SetGCPercent(leanGC)
	tick := time.NewTicker(leanEvery)
	defer tick.Stop()
	free := []metrics.Sample{{Name: "/memory/classes/heap/free:bytes"}}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if metrics.Read(free); free[0].Value.Uint64() > leanFree {
				debug.FreeOSMemory()
			}
		}
	}
}
