package containerd

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// makeNamespace mounts a new network namespace at path, with its loopback up. It survives us.
func makeNamespace(path string) error {
	return pinNamespace(path, unix.CLONE_NEWNET, "net", func() error {
		if err := loopbackUp(); err != nil {
			return fmt.Errorf("bring loopback up: %w", err)
		}
		for name, value := range openSysctls {
			// A kernel without the setting does without it.
			_ = os.WriteFile(sysctlFile(name), []byte(value), 0o644)
		}
		return nil
	})
}

// makeIPC mounts a new namespace of message queues and shared memory at path.
func makeIPC(path string) error {
	return pinNamespace(path, unix.CLONE_NEWIPC, "ipc", func() error { return nil })
}

// pinNamespace mounts a new namespace at path, once it is furnished.
func pinNamespace(path string, kind int, name string, furnish func() error) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDONLY, 0o444)
	if err != nil {
		return err
	}
	f.Close()
	return onOwnThread(func() error { return enterNew(path, kind, name, furnish) })
}

// onOwnThread runs what changes the thread that it runs on, which then ends. It is never the first one,
// which cannot end, and by which others look at the whole process.
func onOwnThread(do func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			err := onOwnThread(do) // while this goroutine keeps it, another has to run elsewhere
			runtime.UnlockOSThread()
			done <- err
			return
		}
		done <- do() // never unlocked, so that the thread ends with the goroutine
	}()
	return <-done
}

// enterNew moves this thread into a new namespace.
func enterNew(path string, kind int, name string, furnish func() error) error {
	if err := unix.Unshare(kind); err != nil {
		return fmt.Errorf("make a namespace of kind %s: %w", name, err)
	}
	if err := furnish(); err != nil {
		return err
	}
	self := fmt.Sprintf("/proc/self/task/%d/ns/%s", unix.Gettid(), name)
	if err := unix.Mount(self, path, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mount a namespace of kind %s at %s: %w", name, path, err)
	}
	return nil
}

func loopbackUp() error {
	return withLink("lo", func(socket int, lo *unix.Ifreq) error {
		lo.SetUint16(unix.IFF_UP)
		return unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, lo)
	})
}
