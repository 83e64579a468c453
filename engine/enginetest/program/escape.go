package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// escape tries one way out of a container. What no kernel or no container has is refused, too.
func escape(args []string) {
	ways := map[string]func([]string) error{
		"write": escapeWrite, "read": escapeRead, "device": escapeDevice, "mount": escapeMount, "remount": escapeRemount,
		"setns": escapeSetns, "bpf": escapeBPF, "module": escapeModule, "kexec": escapeKexec, "trace": escapeTrace,
		"kill": escapeKill, "clone": escapeClone, "keys": escapeKeys, "handle": escapeHandle, "pivot": escapePivot,
		"time": escapeTime, "raw": escapeRaw, "reboot": escapeReboot, "swap": escapeSwap, "nice": escapeNice,
		"chroot": escapeChroot, "admin": escapeAdmin, "acct": escapeAcct, "perf": escapePerf, "inject": escapeInject,
		"cgroup": escapeCgroup, "find": escapeFind, "tun": escapeTun,
	}
	way, known := ways[args[0]]
	if !known {
		fail(fmt.Errorf("unknown way %q", args[0]))
	}
	what := strings.Join(args, " ")
	if err := way(args[1:]); err != nil {
		fmt.Printf("refused %s: %v\n", what, err)
		return
	}
	fmt.Println("OPEN", what)
}

func errnoOf(errno syscall.Errno) error {
	if errno != 0 {
		return errno
	}
	return nil
}

func escapeWrite(args []string) error {
	f, err := os.OpenFile(args[0], os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(args[1])
	return err
}

// escapeRead wants something to be in the file: what is masked is empty.
func escapeRead(args []string) error {
	data, err := os.ReadFile(args[0])
	if err == nil && len(data) == 0 {
		return fmt.Errorf("it is empty")
	}
	return err
}

// escapeDevice makes a device of its own and reads from it.
func escapeDevice(args []string) error {
	path := "/tmp/device-" + strings.Join(args, "-")
	kind := uint32(unix.S_IFBLK)
	if args[0] == "c" {
		kind = unix.S_IFCHR
	}
	if err := unix.Mknod(path, kind|0o600, int(unix.Mkdev(uint32(number(args[1])), uint32(number(args[2]))))); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err == nil {
		f.Close()
	}
	return err
}

// escapeTun makes a network interface of its own.
func escapeTun([]string) error {
	const path = "/tmp/tun"
	if err := unix.Mknod(path, unix.S_IFCHR|0o600, int(unix.Mkdev(10, 200))); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	link, err := unix.NewIfreq("tap0")
	if err != nil {
		return err
	}
	link.SetUint16(unix.IFF_TAP)
	return unix.IoctlIfreq(int(f.Fd()), unix.TUNSETIFF, link)
}

func escapeMount(args []string) error {
	return unix.Mount(args[0], "/tmp", args[1], 0, "")
}

func escapeRemount(args []string) error {
	return unix.Mount("", args[0], "", unix.MS_REMOUNT|unix.MS_BIND, "")
}

func escapeSetns(args []string) error {
	f, err := os.Open(args[0])
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.Setns(int(f.Fd()), 0)
}

func escapeBPF([]string) error {
	attributes := [12]uint32{2, 4, 4, 1} // an array of one
	_, _, errno := unix.Syscall(unix.SYS_BPF, 0, uintptr(unsafe.Pointer(&attributes)), unsafe.Sizeof(attributes))
	return errnoOf(errno)
}

func escapeModule([]string) error { return unix.InitModule([]byte("\x7fELF"), "") }

func escapeKexec([]string) error {
	_, _, errno := unix.Syscall6(unix.SYS_KEXEC_LOAD, 0, 0, 0, 0, 0, 0)
	return errnoOf(errno)
}

func escapeTrace(args []string) error {
	return unix.PtraceAttach(number(args[0]))
}

func escapeInject(args []string) error {
	own := []byte("x")
	local := []unix.Iovec{{Base: &own[0], Len: 1}}
	_, err := unix.ProcessVMReadv(number(args[0]), local, []unix.RemoteIovec{{Base: 0x400000, Len: 1}}, 0)
	return err
}

func escapeKill(args []string) error { return unix.Kill(number(args[0]), 0) }

func escapeClone(args []string) error { return unix.Unshare(number(args[0])) }

func escapeKeys([]string) error {
	_, err := unix.AddKey("user", "escape", []byte("x"), unix.KEY_SPEC_SESSION_KEYRING)
	return err
}

// escapeHandle opens the root of the file system by its number, which no path leads to.
func escapeHandle([]string) error {
	dir, err := os.Open("/etc/hosts") // it is mounted from the machine
	if err != nil {
		return err
	}
	defer dir.Close()
	root := unix.NewFileHandle(1, []byte{2, 0, 0, 0, 0, 0, 0, 0})
	fd, err := unix.OpenByHandleAt(int(dir.Fd()), root, unix.O_RDONLY)
	if err == nil {
		unix.Close(fd)
	}
	return err
}

func escapePivot([]string) error { return unix.PivotRoot("/", "/tmp") }

func escapeTime([]string) error {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_REALTIME, &now); err != nil {
		return err
	}
	_, _, errno := unix.Syscall(unix.SYS_CLOCK_SETTIME, unix.CLOCK_REALTIME, uintptr(unsafe.Pointer(&now)), 0)
	return errnoOf(errno)
}

