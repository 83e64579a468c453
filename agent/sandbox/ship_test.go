package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"slipway/nodeapi"
)

// Many logs go to the store less often than few, and at once when one of them is pressing.
func TestManyLogsAreShippedTogether(t *testing.T) {
	file := filepath.Join(t.TempDir(), "output")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		sandboxes int
		lots      bool
		want      time.Duration // from one time to the next
	}{
		{sandboxes: 1, want: shipPeriod},
		{sandboxes: 4, want: 4 * shipSlow / shipMany},
		{sandboxes: 30, want: shipSlow},
		{sandboxes: 30, lots: true, want: shipPeriod},
	} {
		synctest.Test(t, func(t *testing.T) {
			shipped := 0
			s := &shipper{logs: map[string]*source{}, presses: make(chan struct{}, 1), printed: func(context.Context, string, []nodeapi.Printed) error {
				shipped++
				return nil
			}}
			var all []*journal
			for n := range c.sandboxes {
				j, err := openJournal(file)
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, j)
				s.follow(&source{sandbox: fmt.Sprint(n), journal: j})
			}
			ctx, stop := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() { defer close(done); s.run(ctx) }()
			const took = 10 * time.Second
			for began := time.Now(); time.Since(began) < took; time.Sleep(shipPeriod / 2) {
				for _, j := range all {
					j.say(false, "a line")
				}
				if c.lots {
					all[0].say(false, strings.Repeat("x", pressing))
				}
			}
			synctest.Wait()
			if want := int(took / c.want); shipped < want*8/10 || !c.lots && shipped > want*12/10 {
				t.Errorf("%d logs were shipped %d times in %s, want about %d", c.sandboxes, shipped, took, want)
			}
			stop()
			<-done
		})
	}
}

// A control plane that is away for long does not fill the machine's log, and the next time that it is away is told of at once.
func TestAStoreThatFailsForLongIsToldOfNowAndThen(t *testing.T) {
	var said bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&said, nil)))
	defer slog.SetDefault(before)
	synctest.Test(t, func(t *testing.T) {
		away := errors.New("away")
		var told time.Time
		fails := func(d time.Duration) (lines int) {
			said.Reset()
			for began := time.Now(); time.Since(began) < d; time.Sleep(shipAgain) {
				told = complained(told, away)
			}
			return strings.Count(said.String(), "not written down")
		}
		if got := fails(10 * complain); got != 10 {
			t.Errorf("%d lines in %s, want 10", got, 10*complain)
		}
		told = complained(told, nil)
		if got := fails(complain / 2); got != 1 {
			t.Errorf("%d lines the next time, want 1", got)
		}
	})
}
