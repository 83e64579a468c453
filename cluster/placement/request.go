package placement

// Request asks for machines for a number of equal tasks.
type Request struct {
	Need  Need
	Count int
	Group string            // whose tasks are spread and kept apart; those of a service: "service:NAME"
	Tags  map[string]string // of the tasks

	Constraints []Constraint // all must hold
	Strategies  []Strategy   // each breaks the ties of the one before; none: DefaultStrategies

	On []string // one task on each of these machines and on no other, instead of Count; a name may come twice

	Prefer []string // for the strategy Scheduler: the machines that a scheduler from outside wants, the best first
	Each   bool     // and Prefer has one for each task, instead of as many tasks on each as it has room for

	Seed   uint64 // of all that is left to chance: the same seed and machines give the same answer
	After  string // round robin: the machine that had the last turn; Answer.After of the request before
	Brief  bool   // do not list the refusals of every machine, only what they come to: Answer.Lacks
	Sample int    // how many machines that can take the task are ranked: 0 leaves it to placement, less than 0 is all
}

// counted are the keys of Node.Counts under which a new task of the request is counted.
func (r Request) counted() []string {
	keys := []string{"", Pending, ByGroup(r.Group)}
	for key, value := range r.Tags {
		keys = append(keys, ByTag(key, value))
	}
	return keys
}

// Constraint is what must hold for a machine to be chosen.
type Constraint struct {
	Type       string // one of the constraints below
	Expression string // MemberOf: a cluster query; Tagged, Together: the key of a tag; DistinctInstance: ""
}

// The constraints. The first two are those of Amazon ECS.
const (
	DistinctInstance = "distinctInstance" // no other live task of the group is on the machine
	MemberOf         = "memberOf"         // the machine fits a cluster query
	Tagged           = "tagged"           // the machine has the tag that the task has under the key
	Together         = "together"         // all tasks with the tag share a machine; as a strategy: as long as it has room
)

// Strategy ranks the machines that can take a task.
type Strategy struct {
	Type  string // one of the strategies below, or Together with the field "tag:KEY"
	Field string
}

// The strategies. The first three are those of Amazon ECS.
const (
	Random      = "random"      // every machine has the same chance
	Spread      = "spread"      // where the fewest tasks of the group are, by "instanceId", "host", "attribute:NAME" or "tag:KEY"
	Binpack     = "binpack"     // where the least "cpu" or "memory" is left
	RoundRobin  = "roundrobin"  // one after the other, in the order of their ids
	LeastLoaded = "leastloaded" // where the measured load of "cpu" or "memory" is least
	Scheduler   = "scheduler"   // where the scheduler of that name wants it: Request.Prefer; without, all are alike
)

// Answer tells where the tasks of a request go.
type Answer struct {
	Chosen  []string  // one id for each task that was placed
	Refused []Refusal // why the machines took no more, if fewer were placed than asked for
	Lacks   []Lack    // what the refusals come to; Advice words it
	After   string    // round robin: who had the last turn
}
