package containerd

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

func TestWorkGoesOnWhileAnybodyWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f flights
		img := &image{}
		release := make(chan struct{})
		work := func(ctx context.Context) (*image, error) {
			select {
			case <-release:
				return img, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		first, leave := context.WithCancel(t.Context())
		left := make(chan error, 1)
		go func() { _, err := f.do(first, "key", work); left <- err }()
		synctest.Wait()
		got := make(chan *image, 1)
		go func() { i, _ := f.do(t.Context(), "key", work); got <- i }()
		synctest.Wait()

		leave() // who began it
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("who left gets %v", err)
		}
		close(release)
		if <-got != img {
			t.Error("who stayed got nothing")
		}
	})
}

func TestWorkEndsWithTheLastWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f flights
		ended := false
		ctx, leave := context.WithCancel(t.Context())
		go f.do(ctx, "key", func(ctx context.Context) (*image, error) {
			<-ctx.Done()
			ended = true
			return nil, ctx.Err()
		})
		synctest.Wait()
		leave()
		synctest.Wait()
		if !ended || len(f.flown) != 0 {
			t.Errorf("ended is %v, %d flights are left", ended, len(f.flown))
		}
	})
}

// Another's login may be the reason for its failure: who joined tries with its own.
func TestFailureOfAnotherIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f flights
		refused, img := errors.New("refused"), &image{}
		release := make(chan struct{})
		failed := make(chan error, 1)
		go func() {
			_, err := f.do(t.Context(), "key", func(context.Context) (*image, error) { <-release; return nil, refused })
			failed <- err
		}()
		synctest.Wait()
		got := make(chan *image, 1)
		go func() {
			i, _ := f.do(t.Context(), "key", func(context.Context) (*image, error) { return img, nil })
			got <- i
		}()
		synctest.Wait()
		close(release)
		if err := <-failed; !errors.Is(err, refused) {
			t.Errorf("who began gets %v", err)
		}
		if <-got != img {
			t.Error("who joined did not try again")
		}
	})
}
