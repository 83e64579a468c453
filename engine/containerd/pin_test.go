package containerd

import (
	"slices"
	"strings"
	"testing"

	"slipway/engine/enginetest"
	"slipway/internal/ids"
)

// A task that forges packets gets nothing that is meant for another.
func TestAForgerGetsNothing(t *testing.T) {
	ref := enginetest.Registry(t) + "/test/program:latest"
	enginetest.Push(t, ref, enginetest.Image(t))
	e := newMachine(t).start()
	answer(t, e, "the crown jewels")
	body := enginetest.Body{Engine: e, Image: ref}
	attach(t, e, ids.Hex(16)) // takes the spare: the two below are plugged in as they come
	victim, forger := enginetest.NewTask(t, &body), enginetest.NewTask(t, &body)
	address := attach(t, e, victim.ID).Address
	attach(t, e, forger.ID)
	look := victim.Run("look", "read", "/sys/class/net/eth0/address")
	look.Exit(0)
	hardware := strings.TrimSpace(look.Printed())

	forge := forger.Run("forge", "forge", hardware, "crown jewels", address, e.network.cni.gateway.String())
	forge.Prints("forging")
	once := []string{"get", "http://169.254.170.2/", "then", "sleep", "20ms", "then"}
	owner := victim.Run("owner", append(slices.Repeat(once, 40), "print", "done")...)
	owner.Exit(0)
	if got, want := owner.Printed(), strings.Repeat("the crown jewels\n", 40)+"done\n"; got != want {
		t.Errorf("while another forges, the owner gets %q", got)
	}
	forge.Exit(0)
	if got := forge.Printed(); got != "forging\nsaw 0\n" {
		t.Errorf("the forger says %q", got)
	}
}
