package ecr

import (
	"context"
	"errors"

	"slipway/api/awswire"
)

func (d *door) setRepositoryPolicy(ctx context.Context, t target, in *SetRepositoryPolicyInput) (*SetRepositoryPolicyOutput, error) {
	if err := d.registry.CheckPolicy(in.PolicyText); err != nil {
		return nil, err
	}
	if !awswire.Or(in.Force, false) {
		if err := d.checkKept(ctx, t, in.PolicyText); err != nil {
			return nil, err
		}
	}
	if err := d.registry.SetPolicy(ctx, t.account, t.repository, in.PolicyText); err != nil {
		return nil, err
	}
	return &SetRepositoryPolicyOutput{PolicyText: &in.PolicyText, RegistryId: &t.account, RepositoryName: &t.repository}, nil
}

// checkKept refuses a policy that would keep the caller from setting another one.
func (d *door) checkKept(ctx context.Context, t target, text string) error {
	ask := d.ask(t)
	ask.Policy = func(context.Context) (string, error) { return text, nil }
	err := awswire.Require(ctx, ask)
	if fault, ok := errors.AsType[*awswire.Fault](err); ok && fault.Shape == deniedShape {
		return InvalidParameterException.New(constraint("PolicyText", "The policy would keep you from setting another policy. Set force if that is meant."))
	}
	return err
}

// deniedShape is what a fault of a caller who may not is called.
var deniedShape = awswire.Denied("").(*awswire.Fault).Shape

func (d *door) getRepositoryPolicy(ctx context.Context, t target, _ *GetRepositoryPolicyInput) (*GetRepositoryPolicyOutput, error) {
	text, err := d.registry.Policy(ctx, t.account, t.repository)
	if err != nil {
		return nil, err
	}
	return &GetRepositoryPolicyOutput{PolicyText: &text, RegistryId: &t.account, RepositoryName: &t.repository}, nil
}

func (d *door) deleteRepositoryPolicy(ctx context.Context, t target, _ *DeleteRepositoryPolicyInput) (*DeleteRepositoryPolicyOutput, error) {
	text, err := d.registry.DeletePolicy(ctx, t.account, t.repository)
	if err != nil {
		return nil, err
	}
	return &DeleteRepositoryPolicyOutput{PolicyText: &text, RegistryId: &t.account, RepositoryName: &t.repository}, nil
}
