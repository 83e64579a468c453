package fleet_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"slipway/functions/fleet"
	"slipway/functions/fleet/fleettest"
)

func TestRecordsThatNobodyTakesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		open, taken := make(chan struct{}), 0
		c := fleet.Config{Batch: 2, Records: func(all []fleet.Record) {
			<-open
			taken += len(all)
		}}
		f := fleettest.Start(t, c, account, fleettest.NewHost())
		for range 500 {
			if _, err := f.Invoke(context.Background(), pinned(version("1")), nil); err != nil {
				t.Fatal(err)
			}
		}
		close(open)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if taken < 2*64 || taken > 4*64 {
			t.Errorf("%d executions were kept, want 64 batches of 2, and at most as many that were on their way", taken)
		}
	})
}
