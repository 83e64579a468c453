package containerd

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// withLink asks the kernel about a network interface of this thread's namespace.
func withLink(name string, ask func(socket int, link *unix.Ifreq) error) error {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(socket)
	link, err := unix.NewIfreq(name)
	if err != nil {
		return fmt.Errorf("network interface %q: %w", name, err)
	}
	return ask(socket, link)
}

// linkIndex is the number of an interface, in this thread's network namespace. net.InterfaceByName lists all of them for
// that, of which there is one for each container. Source: netdevice(7).
func linkIndex(name string) (index int, err error) {
	err = withLink(name, func(socket int, link *unix.Ifreq) error {
		if err := unix.IoctlIfreq(socket, unix.SIOCGIFINDEX, link); err != nil {
			return fmt.Errorf("network interface %s: %w", name, err)
		}
		index = int(int32(link.Uint32()))
		return nil
	})
	return index, err
}

// makeBridge makes a bridge with an address of its own. The bridge plugin makes one too, but
// where that is killed half way it leaves one without an address, which it can never use again.
func makeBridge(name string) error {
	return withLink(name, func(socket int, _ *unix.Ifreq) error {
		if err := bridgeCall(socket, unix.SIOCBRADDBR, name); err != nil && !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("make bridge %s: %w", name, err)
		}
		bridge, err := net.InterfaceByName(name)
		if err != nil {
			return fmt.Errorf("bridge %s: %w", name, err)
		}
		if slices.ContainsFunc(bridge.HardwareAddr, func(b byte) bool { return b != 0 }) {
			return setAddress(socket, name, bridge.HardwareAddr) // the same, but now it does not follow its members'
		}
		sum := sha256.Sum256([]byte(name))
		return setAddress(socket, name, append(net.HardwareAddr{0x02}, sum[:5]...)) // 02: locally administered
	})
}

// hardwareRequest gives an interface an address or asks for the one it has. Source: netdevice(7).
type hardwareRequest struct {
	name    [unix.IFNAMSIZ]byte
	address unix.RawSockaddr
	_       [8]byte // the kernel's union is as long as its longest member
}

func setAddress(socket int, name string, address net.HardwareAddr) error {
	request := hardwareRequest{address: unix.RawSockaddr{Family: unix.ARPHRD_ETHER}}
	copy(request.name[:], name)
	for i, b := range address {
		request.address.Data[i] = int8(b)
	}
	if err := ioctl(socket, unix.SIOCSIFHWADDR, unsafe.Pointer(&request)); err != nil {
		return fmt.Errorf("give bridge %s the address %s: %w", name, address, err)
	}
	return nil
}

// hardwareAddress is that of an Ethernet interface in this thread's network namespace, asked for by its name as its
// index is.
func hardwareAddress(name string) (net.HardwareAddr, error) {
	const length = 6 // of Ethernet
	address := make(net.HardwareAddr, length)
	err := withLink(name, func(socket int, _ *unix.Ifreq) error {
		var request hardwareRequest
		copy(request.name[:], name)
		if err := ioctl(socket, unix.SIOCGIFHWADDR, unsafe.Pointer(&request)); err != nil {
			return fmt.Errorf("network interface %s: %w", name, err)
		}
		for i := range address {
			address[i] = byte(request.address.Data[i])
		}
		return nil
	})
	return address, err
}

// removeBridge takes a bridge away that no namespace is joined to any more.
func removeBridge(name string) error {
	if _, err := net.InterfaceByName(name); err != nil {
		return nil
	}
	return withLink(name, func(socket int, link *unix.Ifreq) error {
		link.SetUint16(0)
		if err := unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, link); err != nil {
			return fmt.Errorf("take bridge %s down: %w", name, err)
		}
		if err := bridgeCall(socket, unix.SIOCBRDELBR, name); err != nil {
			return fmt.Errorf("remove bridge %s: %w", name, err)
		}
		return nil
	})
}

func bridgeCall(socket int, call uint, name string) error {
	text, err := unix.ByteSliceFromString(name)
	if err != nil {
		return err
	}
	return ioctl(socket, call, unsafe.Pointer(&text[0]))
}

func ioctl(socket int, call uint, argument unsafe.Pointer) error {
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(socket), uintptr(call), uintptr(argument)); errno != 0 {
		return errno
	}
	return nil
}
