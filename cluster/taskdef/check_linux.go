package taskdef

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// What Linux has to offer. Source: Amazon ECS API Reference, KernelCapabilities, Tmpfs, Ulimit, SystemControl.
var (
	capabilities = strings.Fields(`ALL AUDIT_CONTROL AUDIT_WRITE BLOCK_SUSPEND CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID IPC_LOCK IPC_OWNER KILL
		LEASE LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE MKNOD NET_ADMIN NET_BIND_SERVICE NET_BROADCAST NET_RAW SETFCAP SETGID SETPCAP SETUID SYS_ADMIN SYS_BOOT
		SYS_CHROOT SYS_MODULE SYS_NICE SYS_PACCT SYS_PTRACE SYS_RAWIO SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG SYSLOG WAKE_ALARM`)
	tmpfsOptions = strings.Fields(`defaults ro rw suid nosuid dev nodev exec noexec sync async dirsync remount mand nomand atime noatime diratime nodiratime
		bind rbind unbindable runbindable private rprivate shared rshared slave rslave relatime norelatime strictatime nostrictatime`)
	tmpfsValues = []string{"mode", "uid", "gid", "nr_inodes", "nr_blocks", "mpol"}
	ulimitNames = strings.Fields(`core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack`)
	ipcSysctls  = strings.Fields(`kernel.msgmax kernel.msgmnb kernel.msgmni kernel.sem kernel.shmall kernel.shmmax kernel.shmmni kernel.shm_rmid_forced`)
)

const (
	maxDevices = 100
	maxTmpfs   = 100
	maxMiB     = 1 << 30 // beyond, bytes do not fit a number
)

func (c *checker) linux(l *Linux, path string) {
	if l == nil {
		return
	}
	if l.Capabilities != nil {
		c.capabilities(l.Capabilities.Add, path+".capabilities.add")
		c.capabilities(l.Capabilities.Drop, path+".capabilities.drop")
	}
	c.within(l.SharedMemory, 1, maxMiB, " MiB", path+".sharedMemorySize")
	c.within(l.MaxSwap, 0, maxMiB, " MiB", path+".maxSwap")
	c.within(l.Swappiness, 0, 100, "", path+".swappiness")
	c.devices(l.Devices, path+".devices")
	c.tmpfs(l.Tmpfs, path+".tmpfs")
}

func (c *checker) capabilities(names []string, path string) {
	for i, name := range names {
		c.refuse(!slices.Contains(capabilities, name), fmt.Sprintf("%s[%d]", path, i), "%q is not a capability of Linux that a container can have or lose.", name)
	}
}

func (c *checker) devices(devices []Device, at string) {
	c.refuse(len(devices) > maxDevices, at, "%d devices are more than %d.", len(devices), maxDevices)
	for i, d := range devices {
		c.absolute(d.Host, fmt.Sprintf("%s[%d].hostPath", at, i))
		if d.Path != "" {
			c.absolute(d.Path, fmt.Sprintf("%s[%d].containerPath", at, i))
		}
		for j, p := range d.Permissions {
			c.oneOf(p, fmt.Sprintf("%s[%d].permissions[%d]", at, i, j), "read", "write", "mknod")
		}
	}
}

func (c *checker) tmpfs(list []Tmpfs, at string) {
	c.refuse(len(list) > maxTmpfs, at, "%d are more than %d.", len(list), maxTmpfs)
	for i, t := range list {
		c.absolute(t.Path, fmt.Sprintf("%s[%d].containerPath", at, i))
		c.within(&t.Size, 1, maxMiB, " MiB", fmt.Sprintf("%s[%d].size", at, i))
		for j, option := range t.Options {
			name, _, hasValue := strings.Cut(option, "=")
			known := slices.Contains(tmpfsOptions, option) || hasValue && slices.Contains(tmpfsValues, name) && !strings.ContainsAny(option, ",\x00")
			c.refuse(!known, fmt.Sprintf("%s[%d].mountOptions[%d]", at, i, j), "%q is not an option of tmpfs.", option)
		}
	}
}

// absolute refuses what is not a path from the root, written in the shortest way.
func (c *checker) absolute(name, at string) {
	c.refuse(name == "", at, "A path is missing.")
	c.refuse(!path.IsAbs(name) || strings.Contains(name, "\x00"), at, "%q is not an absolute path.", name)
	c.refuse(slices.Contains(strings.Split(name, "/"), ".."), at, "%q leads out of where it begins.", name)
}

func (c *checker) ulimits(list []Ulimit, path string) {
	given := map[string]bool{}
	for i, u := range list {
		at := fmt.Sprintf("%s[%d]", path, i)
		c.oneOf(u.Name, at+".name", ulimitNames...)
		c.refuse(given[u.Name], at+".name", "%q is given twice.", u.Name)
		c.refuse(u.Soft < -1, at+".softLimit", "%d is below -1, which is unlimited.", u.Soft)
		c.refuse(u.Hard < -1, at+".hardLimit", "%d is below -1, which is unlimited.", u.Hard)
		c.refuse(u.Hard != -1 && (u.Soft == -1 || u.Soft > u.Hard), at+".softLimit", "%d is greater than the hard limit, %d.", u.Soft, u.Hard)
		given[u.Name] = true
	}
}

// sysctls checks parameters of the kernel: only those that a namespace has for itself, and only of a
// namespace that is the task's or the container's. Source: Amazon ECS API Reference, SystemControl.
func (c *checker) sysctls(s Spec, container Container, path string) {
	given := map[string]bool{}
	for i, ctl := range container.Sysctls {
		at := fmt.Sprintf("%s[%d]", path, i)
		net := strings.HasPrefix(ctl.Name, "net.") && len(ctl.Name) > len("net.")
		ipc := strings.HasPrefix(ctl.Name, "fs.mqueue.") || slices.Contains(ipcSysctls, ctl.Name)
		c.refuse(!net && !ipc || !sysctlPattern.MatchString(ctl.Name), at+".namespace", "%q is not a parameter of the kernel that a container has for itself.", ctl.Name)
		c.refuse(net && s.NetworkMode == modeHost, at+".namespace", "%q is of the machine when networkMode=host.", ctl.Name)
		c.refuse(ipc && s.IPCMode == "host", at+".namespace", "%q is of the machine when ipcMode=host.", ctl.Name)
		c.refuse(given[ctl.Name], at+".namespace", "%q is given twice.", ctl.Name)
		c.refuse(ctl.Value == "" || strings.ContainsAny(ctl.Value, "\x00\n"), at+".value", "%q is not a value.", ctl.Value)
		given[ctl.Name] = true
	}
}
