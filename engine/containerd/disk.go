package containerd

import (
	"context"
	"fmt"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"

	"slipway/internal/loop"
)

// space is the room that images may take.
type space struct {
	dir  string
	free func(dir string) (uint64, error) // bytes above the reserve
}

// freeAboveReserve keeps a hundredth of the disk for others, at most 256 MiB.
func freeAboveReserve(dir string) (uint64, error) {
	var disk unix.Statfs_t
	if err := unix.Statfs(dir, &disk); err != nil {
		return 0, err
	}
	block := uint64(disk.Bsize)
	free := disk.Bavail * block
	return free - min(free, disk.Blocks*block/100, 256<<20), nil
}

// takes fails where layers say that they weigh more than there is room.
func (s space) takes(layers []ocispec.Descriptor) error {
	var needed uint64
	for _, layer := range layers {
		needed += uint64(max(0, layer.Size))
	}
	free, err := s.free(s.dir)
	if err == nil && needed > free {
		err = fmt.Errorf("%w: its layers have %d bytes, %d are free in %s", errTooLarge, needed, free, s.dir)
	}
	return err
}

// guard ends ctx when the room is used up: few compressed bytes may unpack to very many. Call stop
// when the work is done; it tells the reason where there was one.
func (s space) guard(ctx context.Context) (guarded context.Context, stop func() error) {
	ctx, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			if free, err := s.free(s.dir); err == nil && free == 0 {
				cancel(fmt.Errorf("%w: unpacked, it leaves no room in %s", errTooLarge, s.dir))
			}
			loop.Pause(ctx, 20*time.Millisecond)
		}
	}()
	return ctx, func() error {
		cancel(nil)
		<-done
		if cause := context.Cause(ctx); cause != context.Canceled {
			return cause
		}
		return nil
	}
}
