package placement

import (
	"math"
	"math/rand/v2"
	"strings"
)

// zone is the attribute over which the tasks of services are spread when nothing is said.
const zone = "attribute:ecs.availability-zone"

// DefaultStrategies are those of a request that names none: tasks of services are spread over availability
// zones, and all others go where chance has it.
// Source: Amazon ECS Developer Guide, "Use strategies to define Amazon ECS task placement".
func DefaultStrategies(group string) []Strategy {
	if strings.HasPrefix(group, "service:") {
		return []Strategy{{Spread, zone}}
	}
	return []Strategy{{Type: Random}}
}

// ranking puts a number to every machine: the least is the best.
type ranking struct {
	first func(at int, n *Node) float64 // before the request
	step  func(n *Node) float64         // what each task that is placed there adds

	// A number that machines with the same label have in common is kept for the label.
	label *labels
	sums  []float64
}

// readStrategies makes rankings of the strategies. Where chance or turns decide, nothing is left to what follows.
func (p *plan) readStrategies() error {
	strategies := p.request.Strategies
	if err := Check(nil, strategies); err != nil {
		return err
	}
	if len(strategies) == 0 {
		strategies = DefaultStrategies(p.request.Group)
	}
	for _, s := range strategies {
		p.rankings = append(p.rankings, p.rank(s))
		if s.Type == Random || s.Type == RoundRobin {
			return nil
		}
	}
	p.rankings = append(p.rankings, p.random())
	return nil
}

func (p *plan) rank(s Strategy) ranking {
	switch s.Type {
	case Spread:
		if s.byInstance() {
			return p.spread()
		}
		return p.spreadOver(s.Field)
	case Binpack:
		return p.binpack(s.Field)
	case LeastLoaded:
		return p.leastLoaded(s.Field)
	case Together:
		return p.gather(strings.TrimPrefix(s.Field, "tag:"))
	case RoundRobin:
		return p.roundRobin()
	case Scheduler:
		return p.preferred()
	}
	return p.random()
}

// random is a race: every machine comes by again and again, after times of which none is more likely than
// the others (those of a Poisson process), so that the next to come is any of them with equal chance,
// whatever happened before.
func (p *plan) random() ranking {
	chance := rand.New(rand.NewPCG(p.request.Seed, 0x736c6970776179))
	return ranking{
		first: func(int, *Node) float64 { return chance.ExpFloat64() },
		step:  func(*Node) float64 { return chance.ExpFloat64() },
	}
}

// roundRobin ranks by turns; within one, ids decide.
func (p *plan) roundRobin() ranking {
	p.turns, p.thorough = true, true
	return ranking{
		first: func(_ int, n *Node) float64 {
			if n.ID > p.request.After {
				return 0
			}
			return 1
		},
		step: one,
	}
}

func one(*Node) float64 { return 1 }

func (p *plan) spread() ranking {
	count := p.fleet.tasks(ByGroup(p.request.Group))
	return ranking{
		first: func(at int, n *Node) float64 { return float64(count.of(at, n)) },
		step:  one,
	}
}

// spreadOver ranks by the tasks of the group on all machines with the same value, those without one included.
func (p *plan) spreadOver(field string) ranking {
	t := p.fleet.tally(ByGroup(p.request.Group), field)
	r := ranking{label: t.label, sums: make([]float64, len(t.sums))}
	for label, tasks := range t.sums {
		r.sums[label] = float64(tasks)
	}
	return r
}

func (p *plan) binpack(field string) ranking {
	if strings.EqualFold(field, "memory") {
		return ranking{
			first: func(_ int, n *Node) float64 { return float64(n.Memory) },
			step:  func(*Node) float64 { return -float64(p.need.Memory) },
		}
	}
	return ranking{
		first: func(_ int, n *Node) float64 { return float64(n.CPU) },
		step:  func(*Node) float64 { return -float64(p.need.CPU) },
	}
}

// leastLoaded ranks by what was measured, and adds for each task what it reserves, for it is not measured
// yet. A machine of which no load is known counts as busy as what is reserved on it.
func (p *plan) leastLoaded(field string) ranking {
	if strings.EqualFold(field, "memory") {
		return ranking{
			first: func(_ int, n *Node) float64 {
				if n.Load.Known {
					return parts(n.Load.Memory)
				}
				return parts(share(n.AllMemory-n.Memory, n.AllMemory))
			},
			step: func(n *Node) float64 { return parts(share(p.need.Memory, n.AllMemory)) },
		}
	}
	return ranking{
		first: func(_ int, n *Node) float64 {
			if n.Load.Known {
				return parts(n.Load.CPU)
			}
			return parts(share(n.AllCPU-n.CPU, n.AllCPU))
		},
		step: func(n *Node) float64 { return parts(share(p.need.CPU, n.AllCPU)) },
	}
}

// share is a part of all; of nothing, all of it.
func share(part, all int) float64 {
	if all <= 0 {
		return 1
	}
	return float64(part) / float64(all)
}

// parts makes a share a whole number, of millionths, so that sums of shares that are equal are so to the last digit.
func parts(share float64) float64 { return math.Round(share * 1e6) }

// tagWeight is more than all tasks on a machine.
const tagWeight = 1 << 32

// gather ranks first the machines that have the tag of the tasks themselves, then those with most of such tasks.
func (p *plan) gather(key string) ranking {
	value, there := p.request.Tags[key]
	if !there {
		return ranking{first: func(int, *Node) float64 { return 0 }, step: func(*Node) float64 { return 0 }}
	}
	p.thorough = true
	column, count := p.fleet.label("tag:"+key), p.fleet.tasks(ByTag(key, value))
	number := column.number(value)
	return ranking{
		first: func(at int, n *Node) float64 {
			rank := -float64(count.of(at, n))
			if column.of(at, n) == number && value != "" {
				rank -= tagWeight
			}
			return rank
		},
		step: func(*Node) float64 { return -1 },
	}
}
