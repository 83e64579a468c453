package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"
)

const bridgeConfig = `{"cniVersion": "1.0.0", "name": "bench", "plugins": [{"type": "bridge", "bridge": "bench0", "isGateway": true,
  "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.255.255.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}], "dataDir": "/var/lib/cni/networks"}}]}`

// ctrRunCNI has ctr give its containers an address on a bridge as well. ctr reads fixed folders of
// the machine and its plugins change the machine's network, so it runs in a mount and a network
// namespace of its own.
func (s *slipway) ctrRunCNI(image string) (*kind, error) {
	inside, err := newElsewhere(filepath.Join(s.data, "elsewhere"))
	if err != nil {
		return nil, err
	}
	k := s.ctrRun("ctr run -d --seccomp --cni", image, "--seccomp", "--cni")
	k.start = func(ctx context.Context, id string) error {
		cmd := s.ctr(ctx, s.ctrArgs(image, id, "--seccomp", "--cni")...)
		return inside(func() error { return do(cmd) })
	}
	return k, nil
}

// newElsewhere makes a thread in namespaces of its own, and gives back what calls there. They last
// as long as the process.
func newElsewhere(dir string) (call func(func() error) error, err error) {
	work, done := make(chan func() error), make(chan error)
	go func() {
		runtime.LockOSThread()
		done <- settleElsewhere(dir)
		for f := range work {
			done <- f()
		}
	}()
	call = func(f func() error) error { work <- f; return <-done }
	return call, <-done
}

// settleElsewhere moves this thread, and lays changeable copies over the folders that ctr uses.
func settleElsewhere(dir string) error {
	plugins := ""
	for _, folder := range []string{"/usr/lib/cni", "/opt/cni/bin"} {
		if _, err := os.Stat(filepath.Join(folder, "bridge")); err == nil {
			plugins = folder
		}
	}
	if plugins == "" {
		return errors.New("there are no CNI plugins")
	}
	if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS | unix.CLONE_NEWNET); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	if err := errors.Join(
		unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""),
		unix.Mount("tmpfs", dir, "tmpfs", 0, ""),
		cover(dir, "/etc"), cover(dir, "/opt"), cover(dir, "/var/lib"),
		os.MkdirAll("/etc/cni/net.d", 0o755), os.MkdirAll("/opt/cni", 0o755),
		os.WriteFile("/etc/cni/net.d/00-bench.conflist", []byte(bridgeConfig), 0o644),
	); err != nil {
		return err
	}
	if plugins == "/opt/cni/bin" {
		return nil
	}
	return os.Symlink(plugins, "/opt/cni/bin")
}

// cover lays an overlay over a folder, whose changes go into dir.
func cover(dir, folder string) error {
	name := filepath.Join(dir, filepath.Base(folder))
	for _, d := range []string{name, name + ".work"} {
		if err := os.Mkdir(d, 0o755); err != nil {
			return err
		}
	}
	return unix.Mount("overlay", folder, "overlay", 0, fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s.work", folder, name, name))
}
