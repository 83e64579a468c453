package agent

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"

	"slipway/internal/durable"
	"slipway/internal/errs"
	"slipway/internal/ids"
	"slipway/nodeapi"
)

// MemoryReserve is what a node keeps of the machine's memory for itself and the
// system, in MiB, but never more than an eighth of it.
const MemoryReserve = 256

var errIdentity = errs.New(errs.Invalid, "the node's identity is damaged")

// introduce is what the node says of itself, but for its engine.
func introduce(c Config) (nodeapi.Hello, error) {
	h := nodeapi.Hello{
		Cluster: c.Cluster, Version: c.Version, CPU: c.CPU, Memory: c.Memory, Ports: c.Ports, Attributes: attributesOf(c.Attributes),
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
	h.Node, err = NodeID(c.Dir)
	return h, err
}

// attributesOf is what a node says of its machine, beside what its operator does. Source: Amazon ECS
// Developer Guide, "Amazon ECS container instance attributes".
func attributesOf(given map[string]string) map[string]string {
	all := map[string]string{"ecs.os-type": runtime.GOOS, "ecs.cpu-architecture": runtime.GOARCH}
	if runtime.GOARCH == "amd64" {
		all["ecs.cpu-architecture"] = "x86_64"
	}
	maps.Copy(all, given)
	return all
}

func spareMemory() (mib int, err error) {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 0, fmt.Errorf("tell the machine's memory: %w", err)
	}
	total := int(uint64(info.Totalram) * uint64(info.Unit) >> 20)
	return total - min(MemoryReserve, total/8), nil
}

// NodeID reads the id of the node whose agent has this folder. It is made once and stays with it.
func NodeID(dir string) (string, error) {
	return kept(filepath.Join(dir, "node-id"), 16, "restore it, or remove it to join as a new node")
}

// nodeSecret reads the secret from which the ids follow by which containers are known. It is made once
// and stays with the folder, for containers outlive the agent.
func nodeSecret(dir string) ([]byte, error) {
	text, err := kept(filepath.Join(dir, "node-secret"), 32, "restore it, or remove it: tasks that run with a role then lose it")
	if err != nil {
		return nil, err
	}
	return hex.DecodeString(text)
}

// kept reads so many random bytes, as hexadecimal digits, from a file that is made when it is not there.
func kept(path string, size int, hint string) (string, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		fresh := ids.Hex(size)
		return fresh, keep(path, fresh)
	}
	if err != nil {
		return "", err
	}
	digits := strings.TrimSpace(string(text))
	if raw, err := hex.DecodeString(digits); err != nil || len(raw) != size || digits != strings.ToLower(digits) {
		return "", fmt.Errorf("%w: %s does not hold %d hexadecimal digits; %s", errIdentity, path, 2*size, hint)
	}
	return digits, nil
}

func keep(path, digits string) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return durable.WriteFile(path, []byte(digits+"\n"))
}
