package placement

import (
	"iter"
	"strings"
	"time"

	"slipway/cluster/placement/query"
)

// machine is a Node as a query asks it.
type machine Node

var _ query.Machine = (*machine)(nil)

func (m *machine) Attribute(name string) (string, bool) {
	v, there := m.Attributes[name]
	return v, there
}
func (m *machine) Tag(key string) (string, bool) { v, there := m.Tags[key]; return v, there }
func (m *machine) Connected() bool               { return m.Refusal != NoAgent }
func (m *machine) AgentVersion() string          { return m.Version }
func (m *machine) InstanceID() string            { return m.ID }
func (m *machine) Registered() time.Time         { return m.Since }
func (m *machine) RunningTasks() int             { return m.Counts[Running] }
func (m *machine) HasGroup(name string) bool     { return m.Counts[ByGroup(name)] > 0 }

func (m *machine) Groups() iter.Seq[string] {
	return func(yield func(string) bool) {
		for key, count := range m.Counts {
			if name, ok := strings.CutPrefix(key, "group:"); ok && count > 0 && !yield(name) {
				return
			}
		}
	}
}

// Fits tells whether the machine is one of those that a query looks for.
func (n *Node) Fits(q *query.Query) bool { return q.Fits((*machine)(n)) }
