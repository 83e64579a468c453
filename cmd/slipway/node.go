package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"slipway/agent"
	"slipway/engine"
	"slipway/engine/containerd"
	"slipway/nodeapi"
)

// node is what makes this machine one that runs tasks.
type node struct {
	data    string
	cluster string // "" serves every cluster of the account
	socket  string
	cpu     int
	memory  int
	near    []string
	said    []string          // attributes, as NAME=VALUE
	line    http.RoundTripper // to the control plane elsewhere; nil: it is in this process
}

func nodeFlags(cmd *cobra.Command) *node {
	var n node
	f := cmd.Flags()
	f.StringVar(&n.socket, "containerd", "", "socket of a containerd to use (default: one of Slipway's own)")
	f.IntVar(&n.cpu, "cpu", 0, "cpu units that tasks may have, 1024 a core (default: all cores)")
	f.IntVar(&n.memory, "memory", 0, "MiB that tasks may have (default: what the machine has, less a reserve)")
	f.StringArrayVar(&n.said, "attribute", nil, "what is said of this machine, as NAME=VALUE: zone=north, slipway.group=racks")
	f.StringSliceVar(&n.near, "archive-from", nil, "addresses of this machine or its link, as 127.0.0.1/32, that images may be loaded from by a URL (default: none of them)")
	if f.Lookup("log-level") == nil {
		f.String("log-level", "info", "debug, info, warn or error")
	}
	return &n
}

// run keeps this machine doing what the control plane wants until ctx ends. Containers with a role are
// led to the API.
func (n *node) run(ctx context.Context, cp nodeapi.ControlPlane, api *url.URL) error {
	near, err := prefixes(n.near)
	if err != nil {
		return err
	}
	attributes, err := attributesOf(n.said)
	if err != nil {
		return err
	}
	if err := n.fit(); err != nil {
		return err
	}
	n.warn()
	if err := os.MkdirAll(n.data, 0o700); err != nil {
		return err
	}
	network, err := networkOf(n.data)
	if err != nil {
		return fmt.Errorf("network of the node: %w", err)
	}
	machine, err := containerd.New(containerd.Options{Data: n.data, Socket: n.socket, Bridge: network.Bridge, Subnet: network.Subnet})
	if errors.Is(err, engine.ErrInUse) {
		return withHint(err, "stop the other one, or give this one a folder of its own with --data DIR")
	}
	if err != nil {
		return withHint(err, `"slipway doctor" tells what this machine lacks`)
	}
	a, err := agent.New(agent.Config{
		Dir: n.data, Engine: machine, ControlPlane: cp, Cluster: n.cluster,
		API: api, Line: n.line, Version: versionText(), CPU: n.cpu, Memory: n.memory, Near: near, Attributes: attributes,
	})
	if err != nil {
		return err
	}
	// The engine ends after the agent, which lets calls of functions end.
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	return together(ctx, func(context.Context) error { return machine.Run(life) }, func(ctx context.Context) error {
		defer end()
		a.Run(ctx)
		return nil
	})
}

// fit tells whether this machine lacks something without which no container runs at all.
func (n *node) fit() error {
	for _, c := range containerd.Check() {
		if !c.OK && (c.Name == "root" || c.Name == "containerd" && n.socket == "") {
			return withHint(fmt.Errorf("this machine cannot run containers: %s: %s", c.Name, c.Detail), "%s", c.Hint)
		}
	}
	return nil
}

// warn tells what else tasks will miss here.
func (n *node) warn() {
	for _, c := range containerd.Check() {
		if !c.OK && c.Name != "containerd" {
			slog.Warn("this machine lacks something that tasks need", "lacks", c.Name, "detail", c.Detail, "hint", c.Hint)
		}
	}
}

func prefixes(texts []string) (all []netip.Prefix, err error) {
	for _, text := range texts {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("--archive-from %q: want addresses as 127.0.0.1/32", text)
		}
		all = append(all, p.Masked())
	}
	return all, nil
}

// nodeNetwork is the network of a node's tasks: one of its own for each data folder, so that
// two nodes on a machine do not meet.
type nodeNetwork struct{ Bridge, Subnet string }

// networkOf reads the network that the data folder keeps, and chooses it at the first start.
func networkOf(data string) (nodeNetwork, error) {
	var n nodeNetwork
	file := filepath.Join(data, "network.json")
	text, err := os.ReadFile(file)
	if err == nil {
		return n, json.Unmarshal(text, &n)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return n, err
	}
	if n, err = chooseNetwork(data); err != nil {
		return n, err
	}
	if text, err = json.Marshal(n); err != nil {
		return n, err
	}
	return n, os.WriteFile(file, text, 0o600)
}

// chooseNetwork takes a subnet of 10.64.0.0/10 that no interface of the machine is in and no other node has, starting
// where the name of the folder points.
func chooseNetwork(data string) (nodeNetwork, error) {
	const subnets = 1 << 10 // /20s in a /10: 4,000 tasks each
	path, err := filepath.Abs(data)
	if err != nil {
		return nodeNetwork{}, err
	}
	used, err := usedPrefixes()
	if err != nil {
		return nodeNetwork{}, err
	}
	used = append(used, chosenSubnets()...)
	sum := sha256.Sum256([]byte(path))
	start := binary.BigEndian.Uint16(sum[:])
	for i := range uint16(subnets) {
		n := (start + i) % subnets
		subnet := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(64 + n/16), byte(n % 16 * 16), 0}), 20)
		if !overlaps(subnet, used) {
			return nodeNetwork{Bridge: fmt.Sprintf("slw%x", sum[:4]), Subnet: subnet.String()}, nil
		}
	}
	return nodeNetwork{}, errors.New("every subnet of 10.64.0.0/10 is in use on this machine")
}

func usedPrefixes() (used []netip.Prefix, err error) {
	addrs, err := net.InterfaceAddrs()
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			used = append(used, p)
		}
	}
	return used, err
}

func overlaps(p netip.Prefix, others []netip.Prefix) bool {
	for _, o := range others {
		if p.Overlaps(o) {
			return true
		}
	}
	return false
}
