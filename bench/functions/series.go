package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
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

// printSeries prints them in milliseconds, and how they compare to each from peer on.
func printSeries(out io.Writer, title string, all []series, peer int) {
	const name, figure = "%-42s", "%10.1f"
	fmt.Fprintf(out, "\n"+name+"%10s%10s%10s%6s", title, "median ms", "p90", "least", "n")
	for _, p := range all[peer:] {
		fmt.Fprintf(out, "%14s", "/ "+strings.Fields(p.name)[0])
	}
	fmt.Fprintln(out)
	for _, s := range all {
		fmt.Fprintf(out, name+figure+figure+figure+"%6d", s.name, ms(s.quantile(0.5)), ms(s.quantile(0.9)), ms(s.quantile(0)), len(s.took))
		for _, p := range all[peer:] {
			fmt.Fprintf(out, "%14.2f", ms(s.quantile(0.5))/ms(p.quantile(0.5)))
		}
		fmt.Fprintln(out)
	}
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
