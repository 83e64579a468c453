package containerd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/moby/sys/signal"

	contfs "github.com/containerd/continuity/fs"
	"golang.org/x/sys/unix"

	"slipway/engine"
	"slipway/engine/containerd/hold"
)

func (h *held) Address() string { return h.address.String() }

func (h *held) Limit(l engine.Limits) error { return h.e.cgroups.limitAnew(h.id, l) }

func (h *held) Use() (engine.Use, error) { return h.e.cgroups.openUse(h.id, heldGroup) }

func (h *held) Ended() <-chan engine.ProgramEnd { return h.ended }

func (h *held) Output() string { return h.data("output") }

func (h *held) Aside() string { return h.data("aside") }

func (h *held) Listen(ctx context.Context, port int) (listener net.Listener, err error) {
	err = within(h.namespace(), func() error {
		var config net.ListenConfig
		listener, err = config.Listen(ctx, "tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		return err
	})
	return listener, err
}

func (h *held) Dial(ctx context.Context, port int) (line net.Conn, err error) {
	err = within(h.namespace(), func() error {
		var dialer net.Dialer
		line, err = dialer.DialContext(ctx, "tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		return err
	})
	return line, err
}

// root is the container's, as long as hold runs.
func (h *held) root() string { return fmt.Sprintf("/proc/%d/root", h.pid) }

// mostFiles of a folder are looked at: it may be anybody's.
const mostListed = 1000

func (h *held) Executables(dir string) (names []string) {
	path, err := contfs.RootPath(h.root(), dir) // links stay inside
	if err != nil {
		return nil
	}
	folder, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer folder.Close()
	entries, _ := folder.ReadDir(mostListed)
	for _, entry := range entries {
		if h.canExecute(filepath.Join(dir, entry.Name())) {
			names = append(names, entry.Name())
		}
	}
	slices.Sort(names)
	return names
}

// canExecute says that there is a file which somebody may execute.
func (h *held) canExecute(name string) bool {
	path, err := contfs.RootPath(h.root(), name)
	if err != nil {
		return false
	}
	info, err := os.Lstat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// Mount takes mounts of its own of the folders and moves them into the container's namespace, so that nothing is
// to be undone on the machine. Source: open_tree(2), move_mount(2), mount_setattr(2).
func (h *held) Mount(_ context.Context, mounts []engine.HeldMount) error {
	for _, m := range mounts {
		if err := h.mount(m); err != nil {
			return fmt.Errorf("mount %s: %w", m.Path, err)
		}
	}
	return nil
}

func (h *held) mount(m engine.HeldMount) error {
	source, drop, err := h.stack(m.Sources)
	if err != nil {
		return err
	}
	defer drop()
	tree, err := unix.OpenTree(unix.AT_FDCWD, source, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return &fs.PathError{Op: "open_tree", Path: source, Err: err}
	}
	defer unix.Close(tree)
	only := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV, Propagation: unix.MS_PRIVATE}
	if err := unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH, &only); err != nil {
		return fmt.Errorf("mount_setattr: %w", err)
	}
	return h.inMounts(func() error {
		if err := unix.MoveMount(tree, "", unix.AT_FDCWD, m.Path, unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_SYMLINKS); err != nil {
			return fmt.Errorf("move_mount: %w", err)
		}
		return nil
	})
}

// stack is a folder that shows several on top of each other, as long as it is not dropped.
func (h *held) stack(sources []string) (folder string, drop func(), err error) {
	if len(sources) == 1 {
		return sources[0], func() {}, nil
	}
	at, err := os.MkdirTemp(h.run(""), "stack-")
	if err != nil {
		return "", nil, err
	}
	lower := slices.Clone(sources)
	slices.Reverse(lower) // the first is on top
	if err := unix.Mount("overlay", at, "overlay", unix.MS_RDONLY, "lowerdir="+strings.Join(lower, ":")); err != nil {
		return "", nil, errors.Join(&fs.PathError{Op: "mount overlay", Path: at, Err: err}, os.Remove(at))
	}
	return at, func() {
		_ = unix.Unmount(at, unix.MNT_DETACH)
		_ = os.Remove(at)
	}, nil
}

// inMounts does something in the container's mount namespace, at whose root the thread is then.
func (h *held) inMounts(do func() error) error {
	return onOwnThread(func() error {
		namespace, err := os.Open(fmt.Sprintf("/proc/%d/ns/mnt", h.pid))
		if err != nil {
			return err
		}
		defer namespace.Close()
		if err := unix.Unshare(unix.CLONE_FS); err != nil {
			return err
		}
		if err := unix.Setns(int(namespace.Fd()), unix.CLONE_NEWNS); err != nil {
			return fmt.Errorf("enter mount namespace: %w", err)
		}
		return do()
	})
}

// Run has hold start a program.
func (h *held) Run(ctx context.Context, p engine.Program) (pid int, err error) {
	config := h.image.config.Config
	asked := engine.Spec{Entrypoint: p.Entrypoint, Command: p.Command}
	args, err := argsOf(asked, h.image)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", engine.ErrStart, err)
	}
	env := merge([]string{defaultPath}, config.Env, p.Env)
	dir := firstOf(p.WorkingDir, config.WorkingDir, "/")
	out := hold.Main
	if p.Aside {
		out = hold.Aside
	}
	e := &errand{h.find(args[0], env), dir}
	command, err := hold.Command(e.path, args, env, dir, out)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", engine.ErrStart, err)
	}
	h.running.Lock()
	defer h.running.Unlock()
	h.asked.Store(e)
	if err := h.line.SetWriteDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return 0, err
	}
	if _, err := h.line.Write(command); err != nil {
		return 0, fmt.Errorf("%w: %w", engine.ErrNotFound, err)
	}
	select {
	case pid, told := <-h.started:
		if !told {
			return 0, fmt.Errorf("%w: it has ended", engine.ErrNotFound)
		} else if pid < 0 {
			return 0, fmt.Errorf("%w: %w", engine.ErrStart, unix.Errno(-pid))
		}
		return pid, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// find looks for a program on the search path, as a shell would. What it does not find it gives as it is, for the
// kernel to say so.
func (h *held) find(name string, env []string) string {
	if strings.Contains(name, "/") {
		return name
	}
	for _, pair := range slices.Backward(env) {
		search, is := strings.CutPrefix(pair, "PATH=")
		if !is {
			continue
		}
		for _, dir := range filepath.SplitList(search) {
			if file := filepath.Join("/", dir, name); h.canExecute(file) {
				return file
			}
		}
		break
	}
	return name
}

// Signal finds the process on the machine by its id in the container.
func (h *held) Signal(pid int, name string) error {
	number, err := signal.ParseSignal(name)
	if err != nil {
		return err
	}
	for _, group := range h.e.cgroups.processes(h.id, heldGroup) {
		if innerPid(group) == pid {
			if err := signalGroup(group, number); err != nil {
				return err
			}
		}
	}
	return nil
}

// signalGroup signals a program and what it has started. One that hold has only just made leads no group yet, and is alone.
func signalGroup(pid int, number unix.Signal) error {
	err := unix.Kill(-pid, number)
	if errors.Is(err, unix.ESRCH) {
		err = unix.Kill(pid, number)
	}
	if errors.Is(err, unix.ESRCH) { // it has ended
		return nil
	}
	return err
}

// innerPid is the id of a process of the machine in its own PID namespace.
func innerPid(pid int) int {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(status)) {
		if ids, is := strings.CutPrefix(line, "NSpid:"); is {
			words := strings.Fields(ids)
			inner, _ := strconv.Atoi(words[len(words)-1])
			return inner
		}
	}
	return 0
}
