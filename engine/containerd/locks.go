package containerd

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"slipway/engine"
)

// holdLocks takes the data folder and the bridge for this process alone, until release.
func holdLocks(o Options, run string) (release func(), err error) {
	data, _, err := hold(filepath.Join(o.Data, "engine.lock"), o.Data)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, fmt.Errorf("%w: data folder %s belongs to another slipway that runs", engine.ErrInUse, o.Data)
	} else if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(run), 0o711); err != nil {
		data.Close()
		return nil, err
	}
	bridge, holder, err := hold(filepath.Join(filepath.Dir(run), "bridge-"+o.Bridge+".lock"), o.Data)
	if err == nil {
		return func() { os.Remove(bridge.Name()); bridge.Close(); data.Close() }, nil
	}
	data.Close()
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = fmt.Errorf("%w: bridge %s belongs to the slipway of %s; name another bridge and subnet", engine.ErrInUse, o.Bridge, holder)
	}
	return nil, err
}

// hold locks a file and writes its holder into it. Where another process has the lock it tells
// that holder.
func hold(path, self string) (f *os.File, holder string, err error) {
	for {
		if f, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
			return nil, "", err
		}
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
			defer f.Close()
			other, _ := os.ReadFile(path)
			return nil, strings.TrimSpace(string(other)), err
		}
		if isAt(f, path) {
			break
		}
		f.Close() // its last holder has removed it since
	}
	if err = f.Truncate(0); err == nil {
		_, err = f.WriteString(self + "\n")
	}
	if err != nil {
		f.Close()
	}
	return f, self, err
}

func isAt(f *os.File, path string) bool {
	held, err := f.Stat()
	there, pathErr := os.Stat(path)
	return err == nil && pathErr == nil && os.SameFile(held, there)
}

// forgetFormerBoot removes what was written before the machine started anew: on some machines
// /run is a disk.
func forgetFormerBoot(run string) error {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return err
	}
	file := filepath.Join(run, "boot")
	former, err := os.ReadFile(file)
	if err == nil && string(former) == string(boot) {
		return nil
	}
	if err := os.RemoveAll(run); err != nil {
		return err
	}
	if err := os.MkdirAll(run, 0o711); err != nil {
		return err
	}
	return os.WriteFile(file, boot, 0o600)
}

// keyedLock is one lock for each key.
type keyedLock struct {
	mu   sync.Mutex
	held map[string]*heldLock
}

type heldLock struct {
	sync.Mutex
	users int
}

// lock waits for the key's lock and returns what gives it up.
func (k *keyedLock) lock(key string) (unlock func()) {
	k.mu.Lock()
	if k.held == nil {
		k.held = map[string]*heldLock{}
	}
	l := k.held[key]
	if l == nil {
		l = &heldLock{}
		k.held[key] = l
	}
	l.users++
	k.mu.Unlock()

	l.Lock()
	return func() {
		l.Unlock()
		k.mu.Lock()
		defer k.mu.Unlock()
		if l.users--; l.users == 0 {
			delete(k.held, key)
		}
	}
}
