package main

import (
	"fmt"
	"io"
	"slices"
	"time"
)

// series is how long one of the things that are measured took each time.
type series struct {
	name string
	took []time.Duration
}

func (s *series) add(d time.Duration) { s.took = append(s.took, d) }

// quantile is the smallest time that a share q of all does not exceed.
func (s *series) quantile(q float64) time.Duration {
	if len(s.took) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s.took))
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

// printSeries prints them in milliseconds; with the floor, how much more than the first each takes at its median.
func printSeries(out io.Writer, title string, all []series, floor bool) {
	fmt.Fprintf(out, "\n%-42s%10s%10s%10s%8s", title, "p50 ms", "p99", "p99.9", "n")
	if floor {
		fmt.Fprintf(out, "%16s", "over the first")
	}
	fmt.Fprintln(out)
	for _, s := range all {
		fmt.Fprintf(out, "%-42s%10.2f%10.2f%10.2f%8d", s.name, ms(s.quantile(0.5)), ms(s.quantile(0.99)), ms(s.quantile(0.999)), len(s.took))
		if floor {
			fmt.Fprintf(out, "%16.2f", ms(s.quantile(0.5)-all[0].quantile(0.5)))
		}
		fmt.Fprintln(out)
	}
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
