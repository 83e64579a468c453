package logs

import (
	"fmt"
	"strings"

	"slipway/internal/arn"
	"slipway/logs"
)

// groupOf tells the group that a call means: by its name, or by an identifier that is a name or an ARN.
func (d *door) groupOf(c ctx, name, identifier *string) (group, error) {
	switch {
	case name != nil && identifier != nil:
		return group{}, InvalidParameterException.New("Only one of logGroupName and logGroupIdentifier may be given.")
	case name != nil:
		return d.own(c, *name), nil
	case identifier == nil:
		return group{}, InvalidParameterException.New("One of logGroupName and logGroupIdentifier must be given.")
	}
	return d.groupNamed(c, *identifier)
}

func (d *door) groupNamed(c ctx, identifier string) (group, error) {
	if !arn.Is(identifier) {
		return d.own(c, identifier), nil
	}
	a, err := arn.Parse(identifier)
	if err != nil {
		return group{}, InvalidParameterException.New(err.Error())
	}
	name, ok := groupIn(a)
	if !ok {
		return group{}, InvalidParameterException.Newf("%s is not the ARN of a log group.", identifier)
	}
	return group{a.Region, a.Account, name}, nil
}

// here is a group of a handler: in another region there is none.
func (d *door) here(g group, err error) (group, error) {
	if err == nil && g.region != d.region {
		err = fmt.Errorf("%w: %s", logs.ErrNoGroup, g.arn())
	}
	return g, err
}

// groupIn takes the name out of a group's ARN. That with ":*" at its end, which DescribeLogGroups
// tells for policies, is no identifier: the constraint of the member refuses it, as AWS does.
func groupIn(a arn.ARN) (name string, ok bool) {
	name, ok = strings.CutPrefix(a.Resource, groupPrefix)
	return name, ok && a.Service == "logs" && name != "" && !strings.Contains(name, ":")
}

// taggedGroup is the group of an ARN. Nothing else has tags.
func (d *door) taggedGroup(c ctx, resource string) (group, error) {
	if !arn.Is(resource) {
		return group{}, InvalidParameterException.Newf("%s is not an ARN.", resource)
	}
	return d.groupNamed(c, resource)
}
