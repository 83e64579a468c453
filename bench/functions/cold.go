package main

import (
	"context"
	"fmt"
	"io"
	"time"
)

// settle is how long the machine has to come to rest between two samples.
const settle = 300 * time.Millisecond

// colds measures first calls: of functions whose sandboxes come from the pool, and of functions that are images of
// their own, for which there is no pool; and what ctr and runc take to start the same program.
func colds(ctx context.Context, out io.Writer, s *slipway, p plan) error {
	image, err := s.push(ctx)
	if err != nil {
		return err
	}
	floor, err := newFloor(ctx, s)
	if err != nil {
		return err
	}
	took := []series{{name: "from the pool"}, {name: "without, its image on the machine"}, {name: "runc run -d of the program"}, {name: "ctr run -d of the program"}}
	for n := -1; n < p.colds && ctx.Err() == nil; n++ { // the first pulls images
		for i, measure := range []func() error{
			s.first(ctx, fmt.Sprintf("pooled-%d", n+1), ""), s.first(ctx, fmt.Sprintf("image-%d", n+1), image),
			floor.runc(ctx), floor.ctr(ctx),
		} {
			if err := s.poolIsFull(ctx); err != nil {
				return err
			}
			time.Sleep(settle)
			began := time.Now()
			if err := measure(); err != nil {
				return err
			}
			if n >= 0 {
				took[i].add(time.Since(began))
			}
			if err := floor.clear(); err != nil {
				return err
			}
		}
	}
	printSeries(out, "First calls, at the client", took, 2)
	return s.printPhases(ctx, out)
}

// first makes a function and gives back its first call.
func (s *slipway) first(ctx context.Context, name, image string) func() error {
	err := s.create(ctx, name, image)
	return func() error {
		if err != nil {
			return err
		}
		return s.call(ctx, name)
	}
}
