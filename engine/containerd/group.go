package containerd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"slipway/engine"
)

// Prepare makes what the task's containers share: namespaces and a cgroup.
func (e *Engine) Prepare(_ context.Context, task string, g engine.Group) (string, error) {
	if err := checkTask(task); err != nil {
		return "", err
	}
	defer e.network.locks.lock(task)()
	if g.Network == engine.Bridge {
		if err := e.network.adopt(task); err != nil {
			return "", err
		}
	}
	namespace, err := e.network.prepare(task, g)
	if err == nil && g.PID == engine.TaskWide {
		_, err = e.hold(task, taskHolder)
	}
	return namespace, err
}

// prepare makes what is not there of the namespaces and the cgroup that a group is to have.
func (n *network) prepare(task string, g engine.Group) (namespace string, err error) {
	if err := os.MkdirAll(filepath.Join(n.tasks, task), 0o711); err != nil {
		return "", err
	}
	if err := n.writeGroup(task, g); err != nil {
		return "", err
	}
	if err := n.cgroups.limit(task, g.Limits); err != nil {
		return "", err
	}
	if g.IPC == engine.TaskWide {
		if err := n.prepareIPC(task); err != nil {
			return "", err
		}
	}
	if g.Network == engine.HostNet {
		return "", nil
	}
	namespace = n.namespace(task)
	if isNamespace(namespace) {
		return namespace, nil
	}
	return namespace, makeNamespace(namespace)
}

func (n *network) groupFile(task string) string { return filepath.Join(n.tasks, task, "group.json") }
func (n *network) ipc(task string) string       { return filepath.Join(n.tasks, task, "ipc") }
func (n *network) shm(task string) string       { return filepath.Join(n.tasks, task, "shm") }

// writeGroup keeps what Attach must know; most tasks are in the bridge's network, and need no file.
func (n *network) writeGroup(task string, g engine.Group) error {
	if g.Network == engine.Bridge {
		return nil
	}
	data, err := json.Marshal(g)
	if err != nil {
		return err
	}
	return replaceFile(n.groupFile(task), data, 0o600)
}

func (n *network) group(task string) (g engine.Group, err error) {
	data, err := os.ReadFile(n.groupFile(task))
	if errors.Is(err, fs.ErrNotExist) {
		return engine.Group{}, nil
	} else if err != nil {
		return g, err
	}
	return g, json.Unmarshal(data, &g)
}

// prepareIPC makes the namespace and the /dev/shm of a task's containers. What they put into
// memory counts for whoever puts it there.
func (n *network) prepareIPC(task string) error {
	shm := n.shm(task)
	if err := os.MkdirAll(shm, 0o1777); err != nil {
		return err
	}
	if !isTmpfs(shm) {
		options := fmt.Sprintf("mode=1777,size=%d", defaultShm)
		if err := unix.Mount("shm", shm, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, options); err != nil {
			return fmt.Errorf("mount the shared memory of task %s: %w", task, err)
		}
	}
	if isNamespace(n.ipc(task)) {
		return nil
	}
	return makeIPC(n.ipc(task))
}

// ensureIPC is for a container whose task was prepared without saying that it shares memory.
func (n *network) ensureIPC(task string) error {
	defer n.locks.lock(task)()
	if err := os.MkdirAll(filepath.Join(n.tasks, task), 0o711); err != nil {
		return err
	}
	return n.prepareIPC(task)
}

const defaultShm = 64 << 20 // bytes, as docker has it

// growShm lets a task's shared memory be as large as the container asks that wants most of it.
func (n *network) growShm(task string, size int64) error {
	var at unix.Statfs_t
	shm := n.shm(task)
	if err := unix.Statfs(shm, &at); err != nil || int64(at.Blocks)*at.Bsize >= size {
		return err
	}
	options := fmt.Sprintf("mode=1777,size=%d", size)
	return unix.Mount("shm", shm, "tmpfs", unix.MS_REMOUNT|unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, options)
}

func isTmpfs(path string) bool {
	var kind unix.Statfs_t
	return isMounted(path) && unix.Statfs(path, &kind) == nil && kind.Type == unix.TMPFS_MAGIC
}

func unmountShm(path string) error {
	for isTmpfs(path) {
		if err := unix.Unmount(path, unix.MNT_DETACH); err != nil {
			return &fs.PathError{Op: "unmount", Path: path, Err: err}
		}
	}
	return nil
}
