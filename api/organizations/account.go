package organizations

import (
	"context"
	"errors"
	"slices"
	"strings"

	"slipway/accounts"
	"slipway/api/awswire"
)

// createAccount makes an account before it answers, where AWS takes a while.
func (d *door) createAccount(ctx context.Context, in *CreateAccountInput) (*CreateAccountOutput, error) {
	if len(in.Tags) > 0 {
		return nil, InvalidInputException.New("Tags of accounts are not supported by Slipway.")
	}
	role := ""
	if in.RoleName != nil {
		role = strings.Clone(*in.RoleName)
	}
	r, err := d.room.RequestAccount(ctx, strings.Clone(in.AccountName), strings.Clone(in.Email), role)
	if err != nil {
		return nil, err
	}
	return &CreateAccountOutput{CreateAccountStatus: statusOf(r)}, nil
}

func (d *door) describeCreateAccountStatus(ctx context.Context, in *DescribeCreateAccountStatusInput) (*DescribeCreateAccountStatusOutput, error) {
	r, err := d.room.Request(ctx, in.CreateAccountRequestId)
	if err != nil {
		return nil, err
	}
	return &DescribeCreateAccountStatusOutput{CreateAccountStatus: statusOf(r)}, nil
}

func (d *door) listCreateAccountStatus(ctx context.Context, in *ListCreateAccountStatusInput) (*ListCreateAccountStatusOutput, error) {
	wanted := func(s CreateAccountState) bool { return len(in.States) == 0 || slices.Contains(in.States, s) }
	list, next, err := d.room.Requests(ctx, wanted(CreateAccountStateSucceeded), wanted(CreateAccountStateFailed), pageOf(in.MaxResults, in.NextToken))
	if err != nil {
		return nil, err
	}
	out := &ListCreateAccountStatusOutput{CreateAccountStatuses: []CreateAccountStatus{}, NextToken: orNil(next)}
	for _, r := range list {
		out.CreateAccountStatuses = append(out.CreateAccountStatuses, *statusOf(r))
	}
	return out, nil
}

func statusOf(r accounts.AccountRequest) *CreateAccountStatus {
	s := &CreateAccountStatus{
		Id: &r.ID, AccountName: &r.Name, RequestedTimestamp: &r.Requested, CompletedTimestamp: &r.Completed,
		State: new(CreateAccountStateSucceeded), AccountId: &r.Account,
	}
	if r.Reason != "" {
		s.State, s.AccountId, s.FailureReason = new(CreateAccountStateFailed), nil, new(CreateAccountFailureReason(r.Reason))
	}
	return s
}

func (d *door) listAccounts(ctx context.Context, in *ListAccountsInput) (*ListAccountsOutput, error) {
	o, err := d.room.Organization()
	if err != nil {
		return nil, err
	}
	list, next, err := d.room.Accounts(ctx, pageOf(in.MaxResults, in.NextToken))
	if err != nil {
		return nil, err
	}
	out := &ListAccountsOutput{Accounts: []Account{}, NextToken: orNil(next)}
	for _, a := range list {
		out.Accounts = append(out.Accounts, describe(o, a))
	}
	return out, nil
}

func (d *door) describeAccount(ctx context.Context, in *DescribeAccountInput) (*DescribeAccountOutput, error) {
	o, a, err := d.member(ctx, in.AccountId)
	if err != nil {
		return nil, err
	}
	return &DescribeAccountOutput{Account: new(describe(o, a))}, nil
}

// describe is an account as AWS shows it. A closed account is suspended for as long as what it has is kept.
func describe(o accounts.Organization, a accounts.Account) Account {
	shown := Account{
		Id: &a.ID, Arn: new(o.AccountARN(a.ID)), Name: &a.Name, Email: orNil(a.Email), JoinedTimestamp: &a.Created,
		JoinedMethod: new(AccountJoinedMethodCreated), Status: new(AccountStatusActive), State: new(AccountStateActive),
	}
	if a.Management {
		shown.JoinedMethod = new(AccountJoinedMethodInvited)
	}
	if a.State != accounts.StateActive {
		shown.Status, shown.State = new(AccountStatusSuspended), new(AccountStateSuspended)
	}
	return shown
}

func (d *door) closeAccount(ctx context.Context, in *CloseAccountInput) (*awswire.None, error) {
	err := d.room.CloseAccount(ctx, in.AccountId)
	if errors.Is(err, accounts.ErrManagement) {
		return nil, ConstraintViolationException.New("You attempted to close the management account. You can't close the management account with this operation.").
			With("Reason", "CANNOT_CLOSE_MANAGEMENT_ACCOUNT")
	}
	return nil, err
}

// pageSize is what AWS lists at a time.
const pageSize = 20

func pageOf(limit *int32, token *string) accounts.Page {
	p := accounts.Page{Limit: pageSize}
	if limit != nil {
		p.Limit = int(*limit)
	}
	if token != nil {
		p.Marker = *token
	}
	return p
}

func orNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
