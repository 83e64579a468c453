package containerd

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// A holder is the first process of a PID namespace that containers join: of a task, or of a container
// that wants an init. It is found by its cgroup, <task>/<name>, which it is in from its first
// instant; it ends with that. Containers see it, and some may be let to trace it: so it has nothing
// of the machine's. It has no capability, an empty root and namespaces of its own.

// taskHolder and initHolder name the holders' cgroups. No container's key begins with a dot.
const taskHolder = ".pid"

func initHolder(key string) string { return ".init-" + key }

// hold gives the path of the PID namespace that a holder has, which is made where it is not there.
func (e *Engine) hold(task, name string) (namespace string, err error) {
	defer e.network.locks.lock(task + "/" + name)()
	// Tasks names the task from now on, and Detach ends it.
	if err := os.MkdirAll(filepath.Join(e.network.tasks, task), 0o711); err != nil {
		return "", err
	}
	pid := 0
	if found := e.cgroups.processes(task, name); len(found) > 0 {
		pid = found[0]
	} else if pid, err = e.cgroups.startHolder(filepath.Join(e.run, "empty"), task, name); err != nil {
		return "", fmt.Errorf("hold a process namespace of task %s: %w", task, err)
	}
	return fmt.Sprintf("/proc/%d/ns/pid", pid), nil
}

// dropInit ends the init of a container, where it has one.
func (e *Engine) dropInit(id string, d folder) error {
	self, err := d.about()
	if err != nil || self.Task == "" {
		return err
	}
	return e.cgroups.remove(self.Task, initHolder(keyOf(id)))
}

func (c cgroups) startHolder(root, task, name string) (pid int, err error) {
	if pauseProgram() == nil {
		return 0, fmt.Errorf("there is no holder for %s", runtime.GOARCH)
	}
	if err := os.MkdirAll(root, 0o711); err != nil {
		return 0, err
	}
	var dirs []string
	for _, tree := range c.trees {
		dir := filepath.Join(tree, c.prefix, task, name)
		if err := c.makeLeaf(tree, dir); err != nil {
			return 0, err
		}
		dirs = append(dirs, dir)
	}
	err = onOwnThread(func() error {
		pid, err = holderThread(root, dirs, c.unified)
		return err
	})
	return pid, err
}

// makeLeaf makes a cgroup that processes can be in.
func (c cgroups) makeLeaf(tree, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil || filepath.Base(tree) != "cpuset" {
		return err
	}
	for _, file := range []string{"cpuset.cpus", "cpuset.mems"} { // new ones are empty, and take nobody
		for _, at := range []string{filepath.Join(tree, c.prefix), filepath.Dir(dir), dir} {
			if err := inherit(filepath.Join(at, file)); err != nil {
				return err
			}
		}
	}
	return nil
}

// inherit fills an empty setting with that of the cgroup above.
func inherit(file string) error {
	if own, err := os.ReadFile(file); err != nil || len(own) > 1 {
		return err
	}
	above, err := os.ReadFile(filepath.Join(filepath.Dir(filepath.Dir(file)), filepath.Base(file)))
	if err != nil {
		return err
	}
	return os.WriteFile(file, above, 0o644)
}

// holderThread makes of this thread what the holder is to be, and starts it.
func holderThread(root string, cgroups []string, unified bool) (pid int, err error) {
	attr := &syscall.SysProcAttr{
		Setsid:     true,
		Cloneflags: unix.CLONE_NEWPID,
		Credential: &syscall.Credential{Uid: nobody, Gid: nobody},
	}
	if unified {
		dir, err := os.Open(cgroups[0])
		if err != nil {
			return 0, err
		}
		defer dir.Close()
		attr.UseCgroupFD, attr.CgroupFD = true, int(dir.Fd())
	}
	late, err := enterCgroups(cgroups, unified)
	if err != nil {
		return 0, err
	}
	if err := strip(root); err != nil {
		return 0, err
	}
	// Go opens nothing that programs inherit; whoever started us may have.
	if err := unix.CloseRange(3, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return 0, err
	}
	pid, err = syscall.ForkExec("/pause", []string{"pause"}, &syscall.ProcAttr{Dir: "/", Sys: attr})
	for _, procs := range late {
		if err == nil {
			_, err = fmt.Fprint(procs, pid)
		}
		procs.Close()
	}
	return pid, err
}

// enterCgroups moves this thread into cgroups of version 1, where what it starts begins. Beside them there
// may be a tree of version 2, which takes whole processes alone: it is late with what is to be written there.
func enterCgroups(cgroups []string, unified bool) (late []*os.File, err error) {
	for _, dir := range cgroups {
		tasks := filepath.Join(dir, "tasks")
		if unified {
			continue
		}
		if _, err := os.Stat(tasks); err == nil {
			if err := os.WriteFile(tasks, fmt.Append(nil, unix.Gettid()), 0o644); err != nil {
				return late, err
			}
			continue
		}
		procs, err := os.OpenFile(filepath.Join(dir, "cgroup.procs"), os.O_WRONLY, 0)
		if err != nil {
			return late, err
		}
		late = append(late, procs)
	}
	return late, nil
}

const nobody = 65534

// strip takes from this thread what it has of the machine: its root becomes a file system that holds
// nothing but pause.
func strip(root string) error {
	const own = unix.CLONE_NEWNS | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWNET | unix.CLONE_NEWCGROUP
	if err := unix.Unshare(own); err != nil {
		return err
	}
	steps := []func() error{
		func() error { return unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) },
		func() error { return unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "") },
		func() error {
			return unix.Mount("tmpfs", root, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "size=16k,mode=755")
		},
		func() error { return os.WriteFile(filepath.Join(root, "pause"), pauseProgram(), 0o555) },
		func() error { return os.Chmod(filepath.Join(root, "pause"), 0o555) }, // whatever the umask is
		func() error { return unix.Chdir(root) },
		func() error { return unix.PivotRoot(".", ".") },
		func() error { return unix.Unmount(".", unix.MNT_DETACH) },
		func() error { return unix.Chdir("/") },
		func() error {
			return unix.Mount("", "/", "", unix.MS_REMOUNT|unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV, "")
		},
	}
	for i, step := range steps {
		if err := step(); err != nil {
			return fmt.Errorf("leave the machine, step %d: %w", i, err)
		}
	}
	return nil
}
