// Package errs gives every failure a kind, so that a door can tell what sort of
// answer it owes without knowing the room it came from.
//
// A room declares each cause once as a package variable and wraps it going up:
//
//	var ErrNoCluster = errs.New(errs.NotFound, "cluster not found")
//	return fmt.Errorf("%w: %s", ErrNoCluster, name)
//
// It holds no codes of any wire: those belong to the doors.
package errs

import (
	"errors"
	"fmt"
)

// Kind says what sort of failure an error is.
type Kind int

// The kinds. Internal is the zero value: an error nobody declared is our fault.
const (
	Internal    Kind = iota // a defect or a broken part; its text is for the log only
	Invalid                 // the request can never succeed as it stands
	NotFound                // what was named is not there, or is not the caller's
	Conflict                // the request contradicts the present state
	Denied                  // the caller may not do this
	Throttled               // the caller asks too much, too fast
	Unsupported             // a known operation or member that Slipway does not serve
	Unavailable             // a part that is needed cannot be reached now; try again
)

var kindNames = [...]string{"internal", "invalid", "not found", "conflict", "denied", "throttled", "unsupported", "unavailable"}

func (k Kind) String() string {
	if k < 0 || int(k) >= len(kindNames) {
		return "unknown"
	}
	return kindNames[k]
}

// cause is a declared failure: comparable by identity through errors.Is.
type cause struct {
	kind Kind
	text string
}

func (c *cause) Error() string { return c.text }

// New declares a cause of the given kind. Call it only for package variables.
func New(kind Kind, text string) error { return &cause{kind, text} }

// said is a declared cause whose text is all of a sentence, and not a prefix to it.
type said struct {
	cause error
	text  string
}

func (s *said) Error() string { return s.text }
func (s *said) Unwrap() error { return s.cause }

// Say words a declared cause in a sentence of its own, for wires whose sentences are given.
func Say(cause error, format string, args ...any) error {
	return &said{cause, fmt.Sprintf(format, args...)}
}

// KindOf reports the kind of the declared cause inside err, or Internal when there is none.
func KindOf(err error) Kind {
	var c *cause
	if errors.As(err, &c) {
		return c.kind
	}
	return Internal
}

// Declared returns the declared cause inside err alone, without what was wrapped around it: its
// text holds nothing internal. It is nil when there is none.
func Declared(err error) error {
	var c *cause
	if errors.As(err, &c) {
		return c
	}
	return nil
}
