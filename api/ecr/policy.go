package ecr

import (
	"context"
	"errors"

	"slipway/api/awswire"
	"slipway/registry"
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
	ask.Policy = func(ctx context.Context) (string, error) { return d.registry.CouldDecide(ctx, t.account, text) }
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

func (d *door) putRegistryPolicy(ctx context.Context, in *PutRegistryPolicyInput) (*PutRegistryPolicyOutput, error) {
	account := awswire.CallerOf(ctx).Account
	err := d.registry.SetRegistryPolicy(ctx, account, in.PolicyText)
	if errors.Is(err, registry.ErrPolicy) {
		return nil, InvalidParameterException.New(invalidPolicy("registry", err))
	}
	if err != nil {
		return nil, err
	}
	return &PutRegistryPolicyOutput{PolicyText: &in.PolicyText, RegistryId: &account}, nil
}

func (d *door) getRegistryPolicy(ctx context.Context, _ *GetRegistryPolicyInput) (*GetRegistryPolicyOutput, error) {
	account := awswire.CallerOf(ctx).Account
	text, err := d.registry.RegistryPolicy(ctx, account)
	if err != nil {
		return nil, err
	}
	return &GetRegistryPolicyOutput{PolicyText: &text, RegistryId: &account}, nil
}

func (d *door) deleteRegistryPolicy(ctx context.Context, _ *DeleteRegistryPolicyInput) (*DeleteRegistryPolicyOutput, error) {
	account := awswire.CallerOf(ctx).Account
	text, err := d.registry.DeleteRegistryPolicy(ctx, account)
	if err != nil {
		return nil, err
	}
	return &DeleteRegistryPolicyOutput{PolicyText: &text, RegistryId: &account}, nil
}
