// Package capacity divides tasks among capacity providers. It is pure, but for the rounding of requests that are never
// made again.
package capacity

import (
	"hash/fnv"
	"math/rand/v2"

	"slipway/internal/errs"
)

// ErrStrategy is the cause of what Check refuses.
var ErrStrategy = errs.New(errs.Invalid, "invalid capacity provider strategy")

// Share is what one capacity provider gets of the tasks that are started: Base of them first, and of the others its
// part by Weight. Source: Amazon ECS API Reference, CapacityProviderStrategyItem.
type Share struct {
	Provider string `json:"capacityProvider"`
	Base     int    `json:"base"`
	Weight   int    `json:"weight"`
}

// The limits of shares. Source: Amazon ECS API Reference, CapacityProviderStrategyItem.
const (
	maxShares = 20
	maxBase   = 100000
	maxWeight = 1000
)

// Check refuses shares that say nothing sensible, with ErrStrategy.
func Check(shares []Share) error {
	weight, based := 0, ""
	seen := map[string]bool{}
	for _, s := range shares {
		switch {
		case s.Base < 0 || s.Base > maxBase:
			return errs.Say(ErrStrategy, "The base of capacity provider %s, %d, is not between 0 and %d.", s.Provider, s.Base, maxBase)
		case s.Weight < 0 || s.Weight > maxWeight:
			return errs.Say(ErrStrategy, "The weight of capacity provider %s, %d, is not between 0 and %d.", s.Provider, s.Weight, maxWeight)
		case seen[s.Provider]:
			return errs.Say(ErrStrategy, "A capacity provider strategy names %s twice.", s.Provider)
		case s.Base > 0 && based != "":
			return errs.Say(ErrStrategy, "Only one capacity provider of a strategy can have a base: %s has one, and so has %s.", based, s.Provider)
		case s.Base > 0:
			based = s.Provider
		}
		seen[s.Provider], weight = true, weight+s.Weight
	}
	switch {
	case len(shares) > maxShares:
		return errs.Say(ErrStrategy, "A capacity provider strategy of %d providers has more than %d.", len(shares), maxShares)
	case len(shares) > 1 && weight == 0:
		return errs.Say(ErrStrategy, "At least one capacity provider of a strategy must have a weight greater than 0.")
	}
	return nil
}

// Divide tells how many of count tasks each provider gets, in the order of shares: what is owed to a base comes first,
// and of the rest each gets its part by weight, rounded up or down so that over many calls the parts are exact. At, from
// 0 to 1, says where the rounding begins.
func Divide(shares []Share, count int, at float64) []int {
	parts, weights := make([]int, len(shares)), 0
	for i, s := range shares {
		parts[i] = min(s.Base, count)
		count -= parts[i]
		weights += s.Weight
	}
	if weights == 0 {
		if len(parts) > 0 {
			parts[0] += count
		}
		return parts
	}
	// Points that lie evenly apart, laid over the weights end to end: each falls to the provider it lies over.
	i, end := 0, float64(shares[0].Weight)
	for k := range count {
		point := (at + float64(k)) / float64(count) * float64(weights)
		for point >= end && i < len(shares)-1 {
			i++
			end += float64(shares[i].Weight)
		}
		parts[lastWithWeight(shares, i)]++
	}
	return parts
}

// lastWithWeight is i, or the last before it that has a weight: a sum of fractions may end a hair behind the last one.
func lastWithWeight(shares []Share, i int) int {
	for i > 0 && shares[i].Weight == 0 {
		i--
	}
	return i
}

// Allot tells how many of count more tasks of a service each capacity provider gets, given how many each has: what is
// owed to a base comes first, and each of the others goes to who is furthest behind its part by weight.
func Allot(shares []Share, has map[string]int, count int) []int {
	parts := make([]int, len(shares))
	for range count {
		parts[nextOf(shares, has, parts)]++
	}
	return parts
}

func nextOf(shares []Share, has map[string]int, parts []int) int {
	best, least := 0, 0.0
	for i, s := range shares {
		held := has[s.Provider] + parts[i]
		if held < s.Base {
			return i
		}
		if s.Weight == 0 {
			continue
		}
		if behind := float64(held-s.Base+1) / float64(s.Weight); least == 0 || behind < least {
			best, least = i, behind
		}
	}
	return best
}

// Rounding is where the rounding of a request begins: the same for the same token, so that a request that is made
// again is divided as it was.
func Rounding(token string) float64 {
	if token == "" {
		return rand.Float64()
	}
	h := fnv.New64a()
	h.Write([]byte(token))
	return rand.New(rand.NewPCG(h.Sum64(), 0)).Float64()
}
