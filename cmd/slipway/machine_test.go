package main

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// nodeOf is what a node has on the machine beside its data folder.
type nodeOf struct {
	data, run, socket, bridge string
}

var (
	containerdAddress = regexp.MustCompile(`address = "([^"]*containerd.sock)"`)
	taskFolder        = regexp.MustCompile(`^[0-9a-f]{32}$`)
)

// readNode finds it by what the node keeps in its data folder.
func readNode(t testing.TB, data string) nodeOf {
	t.Helper()
	config, err := os.ReadFile(filepath.Join(data, "containerd.toml"))
	if err != nil {
		t.Fatal(err)
	}
	address := containerdAddress.FindSubmatch(config)
	text, err := os.ReadFile(filepath.Join(data, "network.json"))
	var network nodeNetwork
	if err != nil || address == nil || json.Unmarshal(text, &network) != nil {
		t.Fatalf("network %s, containerd %s: %v", text, config, err)
	}
	socket := string(address[1])
	return nodeOf{data, filepath.Dir(socket), socket, network.Bridge}
}

// settle waits until nothing is left of tasks that have stopped.
func (n nodeOf) settle(t testing.TB) {
	t.Helper()
	within(t, "the node to clear away its tasks", func() bool {
		outputs, _ := filepath.Glob(filepath.Join(n.data, "containers/*"))
		folders, _ := os.ReadDir(filepath.Join(n.run, "tasks"))
		for _, f := range folders {
			if taskFolder.MatchString(f.Name()) {
				return false
			}
		}
		return len(outputs) == 0
	})
}

// wantGone wants nothing on the machine of a node that has ended without tasks.
func (n nodeOf) wantGone(t testing.TB) {
	t.Helper()
	if _, err := net.InterfaceByName(n.bridge); err == nil {
		t.Errorf("bridge %s is left behind", n.bridge)
	}
	if _, err := os.Stat(n.run); err == nil {
		t.Errorf("folder %s is left behind", n.run)
	}
}