// escapeRaw reads the machine's packets: the interfaces of a namespace of its own are not those.
func escapeRaw(args []string) error {
	_, err := os.Stat("/sys/class/net/" + args[0])
	return err
}

func escapeReboot([]string) error { return unix.Reboot(unix.LINUX_REBOOT_CMD_CAD_OFF) }

func escapeSwap([]string) error {
	path, err := unix.BytePtrFromString("/tmp/swap")
	check(err)
	check(os.WriteFile("/tmp/swap", make([]byte, 1<<20), 0o600))
	_, _, errno := unix.Syscall(unix.SYS_SWAPON, uintptr(unsafe.Pointer(path)), 0, 0)
	return errnoOf(errno)
}

func escapeNice([]string) error { return unix.Setpriority(unix.PRIO_PROCESS, 0, -10) }

// escapeChroot is the classic way out of a changed root: it must end in the same place.
func escapeChroot([]string) error {
	check(os.MkdirAll("/tmp/jail", 0o700))
	here, err := os.Open("/")
	check(err)
	defer here.Close()
	if err := unix.Chroot("/tmp/jail"); err != nil {
		return err
	}
	check(here.Chdir())
	for range 64 {
		check(os.Chdir(".."))
	}
	check(unix.Chroot("."))
	if _, err := os.Stat(facade); err == nil {
		return fmt.Errorf("it is the container's own root")
	}
	return nil
}

const facade = "/bin/program"

func escapeAdmin([]string) error { return unix.Sethostname([]byte("escaped")) }

func escapeAcct([]string) error { return unix.Acct("/tmp/acct") }

func escapePerf([]string) error {
	attributes := unix.PerfEventAttr{Type: unix.PERF_TYPE_SOFTWARE, Config: unix.PERF_COUNT_SW_CPU_CLOCK}
	attributes.Size = uint32(unsafe.Sizeof(attributes))
	fd, err := unix.PerfEventOpen(&attributes, -1, 0, -1, 0)
	if err == nil {
		unix.Close(fd)
	}
	return err
}

// escapeCgroup gives itself what others have.
func escapeCgroup([]string) error {
	files, _ := filepath.Glob("/sys/fs/cgroup/*/memory.limit_in_bytes")
	more, _ := filepath.Glob("/sys/fs/cgroup/memory.max")
	procs, _ := filepath.Glob("/sys/fs/cgroup/*/cgroup.procs")
	own, _ := filepath.Glob("/sys/fs/cgroup/cgroup.procs")
	agents, _ := filepath.Glob("/sys/fs/cgroup/*/release_agent")
	for _, file := range append(append(append(append(files, more...), procs...), own...), agents...) {
		if err := os.WriteFile(file, []byte("0"), 0); err == nil {
			return nil
		}
		if err := os.Mkdir(filepath.Join(filepath.Dir(file), "escape"), 0o755); err == nil {
			return nil
		}
	}
	return fmt.Errorf("none of %d files could be written", len(files)+len(more)+len(procs)+len(own)+len(agents))
}

// escapeFind looks for a word in the arguments and the environment of all processes, and behind their roots.
func escapeFind(args []string) error {
	files, _ := filepath.Glob("/proc/[0-9]*/*")
	for _, file := range files {
		switch filepath.Base(file) {
		case "cmdline", "environ":
			data, _ := os.ReadFile(file)
			if filepath.Dir(file) != fmt.Sprintf("/proc/%d", os.Getpid()) && strings.Contains(string(data), args[0]) {
				return nil
			}
		case "root", "cwd":
			if _, err := os.Stat(filepath.Join(file, args[1])); err == nil {
				return nil
			}
		}
	}
	return fmt.Errorf("nothing of %d", len(files))
}
