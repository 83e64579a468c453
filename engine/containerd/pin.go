package containerd

import (
	"fmt"
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// A container may forge packets: Docker's default capabilities let root do so. That must not get it what
// is meant for another task, such as its credentials. So nothing of the way between the host and a task
// is learned from packets: which hardware address is behind the task's address, behind which port
// of the bridge that is, and which the task has to send to.

// plugged is what the plugins have made.
type plugged struct {
	address  netip.Addr // of the task
	hardware net.HardwareAddr
	port     string // the bridge's end of its cable
}

// pin fixes the way between the host and a task.
func (c cni) pin(p plugged, namespace string) error {
	bridge, err := hardwareAddress(c.name)
	if err != nil {
		return err
	}
	if err := learnNothing(p.port); err != nil {
		return fmt.Errorf("have bridge %s learn nothing from %s: %w", c.name, p.port, err)
	}
	if err := (neighbor{link: p.port, hardware: p.hardware}).set(); err != nil {
		return err
	}
	if err := (neighbor{link: c.name, ip: p.address, hardware: p.hardware}).set(); err != nil {
		return err
	}
	gateway := neighbor{link: "eth0", ip: c.gateway, hardware: bridge}
	return within(namespace, gateway.set)
}

// unpin forgets the way to a task. The bridge forgets its part with the port.
func (c cni) unpin(address string) error {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return nil // it never had one
	}
	return neighbor{link: c.name, ip: ip}.drop()
}

// within does something in a network namespace.
func within(namespace string, do func() error) error {
	return onOwnThread(func() error { return enter(namespace, do) })
}

func enter(namespace string, do func() error) error {
	f, err := os.Open(namespace)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.Setns(int(f.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter network namespace %s: %w", namespace, err)
	}
	return do()
}
