package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
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
	if err := pause(ctx, settle); err != nil {
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

// printTable prints the kinds and, for each peer, how many times its median theirs is.
func printTable(out io.Writer, title string, kinds []*kind, peers ...*kind) error {
	fmt.Fprintf(out, "\n%s\n", title)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "\tmedian\tp90\tleast\tn\t")
	for _, peer := range peers {
		fmt.Fprintf(w, "/ %s\t", peer.name)
	}
	fmt.Fprintln(w)
	for _, k := range kinds {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t", k.name, ms(k.median()), ms(k.quantile(0.9)), ms(slices.Min(k.took)), len(k.took))
		for _, peer := range peers {
			fmt.Fprintf(w, "%.2f\t", float64(k.median())/float64(peer.median()))
		}
		fmt.Fprintln(w)
	}
	return w.Flush()
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }
