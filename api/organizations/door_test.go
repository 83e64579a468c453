package organizations_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsorganizations "github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"slipway/accounts"
	"slipway/api/awswire"
	"slipway/api/awswire/wiretest"
	"slipway/api/doortest"
	"slipway/api/organizations"
	"slipway/api/sts"
	"slipway/store"
	"slipway/store/storetest"
)

func newWorld(t testing.TB, db *store.DB) *doortest.World {
	return doortest.New(t, db, func(c *accounts.Control) []*awswire.Service {
		return []*awswire.Service{organizations.New(c), sts.New(c)}
	})
}

func client(config aws.Config) *awsorganizations.Client {
	return awsorganizations.NewFromConfig(config)
}

func must(t testing.TB, err error) {
	t.Helper()
	doortest.Must(t, err)
}

// refused wants the fault of a call.
func refused(t *testing.T, err error, code, text string) {
	t.Helper()
	var fault smithy.APIError
	if !errors.As(err, &fault) || fault.ErrorCode() != code || text != "" && fault.ErrorMessage() != text {
		t.Errorf("error %v\nwant  %s: %s", err, code, text)
	}
}

func create(t *testing.T, c *awsorganizations.Client, name, email string) *types.CreateAccountStatus {
	t.Helper()
	out, err := c.CreateAccount(t.Context(), &awsorganizations.CreateAccountInput{AccountName: &name, Email: &email})
	must(t, err)
	return out.CreateAccountStatus
}

func TestTheLifeOfAnAccount(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		root := client(w.AsRoot())
		made := create(t, root, "team", "team@example.com")
		if made.State != types.CreateAccountStateSucceeded || made.AccountId == nil || made.RequestedTimestamp == nil || made.FailureReason != "" {
			t.Fatalf("it became %+v", made)
		}
		status, err := root.DescribeCreateAccountStatus(t.Context(), &awsorganizations.DescribeCreateAccountStatusInput{CreateAccountRequestId: made.Id})
		must(t, err)
		if *status.CreateAccountStatus.AccountId != *made.AccountId || *status.CreateAccountStatus.AccountName != "team" {
			t.Errorf("later it is %+v", status.CreateAccountStatus)
		}
		organization, err := root.DescribeOrganization(t.Context(), nil)
		must(t, err)
		o := organization.Organization
		if !strings.HasPrefix(*o.Id, "o-") || *o.MasterAccountId != wiretest.Account || *o.Arn != "arn:aws:organizations::123456789012:organization/"+*o.Id {
			t.Errorf("the organization is %+v", o)
		}
		describe := func() types.Account {
			t.Helper()
			out, err := root.DescribeAccount(t.Context(), &awsorganizations.DescribeAccountInput{AccountId: made.AccountId})
			must(t, err)
			return *out.Account
		}
		if a := describe(); *a.Arn != "arn:aws:organizations::123456789012:account/"+*o.Id+"/"+*made.AccountId || *a.Name != "team" ||
			*a.Email != "team@example.com" || a.Status != types.AccountStatusActive || a.State != types.AccountStateActive {
			t.Errorf("the account is %+v", a)
		}

		roots, err := root.ListRoots(t.Context(), nil)
		must(t, err)
		parents, err := root.ListParents(t.Context(), &awsorganizations.ListParentsInput{ChildId: made.AccountId})
		must(t, err)
		if len(roots.Roots) != 1 || len(parents.Parents) != 1 || *parents.Parents[0].Id != *roots.Roots[0].Id || parents.Parents[0].Type != types.ParentTypeRoot {
			t.Errorf("under %+v of %+v", parents.Parents, roots.Roots)
		}
		for _, id := range []*string{made.AccountId, roots.Roots[0].Id} {
			tags, err := root.ListTagsForResource(t.Context(), &awsorganizations.ListTagsForResourceInput{ResourceId: id})
			must(t, err)
			if len(tags.Tags) > 0 {
				t.Errorf("%s has tags %v", *id, tags.Tags)
			}
		}

		_, err = root.CloseAccount(t.Context(), &awsorganizations.CloseAccountInput{AccountId: made.AccountId})
		must(t, err)
		if a := describe(); a.Status != types.AccountStatusSuspended || a.State != types.AccountStateSuspended {
			t.Errorf("closed, it is %s, %s", a.Status, a.State)
		}
		_, err = root.CloseAccount(t.Context(), &awsorganizations.CloseAccountInput{AccountId: made.AccountId})
		refused(t, err, "AccountAlreadyClosedException", "You attempted to close an account that is already closed.")
	})
}

