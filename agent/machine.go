package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"

	"slipway/internal/errs"
	"slipway/internal/ids"
	"slipway/nodeapi"
)

// MemoryReserve is what a node keeps of the machine's memory for itself and the
// system, in MiB, but never more than an eighth of it.
const MemoryReserve = 256

var errIdentity = errs.New(errs.Invalid, "the node's id is damaged")

var nodeID = regexp.MustCompile(`^[0-9a-f]{32}$`)

// introduce is what the node says of itself, but for its engine.
func introduce(c Config) (nodeapi.Hello, error) {
	h := nodeapi.Hello{
		Cluster: c.Cluster, Version: c.Version, CPU: c.CPU, Memory: c.Memory, Ports: c.Ports, Attributes: c.Attributes,
	}
	if h.CPU == 0 {
		h.CPU = 1024 * runtime.NumCPU()
	}
	var err error
	if h.Memory == 0 {
		if h.Memory, err = spareMemory(); err != nil {
			return h, err
		}
	}
	h.Node, err = identity(c.Dir)
	return h, err
}

func spareMemory() (mib int, err error) {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 0, fmt.Errorf("tell the machine's memory: %w", err)
	}
	total := int(uint64(info.Totalram) * uint64(info.Unit) >> 20)
	return total - min(MemoryReserve, total/8), nil
}

// identity reads the node's id, which is made once and stays with the folder.
func identity(dir string) (string, error) {
	path := filepath.Join(dir, "node-id")
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return newIdentity(dir, path)
	}
	if err != nil {
		return "", err
	}
	id := strings.TrimSpace(string(text))
	if !nodeID.MatchString(id) {
		return "", fmt.Errorf("%w: %s holds %.40q, not 32 hexadecimal digits; restore it, or remove it to join as a new node", errIdentity, path, id)
	}
	return id, nil
}

func newIdentity(dir, path string) (string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	id := ids.Hex(16)
	temp := path + ".new"
	if err := writeSynced(temp, id+"\n"); err != nil {
		return "", err
	}
	if err := os.Rename(temp, path); err != nil {
		return "", err
	}
	return id, syncDir(dir)
}

func writeSynced(path, text string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Sync(), f.Close())
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
