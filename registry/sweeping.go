package registry

import (
	"fmt"
	"time"
)

// Sweeping says how what nobody needs is taken away.
type Sweeping struct {
	// At is the time of day, in UTC, at which a sweep begins, as "03:00"; "off": only when it is asked for.
	At string
	// Untagged is how long an image without tags is kept after it was last pushed, pulled, or had a tag;
	// at least a lease. Less than 0: for ever.
	Untagged time.Duration
	// Lease is how long a push may rely on a blob that it was told is there.
	Lease time.Duration
	// Push is how long a push may take: so long it may rely on what it was told as pushes go on.
	Push time.Duration
	// Rate is how many images and blobs are taken away in a second, at most; 0: as many as can be.
	Rate int
	// Walk is how often the blob store is compared with the rows, to find bytes that have none; at a
	// sweep. 0: never.
	Walk time.Duration
}

// DefaultSweeping is how it is done unless an operator says otherwise.
var DefaultSweeping = Sweeping{At: "03:00", Untagged: 30 * 24 * time.Hour, Lease: time.Hour, Push: 24 * time.Hour, Rate: 500, Walk: 7 * 24 * time.Hour}

// Sweeps has the registry swept in that way.
func Sweeps(s Sweeping) Option { return func(c *Control) { c.sweeping = s } }

// Check refuses what cannot be done.
func (s Sweeping) Check() error {
	if s.At != "off" {
		if _, err := time.Parse("15:04", s.At); err != nil {
			return fmt.Errorf("time of sweeps %q: want HH:MM or off", s.At)
		}
	}
	if s.Lease < 0 || s.Push < 0 || s.Rate < 0 || s.Walk < 0 {
		return fmt.Errorf("sweeps: a lease of %v, a push of %v, a rate of %d or a walk each %v is less than nothing", s.Lease, s.Push, s.Rate, s.Walk)
	}
	return nil
}

// grace is how long an image without tags is kept. One that an index is about to name has none yet.
func (s Sweeping) grace() time.Duration { return max(s.Untagged, s.Lease) }

// next is when the first sweep after now is due; the zero time: never.
func (s Sweeping) next(now time.Time) time.Time {
	at, err := time.Parse("15:04", s.At)
	if err != nil {
		return time.Time{}
	}
	now = now.UTC()
	due := time.Date(now.Year(), now.Month(), now.Day(), at.Hour(), at.Minute(), 0, 0, time.UTC)
	if !due.After(now) {
		due = due.AddDate(0, 0, 1)
	}
	return due
}
