package containerd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

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
// The attempt that counts is the one that about.json names: it is written there before anything of it
// is made. It stands once containerd has answered that all of it is there, which `whole` says; only what
// stands is started, and what was started, or may have been, is never tried anew. So of all attempts
// one at most runs.
type attempt struct{ key, task string }

// newAttempt gives the key of another try to make the container.
func newAttempt(id string) string {
	const suffix = 9 // a dot and four random bytes
	key := keyOf(id)
	if len(key) > mostKey-suffix {
		key = hashOf(id)
	}
	return key + "." + ids.Hex((suffix-1)/2)
}

// attempt is the key of the one that counts. Containers of releases that knew no attempts have their own key.
func (a about) attempt() string { return firstOf(a.Attempt, keyOf(a.ID)) }

// counts picks the record that counts among those of one container; nil where that is not there. Where a
// power cut took about.json away, the one that is there counts.
func (a about) counts(records []containers.Container) *containers.Container {
	if a.ID == "" && len(records) > 0 {
		newest := slices.MaxFunc(records, func(a, b containers.Container) int { return a.CreatedAt.Compare(b.CreatedAt) })
		return &newest
	}
	i := slices.IndexFunc(records, func(r containers.Container) bool { return r.ID == a.attempt() })
	if i < 0 {
		return nil
	}
	return &records[i]
}

// records gives those of all attempts at one container.
func (e *Engine) records(ctx context.Context, id string) ([]containers.Container, error) {
	key := keyOf(id)
	return e.client.ContainerService().List(ctx, fmt.Sprintf("id==%q", key), fmt.Sprintf("labels.%q==%q", keyLabel, key))
}

// current is the key of the attempt that counts.
func (e *Engine) current(ctx context.Context, id string) (string, error) {
	self, err := e.folder(id).about()
	if err != nil || self.ID != "" {
		return self.attempt(), err
	}
	records, err := e.records(ctx, id)
	if r := self.counts(records); r != nil {
		return r.ID, err
	}
	return keyOf(id), err
}

// attempts gives all that may have left something, the one that counts last: as long as it is there,
// List tells of the container.
func (e *Engine) attempts(ctx context.Context, id string) ([]attempt, error) {
	self, err := e.folder(id).about()
	if err != nil {
		return nil, err
	}
	records, err := e.records(ctx, id)
	last := attempt{self.attempt(), self.Task}
	if self.ID == "" {
		last.key = keyOf(id)
	}
	var all []attempt
	for _, r := range records {
		if r.ID == last.key {
			last.task = r.Labels[taskLabel]
			continue
		}
		all = append(all, attempt{r.ID, r.Labels[taskLabel]})
	}
	return append(all, last), err
}

// stands says whether the container is made already. What an engine that died had not made to its end
// does not stand, whatever it looks like: containerd may be undoing it.
func (e *Engine) stands(ctx context.Context, id string) (bool, error) {
	if _, err := os.Stat(string(e.folder(id))); err != nil {
		return false, nil
	}
	c, err := e.see(ctx, id)
	if errors.Is(err, engine.ErrNotFound) {
		return false, nil
	}
	return err == nil && c.State > engine.Creating, err
}

// removeAttempt takes away one attempt at a container, however far it had come.
func (e *Engine) removeAttempt(ctx context.Context, a attempt) error {
	defer e.trying.lock(a.key)()
	if err := e.endTask(ctx, a.key); err != nil {
		return err
	}
	if err := e.client.SnapshotService(snapshotter).Remove(ctx, a.key); err != nil && !errdefs.IsNotFound(err) {
		return err
	}
	if a.task != "" {
		if err := e.cgroups.remove(a.task, a.key); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(filepath.Join(e.runcDir(), a.key)); err != nil {
		return err
	}
	// The record goes last: until then it is known what is left.
	if err := e.client.ContainerService().Delete(ctx, a.key); err != nil && !errdefs.IsNotFound(err) {
		return err
	}
	return nil
}
