package main

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"

	"slipway/engine/containerd"
)

// chosenSubnets are those of the other nodes on this machine: a node that has run no task yet has no interface that
// would show which subnet it has chosen.
func chosenSubnets() (chosen []netip.Prefix) {
	for _, data := range containerd.DataFolders() {
		var n nodeNetwork
		text, err := os.ReadFile(filepath.Join(data, "network.json"))
		if err != nil || json.Unmarshal(text, &n) != nil {
			continue // its folder has gone, or the engine is of another program
		}
		if p, err := netip.ParsePrefix(n.Subnet); err == nil {
			chosen = append(chosen, p)
		}
	}
	return chosen
}
