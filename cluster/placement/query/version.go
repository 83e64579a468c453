package query

import (
	"cmp"
	"errors"
	"strconv"
	"strings"
)

// version is a version of the agent: 1.20.3, or 1.20.3-rc1, which comes before it.
type version struct {
	numbers []int
	suffix  string // after the hyphen
}

// versions compares agents' versions number by number. An agent whose version is none, or not known,
// compares to nothing.
func versions(text string) (func(Machine) (int, bool), error) {
	want, ok := readVersion(text)
	if !ok {
		return nil, errors.New("want a version, such as 1.20.0")
	}
	return func(m Machine) (int, bool) {
		v, ok := readVersion(m.AgentVersion())
		return v.compare(want), ok
	}, nil
}

func readVersion(text string) (v version, ok bool) {
	text, _, _ = strings.Cut(text, "+")
	text, v.suffix, _ = strings.Cut(strings.TrimPrefix(text, "v"), "-")
	for part := range strings.SplitSeq(text, ".") {
		n, err := strconv.ParseUint(part, 10, 31)
		if err != nil {
			return version{}, false
		}
		v.numbers = append(v.numbers, int(n))
	}
	return v, true
}

func (v version) compare(other version) int {
	for i := range max(len(v.numbers), len(other.numbers)) {
		if c := cmp.Compare(at(v.numbers, i), at(other.numbers, i)); c != 0 {
			return c
		}
	}
	if c := cmp.Compare(ready(v), ready(other)); c != 0 {
		return c
	}
	return strings.Compare(v.suffix, other.suffix)
}

// at is a number of a version; those that are not said are 0.
func at(numbers []int, i int) int {
	if i < len(numbers) {
		return numbers[i]
	}
	return 0
}

// ready is 1 for a release and 0 for what comes before it.
func ready(v version) int {
	if v.suffix == "" {
		return 1
	}
	return 0
}
