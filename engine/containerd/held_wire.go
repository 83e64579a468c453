package containerd

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A held container's network is plugged in by us, in a millisecond or two: plugins would take a hundred of them from
// the machine. Its address is from the last quarter of the bridge's subnet, which the plugins do not give: so a few
// rules for all keep such containers from the node itself, and their ports of the bridge are isolated, which keeps
// them from each other. They may not forge packets, having no capability to.

// heldNets gives the addresses of held containers. They end with the process that holds them, so nothing is written.
type heldNets struct {
	bridge  string
	subnet  netip.Prefix
	gateway netip.Addr
	leases  string // folder of those that plugins of a former release may have given

	mu    sync.Mutex
	given map[netip.Addr]bool
	last  netip.Addr
}

func newHeldNets(c cni, subnet netip.Prefix) heldNets {
	return heldNets{bridge: c.name, subnet: subnet.Masked(), gateway: c.gateway, leases: c.leases, given: map[netip.Addr]bool{}}
}

// heldPart is the part of a subnet that held containers have: its last quarter.
func heldPart(subnet netip.Prefix) netip.Prefix {
	bits := subnet.Bits() + 2
	start := binary.BigEndian.Uint32(subnet.Masked().Addr().AsSlice()) | 3<<(32-bits)
	return netip.PrefixFrom(netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, start))), bits)
}

// take gives an address that nobody has.
func (n *heldNets) take() (netip.Addr, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	part := heldPart(n.subnet)
	if !n.last.IsValid() {
		n.last = part.Addr()
	}
	for range 1 << (32 - part.Bits()) {
		if n.last = n.last.Next(); !part.Contains(n.last.Next()) { // the very last is the broadcast address
			n.last = part.Addr()
			continue
		}
		if _, err := os.Stat(filepath.Join(n.leases, n.last.String())); err != nil && !n.given[n.last] {
			n.given[n.last] = true
			return n.last, nil
		}
	}
	return netip.Addr{}, fmt.Errorf("no address of %s is free", part)
}

func (n *heldNets) give(address netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.given, address)
}

// plug makes a cable from the bridge into a namespace.
func (n *heldNets) plug(port, namespace string, address netip.Addr) error {
	hardware := net.HardwareAddr{0x02, 0, 0, 0, 0, 0} // 02: locally administered
	if _, err := rand.Read(hardware[1:]); err != nil {
		return err
	}
	bridge, err := hardwareAddress(n.bridge)
	if err != nil {
		return err
	}
	index, err := linkIndex(n.bridge)
	if err != nil {
		return err
	}
	if err := within(namespace, noIPv6); err != nil {
		return err
	}
	if err := makeCable(port, index, namespace, hardware); err != nil {
		return fmt.Errorf("make a cable from %s to %s: %w", n.bridge, namespace, err)
	}
	steps := []func() error{
		func() error { return isolate(port) },
		func() error { return neighbor{link: port, hardware: hardware}.set() },
		func() error { return neighbor{link: n.bridge, ip: address, hardware: hardware}.set() },
		func() error { return linkUp(port) },
		func() error {
			return within(namespace, func() error { return n.furnish(address, bridge) })
		},
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return fmt.Errorf("plug %s in: %w", address, err)
		}
	}
	return nil
}

// noIPv6 has interfaces to come begin without addresses of IPv6: by those the node would be reached past its rules.
func noIPv6() error {
	err := os.WriteFile(sysctlFile("net.ipv6.conf.default.disable_ipv6"), []byte("1"), 0o644)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // the kernel has none
	}
	return err
}

// furnish sets up the inner end, in its namespace.
func (n *heldNets) furnish(address netip.Addr, bridge net.HardwareAddr) error {
	link, err := linkIndex("eth0")
	if err != nil {
		return err
	}
	if err := addAddress(link, netip.PrefixFrom(address, n.subnet.Bits())); err != nil {
		return fmt.Errorf("address: %w", err)
	}
	if err := linkUp("eth0"); err != nil {
		return err
	}
	if err := addDefaultRoute(link, n.gateway); err != nil {
		return fmt.Errorf("route: %w", err)
	}
	return neighbor{link: "eth0", ip: n.gateway, hardware: bridge}.set()
}

