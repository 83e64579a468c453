// Package organizations is the door of the accounts room that makes and closes accounts. All accounts of
// an installation are one organization, and the account that it was made for manages it. It holds
// no state.
//
// What AWS Organizations has beyond that (organizational units, policies of the organization,
// invitations, delegated administrators) Slipway has not.
package organizations

import (
	"context"

	"slipway/accounts"
	"slipway/api/awswire"
)

type door struct{ room *accounts.Control }

// New returns the door of the room.
func New(c *accounts.Control) *awswire.Service {
	d := &door{c}
	return awswire.NewService(API, faults,
		CloseAccount.Handle(managing(d, d.closeAccount), d.onCloseAccount),
		CreateAccount.Handle(managing(d, d.createAccount), awswire.Any),
		DescribeAccount.Handle(managing(d, d.describeAccount), d.onDescribeAccount),
		DescribeCreateAccountStatus.Handle(managing(d, d.describeCreateAccountStatus), awswire.Any),
		DescribeOrganization.Handle(d.describeOrganization, awswire.Any),
		ListAWSServiceAccessForOrganization.Handle(managing(d, listServiceAccess), awswire.Any),
		ListAccounts.Handle(managing(d, d.listAccounts), awswire.Any),
		ListCreateAccountStatus.Handle(managing(d, d.listCreateAccountStatus), awswire.Any),
		ListParents.Handle(managing(d, d.listParents), d.onListParents),
		ListRoots.Handle(managing(d, d.listRoots), awswire.Any),
		ListTagsForResource.Handle(managing(d, d.listTagsForResource), d.onListTagsForResource),
	)
}

// errNotManaging is the answer to other accounts than the one that manages the organization.
var errNotManaging = AccessDeniedException.New("You don't have permissions to access this resource.")

// managing is a handler for those of the management account alone.
func managing[I, O any](d *door, do func(context.Context, *I) (*O, error)) func(context.Context, *I) (*O, error) {
	return func(ctx context.Context, in *I) (*O, error) {
		o, err := d.room.Organization()
		if err != nil {
			return nil, err
		}
		if awswire.CallerOf(ctx).Account != o.Management {
			return nil, errNotManaging
		}
		return do(ctx, in)
	}
}

// on asks for what is done to an account. The accounts of an organization are resources of the one
// that manages it.
func (d *door) on(id string) []awswire.Ask {
	o, err := d.room.Organization()
	return []awswire.Ask{{Resource: o.AccountARN(id), Err: err}}
}

func (d *door) onDescribeAccount(_ context.Context, in *DescribeAccountInput) []awswire.Ask {
	return d.on(in.AccountId)
}

func (d *door) onCloseAccount(_ context.Context, in *CloseAccountInput) []awswire.Ask {
	return d.on(in.AccountId)
}

func (d *door) describeOrganization(context.Context, *DescribeOrganizationInput) (*DescribeOrganizationOutput, error) {
	o, err := d.room.Organization()
	if err != nil {
		return nil, err
	}
	return &DescribeOrganizationOutput{Organization: &Organization{
		Id: &o.ID, Arn: new(o.ARN()), MasterAccountId: &o.Management, MasterAccountArn: new(o.AccountARN(o.Management)),
		FeatureSet: new(OrganizationFeatureSetAll), AvailablePolicyTypes: []PolicyTypeSummary{},
	}}, nil
}
