// Package query is the language in which machines of a cluster are looked for:
//
//	attribute:ecs.instance-type =~ t2.* and (attribute:zone in [a, b] or not task:group == service:db)
//
// Source: Amazon ECS Developer Guide, "Create expressions to define container instances for Amazon ECS
// tasks" (the cluster query language). Beside its subjects there is tag:KEY, a tag of the machine. Patterns
// are RE2's and must fit all of a value.
package query

import (
	"fmt"
	"iter"
	"time"

	"slipway/internal/errs"
)

// ErrSyntax is a query that does not parse. What wraps it says where, why, and what was expected there.
var ErrSyntax = errs.New(errs.Invalid, "Invalid expression")

// What a query may hold, so that what a stranger sends costs little.
const (
	maxLength  = 2000 // bytes
	maxDepth   = 32   // of parentheses and negations
	maxPattern = 500  // steps of all patterns together, each repetition counted
)

// Machine is what a query asks of a machine.
type Machine interface {
	Attribute(name string) (value string, there bool)
	Tag(key string) (value string, there bool)
	Connected() bool
	AgentVersion() string // "" where it is not known
	InstanceID() string
	Registered() time.Time
	RunningTasks() int
	HasGroup(name string) bool // that a task of this group is on it
	Groups() iter.Seq[string]  // of all tasks on it
}

// Query is a question that a machine answers with yes or no. It may be asked by many at once.
type Query struct {
	fits   func(Machine) bool
	static bool
}

// Parse reads a query. It fails with ErrSyntax.
func Parse(text string) (*Query, error) {
	if len(text) > maxLength {
		return nil, fmt.Errorf("%w: it has %d bytes, more than %d", ErrSyntax, len(text), maxLength)
	}
	p := parser{scanner: scanner{text: text}, static: true}
	fits, err := p.either(0)
	if err == nil && p.rest() != "" {
		err = p.wrong("want and, or, or the end")
	}
	if err != nil {
		return nil, err
	}
	return &Query{fits, p.static}, nil
}

// Fits tells whether a machine is one of those that are looked for.
func (q *Query) Fits(m Machine) bool { return q.fits(m) }

// Static tells that the answer depends on what the machine is and not on the tasks that it has.
func (q *Query) Static() bool { return q.static }
