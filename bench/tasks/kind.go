package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"slipway/internal/loop"
)

// kind is one of the things that are measured.
type kind struct {
	name string
	took []time.Duration

	start func(ctx context.Context, id string) error // what is timed
	end   func(id string) error                      // takes away what start has made, as far as it came
}

// settle is how long the machine has to come to rest between two samples.
const settle = 250 * time.Millisecond

func (k *kind) sample(ctx context.Context, keep bool) error {
	if err := loop.Pause(ctx, settle); err != nil {
		return err
	}
	id := "bench-" + rand.Text()
	began := time.Now()
	err := k.start(ctx, id)
	took := time.Since(began)
	if err := errors.Join(err, k.end(id)); err != nil {
		return err
	}
	if keep {
		k.took = append(k.took, took)
	}
	return nil
}

// quantile is the smallest time that a share q of the samples do not exceed.
func (k *kind) quantile(q float64) time.Duration {
	sorted := slices.Sorted(slices.Values(k.took))
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

func (k *kind) median() time.Duration { return k.quantile(0.5) }

// printTable prints the kinds in milliseconds and, for each peer, how many times its median theirs is.
func printTable(out io.Writer, title string, kinds []*kind, peers ...*kind) {
	const name, figure = "%-46s", "%10.1f"
	fmt.Fprintf(out, "\n"+name+"%10s%10s%10s%6s", title, "median ms", "p90", "least", "n")
	for _, peer := range peers {
		fmt.Fprintf(out, "%16s", "/ "+peer.name)
	}
	fmt.Fprintln(out)
	for _, k := range kinds {
		fmt.Fprintf(out, name+figure+figure+figure+"%6d", k.name, ms(k.median()), ms(k.quantile(0.9)), ms(slices.Min(k.took)), len(k.took))
		for _, peer := range peers {
			fmt.Fprintf(out, "%16.2f", ms(k.median())/ms(peer.median()))
		}
		fmt.Fprintln(out)
	}
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
