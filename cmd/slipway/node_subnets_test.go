package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"slipway/internal/lockfile"
)

// A node that has run nothing yet, and has no bridge, keeps its subnet for itself all the same.
func TestSubnetsOfIdleNodesAreTaken(t *testing.T) {
	needRoot(t)
	data, other := t.TempDir(), t.TempDir()
	wanted, err := chooseNetwork(data)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(wanted)
	if err := errors.Join(err, os.WriteFile(filepath.Join(other, "network.json"), text, 0o600), os.MkdirAll("/run/slipway", 0o711)); err != nil {
		t.Fatal(err)
	}

	held, err := lockfile.Hold(fmt.Sprintf("/run/slipway/bridge-idle%d.lock", os.Getpid()), other) // as its engine does
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	defer os.Remove(held.Name())
	if got, err := chooseNetwork(data); err != nil || got.Subnet == wanted.Subnet {
		t.Errorf("beside a node that has chosen %s: %s, %v", wanted.Subnet, got.Subnet, err)
	}
}
