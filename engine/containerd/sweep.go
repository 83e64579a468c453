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
	"github.com/containerd/errdefs"
	"github.com/containerd/errdefs/pkg/errgrpc"
	"golang.org/x/sys/unix"
)

// When we die, or containerd does, in the middle of making a process, containerd undoes what we had
// begun, after a while and not always to its end: it may forget a shim that it has just started, or keep
// a process whose container is deleted; and a container's folder is there before the container and after
// it. What was begun is never gone on with (attempt.go), so all of it may be taken away at any time.

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
		e.sweepOnce(ctx)
		sleep(ctx, pause)
	}
}

func (e *Engine) sweepOnce(ctx context.Context) {
	if err := e.sweep(ctx); err != nil && ctx.Err() == nil {
		e.log.Warn("what was begun and not ended may be left", "error", err)
	}
}

// sweep takes away attempts that do not count, what no attempt is known to, and folders without output.
func (e *Engine) sweep(ctx context.Context) error {
	ctx = e.context(ctx)
	return errors.Join(e.sweepAttempts(ctx), e.sweepProcesses(ctx), e.sweepRemains(ctx), e.sweepFolders(ctx))
}

// sweepAttempts takes away those in whose place others have been made. None of them counts ever again, so
// whoever has their containers in hand is not waited for.
func (e *Engine) sweepAttempts(ctx context.Context) error {
	recorded, failed := e.recorded(ctx)
	for id, records := range recorded {
		self, err := e.folder(id).about()
		failed = errors.Join(failed, err)
		if self.ID == "" {
			continue // which of them counts is not known
		}
		for _, r := range records {
			if r.ID != self.attempt() {
				failed = errors.Join(failed, e.removeAttempt(ctx, attempt{r.ID, r.Labels[taskLabel]}))
			}
		}
	}
	return failed
}

// sweepProcesses ends those that containerd runs, or has lost, and has no record of.
func (e *Engine) sweepProcesses(ctx context.Context) error {
	shims, err := e.shims()
	if err != nil {
		return err
	}
	running, err := e.client.TaskService().List(ctx, &tasks.ListTasksRequest{})
	if err != nil {
		return errgrpc.ToNative(err)
	}
	var failed error
	for _, p := range running.Tasks {
		failed = errors.Join(failed, e.ifUnknown(ctx, p.ID, func() error { return e.endTask(ctx, p.ID) }))
	}
	for _, s := range shims {
		failed = errors.Join(failed, e.ifUnknown(ctx, s.key, func() error { return e.endLostShim(s.key) }))
	}
	return failed
}

// sweepRemains takes away the cgroups and runc's state of what containerd has no record of, and with them
// a process that runc made when its shim was gone already.
func (e *Engine) sweepRemains(ctx context.Context) error {
	var failed error
	for _, a := range e.cgroups.containers() {
		failed = errors.Join(failed, e.ifUnknown(ctx, a.key, func() error { return e.sweepCgroup(a) }))
	}
	states, err := os.ReadDir(e.runcDir())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(failed, err)
	}
	for _, state := range states {
		remove := func() error { return os.RemoveAll(filepath.Join(e.runcDir(), state.Name())) }
		failed = errors.Join(failed, e.ifUnknown(ctx, state.Name(), remove))
	}
	return failed
}

func (e *Engine) sweepCgroup(a attempt) error {
	if err := e.cgroups.remove(a.task, a.key); err != nil {
		return err
	}
	defer e.network.locks.lock(a.task)()
	if !e.network.has(a.task) {
		e.cgroups.removeEmpty(a.task)
	}
	return nil
}

// ifUnknown removes what belongs to an attempt that has no record. A record comes before all else of an
// attempt and goes after it, and no other attempt ever has its key.
func (e *Engine) ifUnknown(ctx context.Context, key string, remove func() error) error {
	defer e.trying.lock(key)()
	_, err := e.client.ContainerService().Get(ctx, key)
	if errdefs.IsNotFound(err) {
		return remove()
	}
	return err
}

// sweepFolders empties those of containers that are not there.
func (e *Engine) sweepFolders(ctx context.Context) error {
	folders, err := os.ReadDir(e.containersDir())
	if err != nil {
		return err
	}
	known, err := e.keys(ctx)
	for _, f := range folders {
		d := folder(filepath.Join(e.containersDir(), f.Name()))
		if err == nil && !known[f.Name()] && !d.forgotten() {
			err = e.forgetUnknown(ctx, f.Name(), d)
		}
	}
	return err
}

// forgetUnknown empties a folder, unless its container has been made in the meantime.
func (e *Engine) forgetUnknown(ctx context.Context, key string, d folder) error {
	defer e.containers.lock(key)()
	known, err := e.keys(ctx)
	if err != nil || known[key] {
		return err
	}
	return d.forget()
}

// keys are the names of the folders of containers that have a record.
func (e *Engine) keys(ctx context.Context) (map[string]bool, error) {
	recorded, err := e.recorded(ctx)
	keys := map[string]bool{}
	for id := range recorded {
		keys[keyOf(id)] = true
	}
	return keys, err
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
