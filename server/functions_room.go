package server

import (
	"context"
	"errors"
	"fmt"

	"slipway/accounts"
	"slipway/cluster"
	"slipway/functions"
	"slipway/functions/fleet"
)

// functionRoom has the fleet hold room in the books of the cluster.
type functionRoom struct{ cluster *cluster.Control }

var _ fleet.Room = functionRoom{}

// memoryOfCore is how many MiB of memory come with the whole of a core. Source: Lambda Developer Guide, "Configure
// Lambda function memory": "at 1,769 MB, a function has the equivalent of one vCPU".
const memoryOfCore = 1769

func cpuOf(memory int) int { return max(2, memory*1024/memoryOfCore) }

// Hold satisfies fleet.Room.
func (r functionRoom) Hold(ctx context.Context, account string, n fleet.Need, node string, avoid []string) (fleet.Hold, error) {
	h, err := r.cluster.Hold(ctx, cluster.HoldRequest{Account: account, Memory: n.Memory, CPU: cpuOf(n.Memory), Disk: n.Disk, Node: node, Only: node != "", Avoid: avoid})
	if errors.Is(err, cluster.ErrNoMachine) && node == "" && len(avoid) == 0 {
		return fleet.Hold{}, fmt.Errorf("%w: %w", fleet.ErrNoMachine, err)
	}
	return heldBy(h), roomError(err)
}

// Grow satisfies fleet.Room.
func (r functionRoom) Grow(ctx context.Context, hold string, n fleet.Need) (fleet.Hold, error) {
	h, err := r.cluster.Grow(ctx, hold, n.Memory, cpuOf(n.Memory))
	return heldBy(h), roomError(err)
}

// Free satisfies fleet.Room.
func (r functionRoom) Free(ctx context.Context, holds ...string) error {
	return r.cluster.Free(ctx, holds...)
}

// Holds satisfies fleet.Room.
func (r functionRoom) Holds(ctx context.Context) ([]fleet.Hold, error) {
	held, err := r.cluster.Holds(ctx)
	all := make([]fleet.Hold, len(held))
	for i, h := range held {
		all[i] = heldBy(h)
	}
	return all, err
}

func heldBy(h cluster.Hold) fleet.Hold {
	return fleet.Hold{ID: h.ID, Account: h.Account, Node: h.Node, Need: fleet.Need{Memory: h.Memory, Disk: h.Disk}, CPU: h.CPU}
}

// roomError says in the words of the fleet that there is no room: also where the books have no machine left beside those
// that are avoided.
func roomError(err error) error {
	for _, none := range []error{cluster.ErrNoRoom, cluster.ErrNoHold, cluster.ErrBusy, cluster.ErrNoMachine} {
		if errors.Is(err, none) {
			return fmt.Errorf("%w: %w", fleet.ErrNoRoom, err)
		}
	}
	return err
}

// roleError says in the words of the functions room that it may not act in a role.
func roleError(err error) error {
	if errors.Is(err, accounts.ErrNotTrusted) {
		return functions.ErrRole
	}
	return err
}
