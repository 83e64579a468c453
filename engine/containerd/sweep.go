package containerd

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/containerd/containerd/api/services/tasks/v1"
	"github.com/containerd/errdefs"
	"github.com/containerd/errdefs/pkg/errgrpc"
	"golang.org/x/sys/unix"
)

// When we die, or containerd does, in the middle of making a process, containerd may forget a shim
// that it has just started, or keep a process whose container is deleted; and a container's folder
// is there before the container and after it.

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

// sweep takes away what no container is known to: processes, and folders without output.
func (e *Engine) sweep(ctx context.Context) error {
	ctx = e.context(ctx)
	shims, err := e.shims()
	if err != nil {
		return err
	}
	running, err := e.client.TaskService().List(ctx, &tasks.ListTasksRequest{})
	if err != nil {
		return errgrpc.ToNative(err)
	}
	folders, err := os.ReadDir(e.containersDir())
	if err != nil {
		return err
	}
	var failed error
	sweep := func(key string, remove func() error) {
		failed = errors.Join(failed, e.ifUnknown(ctx, key, remove))
	}
	for _, p := range running.Tasks {
		sweep(p.ID, func() error { return e.endTask(ctx, p.ID) })
	}
	for _, s := range shims {
		sweep(s.key, func() error { return e.endShim(s) })
	}
	for _, f := range folders {
		sweep(f.Name(), folder(filepath.Join(e.containersDir(), f.Name())).forget)
	}
	return failed
}

// ifUnknown removes what belongs to a container that is not there, and is not being made.
func (e *Engine) ifUnknown(ctx context.Context, key string, remove func() error) error {
	defer e.containers.lock(key)()
	_, err := e.client.ContainerService().Get(ctx, key)
	if errdefs.IsNotFound(err) {
		return remove()
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
