package main

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"
)

// bounds hold what is seen of a service against its bounds. There are never more tasks than the maximum, those on
// their way out counted. There are as many healthy ones as the minimum, less those that were killed since there last
// were enough of them for a while: those are faults, which the service cannot be asked not to have.
type bounds struct {
	t           testing.TB
	least, most int

	mu      sync.Mutex
	last    glance
	killed  map[string]bool // targets, by address, until the load balancer has let go of them
	owed    int             // what was killed and not made up for
	enough  time.Time       // since when there are enough, with no killed one among them; zero: there are not
	samples int
	fewest  int // healthy ones seen
	highest int // tasks seen
	wrong   []string
}

func newBounds(t testing.TB, least, most int) *bounds {
	return &bounds{t: t, least: least, most: most, killed: map[string]bool{}, fewest: most}
}

// whole is how long there have to be enough before what was killed is forgotten: by then the service acts by nothing
// that it saw before.
const whole = 2 * time.Second

// doom chooses a healthy target to be killed, where another one is left, and tells which task it is.
func (b *bounds) doom(dice *rand.Rand) (task string, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	at := slices.Sorted(maps.Keys(b.last.well))
	if len(at) < 2 {
		return "", false
	}
	victim := at[dice.IntN(len(at))]
	if task = b.last.well[victim]; task == "" {
		return "", false
	}
	delete(b.last.well, victim)
	b.killed[victim] = true
	b.owed, b.enough = b.owed+1, time.Time{}
	return task, true
}

// add takes a sample.
func (b *bounds) add(g glance) {
	b.mu.Lock()
	defer b.mu.Unlock()
	maps.DeleteFunc(b.killed, func(at string, _ bool) bool { return !g.there[at] })
	maps.DeleteFunc(g.well, func(at, _ string) bool { return b.killed[at] })
	n := len(g.well)
	b.last, b.samples = g, b.samples+1
	b.fewest, b.highest = min(b.fewest, n), max(b.highest, g.tasks)
	if g.tasks > b.most {
		b.wrong = append(b.wrong, fmt.Sprintf("sample %d: %d tasks, and the maximum is %d", b.samples, g.tasks, b.most))
	}
	if n < b.least-b.owed {
		b.wrong = append(b.wrong, fmt.Sprintf("sample %d: %d healthy tasks, and the minimum is %d, of which %d were killed", b.samples, n, b.least, b.owed))
	}
	switch {
	case n < b.least || len(b.killed) > 0:
		b.enough = time.Time{}
	case b.enough.IsZero():
		b.enough = time.Now()
	case time.Since(b.enough) > whole:
		b.owed = 0
	}
}

func (b *bounds) String() string {
	return fmt.Sprintf("%d samples: at least %d healthy tasks (the minimum is %d, less what was killed), at most %d tasks (the maximum is %d); %d were out of bounds",
		b.samples, b.fewest, b.least, b.highest, b.most, len(b.wrong))
}

func (b *bounds) check() {
	if b.samples == 0 {
		b.t.Error("nothing was seen of the service")
	}
	for _, text := range b.wrong[:min(len(b.wrong), 10)] {
		b.t.Error(text)
	}
}
