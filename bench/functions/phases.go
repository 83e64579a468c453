package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"slipway/server"
)

// phases of a first call, in milliseconds, as its record has them.
type phases struct {
	Pooled                                           bool
	Place, Start, Assign, Fetch, Mount, Launch, Init float64
}

// printPhases tells where the time of first calls went, by their records.
func (s *slipway) printPhases(ctx context.Context, out io.Writer) error {
	time.Sleep(2 * time.Second) // records are handed over once in a second
	all := map[bool][]phases{}
	err := server.NewControl(s.data).Events(ctx, &server.EventQuery{Type: "function.invoked"}, func(e server.Event) error {
		if !strings.Contains(e.Subject, ":pooled-") && !strings.Contains(e.Subject, ":image-") {
			return nil // of another table
		}
		var told struct {
			Calls []struct{ Cold *phases }
		}
		if err := json.Unmarshal(e.Data, &told); err != nil {
			return err
		}
		for _, c := range told.Calls {
			if c.Cold != nil {
				all[c.Cold.Pooled] = append(all[c.Cold.Pooled], *c.Cold)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%-42s%8s%8s%8s%8s%8s%8s%8s%6s\n", "By phase, median ms", "place", "start", "assign", "=fetch", "+mount", "+launch", "+init", "n")
	for _, pooled := range []bool{true, false} {
		name := map[bool]string{true: "from the pool", false: "without"}[pooled]
		fmt.Fprintf(out, "%-42s", name)
		for _, of := range []func(phases) float64{
			func(p phases) float64 { return p.Place }, func(p phases) float64 { return p.Start }, func(p phases) float64 { return p.Assign },
			func(p phases) float64 { return p.Fetch }, func(p phases) float64 { return p.Mount }, func(p phases) float64 { return p.Launch }, func(p phases) float64 { return p.Init },
		} {
			fmt.Fprintf(out, "%8.1f", medianOf(all[pooled], of))
		}
		fmt.Fprintf(out, "%6d\n", len(all[pooled]))
	}
	return nil
}

func medianOf(all []phases, of func(phases) float64) float64 {
	var s series
	for _, p := range all {
		s.add(time.Duration(of(p) * float64(time.Millisecond)))
	}
	return ms(s.quantile(0.5))
}
