package containerd

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Requirement is something that this machine needs to run containers.
type Requirement struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"` // what was found, or what is wrong
	Hint   string `json:"hint"`   // how to get it, where it is missing
}

// Check tells what an engine with default Options needs of this machine.
func Check() []Requirement {
	const fromDebian = "apt-get install "
	list := []Requirement{
		rooted(),
		program("containerd", fromDebian+"containerd"),
		program("containerd-shim-runc-v2", fromDebian+"containerd"),
		program("runc", fromDebian+"runc"),
		program("iptables", fromDebian+"iptables"),
	}
	for _, name := range []string{"bridge", "host-local", "portmap"} {
		list = append(list, plugin(name, fromDebian+"containernetworking-plugins"))
	}
	return append(list, controllers(), overlay())
}

func rooted() Requirement {
	return Requirement{
		Name: "root", OK: os.Geteuid() == 0,
		Detail: fmt.Sprintf("user id %d", os.Geteuid()),
		Hint:   "run it as root, with sudo or as a system service",
	}
}

func program(name, hint string) Requirement {
	path, err := findProgram(name)
	if err != nil {
		return Requirement{Name: name, Detail: err.Error(), Hint: hint}
	}
	return Requirement{Name: name, OK: true, Detail: path}
}

func plugin(name, hint string) Requirement {
	r := Requirement{Name: "CNI plugin " + name, Hint: hint}
	for _, dir := range pluginDirs {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); err == nil {
			return Requirement{Name: r.Name, OK: true, Detail: path}
		}
	}
	r.Detail = "not in " + strings.Join(pluginDirs, ", ")
	return r
}

// controllers looks for the cgroup controllers that limits need.
func controllers() Requirement {
	c := findCgroups(cgroupRoot, "")
	r := Requirement{Name: "cgroups", Detail: "version 1", Hint: "boot a kernel with cgroup controllers cpu, memory and pids, mounted at " + cgroupRoot}
	has := func(name string) bool { return c.tree(name) != "" }
	if c.unified {
		r.Detail = "version 2"
		offered, _ := os.ReadFile(filepath.Join(cgroupRoot, "cgroup.controllers"))
		has = func(name string) bool {
			return strings.Contains(" "+strings.TrimSpace(string(offered))+" ", " "+name+" ")
		}
	}
	var missing []string
	for _, name := range []string{"cpu", "memory", "pids"} {
		if !has(name) {
			missing = append(missing, name)
		}
	}
	if r.OK = missing == nil; !r.OK {
		r.Detail += ", without " + strings.Join(missing, ", ")
	}
	return r
}

// overlay looks whether the kernel knows the file system; a module that is not loaded yet does.
func overlay() Requirement {
	r := Requirement{Name: "overlay file system", Hint: "modprobe overlay, or boot a kernel that has it"}
	known, err := os.ReadFile("/proc/filesystems")
	modules, _ := filepath.Glob("/lib/modules/" + kernelRelease() + "/kernel/fs/overlayfs/overlay.ko*")
	switch {
	case err != nil:
		r.Detail = err.Error()
	case strings.Contains(string(known), "\toverlay\n"):
		r.OK, r.Detail = true, "in the kernel"
	case len(modules) > 0:
		r.OK, r.Detail = true, modules[0]
	default:
		r.Detail = "not in /proc/filesystems, and no module for kernel " + kernelRelease()
	}
	return r
}

func kernelRelease() string {
	release, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return strings.TrimSpace(string(release))
}
