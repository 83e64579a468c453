package fleet

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Staleness says how long after an update the release before it may answer. Its zero value is AllowOld.
type Staleness struct {
	Bounded bool
	Age     time.Duration // where Bounded: after that calls wait for the newer one
}

// The policies without a number.
var (
	AllowOld = Staleness{}              // the older answers until the newer is ready
	Strict   = Staleness{Bounded: true} // the older never answers
)

// MaxAge lets the older release answer for so long after the update.
func MaxAge(d time.Duration) Staleness { return Staleness{Bounded: true, Age: d} }

// ParseStaleness reads "allow-old", "max-age=SECONDS" or "strict"; "" is allow-old.
func ParseStaleness(s string) (Staleness, error) {
	switch s {
	case "", "allow-old":
		return AllowOld, nil
	case "strict":
		return Strict, nil
	}
	seconds, is := strings.CutPrefix(s, "max-age=")
	n, err := strconv.ParseUint(seconds, 10, 31)
	if !is || err != nil {
		return Staleness{}, fmt.Errorf("%w: %q is not allow-old, max-age=SECONDS or strict", ErrStaleness, s)
	}
	return MaxAge(time.Duration(n) * time.Second), nil
}

// String is what ParseStaleness reads.
func (s Staleness) String() string {
	switch {
	case !s.Bounded:
		return "allow-old"
	case s.Age == 0:
		return "strict"
	}
	return "max-age=" + strconv.Itoa(int(s.Age/time.Second))
}

// allows reports whether a release that has been superseded for so long may answer.
func (s Staleness) allows(superseded time.Duration) bool { return !s.Bounded || superseded < s.Age }
