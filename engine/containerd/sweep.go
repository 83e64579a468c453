package containerd

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/containerd/containerd/api/services/tasks/v1"
	"github.com/containerd/errdefs/pkg/errgrpc"
	"golang.org/x/sys/unix"

	"slipway/internal/loop"
)

// When we die, or containerd does, in the middle of making a process, containerd undoes what we had
// begun, after a while and not always to its end: it may forget a shim that it has just started, or keep
// a process whose record is deleted; and a container's folder is there before the container and after
// it. All of it has the key of an attempt that does not count (attempt.go), and none ever has that key
// again: so it may be taken away at any time, whatever is made beside it.

// shim is a process of containerd-shim-runc-v2.
type shim struct {
	pid int
	key string
}

// shims finds those that belong to our containerd and namespace.
func (e *Engine) shims() ([]shim, error) {
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return nil, err
	}
	var found []shim
	for _, file := range files {
		args, _ := os.ReadFile(file) // processes come and go
		words := strings.Split(string(args), "\x00")
		ours := strings.HasPrefix(filepath.Base(words[0]), "containerd-shim") &&
			argument(words, "-address") == e.socket && argument(words, "-namespace") == e.options.Namespace
		if !ours {
			continue
		}
		var pid int
		if _, err := fmt.Sscanf(file, "/proc/%d/", &pid); err != nil {
			return nil, err
		}
		found = append(found, shim{pid, argument(words, "-id")})
	}
	return found, nil
}

func argument(words []string, name string) string {
	if i := slices.Index(words, name); i >= 0 && i+1 < len(words) {
		return words[i+1]
	}
	return ""
}

// keepSwept sweeps until ctx ends: often while containerd may still be undoing what a former life of
// ours had begun, and then now and then.
func (e *Engine) keepSwept(ctx context.Context) {
	for pause := time.Second; ctx.Err() == nil; pause = min(2*pause, time.Minute) {
		if err := e.sweep(ctx); err != nil && ctx.Err() == nil {
			e.log.Warn("what was begun and not ended may be left", "error", err)
		}
		loop.Pause(ctx, pause)
	}
}

// sweep takes away attempts in whose place others count, whatever belongs to an attempt without a record,
// the folders of containers without any, and what a former life of ours had run in them. It waits until
// containerd serves.
func (e *Engine) sweep(ctx context.Context) error {
	ctx = e.context(ctx)
	remains, err := e.remains(ctx)
	if err != nil {
		return err
	}
	// After what is there was looked for: it has a record by now, or never will again.
	records, err := e.client.ContainerService().List(ctx)
	if err != nil {
		return err
	}
	known := map[string]bool{} // folders of containers
	var failed error
	for _, r := range records {
		delete(remains, r.ID)
		id, ours := r.Labels[idLabel]
		known[keyOf(id)] = ours
		if a := e.attempt(id); ours && a.key != "" && !a.counts(r.ID) {
			failed = errors.Join(failed, e.removeAttempt(ctx, r.ID, r.Labels[taskLabel]))
		}
	}
	for key, task := range remains {
		failed = errors.Join(failed, e.removeAttempt(ctx, key, task))
		e.dropTask(task)
	}
	return errors.Join(failed, e.sweepFolders(ctx, known), e.sweepExecs(ctx))
}

// remains finds what containerd runs or has lost, what has a cgroup and what runc knows: keys of attempts,
// with their tasks where those are known.
func (e *Engine) remains(ctx context.Context) (map[string]string, error) {
	remains := e.cgroups.containers()
	add := func(key string) { remains[key] = remains[key] }
	shims, err := e.shims()
	if err != nil {
		return nil, err
	}
	for _, s := range shims {
		add(s.key)
	}
	for _, key := range append(foldersIn(e.runcDir()), e.attemptsOnDisks()...) {
		add(key)
	}
	running, err := e.client.TaskService().List(ctx, &tasks.ListTasksRequest{})
	if err != nil {
		return nil, errgrpc.ToNative(err)
	}
	for _, p := range running.Tasks {
		add(p.ID)
	}
	return remains, nil
}

// dropTask takes away the cgroup of a task that has ended.
func (e *Engine) dropTask(task string) {
	defer e.network.locks.lock(task)()
	if _, err := os.Stat(filepath.Join(e.tasksDir(), task)); task != "" && errors.Is(err, fs.ErrNotExist) {
		e.cgroups.removeEmpty(task)
	}
}

// sweepFolders empties those of containers that are not there.
func (e *Engine) sweepFolders(ctx context.Context, known map[string]bool) error {
	folders, failed := os.ReadDir(e.containersDir())
	for _, f := range folders {
		d := folder(filepath.Join(e.containersDir(), f.Name()))
		if !known[f.Name()] && !d.forgotten() {
			failed = errors.Join(failed, e.forgetUnknown(ctx, f.Name(), d))
		}
	}
	return failed
}

// forgetUnknown empties a folder, unless its container has been made in the meantime.
func (e *Engine) forgetUnknown(ctx context.Context, key string, d folder) error {
	defer e.containers.lock(key)()
	self, err := d.about()
	if err != nil {
		return err
	}
	records, err := e.records(ctx, firstOf(self.ID, key))
	if err != nil || len(records) > 0 {
		return err
	}
	return d.forget()
}

// endShims ends all that are left of a containerd of our own, which has ended.
func (e *Engine) endShims() error {
	if e.daemon == nil {
		return nil // they may be in the making
	}
	shims, err := e.shims()
	for _, s := range shims {
		err = errors.Join(err, e.endShim(s))
	}
	return err
}

// endLostShim ends the shim that containerd does not know to be a container's.
func (e *Engine) endLostShim(key string) error {
	shims, err := e.shims()
	for _, s := range shims {
		if s.key == key {
			err = errors.Join(err, e.endShim(s))
		}
	}
	return err
}

// endShim kills a shim and takes away its bundle and socket. What it ran goes with its cgroup.
func (e *Engine) endShim(s shim) error {
	e.log.Warn("a shim is ended that containerd has lost", "container", s.key, "pid", s.pid)
	bundle, _ := os.Readlink(fmt.Sprintf("/proc/%d/cwd", s.pid))
	if err := killAndWait(s.pid); err != nil {
		return err
	}
	socket := sha256.Sum256([]byte(filepath.Join(e.socket, e.options.Namespace, s.key)))
	_ = os.Remove(fmt.Sprintf("/run/containerd/s/%x", socket)) // where containerd puts it
	if filepath.Base(bundle) != s.key {
		return nil // deleted already
	}
	if err := unix.Unmount(filepath.Join(bundle, "rootfs"), unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
		return err
	}
	return os.RemoveAll(bundle)
}

// killAndWait ends a process that is not our child.
func killAndWait(pid int) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	} else if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return err
	}
	const patience = 10_000 // milliseconds
	if gone, err := waitPidfd(fd, patience); !gone {
		return fmt.Errorf("process %d does not end: %v", pid, err)
	}
	return nil
}

// waitPidfd waits until the process has ended, at most for so many milliseconds; -1 is for ever.
func waitPidfd(fd, milliseconds int) (gone bool, err error) {
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, milliseconds)
		if !errors.Is(err, unix.EINTR) {
			return n > 0, err
		}
	}
}

// onceMore repeats what meets the snapshot folder that a containerd which was killed has half made:
// to fail at it takes it away.
func onceMore[T any](try func() (T, error)) (T, error) {
	value, err := try()
	if err != nil && strings.Contains(err.Error(), "failed to rename") {
		return try()
	}
	return value, err
}
