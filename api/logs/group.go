package logs

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"slipway/api/awswire"
	"slipway/logs"
)

func (d *door) createLogGroup(ctx context.Context, in *CreateLogGroupInput) (*awswire.None, error) {
	switch {
	case in.KmsKeyId != nil:
		return nil, unsupported("kmsKeyId")
	case awswire.Or(in.DeletionProtectionEnabled, false):
		return nil, unsupported("deletionProtectionEnabled")
	case awswire.Or(in.LogGroupClass, LogGroupClassStandard) != LogGroupClassStandard:
		return nil, unsupported("logGroupClass " + string(*in.LogGroupClass))
	}
	return nil, d.control.CreateGroup(ctx, awswire.CallerOf(ctx).Account, in.LogGroupName, in.Tags)
}

func (d *door) deleteLogGroup(ctx context.Context, in *DeleteLogGroupInput) (*awswire.None, error) {
	return nil, d.control.DeleteGroup(ctx, awswire.CallerOf(ctx).Account, in.LogGroupName)
}

func (d *door) describeLogGroups(ctx context.Context, in *DescribeLogGroupsInput) (*DescribeLogGroupsOutput, error) {
	account, q, err := d.groupQuery(ctx, in)
	if err != nil {
		return nil, err
	}
	out := &DescribeLogGroupsOutput{LogGroups: []LogGroup{}}
	if awswire.Or(in.LogGroupClass, LogGroupClassStandard) != LogGroupClassStandard {
		return out, nil // all are of the standard class
	}
	groups, token, err := d.control.Groups(ctx, account, q)
	for _, g := range groups {
		out.LogGroups = append(out.LogGroups, d.wireGroup(account, g))
	}
	out.NextToken = some(token)
	return out, err
}

// groupQuery tells whose groups are meant, and which.
func (d *door) groupQuery(ctx context.Context, in *DescribeLogGroupsInput) (account string, q logs.GroupQuery, err error) {
	q = logs.GroupQuery{
		Prefix:   awswire.Or(in.LogGroupNamePrefix, ""),
		Contains: awswire.Or(in.LogGroupNamePattern, ""),
		Limit:    int(awswire.Or(in.Limit, 0)),
		Token:    awswire.Or(in.NextToken, ""),
	}
	switch {
	case len(in.AccountIdentifiers) > 0:
		return "", q, unsupported("accountIdentifiers")
	case awswire.Or(in.IncludeLinkedAccounts, false):
		return "", q, unsupported("includeLinkedAccounts")
	case in.LogGroupNamePrefix != nil && in.LogGroupNamePattern != nil:
		return "", q, InvalidParameterException.New("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")
	case in.LogGroupIdentifiers != nil && (in.LogGroupNamePrefix != nil || in.LogGroupNamePattern != nil):
		return "", q, InvalidParameterException.New("logGroupIdentifiers cannot be given together with a log group name prefix or pattern.")
	}
	account, q.Names, err = d.namesOf(ctx, in.LogGroupIdentifiers)
	return account, q, err
}

// namesOf reads the identifiers of groups, which must be of one account.
func (d *door) namesOf(ctx context.Context, identifiers []string) (account string, names []string, err error) {
	account = awswire.CallerOf(ctx).Account
	for i, identifier := range identifiers {
		g, err := d.here(d.groupNamed(ctx, identifier))
		switch {
		case err != nil:
			return "", nil, err
		case i > 0 && g.account != account:
			return "", nil, unsupported("logGroupIdentifiers of more than one account")
		}
		account, names = g.account, append(names, g.name)
	}
	return account, names, nil
}

func (d *door) wireGroup(account string, g logs.Group) LogGroup {
	arn := group{d.region, account, g.Name}.arn()
	wire := LogGroup{
		Arn:                              new(arn + ":*"),
		LogGroupArn:                      &arn,
		LogGroupName:                     &g.Name,
		LogGroupClass:                    new(LogGroupClassStandard),
		CreationTime:                     new(g.Created.UnixMilli()),
		StoredBytes:                      &g.Size,
		MetricFilterCount:                new(int32(0)),
		DeletionProtectionEnabled:        new(false),
		BearerTokenAuthenticationEnabled: new(false),
	}
	if g.Retention != 0 {
		wire.RetentionInDays = new(int32(g.Retention))
	}
	return wire
}

func (d *door) putRetentionPolicy(ctx context.Context, in *PutRetentionPolicyInput) (*awswire.None, error) {
	days := int(in.RetentionInDays)
	if !slices.Contains(logs.RetentionDays, days) {
		allowed := strings.ReplaceAll(strings.Trim(fmt.Sprint(logs.RetentionDays), "[]"), " ", ", ")
		return nil, InvalidParameterException.Newf("1 validation error detected: Value '%d' at 'retentionInDays' failed to satisfy constraint: Member must satisfy enum value set: [%s]", days, allowed)
	}
	return nil, d.control.SetRetention(ctx, awswire.CallerOf(ctx).Account, in.LogGroupName, days)
}

func (d *door) deleteRetentionPolicy(ctx context.Context, in *DeleteRetentionPolicyInput) (*awswire.None, error) {
	return nil, d.control.SetRetention(ctx, awswire.CallerOf(ctx).Account, in.LogGroupName, 0)
}

// some is a pointer to text, nil if it is empty.
func some(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
