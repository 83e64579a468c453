package placement

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"testing"

	"slipway/cluster/placement/query"
)

func TestWhatCheckRefuses(t *testing.T) {
	many := map[string]string{}
	for i := range 1_000_000 {
		many[fmt.Sprint(i)] = "x"
	}
	for _, c := range []struct {
		request Request
		kind    error
		want    string
	}{
		{Request{Need: Need{CPU: -1}}, ErrRequest, "a CPU of -1 is not between 0 and"},
		{Request{Need: Need{Memory: 1 << 60}}, ErrRequest, "a memory of 1152921504606846976 is not between 0 and"},
		{Request{Need: Need{Disk: -1}}, ErrRequest, "a disk of -1"},
		{Request{Count: -1}, ErrRequest, "a count of -1"},
		{Request{Count: 1 << 30}, ErrRequest, "a count of 1073741824 is not between 0 and 100000"},
		{Request{Need: Need{Ports: []Port{{0, "tcp"}}}}, ErrRequest, "port 0 is not between 1 and 65535"},
		{Request{Need: Need{Ports: make([]Port, 1001)}}, ErrRequest, "a number of ports of 1001"},
		{Request{Need: Need{Attributes: many}}, ErrRequest, "a number of attributes of 1000000 is not between 0 and 1000"},
		{Request{Tags: many}, ErrRequest, "a number of tags of 1000000"},

		{Request{Constraints: []Constraint{{"nearBy", ""}}}, ErrConstraint, `number 1: "nearBy" is none of distinctInstance, memberOf, tagged, together`},
		{Request{Constraints: []Constraint{{DistinctInstance, "x"}}}, ErrConstraint, "number 1: distinctInstance takes no expression"},
		{Request{Constraints: []Constraint{{Type: DistinctInstance}, {Type: MemberOf}}}, ErrConstraint, "number 2: memberOf takes an expression"},
		{Request{Constraints: []Constraint{{MemberOf, "attribute:a = b"}}}, query.ErrSyntax, "number 1: Invalid expression: at column 13: want an operator"},
		{Request{Constraints: []Constraint{{Type: Tagged}}}, ErrConstraint, "takes the key of a tag"},
		{Request{Constraints: make([]Constraint, 11)}, ErrConstraint, "11 are more than 10"},

		{Request{Strategies: []Strategy{{Type: "best"}}}, ErrStrategy, `number 1: "best" is none of random, spread, binpack, roundrobin, leastloaded, together`},
		{Request{Strategies: []Strategy{{Type: Random}, {Binpack, "disk"}}}, ErrStrategy, `number 2: the field of binpack is cpu or memory, not "disk"`},
		{Request{Strategies: []Strategy{{LeastLoaded, ""}}}, ErrStrategy, "the field of leastloaded is cpu or memory"},
		{Request{Strategies: []Strategy{{Spread, "attribute:"}}}, ErrStrategy, "the field of spread is instanceId, host, attribute:NAME or tag:KEY"},
		{Request{Strategies: []Strategy{{Together, "job"}}}, ErrStrategy, "the field of together is tag:KEY"},
		{Request{Strategies: make([]Strategy, 6)}, ErrStrategy, "6 are more than 5"},
	} {
		if err := c.request.Check(); !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %s", err, c.want)
		}
		c.request.Count = cmp.Or(c.request.Count, 1)
		if len(c.request.Constraints) > maxConstraints {
			continue // those of a definition and of a request together may be more
		}
		if a := Plan(machines(2, 100, 100), c.request); len(a.Chosen) > 0 || len(a.Refused) != 2 {
			t.Errorf("%s: planned all the same: %v", c.want, a)
		}
	}
}

func TestWhatCheckLetsThrough(t *testing.T) {
	r := Request{
		Need: Need{Ports: []Port{{65535, "udp"}}}, Count: 1,
		Constraints: []Constraint{{Type: DistinctInstance}, {MemberOf, "attribute:a == b"}, {Tagged, "a"}, {Together, "b"}},
		Strategies:  []Strategy{{Random, "whatever"}, {Spread, "HOST"}, {Binpack, "CPU"}, {LeastLoaded, "MEMORY"}, {Together, "tag:a"}},
	}
	if err := r.Check(); err != nil {
		t.Error(err)
	}
}

// An attribute that nobody has is a reason, and no error.
func TestAnAttributeNobodyHas(t *testing.T) {
	a := Plan(machines(2, 100, 100), Request{Count: 1, Need: Need{Attributes: map[string]string{"gpu": "yes"}}})
	if len(a.Refused) != 2 || a.Refused[0].Reason != Lacking || a.Refused[0].Detail != "gpu must be yes and is not there" {
		t.Errorf("%+v", a)
	}
}

// The maps of machines may be as large as they like.
func TestAMachineWithManyAttributes(t *testing.T) {
	nodes := machines(2, 100, 100)
	nodes[1].Attributes = map[string]string{}
	for i := range 100_000 {
		nodes[1].Attributes[fmt.Sprint(i)] = "x"
	}
	a := Plan(nodes, Request{Count: 1, Constraints: []Constraint{{MemberOf, "attribute:99999 == x"}}})
	if len(a.Chosen) != 1 || a.Chosen[0] != "001" {
		t.Errorf("%+v", a)
	}
}
