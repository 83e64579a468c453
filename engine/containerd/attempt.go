package containerd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/errdefs"

	"slipway/engine"
	"slipway/internal/ids"
)

// An attempt is one try to make a container. It has a key of its own, by which containerd, its shim,
// runc, the snapshot and the cgroup know it, and which no other attempt ever has: where we die in the
// middle of a try, containerd undoes it by its key, seconds later on a busy machine, and must not meet
// what has been made in its place.
//
// One attempt at a container counts: the one that was started, which the file `started` names, or else
// the latest of this engine. What an engine that died had made and not started never counts again,
// whatever it looks like, for containerd may be undoing it. Only what counts is started, and what may
// have been started is never tried anew: so of all attempts one at most runs.
type attempt struct {
	key       string // "": none counts, or `started` does not say which
	made      bool   // containerd has answered that all of it is there
	started   bool
	startedAt time.Time
}

// newKey gives the key of another attempt at the container.
func newKey(id string) string {
	const suffix = 9 // a dot and four random bytes
	key := keyOf(id)
	if len(key) > mostKey-suffix {
		key = hashOf(id)
	}
	return key + "." + ids.Hex((suffix-1)/2)
}

// attempt is the one that counts.
func (e *Engine) attempt(id string) attempt {
	if a, started := e.folder(id).started(); started {
		return a
	}
	a, _ := e.made.Load(id)
	latest, _ := a.(attempt)
	return latest
}

// counts says whether the record is of this attempt. Where a power cut emptied the file that says so,
// no process is left, and any record tells as much as another.
func (a attempt) counts(key string) bool { return a.key == key || a.started && a.key == "" }

// records gives those of all attempts at one container.
func (e *Engine) records(ctx context.Context, id string) ([]containers.Container, error) {
	return e.client.ContainerService().List(ctx, fmt.Sprintf("labels.%q==%q", idLabel, id))
}

// stands says whether the container is made already.
func (e *Engine) stands(ctx context.Context, id string) (bool, error) {
	if !e.attempt(id).made {
		return false, nil
	}
	c, err := e.see(ctx, id)
	if errors.Is(err, engine.ErrNotFound) {
		return false, nil
	}
	return err == nil && c.State > engine.Creating, err
}

// removeAttempts takes away all attempts at a container, the one that counts last: as long as it is
// there, List tells of it.
func (e *Engine) removeAttempts(ctx context.Context, id string) error {
	records, err := e.records(ctx, id)
	if err != nil {
		return err
	}
	a := e.attempt(id)
	for _, last := range []bool{false, true} {
		for _, r := range records {
			if a.counts(r.ID) != last {
				continue
			}
			if err := e.removeAttempt(ctx, r.ID, r.Labels[taskLabel]); err != nil {
				return err
			}
			e.used(r.Labels[digestLabel])
		}
	}
	return nil
}

// removeAttempt takes away one attempt, however far it had come. No task is known of what has lost its
// record; its cgroup tells.
func (e *Engine) removeAttempt(ctx context.Context, key, task string) error {
	defer e.attempts.lock(key)()
	if err := e.endTask(ctx, key); err != nil {
		return err
	}
	if err := e.client.SnapshotService(snapshotter).Remove(ctx, key); err != nil && !errdefs.IsNotFound(err) {
		return err
	}
	if task != "" {
		if err := e.cgroups.remove(task, key); err != nil {
			return err
		}
	}
	if err := e.emptyDisk(key); err != nil {
		return err
	}
	if err := os.RemoveAll(filepath.Join(e.runcDir(), key)); err != nil {
		return err
	}
	// The record goes last: until then it is known what is left.
	if err := e.client.ContainerService().Delete(ctx, key); err != nil && !errdefs.IsNotFound(err) {
		return err
	}
	return nil
}
