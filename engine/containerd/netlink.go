package containerd

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// neighbor says which hardware address is behind an IP address or, where that is the zero Addr,
// behind a port of a bridge.
type neighbor struct {
	link     string // the interface that it is behind
	ip       netip.Addr
	hardware net.HardwareAddr
}

// set makes the kernel know it for good, whatever packets say. It replaces what was known.
func (n neighbor) set() error {
	if err := n.call(unix.RTM_NEWNEIGH, unix.NLM_F_CREATE|unix.NLM_F_REPLACE); err != nil {
		return fmt.Errorf("set neighbor %s %s of %s: %w", n.ip, n.hardware, n.link, err)
	}
	return nil
}

// drop makes the kernel forget it. It may be gone already, and its interface too.
func (n neighbor) drop() error {
	err := n.call(unix.RTM_DELNEIGH, 0)
	if err == nil || err == unix.ENOENT {
		return nil
	}
	if _, gone := linkIndex(n.link); gone != nil {
		return nil
	}
	return fmt.Errorf("drop neighbor %s of %s: %w", n.ip, n.link, err)
}

// call asks the kernel, in this thread's network namespace. Source: rtnetlink(7).
func (n neighbor) call(kind, flags uint16) error {
	link, err := linkIndex(n.link)
	if err != nil {
		return err
	}
	message := unix.NdMsg{Family: unix.AF_INET, Ifindex: int32(link), State: unix.NUD_PERMANENT}
	if !n.ip.IsValid() {
		message.Family, message.State, message.Flags = unix.AF_BRIDGE, unix.NUD_NOARP, unix.NTF_MASTER
	}
	body := slices.Clone(unsafe.Slice((*byte)(unsafe.Pointer(&message)), unix.SizeofNdMsg))
	if n.ip.IsValid() {
		body = append(body, attribute(unix.NDA_DST, n.ip.AsSlice())...)
	}
	if n.hardware != nil {
		body = append(body, attribute(unix.NDA_LLADDR, n.hardware)...)
	}
	return netlink(kind, flags, body)
}

// learnNothing has a bridge not learn addresses from what comes in at a port of it.
// Source: rtnetlink(7), linux/if_link.h.
func learnNothing(port string) error {
	const brportLearning = 8 // IFLA_BRPORT_LEARNING
	link, err := linkIndex(port)
	if err != nil {
		return err
	}
	message := unix.IfInfomsg{Family: unix.AF_BRIDGE, Index: int32(link)}
	body := slices.Clone(unsafe.Slice((*byte)(unsafe.Pointer(&message)), unix.SizeofIfInfomsg))
	return netlink(unix.RTM_SETLINK, 0, append(body, attribute(unix.IFLA_PROTINFO|unix.NLA_F_NESTED, attribute(brportLearning, []byte{0}))...))
}

// attribute is a value as netlink carries it, filled up to four bytes.
func attribute(kind uint16, value []byte) []byte {
	a := binary.NativeEndian.AppendUint16(nil, uint16(unix.SizeofRtAttr+len(value)))
	a = binary.NativeEndian.AppendUint16(a, kind)
	a = append(a, value...)
	return append(a, make([]byte, -len(a)&3)...)
}

// netlink sends one request to the kernel and gives its answer: nil or an errno.
func netlink(kind, flags uint16, body []byte) error {
	socket, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer unix.Close(socket)
	request := binary.NativeEndian.AppendUint32(nil, uint32(unix.SizeofNlMsghdr+len(body)))
	request = binary.NativeEndian.AppendUint16(request, kind)
	request = binary.NativeEndian.AppendUint16(request, flags|unix.NLM_F_REQUEST|unix.NLM_F_ACK)
	request = append(request, make([]byte, 8)...) // sequence and port: there is one request, and one answer
	if err := unix.Sendto(socket, append(request, body...), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	answer := make([]byte, os.Getpagesize())
	n, _, err := unix.Recvfrom(socket, answer, 0)
	if err != nil {
		return err
	}
	if n < unix.SizeofNlMsghdr+4 {
		return fmt.Errorf("netlink answers with %d bytes", n)
	}
	if errno := -int32(binary.NativeEndian.Uint32(answer[unix.SizeofNlMsghdr:])); errno != 0 {
		return unix.Errno(errno)
	}
	return nil
}
