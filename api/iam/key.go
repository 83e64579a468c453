package iam

import (
	"context"

	"slipway/accounts"
	"slipway/api/awswire"
)

func (d *door) createAccessKey(ctx context.Context, in *CreateAccessKeyInput) (*CreateAccessKeyOutput, error) {
	name, err := d.subject(ctx, in.UserName)
	if err != nil {
		return nil, err
	}
	key, info, err := d.control.CreateUserKey(ctx, accountOf(ctx), name)
	if err != nil {
		return nil, err
	}
	return &CreateAccessKeyOutput{AccessKey: &AccessKey{
		AccessKeyId: key.ID, SecretAccessKey: key.Secret, Status: status(info), UserName: info.User, CreateDate: new(toSecond(info.Created)),
	}}, nil
}

func (d *door) listAccessKeys(ctx context.Context, in *ListAccessKeysInput) (*ListAccessKeysOutput, error) {
	name, err := d.subject(ctx, in.UserName)
	if err != nil {
		return nil, err
	}
	list, next, err := d.control.Keys(ctx, accountOf(ctx), name, pageOf(in.Marker, in.MaxItems))
	out := &ListAccessKeysOutput{AccessKeyMetadata: each(list, func(k accounts.KeyInfo) AccessKeyMetadata {
		return AccessKeyMetadata{AccessKeyId: &k.ID, CreateDate: new(toSecond(k.Created)), Status: new(status(k)), UserName: &k.User}
	})}
	out.IsTruncated, out.Marker = more(next)
	return out, err
}

func (d *door) updateAccessKey(ctx context.Context, in *UpdateAccessKeyInput) (*awswire.None, error) {
	if in.Status == StatusTypeExpired {
		return nil, validationError.New("1 validation error detected: Value 'Expired' at 'status' failed to satisfy constraint: Member must satisfy enum value set: [Active, Inactive]")
	}
	name, err := d.subject(ctx, in.UserName)
	if err != nil {
		return nil, err
	}
	return nil, d.control.SwitchKey(ctx, accountOf(ctx), name, in.AccessKeyId, in.Status == StatusTypeActive)
}

func (d *door) deleteAccessKey(ctx context.Context, in *DeleteAccessKeyInput) (*awswire.None, error) {
	name, err := d.subject(ctx, in.UserName)
	if err != nil {
		return nil, err
	}
	return nil, d.control.DeleteUserKey(ctx, accountOf(ctx), name, in.AccessKeyId)
}

func (d *door) getAccessKeyLastUsed(ctx context.Context, in *GetAccessKeyLastUsedInput) (*GetAccessKeyLastUsedOutput, error) {
	k, err := d.control.KeyInfo(ctx, accountOf(ctx), in.AccessKeyId)
	if err != nil {
		return nil, err
	}
	used := &AccessKeyLastUsed{Region: "N/A", ServiceName: "N/A"} // AWS's words for never
	if !k.Used.IsZero() {
		used = &AccessKeyLastUsed{LastUsedDate: new(toSecond(k.Used)), Region: k.Region, ServiceName: k.Service}
	}
	return &GetAccessKeyLastUsedOutput{UserName: &k.User, AccessKeyLastUsed: used}, nil
}

func status(k accounts.KeyInfo) StatusType {
	if k.Active {
		return StatusTypeActive
	}
	return StatusTypeInactive
}
