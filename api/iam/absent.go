package iam

import (
	"context"

	"slipway/accounts"
	"slipway/api/awswire"
)

// What Slipway has none of. Who asks for it of a user who is not there is told so, as of any other.

func (d *door) getLoginProfile(ctx context.Context, in *GetLoginProfileInput) (*GetLoginProfileOutput, error) {
	name, err := d.existing(ctx, in.UserName)
	if err != nil {
		return nil, err
	}
	return nil, NoSuchEntityException.Newf("Login Profile for User %s cannot be found.", name)
}

func (d *door) deleteLoginProfile(ctx context.Context, in *DeleteLoginProfileInput) (*awswire.None, error) {
	_, err := d.getLoginProfile(ctx, &GetLoginProfileInput{UserName: in.UserName})
	return nil, err
}

func (d *door) listMFADevices(ctx context.Context, in *ListMFADevicesInput) (*ListMFADevicesOutput, error) {
	_, err := d.existing(ctx, in.UserName)
	return &ListMFADevicesOutput{MFADevices: []MFADevice{}, IsTruncated: new(false)}, err
}

func (d *door) listSigningCertificates(ctx context.Context, in *ListSigningCertificatesInput) (*ListSigningCertificatesOutput, error) {
	_, err := d.existing(ctx, in.UserName)
	return &ListSigningCertificatesOutput{Certificates: []SigningCertificate{}, IsTruncated: new(false)}, err
}

func (d *door) listSSHPublicKeys(ctx context.Context, in *ListSSHPublicKeysInput) (*ListSSHPublicKeysOutput, error) {
	_, err := d.existing(ctx, in.UserName)
	return &ListSSHPublicKeysOutput{SSHPublicKeys: []SSHPublicKeyMetadata{}, IsTruncated: new(false)}, err
}

func (d *door) listServiceSpecificCredentials(ctx context.Context, in *ListServiceSpecificCredentialsInput) (*ListServiceSpecificCredentialsOutput, error) {
	_, err := d.existing(ctx, in.UserName)
	return &ListServiceSpecificCredentialsOutput{ServiceSpecificCredentials: []ServiceSpecificCredentialMetadata{}, IsTruncated: new(false)}, err
}

func (d *door) listVirtualMFADevices(context.Context, *ListVirtualMFADevicesInput) (*ListVirtualMFADevicesOutput, error) {
	return &ListVirtualMFADevicesOutput{VirtualMFADevices: []VirtualMFADevice{}, IsTruncated: new(false)}, nil
}

// existing is subject for those who only want to know that the user is there.
func (d *door) existing(ctx context.Context, name *string) (string, error) {
	user, err := d.subject(ctx, name)
	if err != nil || user == "" {
		return user, err
	}
	e, err := d.control.Entity(ctx, accountOf(ctx), accounts.KindUser, user)
	return e.Name, err
}
