package taskdef

import (
	"fmt"
	"strconv"
	"strings"

	"slipway/internal/errs"
)

// Ref names a revision of a family. Revision 0 is its latest active one.
type Ref struct {
	Family   string
	Revision int
}

func (r Ref) String() string { return r.Family + ":" + strconv.Itoa(r.Revision) }

// ParseRef reads "family" or "family:revision".
func ParseRef(s string) (Ref, error) {
	family, revision, given := strings.Cut(s, ":")
	if !IsName(family) {
		return Ref{}, fmt.Errorf("%w: %q", ErrNotFound, s)
	}
	if !given {
		return Ref{Family: family}, nil
	}
	n, err := strconv.ParseInt(revision, 10, 32)
	if err != nil || n < 1 {
		return Ref{}, errs.Say(ErrRequest, "Invalid revision number. Number: %s", revision)
	}
	return Ref{family, int(n)}, nil
}
