package main

import (
	"fmt"
	"io"
	"slices"
)

// rate is how much one of the things that are measured gets done in a second.
type rate struct {
	name string
	seen []float64
}

func (r *rate) median() float64 {
	sorted := slices.Sorted(slices.Values(r.seen))
	return sorted[min(len(sorted)/2, len(sorted)-1)]
}

// printRates prints the rates and, for each peer, how many times its median theirs is: more is better.
func printRates(out io.Writer, title string, rates []*rate, peers ...*rate) {
	fmt.Fprintf(out, "\n%-46s%10s%10s%10s%6s", title, "median /s", "least", "most", "n")
	for _, peer := range peers {
		fmt.Fprintf(out, "%16s", "/ "+peer.name)
	}
	fmt.Fprintln(out)
	for _, r := range rates {
		fmt.Fprintf(out, "%-46s%10.1f%10.1f%10.1f%6d", r.name, r.median(), slices.Min(r.seen), slices.Max(r.seen), len(r.seen))
		for _, peer := range peers {
			fmt.Fprintf(out, "%16.2f", r.median()/peer.median())
		}
		fmt.Fprintln(out)
	}
}
