// Package wire is what a scheduler from outside and Slipway say to each other: lines of JSON one way,
// answers the other. docs/schedulers.md tells it to those who speak it without this library.
//
// It holds no connection and decides nothing.
package wire

import (
	"encoding/json"
	"fmt"

	"slipway/internal/errs"
)

// Paths of the two plain HTTP calls, below the address that ConnectScheduler names. Both want the header
// "Authorization: Bearer TOKEN".
const (
	StreamPath = "/_slipway/schedulers/stream"   // GET: one Message on each line
	AnswerPath = "/_slipway/schedulers/answers/" // POST, followed by the id of the question: an Answer
)

// The types of messages.
const (
	TypeHello    = "hello"    // the first: whom the line is for
	TypeSnapshot = "snapshot" // all that there is; with More, it goes on in the next snapshot message
	TypeChange   = "change"   // what is otherwise than in the state before
	TypeGap      = "gap"      // changes were left out; a new snapshot follows
	TypeQuestion = "question"
	TypeAlive    = "alive" // nothing is new
	TypeEnd      = "end"   // the last: why the line ends
)

// Message is one line of the stream.
type Message struct {
	Type string `json:"type"`

	Seq  int64 `json:"seq,omitempty"`  // of a snapshot or change: the number of the state that it makes; a change's is one more than that before it
	More bool  `json:"more,omitempty"` // of a snapshot: the rest of it follows

	Hello     *Hello    `json:"hello,omitempty"`
	Nodes     []Node    `json:"nodes,omitempty"`
	Tasks     []Task    `json:"tasks,omitempty"`
	GoneNodes []string  `json:"goneNodes,omitempty"` // of a change: ids
	GoneTasks []string  `json:"goneTasks,omitempty"`
	Question  *Question `json:"question,omitempty"`
	Reason    string    `json:"reason,omitempty"` // of a gap or an end
}

// Hello says whom a line is for.
type Hello struct {
	Account   string `json:"account"`
	Cluster   string `json:"cluster"`
	Scheduler string `json:"scheduler"`
	Deadline  int    `json:"deadline"` // milliseconds that an answer may take
}

// Node is a machine of the cluster.
type Node struct {
	ID         string            `json:"id"`
	Status     string            `json:"status"` // ACTIVE takes tasks, DRAINING and DEREGISTERING do not
	Connected  bool              `json:"connected"`
	CPU        int               `json:"cpu"`     // offered, in 1/1024 of a core
	Memory     int               `json:"memory"`  // offered, in MiB
	FreeCPU    int               `json:"freeCpu"` // what is not held by tasks, whichever cluster of the account they are of
	FreeMemory int               `json:"freeMemory"`
	Ports      []string          `json:"ports,omitempty"` // host ports that are taken: "80/tcp"
	Attributes map[string]string `json:"attributes,omitempty"`
	Tags       map[string]string `json:"tags,omitempty"`
	Running    int               `json:"running"` // tasks of the cluster on it
	Pending    int               `json:"pending"` // tasks of the cluster on their way to it
}

// Task is a task of the cluster that has not stopped. What it runs, with which commands and environment,
// is not told.
type Task struct {
	ID        string `json:"id"`
	Node      string `json:"node"`
	Group     string `json:"group"`
	Family    string `json:"family"`
	Revision  int    `json:"revision"`
	StartedBy string `json:"startedBy,omitempty"`
	Status    string `json:"status"`  // PENDING, RUNNING, ...
	Desired   string `json:"desired"` // RUNNING or STOPPED
	CPU       int    `json:"cpu"`
	Memory    int    `json:"memory"`
}

// Question asks where tasks should go. They are alike.
type Question struct {
	ID          string            `json:"id"`
	Seq         int64             `json:"seq"` // of the state that was told when it was asked
	Count       int               `json:"count"`
	Group       string            `json:"group"`
	Family      string            `json:"family"`
	Revision    int               `json:"revision"`
	StartedBy   string            `json:"startedBy,omitempty"`
	Tags        map[string]string `json:"tags,omitempty"`
	CPU         int               `json:"cpu"` // of each
	Memory      int               `json:"memory"`
	Ports       []string          `json:"ports,omitempty"`      // host ports that each must have: "80/tcp"
	Attributes  map[string]string `json:"attributes,omitempty"` // that its machine must have
	Constraints []Constraint      `json:"constraints,omitempty"`
	Avoid       []string          `json:"avoid,omitempty"` // ids of machines that are not to be used
}

// Constraint is one of the request's placement constraints. Slipway sees to it that they are kept.
type Constraint struct {
	Type       string `json:"type"`
	Expression string `json:"expression,omitempty"`
}

// Answer is where tasks should go, one of the three. It is a wish: a machine that has no room, or that a
// constraint rules out, is passed over.
type Answer struct {
	Rank   []string `json:"rank,omitempty"`   // ids of nodes, the best first: each takes as many as it has room for
	Choose []string `json:"choose,omitempty"` // ids of nodes, one for each task
	Pass   bool     `json:"pass,omitempty"`   // no opinion: the scheduler's fallback decides
}

// How long an answer may be.
const (
	MaxAnswer = 1 << 20 // bytes
	MaxNodes  = 10_000  // named in it
)

// ErrAnswer is an answer that makes no sense.
var ErrAnswer = errs.New(errs.Invalid, "the answer makes no sense")

// ReadAnswer reads what a scheduler sent, and checks what can be checked without the question.
func ReadAnswer(text []byte) (a Answer, err error) {
	if len(text) > MaxAnswer {
		return Answer{}, fmt.Errorf("%w: it has more than %d bytes", ErrAnswer, MaxAnswer)
	}
	if err := json.Unmarshal(text, &a); err != nil {
		return Answer{}, fmt.Errorf("%w: it is not the JSON of an answer: %v", ErrAnswer, err)
	}
	given := 0
	for _, one := range []bool{len(a.Rank) > 0, len(a.Choose) > 0, a.Pass} {
		if one {
			given++
		}
	}
	switch {
	case given != 1:
		return Answer{}, fmt.Errorf("%w: want one of rank, choose and pass, and it has %d", ErrAnswer, given)
	case len(a.Rank)+len(a.Choose) > MaxNodes:
		return Answer{}, fmt.Errorf("%w: it names %d machines, more than %d", ErrAnswer, len(a.Rank)+len(a.Choose), MaxNodes)
	}
	return a, nil
}

// Check fails unless the answer is one to a question about count tasks: every machine is a member, none is
// ranked twice, and none is chosen for a task that nobody asked for.
func (a Answer) Check(count int, member func(node string) bool) error {
	if len(a.Choose) > count {
		return fmt.Errorf("%w: it chooses %d machines for %d tasks", ErrAnswer, len(a.Choose), count)
	}
	for _, list := range [][]string{a.Rank, a.Choose} {
		for _, node := range list {
			if !member(node) {
				return fmt.Errorf("%w: %.40q is no machine of the cluster", ErrAnswer, node)
			}
		}
	}
	seen := make(map[string]bool, len(a.Rank))
	for _, node := range a.Rank {
		if seen[node] {
			return fmt.Errorf("%w: it ranks %s twice", ErrAnswer, node)
		}
		seen[node] = true
	}
	return nil
}
