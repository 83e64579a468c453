package fleet

import (
	"errors"
	"slices"
	"time"
)

// edition is what the fleet has of a release.
type edition struct {
	function *function
	release  *Release

	free     []*sandbox        // that can take a call, the one used last at the end
	all      map[*sandbox]bool // that are, or are being, assigned
	ready    int               // that take calls
	starting int               // on their way to be ready
	placing  int               // of those, that still look for room
	pressing int               // of use in grow alone
	asked    int               // of use in grow alone

	lines       int       // that want it, or answer by it until the newer is ready
	provisioned int       // that are always to be ready
	pinned      time.Time // when it was last called by its version
	used        time.Time
	fresh       int64         // calls since the last sweep
	recent      float64       // calls, the older the less they count
	mean        time.Duration // of shorter calls in their sandboxes, lately; 0: none yet
	retired     bool

	trouble   trouble
	refused   time.Time // when there was no room for it
	refusal   error     // ErrNoRoom or ErrNoMachine: which it was then
	refusedAt int       // tenant.freed by then
}

// trouble is a release that does not start.
type trouble struct {
	times int // in a row
	until time.Time
	err   error
}

// took notes how long a call was in its sandbox. The shorter ones count for more: on a machine that is busy calls take
// longer, and more sandboxes would make that worse.
func (e *edition) took(d time.Duration) {
	weight := time.Duration(64)
	switch {
	case e.mean == 0:
		e.mean = d
	case d < e.mean:
		weight = 4
	}
	e.mean = max(1, e.mean+(d-e.mean)/weight)
}

// take gives the sandbox that was used last a call.
func (e *edition) take() *sandbox {
	n := len(e.free)
	if n == 0 {
		return nil
	}
	s := e.free[n-1]
	if s.begin() == e.release.concurrency() {
		s.listed = false
		e.free = e.free[:n-1]
	}
	return s
}

// list has a sandbox take calls that are to come.
func (e *edition) list(s *sandbox) {
	if !s.listed {
		s.listed = true
		e.free = append(e.free, s)
	}
}

// unlist keeps calls from a sandbox.
func (e *edition) unlist(s *sandbox) {
	if s.listed {
		s.listed = false
		i := slices.Index(e.free, s)
		e.free = slices.Delete(e.free, i, i+1)
	}
}

// pinnedFor is for how long a version that was called by its number is thought to be called again.
const pinnedFor = 10 * time.Minute

// superfluous reports whether nobody may call it any more, as far as is known.
func (e *edition) superfluous(now time.Time) bool {
	return e.retired || e.lines == 0 && e.provisioned == 0 && now.Sub(e.pinned) > pinnedFor
}

// failed writes down that it did not start. The first time it may be tried again at once.
func (e *edition) failed(err error, now time.Time, beside bool) {
	e.trouble.times++
	e.trouble.err = err
	e.trouble.until = now.Add(backoff(e.trouble.times, beside))
}

// backoff is for how long a release that failed so often is let be: longer where an older one is in service beside.
func backoff(times int, beside bool) time.Duration {
	first, most := 100*time.Millisecond, 5*time.Second
	if beside {
		first, most = time.Second, time.Minute
	} else if times--; times == 0 {
		return 0
	}
	return min(most, first<<min(times-1, 20))
}

// hopeless reports whether a call that can have nothing else need not wait.
func (e *edition) hopeless(now time.Time) bool {
	return e.ready == 0 && e.starting == 0 && e.trouble.times > 0 && now.Before(e.trouble.until)
}

// refuse notes that there was no room for it.
func (e *edition) refuse(err error, freed int, now time.Time) {
	e.refused, e.refusedAt, e.refusal = now, freed, ErrNoRoom
	if errors.Is(err, ErrNoMachine) {
		e.refusal = ErrNoMachine
	}
}

// noRoom reports whether an error is for want of room or machines: nothing that a release could help.
func noRoom(err error) bool { return errors.Is(err, ErrNoRoom) || errors.Is(err, ErrNoMachine) }