// The way of the management account's people into a new account, with AWS calls alone.
func TestANewAccountIsEntered(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	const may = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["organizations:*","sts:AssumeRole"],"Resource":"*"}]}`
	for name, config := range map[string]aws.Config{"root": w.AsRoot(), "ann": w.User(wiretest.Account, "ann", may)} {
		made := create(t, client(config), name, name+"@example.com")
		out, err := awssts.NewFromConfig(config).AssumeRole(t.Context(), &awssts.AssumeRoleInput{
			RoleArn: aws.String("arn:aws:iam::" + *made.AccountId + ":role/OrganizationAccountAccessRole"), RoleSessionName: aws.String("admin"),
		})
		must(t, err)
		inside := w.As(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken)
		who, err := awssts.NewFromConfig(inside).GetCallerIdentity(t.Context(), nil)
		must(t, err)
		if *who.Account != *made.AccountId {
			t.Errorf("%s is in account %s", name, *who.Account)
		}
		// A member sees the organization, and manages nothing of it.
		_, err = client(inside).DescribeOrganization(t.Context(), nil)
		must(t, err)
		_, err = client(inside).ListAccounts(t.Context(), nil)
		refused(t, err, "AccessDeniedException", "You don't have permissions to access this resource.")
		_, err = client(inside).CloseAccount(t.Context(), &awsorganizations.CloseAccountInput{AccountId: made.AccountId})
		refused(t, err, "AccessDeniedException", "")

		_, err = client(config).CloseAccount(t.Context(), &awsorganizations.CloseAccountInput{AccountId: made.AccountId})
		must(t, err)
		_, err = awssts.NewFromConfig(inside).GetCallerIdentity(t.Context(), nil)
		refused(t, err, "InvalidClientTokenId", "The security token included in the request is invalid.")
	}
}

func TestListsComeInPages(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	root := client(w.AsRoot())
	want := []string{wiretest.Account}
	for i := range 4 {
		want = append(want, *create(t, root, "team", fmt.Sprintf("team%d@example.com", i)).AccountId)
	}
	again := create(t, root, "team", "TEAM0@example.com")
	if again.State != types.CreateAccountStateFailed || again.FailureReason != types.CreateAccountFailureReasonEmailAlreadyExists || again.AccountId != nil {
		t.Errorf("a second account of one address: %+v", again)
	}
	var got []string
	for pages := awsorganizations.NewListAccountsPaginator(root, &awsorganizations.ListAccountsInput{MaxResults: aws.Int32(2)}); pages.HasMorePages(); {
		page, err := pages.NextPage(t.Context())
		must(t, err)
		for _, a := range page.Accounts {
			got = append(got, *a.Id)
		}
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("listed %v, want %v", got, want)
	}
	for state, n := range map[types.CreateAccountState]int{types.CreateAccountStateSucceeded: 4, types.CreateAccountStateFailed: 1, types.CreateAccountStateInProgress: 0, "": 5} {
		in := &awsorganizations.ListCreateAccountStatusInput{}
		if state != "" {
			in.States = []types.CreateAccountState{state}
		}
		out, err := root.ListCreateAccountStatus(t.Context(), in)
		must(t, err)
		if len(out.CreateAccountStatuses) != n {
			t.Errorf("%d requests are %q, want %d", len(out.CreateAccountStatuses), state, n)
		}
	}
	_, err := root.ListAccounts(t.Context(), &awsorganizations.ListAccountsInput{NextToken: aws.String("x")})
	refused(t, err, "InvalidInputException", "You specified an invalid value for nextToken.")
}

func TestRefusals(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	root, nobody := client(w.AsRoot()), client(w.User(wiretest.Account, "bob", ""))
	missing := aws.String("111111111111")
	_, err := root.DescribeAccount(t.Context(), &awsorganizations.DescribeAccountInput{AccountId: missing})
	refused(t, err, "AccountNotFoundException", "You specified an account that doesn't exist.")
	_, err = root.CloseAccount(t.Context(), &awsorganizations.CloseAccountInput{AccountId: missing})
	refused(t, err, "AccountNotFoundException", "")
	_, err = root.ListParents(t.Context(), &awsorganizations.ListParentsInput{ChildId: missing})
	refused(t, err, "ChildNotFoundException", "You specified a child that doesn't exist.")
	_, err = root.ListTagsForResource(t.Context(), &awsorganizations.ListTagsForResourceInput{ResourceId: missing})
	refused(t, err, "TargetNotFoundException", "You specified a target that doesn't exist.")
	_, err = root.CloseAccount(t.Context(), &awsorganizations.CloseAccountInput{AccountId: aws.String(wiretest.Account)})
	var constraint *types.ConstraintViolationException
	if !errors.As(err, &constraint) || constraint.Reason != types.ConstraintViolationExceptionReasonCannotCloseManagementAccount {
		t.Errorf("closing the management account: %v", err)
	}
	_, err = root.DescribeCreateAccountStatus(t.Context(), &awsorganizations.DescribeCreateAccountStatusInput{CreateAccountRequestId: aws.String("car-0123456789abcdef")})
	refused(t, err, "CreateAccountStatusNotFoundException", "You specified a create account request ID that doesn't exist.")
	for _, in := range []*awsorganizations.CreateAccountInput{
		{AccountName: aws.String("x"), Email: aws.String("nowhere")},
		{AccountName: aws.String("x"), Email: aws.String("x@example.com"), RoleName: aws.String("no name")},
		{AccountName: aws.String("x"), Email: aws.String("x@example.com"), Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}},
	} {
		_, err = root.CreateAccount(t.Context(), in)
		refused(t, err, "InvalidInputException", "")
	}
	_, err = nobody.CreateAccount(t.Context(), &awsorganizations.CreateAccountInput{AccountName: aws.String("x"), Email: aws.String("x@example.com")})
	refused(t, err, "AccessDeniedException", "User: arn:aws:iam::123456789012:user/bob is not authorized to perform: organizations:CreateAccount on resource: * because no identity-based policy allows the organizations:CreateAccount action")
}

func TestEveryOperationIsBound(t *testing.T) {
	if names := organizations.New(nil).Unbound(); len(names) > 0 {
		t.Errorf("not bound: %v", names)
	}
}

// The table of what every operation asks for.
func TestAccess(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	wiretest.Access(t, organizations.New(w.Room), wiretest.Sample{
		"AccountId": "111111111111", "AccountName": "team", "Email": "team@example.com", "CreateAccountRequestId": "car-0123456789abcdef",
		"ChildId": "111111111111", "ResourceId": "111111111111",
	})
}
