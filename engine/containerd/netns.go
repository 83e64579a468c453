package containerd

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// makeNamespace mounts a new network namespace at path, with its loopback up. It survives us.
func makeNamespace(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDONLY, 0o444)
	if err != nil {
		return err
	}
	f.Close()
	made := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked, so that the thread ends with the goroutine
		made <- enterNamespace(path)
	}()
	return <-made
}

// enterNamespace moves this thread into a new network namespace.
func enterNamespace(path string) error {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("make a network namespace: %w", err)
	}
	if err := loopbackUp(); err != nil {
		return fmt.Errorf("bring loopback up: %w", err)
	}
	for name, value := range openSysctls {
		// A kernel without the setting does without it.
		_ = os.WriteFile(sysctlFile(name), []byte(value), 0o644)
	}
	self := fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid())
	if err := unix.Mount(self, path, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mount a network namespace at %s: %w", path, err)
	}
	return nil
}

func loopbackUp() error {
	return withLink("lo", func(socket int, lo *unix.Ifreq) error {
		lo.SetUint16(unix.IFF_UP)
		return unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, lo)
	})
}
