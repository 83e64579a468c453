// Command scheduler is an example of a scheduler from outside: it puts tasks on the machine with the most free
// memory in the cheapest zone. What a zone costs is an attribute of its machines, "price".
//
//	slipway scheduler add cheap
//	scheduler -name cheap
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"math"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"syscall"

	"slipway/schedulers"
)

func main() {
	config := schedulers.Config{}
	flag.StringVar(&config.Cluster, "cluster", "default", "cluster")
	flag.StringVar(&config.Name, "name", "cheap", "name of the scheduler")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := schedulers.Run(ctx, config, cheapest); err != nil {
		fmt.Fprintln(os.Stderr, "scheduler:", err)
		os.Exit(1)
	}
}

// cheapest ranks the machines that have room: by the price of their zone, then by the memory they have free.
func cheapest(s *schedulers.State, q schedulers.Question) schedulers.Answer {
	nodes := s.Fitting(q)
	slices.SortFunc(nodes, func(a, b string) int {
		x, y := s.Nodes[a], s.Nodes[b]
		return cmp.Or(cmp.Compare(price(x), price(y)), cmp.Compare(y.FreeMemory, x.FreeMemory), cmp.Compare(a, b))
	})
	return schedulers.Rank(nodes...)
}

// price is what the machine's zone costs; where nothing is said, more than any.
func price(n schedulers.Node) float64 {
	p, err := strconv.ParseFloat(n.Attributes["price"], 64)
	if err != nil {
		return math.Inf(1)
	}
	return p
}
