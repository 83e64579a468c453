package iam

import (
	"context"

	"slipway/api/awswire"
)

func (d *door) createAccountAlias(ctx context.Context, in *CreateAccountAliasInput) (*awswire.None, error) {
	return nil, d.control.SetAlias(ctx, accountOf(ctx), in.AccountAlias)
}

func (d *door) deleteAccountAlias(ctx context.Context, in *DeleteAccountAliasInput) (*awswire.None, error) {
	return nil, d.control.DeleteAlias(ctx, accountOf(ctx), in.AccountAlias)
}

func (d *door) listAccountAliases(ctx context.Context, _ *ListAccountAliasesInput) (*ListAccountAliasesOutput, error) {
	alias, err := d.control.Alias(ctx, accountOf(ctx))
	out := &ListAccountAliasesOutput{AccountAliases: []string{}, IsTruncated: new(false)}
	if alias != "" {
		out.AccountAliases = append(out.AccountAliases, alias)
	}
	return out, err
}
