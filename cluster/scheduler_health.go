package cluster

import "time"

// When a scheduler is left alone: after so many failures one after the other, for a pause that doubles with
// each further one. An answer that makes sense ends it.
const (
	patience   = 3
	firstPause = time.Second
	longPause  = time.Minute
	tellEvery  = 10 * time.Second // a cause of failures becomes an event no more often than this
)

// health is how a scheduler does, as far as this server knows.
type health struct {
	asked, failed int64
	failure       string    // what was wrong last
	row           int       // failures one after the other
	until         time.Time // it is not asked before then
	trying        bool      // the pause is over, and one question finds out whether it does better
	told          map[string]*told
}

// told is when a cause was told last, and how many failures it has stood for since.
type told struct {
	at    time.Time
	times int
}

// may tells whether the scheduler is asked now. Of those who come after a pause, only the first asks.
func (h *health) may(now time.Time) bool {
	if h.row < patience {
		return true
	}
	if now.Before(h.until) || h.trying {
		return false
	}
	h.trying = true
	return true
}

// good notes an answer that makes sense, and tells whether that ended a pause.
func (h *health) good() (resumed bool) {
	resumed = h.row >= patience
	h.asked++
	h.row, h.trying, h.until = 0, false, time.Time{}
	return resumed
}

// bad notes a failure, and tells for how long the scheduler is left alone from now on: 0 is no longer than it was.
func (h *health) bad(now time.Time, failure string) (pause time.Duration) {
	h.asked++
	h.failed++
	h.failure = failure
	if now.Before(h.until) {
		return 0 // it was asked before the pause began
	}
	h.row++
	h.trying = false
	if h.row < patience {
		return 0
	}
	pause = longPause
	if doublings := h.row - patience; doublings < 6 { // longPause is less than 2^6 times firstPause
		pause = firstPause << doublings
	}
	h.until = now.Add(pause)
	return pause
}

// absent notes that there was nobody to ask, which costs nothing and so earns no pause.
func (h *health) absent(failure string) {
	h.failed++
	h.failure, h.trying = failure, false
}

// tell says whether a cause is to be told now, and for how many failures it stands.
func (h *health) tell(now time.Time, cause string) (times int, yes bool) {
	if h.told == nil {
		h.told = map[string]*told{}
	}
	t := h.told[cause]
	if t == nil {
		t = &told{}
		h.told[cause] = t
	}
	t.times++
	if !t.at.IsZero() && now.Sub(t.at) < tellEvery {
		return 0, false
	}
	times, t.times, t.at = t.times, 0, now
	return times, true
}