// unplug forgets a container whose namespace ends, and its cable with that.
func (n *heldNets) unplug(port string, address netip.Addr) error {
	if !address.IsValid() {
		return nil
	}
	err := neighbor{link: n.bridge, ip: address}.drop()
	if link, gone := linkIndex(port); gone == nil {
		_ = netlink(unix.RTM_DELLINK, 0, raw(&unix.IfInfomsg{Index: int32(link)})) // else the namespace's end takes it
	}
	n.give(address)
	return err
}

// raw is a message of the kernel's as bytes.
func raw[T any](message *T) []byte {
	return slices.Clone(unsafe.Slice((*byte)(unsafe.Pointer(message)), unsafe.Sizeof(*message)))
}

func number32(n int) []byte { return binary.NativeEndian.AppendUint32(nil, uint32(n)) }

// makeCable makes a pair of interfaces: one in a port of the bridge, and eth0 in the namespace.
// Source: rtnetlink(7), linux/veth.h, linux/if_link.h.
func makeCable(port string, bridge int, namespace string, hardware net.HardwareAddr) error {
	const vethInfoPeer = 1
	f, err := os.Open(namespace)
	if err != nil {
		return err
	}
	defer f.Close()
	peer := slices.Concat(raw(&unix.IfInfomsg{}),
		attribute(unix.IFLA_IFNAME, []byte("eth0\x00")),
		attribute(unix.IFLA_ADDRESS, hardware),
		attribute(unix.IFLA_NET_NS_FD, number32(int(f.Fd()))))
	kind := slices.Concat(
		attribute(unix.IFLA_INFO_KIND, []byte("veth")),
		attribute(unix.IFLA_INFO_DATA|unix.NLA_F_NESTED, attribute(vethInfoPeer|unix.NLA_F_NESTED, peer)))
	return netlink(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL, slices.Concat(raw(&unix.IfInfomsg{}),
		attribute(unix.IFLA_IFNAME, append([]byte(port), 0)),
		attribute(unix.IFLA_MASTER, number32(bridge)),
		attribute(unix.IFLA_LINKINFO|unix.NLA_F_NESTED, kind)))
}

// isolate keeps a port of a bridge from others that are isolated, and has the bridge learn nothing from it.
func isolate(port string) error {
	const learning, isolated = 8, 33 // IFLA_BRPORT_LEARNING, IFLA_BRPORT_ISOLATED
	link, err := linkIndex(port)
	if err != nil {
		return err
	}
	flags := slices.Concat(attribute(learning, []byte{0}), attribute(isolated, []byte{1}))
	return netlink(unix.RTM_SETLINK, 0, slices.Concat(raw(&unix.IfInfomsg{Family: unix.AF_BRIDGE, Index: int32(link)}),
		attribute(unix.IFLA_PROTINFO|unix.NLA_F_NESTED, flags)))
}

func linkUp(name string) error {
	return withLink(name, func(socket int, link *unix.Ifreq) error {
		link.SetUint16(unix.IFF_UP)
		return unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, link)
	})
}

func addAddress(link int, address netip.Prefix) error {
	return netlink(unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_EXCL, slices.Concat(
		raw(&unix.IfAddrmsg{Family: unix.AF_INET, Prefixlen: uint8(address.Bits()), Index: uint32(link)}),
		attribute(unix.IFA_LOCAL, address.Addr().AsSlice()),
		attribute(unix.IFA_ADDRESS, address.Addr().AsSlice())))
}

func addDefaultRoute(link int, gateway netip.Addr) error {
	return netlink(unix.RTM_NEWROUTE, unix.NLM_F_CREATE|unix.NLM_F_EXCL, slices.Concat(
		raw(&unix.RtMsg{Family: unix.AF_INET, Table: unix.RT_TABLE_MAIN, Protocol: unix.RTPROT_STATIC, Type: unix.RTN_UNICAST}),
		attribute(unix.RTA_GATEWAY, gateway.AsSlice()),
		attribute(unix.RTA_OIF, number32(link))))
}

// plugHeld makes the network of a held container. The namespace is mounted at its path until unplugHeld.
func (e *Engine) plugHeld(ctx context.Context, h *held) error {
	if err := e.network.rules.ensure(ctx); err != nil {
		return err
	}
	address, err := e.heldNets.take()
	if err != nil {
		return err
	}
	h.address = address
	return e.heldNets.plug(h.port(), h.namespace(), address)
}
