package placement

import "math/rand/v2"

// few is how many machines are always looked at; of more, a tenth is, if that is not fewer.
const few = 1000

// enough is how many machines that can take a task are ranked.
func (p *plan) enough() int {
	all := len(p.fleet.nodes)
	switch sample := p.request.Sample; {
	case p.thorough || sample < 0:
		return all
	case sample > 0:
		return sample
	}
	return min(all, max(few, all/10))
}

// order passes all of so many places: as they stand if all are looked at; else first those at the front, and
// the others so that wherever it is stopped, what was passed lies evenly among them.
func (p *plan) order(all, front, enough int) func(yield func(int) bool) {
	start, step, rest := 0, 1, all-front
	if enough < all && rest > 0 {
		chance := rand.New(rand.NewPCG(p.request.Seed, uint64(all)))
		start, step = chance.IntN(rest), stride(rest)
	}
	return func(yield func(int) bool) {
		for at := range front {
			if !yield(at) {
				return
			}
		}
		for at, i := start, 0; i < rest; i++ {
			if !yield(front + at) {
				return
			}
			if at += step; at >= rest {
				at -= rest
			}
		}
	}
}

// stride is a step that passes all of so many places, each time far from those passed before: near the
// golden section, and with no divisor in common.
func stride(all int) int {
	for step := max(1, int(float64(all)*0.618034)); ; step++ {
		if gcd(step, all) == 1 {
			return step
		}
	}
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
