package containerd

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"slipway/engine"
	"slipway/internal/lockfile"
)

// holdLocks takes the data folder and the bridge for this process alone, until release.
func holdLocks(o Options, run string) (release func(), err error) {
	data, err := lockfile.Hold(filepath.Join(o.Data, "engine.lock"), o.Data)
	if _, ok := errors.AsType[*lockfile.HeldError](err); ok {
		return nil, fmt.Errorf("%w: data folder %s belongs to another slipway that runs", engine.ErrInUse, o.Data)
	} else if err != nil {
		return nil, err
	}
	bridge, err := holdBridge(o, filepath.Dir(run))
	if err != nil {
		data.Close()
		return nil, err
	}
	return func() { os.Remove(bridge.Name()); bridge.Close(); data.Close() }, nil
}

func holdBridge(o Options, folder string) (*os.File, error) {
	if err := os.MkdirAll(folder, 0o711); err != nil {
		return nil, err
	}
	bridge, err := lockfile.Hold(filepath.Join(folder, "bridge-"+o.Bridge+".lock"), o.Data)
	if held, ok := errors.AsType[*lockfile.HeldError](err); ok {
		return nil, fmt.Errorf("%w: bridge %s belongs to the slipway of %s; name another bridge and subnet", engine.ErrInUse, o.Bridge, held.Holder)
	}
	return bridge, err
}

// DataFolders are those of the engines of this machine, by the bridges that they hold. One that was killed may be among
// them.
func DataFolders() (folders []string) {
	locks, _ := filepath.Glob(filepath.Join(runRoot, "bridge-*.lock"))
	for _, lock := range locks {
		if holder, err := os.ReadFile(lock); err == nil { // else it has just gone
			folders = append(folders, strings.TrimSpace(string(holder)))
		}
	}
	return folders
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
