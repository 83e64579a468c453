package schedulers

import (
	"errors"
	"fmt"

	"slipway/schedulers/wire"
)

// State is the cluster as it was told last.
type State struct {
	Seq   int64
	Nodes map[string]Node // by id
	Tasks map[string]Task

	partial bool // the rest of a snapshot is on its way
}

// errGap is a change whose forerunner did not come.
var errGap = errors.New("a change is missing")

// Apply takes in a message. It fails where one is missing, and then the line is to be opened anew.
func (s *State) Apply(m wire.Message) error {
	switch m.Type {
	case wire.TypeSnapshot:
		if !s.partial {
			*s = State{Seq: m.Seq, Nodes: map[string]Node{}, Tasks: map[string]Task{}}
		}
		s.partial = m.More
	case wire.TypeChange:
		if m.Seq != s.Seq+1 {
			return fmt.Errorf("%w: number %d comes after %d", errGap, m.Seq, s.Seq)
		}
		s.Seq = m.Seq
	default:
		return nil
	}
	for _, n := range m.Nodes {
		s.Nodes[n.ID] = n
	}
	for _, t := range m.Tasks {
		s.Tasks[t.ID] = t
	}
	for _, id := range m.GoneNodes {
		delete(s.Nodes, id)
	}
	for _, id := range m.GoneTasks {
		delete(s.Tasks, id)
	}
	return nil
}

// Fitting are the ids of the nodes that are there, are not to be avoided, and have the room and the attributes that
// the question asks for, in no order. Slipway asks the same again, and the request's constraints, whatever is
// answered.
func (s *State) Fitting(q Question) (ids []string) {
	avoid := make(map[string]bool, len(q.Avoid))
	for _, id := range q.Avoid {
		avoid[id] = true
	}
	for id, n := range s.Nodes {
		if n.Status == "ACTIVE" && n.Connected && !avoid[id] && n.FreeCPU >= q.CPU && n.FreeMemory >= q.Memory && has(n.Attributes, q.Attributes) {
			ids = append(ids, id)
		}
	}
	return ids
}

func has(attributes, wanted map[string]string) bool {
	for name, value := range wanted {
		if attributes[name] != value {
			return false
		}
	}
	return true
}
