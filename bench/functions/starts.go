package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"golang.org/x/sync/errgroup"
)

// starts measures how many sandboxes are made ready in a second, where many are wanted at once; and beside that, how many
// containers ctr starts with as many at once, by the same containerd.
func starts(ctx context.Context, out io.Writer, s *slipway, p plan) error {
	floor, err := newFloor(ctx, s)
	if err != nil {
		return err
	}
	if err := s.pullImage(ctx); err != nil {
		return err
	}
	crowd := time.Now()
	var all errgroup.Group
	for range p.starts {
		all.Go(floor.ctr(ctx))
	}
	if err := all.Wait(); err != nil {
		return errors.Join(err, floor.clear())
	}
	peer := time.Since(crowd)
	if err := floor.clear(); err != nil {
		return err
	}
	own, err := s.provision(ctx, "many", int32(p.starts))
	if err != nil {
		return err
	}
	a, b := float64(p.starts)/own.Seconds(), float64(p.starts)/peer.Seconds()
	fmt.Fprintf(out, "\n%-42s%12s%10s\n", fmt.Sprintf("Started at once: %d", p.starts), "a second", "/ ctr")
	fmt.Fprintf(out, "%-42s%12.1f%10.2f\n%-42s%12.1f%10.2f\n", "sandboxes, ready for their first calls", a, a/b, "ctr run -d", b, 1.0)
	return nil
}

// pullImage has containerd have the image that ctr starts.
func (s *slipway) pullImage(ctx context.Context) error {
	image, err := s.push(ctx)
	if err != nil {
		return err
	}
	return s.first(ctx, "puller", image)()
}

// provision tells how long it takes until so many sandboxes of a new function are ready.
func (s *slipway) provision(ctx context.Context, name string, n int32) (time.Duration, error) {
	if err := s.create(ctx, name, ""); err != nil {
		return 0, err
	}
	v, err := s.lambda.PublishVersion(ctx, &lambda.PublishVersionInput{FunctionName: &name})
	if err != nil {
		return 0, err
	}
	began := time.Now()
	_, err = s.lambda.PutProvisionedConcurrencyConfig(ctx, &lambda.PutProvisionedConcurrencyConfigInput{
		FunctionName: &name, Qualifier: v.Version, ProvisionedConcurrentExecutions: aws.Int32(n),
	})
	if err != nil {
		return 0, err
	}
	err = s.poll(ctx, func(ctx context.Context) (bool, error) {
		got, err := s.lambda.GetProvisionedConcurrencyConfig(ctx, &lambda.GetProvisionedConcurrencyConfigInput{FunctionName: &name, Qualifier: v.Version})
		if err == nil && got.Status == types.ProvisionedConcurrencyStatusEnumFailed {
			err = fmt.Errorf("not so many can be started: %s", aws.ToString(got.StatusReason))
		}
		return err == nil && got.Status == types.ProvisionedConcurrencyStatusEnumReady, err
	})
	return time.Since(began), err
}
