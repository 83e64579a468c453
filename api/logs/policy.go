package logs

import (
	"context"

	"slipway/api/awswire"
	"slipway/logs"
)

func (d *door) putResourcePolicy(ctx context.Context, in *PutResourcePolicyInput) (*PutResourcePolicyOutput, error) {
	switch {
	case in.ResourceArn != nil:
		return nil, unsupported("resourceArn")
	case in.ExpectedRevisionId != nil:
		return nil, unsupported("expectedRevisionId")
	case in.PolicyName == nil:
		return nil, InvalidParameterException.New("policyName must be given.")
	case in.PolicyDocument == nil:
		return nil, InvalidParameterException.New("policyDocument must be given.")
	}
	put, err := d.control.PutPolicy(ctx, awswire.CallerOf(ctx).Account, *in.PolicyName, *in.PolicyDocument)
	if err != nil {
		return nil, err
	}
	return &PutResourcePolicyOutput{ResourcePolicy: new(wirePolicy(put))}, nil
}

func (d *door) describeResourcePolicies(ctx context.Context, in *DescribeResourcePoliciesInput) (*DescribeResourcePoliciesOutput, error) {
	out := &DescribeResourcePoliciesOutput{ResourcePolicies: []ResourcePolicy{}}
	if in.ResourceArn != nil {
		return nil, unsupported("resourceArn")
	}
	if awswire.Or(in.PolicyScope, PolicyScopeAccount) != PolicyScopeAccount {
		return out, nil // all are of the account
	}
	list, token, err := d.control.Policies(ctx, awswire.CallerOf(ctx).Account, int(awswire.Or(in.Limit, 0)), awswire.Or(in.NextToken, ""))
	for _, p := range list {
		out.ResourcePolicies = append(out.ResourcePolicies, wirePolicy(p))
	}
	out.NextToken = some(token)
	return out, err
}

func (d *door) deleteResourcePolicy(ctx context.Context, in *DeleteResourcePolicyInput) (*awswire.None, error) {
	switch {
	case in.ResourceArn != nil:
		return nil, unsupported("resourceArn")
	case in.ExpectedRevisionId != nil:
		return nil, unsupported("expectedRevisionId")
	case in.PolicyName == nil:
		return nil, InvalidParameterException.New("policyName must be given.")
	}
	return nil, d.control.DeletePolicy(ctx, awswire.CallerOf(ctx).Account, *in.PolicyName)
}

func wirePolicy(p logs.Policy) ResourcePolicy {
	return ResourcePolicy{
		PolicyName: &p.Name, PolicyDocument: &p.Document, LastUpdatedTime: new(p.Updated.UnixMilli()), PolicyScope: new(PolicyScopeAccount),
	}
}
