package containerd

import (
	"net"
	"slices"
	"testing"

	"slipway/internal/ids"
)

// What is asked by name is what the list of all interfaces says.
func TestInterfacesAreAskedByName(t *testing.T) {
	name := "slip-" + ids.Hex(4)
	if err := makeBridge(name); err != nil {
		t.Fatal(err)
	}
	want, err := net.InterfaceByName(name)
	if err != nil {
		t.Fatal(err)
	}
	hardware, err := hardwareAddress(name)
	if err != nil || !slices.Equal(hardware, want.HardwareAddr) {
		t.Errorf("%s has the address %s (%v), want %s", name, hardware, err, want.HardwareAddr)
	}
	if index, err := linkIndex(name); err != nil || index != want.Index {
		t.Errorf("%s is interface %d (%v), want %d", name, index, err, want.Index)
	}
	if err := removeBridge(name); err != nil {
		t.Fatal(err)
	}
	if hardware, err := hardwareAddress(name); err == nil {
		t.Errorf("%s, which is gone, has the address %s", name, hardware)
	}
}
