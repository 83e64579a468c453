package fleet

import "time"

// KeepAlive says for how long a sandbox that has nothing to do is kept. It must be quick: it is asked under a lock.
type KeepAlive interface {
	Idle(u Use) time.Duration
}

// Use is what a KeepAlive may go by.
type Use struct {
	Recent float64 // calls of the release, the older the less they count: half in ten minutes
	Alive  int     // sandboxes of the release
	Memory int     // MiB of each
	Tight  bool    // room was asked for lately and there was none
}

// Growing keeps a sandbox for Least, and for Each longer by each recent call, up to Most; a quarter of that when
// room is tight.
type Growing struct{ Least, Each, Most time.Duration }

// Idle is of KeepAlive.
func (g Growing) Idle(u Use) time.Duration {
	d := g.Most
	if u.Recent < float64(g.Most-g.Least)/float64(max(1, g.Each)) {
		d = g.Least + time.Duration(u.Recent*float64(g.Each))
	}
	if u.Tight {
		d /= 4
	}
	return d
}
