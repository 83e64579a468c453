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
// their way out counted. There are as many healthy ones as the minimum, less what kills have taken and nothing has
// made up for yet: from one sample to the next the service itself takes none away below the minimum, and counts
// among its healthy ones those that were killed a moment ago, of which it cannot know.
type bounds struct {
	t           testing.TB
	least, most int

	mu      sync.Mutex
	last    glance
	killed  map[string]bool // targets, by address, until the load balancer has let go of them
	known   []time.Time     // when it let go of others, a moment ago
	owed    int             // how many fewer than the minimum there may be
	samples int
	fewest  int // healthy ones seen
	highest int // tasks seen
	wrong   []string
}

func newBounds(t testing.TB, least, most int) *bounds {
	return &bounds{t: t, least: least, most: most, killed: map[string]bool{}, fewest: most}
}

// lag is how long the service may go by what it saw before a kill, once its load balancer has let go of the target.
const lag = time.Second

// unknown counts the killed ones of which the service may not know yet.
func (b *bounds) unknown() int { return len(b.killed) + len(b.known) }

// doom chooses a healthy target to be killed, and tells which task it is: none where that, and what the service may do
// while it does not know of it, could leave no healthy one.
func (b *bounds) doom(dice *rand.Rand) (task string, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	at := slices.Sorted(maps.Keys(b.last.well))
	if len(at) < 2 || b.unknown()+1 >= b.least {
		return "", false
	}
	victim := at[dice.IntN(len(at))]
	if task = b.last.well[victim]; task == "" {
		return "", false
	}
	delete(b.last.well, victim)
	b.killed[victim] = true
	b.owed++
	return task, true
}

// add takes a sample.
func (b *bounds) add(g glance) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.learn(g)
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
	b.owed = max(b.least-n, b.unknown(), 0)
}

// learn forgets the killed ones of which the service knows.
func (b *bounds) learn(g glance) {
	b.known = slices.DeleteFunc(b.known, func(at time.Time) bool { return time.Since(at) > lag })
	for at := range b.killed {
		if !g.there[at] {
			delete(b.killed, at)
			b.known = append(b.known, time.Now())
		}
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
