package logs

import (
	"context"
	"fmt"
	"strings"

	"slipway/api/awswire"
	"slipway/internal/arn"
	"slipway/logs"
)

const groupPrefix, streamPart = "log-group:", ":log-stream:"

// groupARN is the ARN of a group of the caller's, and with ":*" that of all in it.
func (d *door) groupARN(ctx context.Context, name string) string {
	return arn.ARN{Service: "logs", Region: d.region, Account: awswire.CallerOf(ctx).Account, Resource: groupPrefix + name}.String()
}

// streamARN is the ARN of a stream; of the empty stream, it stands for the group when a call is authorized.
func (d *door) streamARN(ctx context.Context, group, stream string) string {
	return d.groupARN(ctx, group) + streamPart + stream
}

// groupOf tells the group that a request means: by its name, or by an identifier that is a name or
// an ARN. A group that is not the caller's is not found.
func (d *door) groupOf(ctx context.Context, name, identifier *string) (string, error) {
	switch {
	case name != nil && identifier != nil:
		return "", InvalidParameterException.New("Only one of logGroupName and logGroupIdentifier may be given.")
	case name != nil:
		return *name, nil
	case identifier == nil:
		return "", InvalidParameterException.New("One of logGroupName and logGroupIdentifier must be given.")
	}
	return d.groupNamed(ctx, *identifier)
}

func (d *door) groupNamed(ctx context.Context, identifier string) (string, error) {
	if !arn.Is(identifier) {
		return identifier, nil
	}
	a, err := arn.Parse(identifier)
	if err != nil {
		return "", InvalidParameterException.New(err.Error())
	}
	name, ok := groupIn(a)
	if !ok {
		return "", InvalidParameterException.Newf("%s is not the ARN of a log group.", identifier)
	}
	if a.Region != d.region || a.Account != awswire.CallerOf(ctx).Account {
		return "", fmt.Errorf("%w: %s", logs.ErrNoGroup, identifier)
	}
	return name, nil
}

// groupIn takes the name out of a group's ARN. That with ":*" at its end, which DescribeLogGroups
// tells for policies, is no identifier: the constraint of the member refuses it, as AWS does.
func groupIn(a arn.ARN) (name string, ok bool) {
	name, ok = strings.CutPrefix(a.Resource, groupPrefix)
	return name, ok && a.Service == "logs" && name != "" && !strings.Contains(name, ":")
}
