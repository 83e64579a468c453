package fleet

import "context"

// Room is the cluster's books, as far as sandboxes go. What a sandbox takes of a machine is its hold.
type Room interface {
	// Hold takes room for a sandbox: of the named node, or, where node is "", of any of the account's that is not
	// avoided. ErrNoRoom says that there is none, ErrNoMachine that the books have no machine that takes any now, as
	// before the session is back of one whose line for sandboxes is.
	Hold(ctx context.Context, account string, n Need, node string, avoid []string) (Hold, error)
	// Grow changes what a hold takes, on its node, or returns ErrNoRoom and changes nothing.
	Grow(ctx context.Context, hold string, n Need) (Hold, error)
	// Free gives room back. Holds that are not there are freed.
	Free(ctx context.Context, holds ...string) error
	// Holds lists what this server's fleet holds, and what it held before it was killed.
	Holds(ctx context.Context) ([]Hold, error)
}

// Need is what a sandbox is to have. Its share of cpu is in proportion to its memory (the room knows the machine).
type Need struct {
	Memory int // MiB
	Disk   int // MiB of /tmp
}

// Hold is room that was taken for a sandbox.
type Hold struct {
	ID      string
	Account string
	Node    string
	Need
	CPU int // units of 1/1024 of a core, in proportion
}
