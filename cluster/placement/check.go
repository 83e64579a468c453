package placement

import (
	"fmt"
	"strings"

	"slipway/cluster/placement/query"
)

// What a request may hold. Source of the first two: Amazon ECS API Reference, RunTask.
const (
	maxConstraints = 10
	maxStrategies  = 5
	maxCount       = 100_000
	maxAmount      = 1 << 40 // of any resource
	maxPorts       = 1000
	maxNames       = 1000 // of attributes and tags
)

// Check tells what is wrong with constraints and strategies: which of them, and the place in its text. It
// fails with ErrConstraint or ErrStrategy, and for a text that does not parse also with query.ErrSyntax.
func Check(constraints []Constraint, strategies []Strategy) error {
	if len(constraints) > maxConstraints {
		return fmt.Errorf("%w: %d are more than %d", ErrConstraint, len(constraints), maxConstraints)
	}
	for i, c := range constraints {
		err := c.check()
		if err == nil && c.Type == MemberOf {
			_, err = query.Parse(c.Expression)
		}
		if err != nil {
			return fmt.Errorf("%w: number %d: %w", ErrConstraint, i+1, err)
		}
	}
	if len(strategies) > maxStrategies {
		return fmt.Errorf("%w: %d are more than %d", ErrStrategy, len(strategies), maxStrategies)
	}
	for i, s := range strategies {
		if err := s.check(); err != nil {
			return fmt.Errorf("%w: number %d: %w", ErrStrategy, i+1, err)
		}
	}
	return nil
}

// Check tells what is wrong with a request that no machine could meet whatever it has. It fails with
// ErrRequest, and with what Check fails with.
func (r Request) Check() error {
	if err := r.checkAmounts(); err != nil {
		return err
	}
	return Check(r.Constraints, r.Strategies)
}

func (r Request) checkAmounts() error {
	for _, amount := range []struct {
		name string
		is   int
		most int
	}{
		{"CPU", r.Need.CPU, maxAmount}, {"memory", r.Need.Memory, maxAmount}, {"disk", r.Need.Disk, maxAmount},
		{"count", r.Count, maxCount}, {"number of machines", len(r.On), maxCount}, {"number of ports", len(r.Need.Ports), maxPorts},
		{"number of attributes", len(r.Need.Attributes), maxNames}, {"number of tags", len(r.Tags), maxNames},
	} {
		if amount.is < 0 || amount.is > amount.most {
			return fmt.Errorf("%w: a %s of %d is not between 0 and %d", ErrRequest, amount.name, amount.is, amount.most)
		}
	}
	for _, port := range r.Need.Ports {
		if port.Number < 1 || port.Number > 65535 {
			return fmt.Errorf("%w: port %d is not between 1 and 65535", ErrRequest, port.Number)
		}
	}
	return nil
}

func (c Constraint) check() error {
	switch c.Type {
	case DistinctInstance:
		if c.Expression != "" {
			return fmt.Errorf("%s takes no expression", c.Type)
		}
	case MemberOf:
		if c.Expression == "" {
			return fmt.Errorf("%s takes an expression of the cluster query language", c.Type)
		}
	case Tagged, Together:
		if c.Expression == "" {
			return fmt.Errorf("%s takes the key of a tag", c.Type)
		}
	default:
		return fmt.Errorf("%.40q is none of %s, %s, %s, %s", c.Type, DistinctInstance, MemberOf, Tagged, Together)
	}
	return nil
}

func (s Strategy) check() error {
	switch s.Type {
	case Random, RoundRobin:
		return nil // a field is not looked at, as on AWS
	case Binpack, LeastLoaded:
		if !strings.EqualFold(s.Field, "cpu") && !strings.EqualFold(s.Field, "memory") {
			return fmt.Errorf("the field of %s is cpu or memory, not %.40q", s.Type, s.Field)
		}
	case Spread:
		if !s.byInstance() && !named(s.Field, "attribute:") && !named(s.Field, "tag:") {
			return fmt.Errorf("the field of %s is instanceId, host, attribute:NAME or tag:KEY, not %.40q", s.Type, s.Field)
		}
	case Together:
		if !named(s.Field, "tag:") {
			return fmt.Errorf("the field of %s is tag:KEY, not %.40q", s.Type, s.Field)
		}
	case Scheduler:
		if s.Field == "" {
			return fmt.Errorf("the field of %s is the name of one of the cluster's", s.Type)
		}
	default:
		return fmt.Errorf("%.40q is none of %s, %s, %s, %s, %s, %s, %s", s.Type, Random, Spread, Binpack, RoundRobin, LeastLoaded, Together, Scheduler)
	}
	return nil
}

func (s Strategy) byInstance() bool {
	return strings.EqualFold(s.Field, "instanceId") || strings.EqualFold(s.Field, "host")
}

func named(field, prefix string) bool {
	return len(field) > len(prefix) && strings.HasPrefix(field, prefix)
}
