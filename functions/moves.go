package functions

import (
	"slices"
	"time"

	"slipway/store"
)

// moves are when a line went from release to release, in microseconds, in their order. The age of code that is superseded
// counts from the first that its sandboxes did not see, however many followed it before somebody called.
type moves []int64

// maxMoves is how many are remembered.
const maxMoves = 32

// with are the moves and another one, now.
func (m moves) with(now time.Time) moves {
	return append(slices.Clone(m[max(0, len(m)-maxMoves+1):]), store.Micros(now))
}

// seen are the moves of an alias of $LATEST, which it has been since a time: its own, and those of $LATEST after that.
func (m moves) seen(latest moves, since time.Time) moves {
	all := slices.Clone(m)
	for _, at := range latest {
		if at > store.Micros(since) {
			all = append(all, at)
		}
	}
	return all[max(0, len(all)-maxMoves):]
}

// times are the moves as times.
func (m moves) times() (all []time.Time) {
	for _, at := range m {
		all = append(all, store.Time(at))
	}
	return all
}
