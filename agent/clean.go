package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"slipway/engine"
	"slipway/internal/loop"
)

// When images are removed: once the disk is fuller than the one, until it is no fuller than the other.
const (
	diskFull    = 0.85
	diskCleaned = 0.75
)

const (
	cleanPeriod = time.Minute
	// leastIdle is how long an image must have been of no use. So what has just been pulled is not removed before
	// the agent knows that it has.
	leastIdle = time.Minute
)

// diskOf tells how full the disk with a folder is, of what can be written to it.
func diskOf(dir string) func() (float64, error) {
	return func() (float64, error) {
		var s unix.Statfs_t
		if err := unix.Statfs(dir, &s); err != nil {
			return 0, fmt.Errorf("tell how full the disk with %s is: %w", dir, err)
		}
		used := s.Blocks - s.Bfree
		return float64(used) / float64(max(used+s.Bavail, 1)), nil
	}
}

// keepClean removes images that nobody uses while the disk is too full, until ctx ends.
func (a *Agent) keepClean(ctx context.Context) {
	loop.Run(ctx, "remove unused images", cleanPeriod, nil, a.clean)
}

// clean removes images, the oldest first. What it goes by is older than what the engine knows when
// it is asked to remove one, and so the engine refuses what somebody has asked for in between.
func (a *Agent) clean(ctx context.Context) error {
	full, err := a.config.Disk()
	if err != nil || full <= diskFull {
		return err
	}
	images, err := a.config.Engine.Images(ctx)
	if err != nil {
		return err
	}
	wanted, known := a.wantedImages(ctx)
	if !known {
		return nil
	}
	for _, image := range unneeded(images, wanted, time.Now()) {
		if full, err = a.config.Disk(); err != nil || full <= diskCleaned {
			return err
		}
		a.removeImage(ctx, image)
	}
	return ctx.Err()
}

func (a *Agent) removeImage(ctx context.Context, image engine.StoredImage) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	switch err := a.config.Engine.RemoveImage(ctx, image.Digest, image.UsedAt); {
	case err == nil:
		slog.Info("removed an image that nobody uses, for room", "image", image.Refs, "size", image.Size, "used", image.UsedAt)
	case !errors.Is(err, engine.ErrInUse):
		slog.Warn("an image is not removed", "image", image.Refs, "error", err)
	}
}

// unneeded are the images that may be removed, in the order in which they are.
func unneeded(images []engine.StoredImage, wanted map[string]bool, now time.Time) (old []engine.StoredImage) {
	for _, i := range images {
		if !i.InUse && !wants(wanted, i) && now.Sub(i.UsedAt) >= leastIdle {
			old = append(old, i)
		}
	}
	slices.SortStableFunc(old, func(a, b engine.StoredImage) int { return a.UsedAt.Compare(b.UsedAt) })
	return old
}

func wants(wanted map[string]bool, i engine.StoredImage) bool {
	return wanted[i.Digest] || slices.ContainsFunc(i.Refs, func(ref string) bool {
		name, _, _ := strings.Cut(ref, "@")
		return wanted[name]
	})
}

// wantedImages are the images that tasks need, by digest, or by name where that is not known yet. They are not known before the control
// plane has told what it wants.
func (a *Agent) wantedImages(ctx context.Context) (wanted map[string]bool, known bool) {
	answer := make(chan map[string]bool, 1)
	a.tell(ctx, func(time.Time) {
		if !a.whole || !a.looked {
			answer <- nil
			return
		}
		all := map[string]bool{}
		for _, w := range a.tasks {
			w.needs(all)
		}
		answer <- all
	})
	select {
	case wanted = <-answer:
		if wanted != nil {
			a.ahead.needs(wanted)
		}
	case <-ctx.Done():
	}
	return wanted, wanted != nil
}

// needs adds the images of a task.
func (t *task) needs(all map[string]bool) {
	for _, c := range t.containers {
		if c.image != nil {
			all[c.image.Digest] = true
		}
		if c.seen != nil {
			all[c.seen.Digest] = true
		}
		if c.rerun != nil {
			all[c.rerun.Digest] = true
		}
		if c.want != nil && c.want.Digest != "" {
			all[c.want.Digest] = true
		} else if c.want != nil && c.image == nil && c.seen == nil {
			all[reference(c)] = true
			if _, digest, isPinned := strings.Cut(c.want.Image, "#"); isPinned {
				all[digest] = true
			}
		}
	}
}
