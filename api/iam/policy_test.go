package iam_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"slipway/api/awswire/wiretest"
)

const (
	allowLogs = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"logs:*","Resource":"*"}]}`
	denyLogs  = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"logs:*","Resource":"*"}]}`
	adminARN  = "arn:aws:iam::aws:policy/AdministratorAccess"
)

// people makes ann in the group devs, and the role deploy.
func (w *world) people(t testing.TB) {
	t.Helper()
	_, err := w.root.CreateUser(t.Context(), &awsiam.CreateUserInput{UserName: aws.String("ann"), Path: aws.String("/team/")})
	must(t, err)
	_, err = w.root.CreateGroup(t.Context(), &awsiam.CreateGroupInput{GroupName: aws.String("devs")})
	must(t, err)
	_, err = w.root.CreateRole(t.Context(), &awsiam.CreateRoleInput{RoleName: aws.String("deploy"), AssumeRolePolicyDocument: aws.String(trustECS)})
	must(t, err)
	_, err = w.root.AddUserToGroup(t.Context(), &awsiam.AddUserToGroupInput{GroupName: aws.String("devs"), UserName: aws.String("ann")})
	must(t, err)
}

func (w *world) policy(t testing.TB, name string) string {
	t.Helper()
	made, err := w.root.CreatePolicy(t.Context(), &awsiam.CreatePolicyInput{PolicyName: &name, PolicyDocument: aws.String(allowLogs)})
	must(t, err)
	return *made.Policy.Arn
}

func TestPoliciesAsTheSDKSeesThem(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	made, err := w.root.CreatePolicy(ctx, &awsiam.CreatePolicyInput{
		PolicyName: aws.String("logs"), Path: aws.String("/app/"), Description: aws.String("to look"), PolicyDocument: aws.String(allowLogs),
		Tags: []types.Tag{{Key: aws.String("Team"), Value: aws.String("red")}},
	})
	must(t, err)
	arn := us + "policy/app/logs"
	got, err := w.root.GetPolicy(ctx, &awsiam.GetPolicyInput{PolicyArn: &arn})
	must(t, err)
	for _, p := range []*types.Policy{made.Policy, got.Policy} {
		if *p.Arn != arn || *p.DefaultVersionId != "v1" || *p.PolicyName != "logs" || *p.Path != "/app/" || *p.Description != "to look" ||
			!strings.HasPrefix(*p.PolicyId, "ANPA") || !p.IsAttachable || *p.AttachmentCount != 0 || len(p.Tags) != 1 || p.CreateDate.IsZero() || p.UpdateDate.IsZero() {
			t.Errorf("policy is %+v", p)
		}
	}
	v, err := w.root.CreatePolicyVersion(ctx, &awsiam.CreatePolicyVersionInput{PolicyArn: &arn, PolicyDocument: aws.String(denyLogs), SetAsDefault: true})
	must(t, err)
	if *v.PolicyVersion.VersionId != "v2" || !v.PolicyVersion.IsDefaultVersion || v.PolicyVersion.Document != nil {
		t.Errorf("the version is %+v", v.PolicyVersion)
	}
	read, err := w.root.GetPolicyVersion(ctx, &awsiam.GetPolicyVersionInput{PolicyArn: &arn, VersionId: aws.String("v1")})
	must(t, err)
	const start = "%7B%22Version%22%3A%222012-10-17%22%2C"
	if plain, err := url.PathUnescape(*read.PolicyVersion.Document); err != nil || plain != allowLogs || !strings.HasPrefix(*read.PolicyVersion.Document, start) {
		t.Errorf("its document is %s, %v", *read.PolicyVersion.Document, err)
	}
	list, err := w.root.ListPolicyVersions(ctx, &awsiam.ListPolicyVersionsInput{PolicyArn: &arn})
	must(t, err)
	if len(list.Versions) != 2 || *list.Versions[0].VersionId != "v2" || list.Versions[0].Document != nil || list.IsTruncated {
		t.Errorf("versions are %+v", list.Versions)
	}
	_, err = w.root.DeletePolicyVersion(ctx, &awsiam.DeletePolicyVersionInput{PolicyArn: &arn, VersionId: aws.String("v2")})
	refused(t, err, "DeleteConflict", "Cannot delete the default version of a policy.")
	_, err = w.root.SetDefaultPolicyVersion(ctx, &awsiam.SetDefaultPolicyVersionInput{PolicyArn: &arn, VersionId: aws.String("v1")})
	must(t, err)
	_, err = w.root.DeletePolicyVersion(ctx, &awsiam.DeletePolicyVersionInput{PolicyArn: &arn, VersionId: aws.String("v2")})
	must(t, err)
	_, err = w.root.DeletePolicy(ctx, &awsiam.DeletePolicyInput{PolicyArn: &arn})
	must(t, err)
	_, err = w.root.GetPolicy(ctx, &awsiam.GetPolicyInput{PolicyArn: &arn})
	refused(t, err, "NoSuchEntity", "Policy "+arn+" was not found.")
}

func TestPoliciesAreListedByTheSDK(t *testing.T) {
	w := newWorld(t)
	w.people(t)
	arn := w.policy(t, "logs")
	_, err := w.root.AttachUserPolicy(t.Context(), &awsiam.AttachUserPolicyInput{UserName: aws.String("ann"), PolicyArn: &arn})
	must(t, err)
	_, err = w.root.AttachRolePolicy(t.Context(), &awsiam.AttachRolePolicyInput{RoleName: aws.String("deploy"), PolicyArn: aws.String(adminARN)})
	must(t, err)
	_, err = w.root.PutUserPermissionsBoundary(t.Context(), &awsiam.PutUserPermissionsBoundaryInput{UserName: aws.String("ann"), PermissionsBoundary: aws.String(adminARN)})
	must(t, err)
	for _, try := range []struct {
		in   awsiam.ListPoliciesInput
		want string
	}{
		{awsiam.ListPoliciesInput{Scope: types.PolicyScopeTypeLocal}, "logs:1/0"},
		{awsiam.ListPoliciesInput{OnlyAttached: true}, "logs:1/0 AdministratorAccess:1/1"},
		{awsiam.ListPoliciesInput{OnlyAttached: true, Scope: types.PolicyScopeTypeAws}, "AdministratorAccess:1/1"},
		{awsiam.ListPoliciesInput{PolicyUsageFilter: types.PolicyUsageTypePermissionsBoundary}, "AdministratorAccess:1/1"},
		{awsiam.ListPoliciesInput{PathPrefix: aws.String("/aws-service-role/")}, "AmazonECSServiceRolePolicy:0/0"},
		{awsiam.ListPoliciesInput{Scope: types.PolicyScopeTypeLocal, PathPrefix: aws.String("/job-function/")}, ""},
	} {
		var got []string
		for pages := awsiam.NewListPoliciesPaginator(w.root, &try.in, func(o *awsiam.ListPoliciesPaginatorOptions) { o.Limit = 1 }); pages.HasMorePages(); {
			page, err := pages.NextPage(t.Context())
			must(t, err)
			for _, p := range page.Policies {
				got = append(got, fmt.Sprintf("%s:%d/%d", *p.PolicyName, *p.AttachmentCount, *p.PermissionsBoundaryUsageCount))
			}
		}
		if strings.Join(got, " ") != try.want {
			t.Errorf("%+v: %v, want %s", try.in, got, try.want)
		}
	}
	all, err := w.root.ListPolicies(t.Context(), &awsiam.ListPoliciesInput{MaxItems: aws.Int32(1000)})
	must(t, err)
	if len(all.Policies) < 36 || *all.Policies[0].Arn != arn {
		t.Errorf("there are %d policies", len(all.Policies))
	}
	who, err := w.root.ListEntitiesForPolicy(t.Context(), &awsiam.ListEntitiesForPolicyInput{PolicyArn: aws.String(adminARN)})
	must(t, err)
	if len(who.PolicyUsers) != 1 || *who.PolicyUsers[0].UserName != "ann" || len(who.PolicyRoles) != 1 || !strings.HasPrefix(*who.PolicyRoles[0].RoleId, "AROA") || len(who.PolicyGroups) != 0 {
		t.Errorf("AdministratorAccess have %+v", who)
	}
}

func TestEverybodyHasPolicies(t *testing.T) {
	w := newWorld(t)
	w.people(t)
	arn := w.policy(t, "logs")
	ctx := t.Context()
	user, group, role, name, document := aws.String("ann"), aws.String("devs"), aws.String("deploy"), aws.String("own"), aws.String(allowLogs)

	_, err := w.root.PutUserPolicy(ctx, &awsiam.PutUserPolicyInput{UserName: user, PolicyName: name, PolicyDocument: document})
	must(t, err)
	_, err = w.root.PutGroupPolicy(ctx, &awsiam.PutGroupPolicyInput{GroupName: group, PolicyName: name, PolicyDocument: document})
	must(t, err)
	_, err = w.root.PutRolePolicy(ctx, &awsiam.PutRolePolicyInput{RoleName: role, PolicyName: name, PolicyDocument: document})
	must(t, err)
	u, err := w.root.GetUserPolicy(ctx, &awsiam.GetUserPolicyInput{UserName: user, PolicyName: name})
	must(t, err)
	g, err := w.root.GetGroupPolicy(ctx, &awsiam.GetGroupPolicyInput{GroupName: group, PolicyName: name})
	must(t, err)
	r, err := w.root.GetRolePolicy(ctx, &awsiam.GetRolePolicyInput{RoleName: role, PolicyName: name})
	must(t, err)
	for _, got := range []string{*u.PolicyDocument, *g.PolicyDocument, *r.PolicyDocument} {
		if plain, err := url.PathUnescape(got); plain != allowLogs || err != nil {
			t.Errorf("document is %s, %v", got, err)
		}
	}
	lu, err := w.root.ListUserPolicies(ctx, &awsiam.ListUserPoliciesInput{UserName: user})
	must(t, err)
	lg, err := w.root.ListGroupPolicies(ctx, &awsiam.ListGroupPoliciesInput{GroupName: group})
	must(t, err)
	lr, err := w.root.ListRolePolicies(ctx, &awsiam.ListRolePoliciesInput{RoleName: role})
	must(t, err)
	if got := fmt.Sprint(lu.PolicyNames, lg.PolicyNames, lr.PolicyNames); got != "[own] [own] [own]" {
		t.Errorf("names are %s", got)
	}

	_, err = w.root.AttachUserPolicy(ctx, &awsiam.AttachUserPolicyInput{UserName: user, PolicyArn: &arn})
	must(t, err)
	_, err = w.root.AttachGroupPolicy(ctx, &awsiam.AttachGroupPolicyInput{GroupName: group, PolicyArn: &arn})
	must(t, err)
	_, err = w.root.AttachRolePolicy(ctx, &awsiam.AttachRolePolicyInput{RoleName: role, PolicyArn: &arn})
	must(t, err)
	au, err := w.root.ListAttachedUserPolicies(ctx, &awsiam.ListAttachedUserPoliciesInput{UserName: user})
	must(t, err)
	ag, err := w.root.ListAttachedGroupPolicies(ctx, &awsiam.ListAttachedGroupPoliciesInput{GroupName: group})
	must(t, err)
	ar, err := w.root.ListAttachedRolePolicies(ctx, &awsiam.ListAttachedRolePoliciesInput{RoleName: role})
	must(t, err)
	for _, list := range [][]types.AttachedPolicy{au.AttachedPolicies, ag.AttachedPolicies, ar.AttachedPolicies} {
		if len(list) != 1 || *list[0].PolicyArn != arn || *list[0].PolicyName != "logs" {
			t.Errorf("attached are %+v", list)
		}
	}
	w.takeAll(t, arn)
}

// takeAll undoes what TestEverybodyHasPolicies gave; each is gone when it is taken again.
func (w *world) takeAll(t *testing.T, arn string) {
	ctx := t.Context()
	user, group, role, name := aws.String("ann"), aws.String("devs"), aws.String("deploy"), aws.String("own")
	for round, gone := range []bool{false, true} {
		calls := map[string]error{}
		_, calls["The user policy with name own cannot be found."] = w.root.DeleteUserPolicy(ctx, &awsiam.DeleteUserPolicyInput{UserName: user, PolicyName: name})
		_, calls["The group policy with name own cannot be found."] = w.root.DeleteGroupPolicy(ctx, &awsiam.DeleteGroupPolicyInput{GroupName: group, PolicyName: name})
		_, calls["The role policy with name own cannot be found."] = w.root.DeleteRolePolicy(ctx, &awsiam.DeleteRolePolicyInput{RoleName: role, PolicyName: name})
		for text, err := range calls {
			if gone {
				refused(t, err, "NoSuchEntity", text)
			} else if err != nil {
				t.Errorf("round %d: %v", round, err)
			}
		}
		_, err1 := w.root.DetachUserPolicy(ctx, &awsiam.DetachUserPolicyInput{UserName: user, PolicyArn: &arn})
		_, err2 := w.root.DetachGroupPolicy(ctx, &awsiam.DetachGroupPolicyInput{GroupName: group, PolicyArn: &arn})
		_, err3 := w.root.DetachRolePolicy(ctx, &awsiam.DetachRolePolicyInput{RoleName: role, PolicyArn: &arn})
		for _, err := range []error{err1, err2, err3} {
			if gone {
				refused(t, err, "NoSuchEntity", "Policy "+arn+" was not found.")
			} else if err != nil {
				t.Errorf("round %d: %v", round, err)
			}
		}
	}
}

func TestBoundariesAsTheSDKSeesThem(t *testing.T) {
	w := newWorld(t)
	w.people(t)
	ctx := t.Context()
	arn := w.policy(t, "logs")
	_, err := w.root.PutUserPermissionsBoundary(ctx, &awsiam.PutUserPermissionsBoundaryInput{UserName: aws.String("ann"), PermissionsBoundary: &arn})
	must(t, err)
	_, err = w.root.PutRolePermissionsBoundary(ctx, &awsiam.PutRolePermissionsBoundaryInput{RoleName: aws.String("deploy"), PermissionsBoundary: &arn})
	must(t, err)
	u, err := w.root.GetUser(ctx, &awsiam.GetUserInput{UserName: aws.String("ann")})
	must(t, err)
	r, err := w.root.GetRole(ctx, &awsiam.GetRoleInput{RoleName: aws.String("deploy")})
	must(t, err)
	for _, b := range []*types.AttachedPermissionsBoundary{u.User.PermissionsBoundary, r.Role.PermissionsBoundary} {
		if b == nil || *b.PermissionsBoundaryArn != arn || b.PermissionsBoundaryType != "PermissionsBoundaryPolicy" {
			t.Errorf("the boundary is %+v", b)
		}
	}
	p, err := w.root.GetPolicy(ctx, &awsiam.GetPolicyInput{PolicyArn: &arn})
	must(t, err)
	if *p.Policy.PermissionsBoundaryUsageCount != 2 || *p.Policy.AttachmentCount != 0 {
		t.Errorf("it is used as %+v", p.Policy)
	}
	_, err = w.root.DeletePolicy(ctx, &awsiam.DeletePolicyInput{PolicyArn: &arn})
	refused(t, err, "DeleteConflict", "Cannot delete a policy attached to entities.")
	_, err = w.root.DeleteUserPermissionsBoundary(ctx, &awsiam.DeleteUserPermissionsBoundaryInput{UserName: aws.String("ann")})
	must(t, err)
	_, err = w.root.DeleteRolePermissionsBoundary(ctx, &awsiam.DeleteRolePermissionsBoundaryInput{RoleName: aws.String("deploy")})
	must(t, err)
	_, err = w.root.DeletePolicy(ctx, &awsiam.DeletePolicyInput{PolicyArn: &arn})
	must(t, err)
	_, err = w.root.PutUserPermissionsBoundary(ctx, &awsiam.PutUserPermissionsBoundaryInput{UserName: aws.String("ann"), PermissionsBoundary: &arn})
	refused(t, err, "NoSuchEntity", "Scope ARN: "+arn+" does not exist or is not attachable.")
}

func TestPolicyRefusals(t *testing.T) {
	w := newWorld(t)
	w.people(t)
	ctx := t.Context()
	for n := range 10 {
		arn := w.policy(t, fmt.Sprintf("p%d", n))
		_, err := w.root.AttachRolePolicy(ctx, &awsiam.AttachRolePolicyInput{RoleName: aws.String("deploy"), PolicyArn: &arn})
		must(t, err)
	}
	_, err := w.root.AttachRolePolicy(ctx, &awsiam.AttachRolePolicyInput{RoleName: aws.String("deploy"), PolicyArn: aws.String(adminARN)})
	refused(t, err, "LimitExceeded", "Cannot exceed quota for PoliciesPerRole: 10")
	for _, arn := range []string{us + "policy/none", "arn:aws:iam::999999999999:policy/theirs", "arn:aws:iam::aws:policy/NoSuchAccess"} {
		_, err = w.root.AttachUserPolicy(ctx, &awsiam.AttachUserPolicyInput{UserName: aws.String("ann"), PolicyArn: &arn})
		refused(t, err, "NoSuchEntity", "Policy "+arn+" does not exist or is not attachable.")
	}
	_, err = w.root.AttachUserPolicy(ctx, &awsiam.AttachUserPolicyInput{UserName: aws.String("ann"), PolicyArn: aws.String("AdministratorAccess-by-name")})
	refused(t, err, "InvalidInput", "ARN AdministratorAccess-by-name is not valid.")
	_, err = w.root.GetPolicy(ctx, &awsiam.GetPolicyInput{PolicyArn: aws.String("AdministratorAccess-by-name")})
	refused(t, err, "InvalidInput", "ARN AdministratorAccess-by-name is not valid.")
	_, err = w.root.AttachRolePolicy(ctx, &awsiam.AttachRolePolicyInput{RoleName: aws.String("deploy"), PolicyArn: aws.String("arn:aws:iam::aws:policy/aws-service-role/AmazonECSServiceRolePolicy")})
	refused(t, err, "PolicyNotAttachable", "Cannot attach a Service Role Policy to a Customer Role.")
	_, err = w.root.DeletePolicy(ctx, &awsiam.DeletePolicyInput{PolicyArn: aws.String(adminARN)})
	refused(t, err, "AccessDenied", "Policy "+adminARN+" belongs to AWS and can not be changed.")
	_, err = w.root.CreatePolicy(ctx, &awsiam.CreatePolicyInput{PolicyName: aws.String("P1"), PolicyDocument: aws.String(allowLogs)})
	refused(t, err, "EntityAlreadyExists", "A policy called P1 already exists. Duplicate names are not allowed.")
	_, err = w.root.CreatePolicy(ctx, &awsiam.CreatePolicyInput{PolicyName: aws.String("long"), PolicyDocument: aws.String(strings.Replace(allowLogs, "logs:*", "logs:"+strings.Repeat("x", 6144), 1))})
	refused(t, err, "LimitExceeded", "Cannot exceed quota for PolicySize: 6144")
	_, err = w.root.PutUserPolicy(ctx, &awsiam.PutUserPolicyInput{UserName: aws.String("ann"), PolicyName: aws.String("long"), PolicyDocument: aws.String(strings.Replace(allowLogs, "logs:*", "logs:"+strings.Repeat("x", 2048), 1))})
	refused(t, err, "LimitExceeded", "Maximum policy size of 2048 bytes exceeded for user ann")
}

func TestSummaryAsTheSDKSeesIt(t *testing.T) {
	w := newWorld(t)
	w.people(t)
	w.policy(t, "logs")
	out, err := w.root.GetAccountSummary(t.Context(), nil)
	must(t, err)
	for key, want := range map[string]int32{
		"Users": 1, "Groups": 1, "Roles": 1, "Policies": 1, "PolicyVersionsInUse": 1, "AccountAccessKeysPresent": 1, "AccountMFAEnabled": 0,
		"UsersQuota": 5000, "GroupsQuota": 300, "PoliciesQuota": 1500, "PolicySizeQuota": 6144, "AttachedPoliciesPerRoleQuota": 10, "VersionsPerPolicyQuota": 5,
		"AssumeRolePolicySizeQuota": 2048, "RolePolicySizeQuota": 10240, "GlobalEndpointTokenVersion": 1,
	} {
		if got, has := out.SummaryMap[key]; !has || got != want {
			t.Errorf("%s is %d, want %d", key, got, want)
		}
	}
	if known := types.SummaryKeyType("").Values(); len(out.SummaryMap) < len(known)-4 {
		t.Errorf("%d of %d keys are there", len(out.SummaryMap), len(known))
	}
}

func TestDetailsAsTheSDKSeesThem(t *testing.T) {
	w := newWorld(t)
	w.people(t)
	ctx := t.Context()
	arn := w.policy(t, "logs")
	_, err := w.root.PutUserPolicy(ctx, &awsiam.PutUserPolicyInput{UserName: aws.String("ann"), PolicyName: aws.String("own"), PolicyDocument: aws.String(allowLogs)})
	must(t, err)
	_, err = w.root.AttachRolePolicy(ctx, &awsiam.AttachRolePolicyInput{RoleName: aws.String("deploy"), PolicyArn: aws.String(adminARN)})
	must(t, err)
	var users []types.UserDetail
	var groups []types.GroupDetail
	var roles []types.RoleDetail
	var policies []types.ManagedPolicyDetail
	for pages := awsiam.NewGetAccountAuthorizationDetailsPaginator(w.root, &awsiam.GetAccountAuthorizationDetailsInput{MaxItems: aws.Int32(1)}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		must(t, err)
		users, groups = append(users, page.UserDetailList...), append(groups, page.GroupDetailList...)
		roles, policies = append(roles, page.RoleDetailList...), append(policies, page.Policies...)
	}
	if len(users) != 1 || len(groups) != 1 || len(roles) != 1 || len(policies) != 2 {
		t.Fatalf("there are %d users, %d groups, %d roles, %d policies", len(users), len(groups), len(roles), len(policies))
	}
	if u := users[0]; *u.Arn != us+"user/team/ann" || len(u.UserPolicyList) != 1 || fmt.Sprint(u.GroupList) != "[devs]" || !strings.HasPrefix(*u.UserPolicyList[0].PolicyDocument, "%7B%22") {
		t.Errorf("the user is %+v", u)
	}
	if r := roles[0]; len(r.AttachedManagedPolicies) != 1 || *r.AttachedManagedPolicies[0].PolicyArn != adminARN || !strings.HasPrefix(*r.AssumeRolePolicyDocument, "%7B%22") {
		t.Errorf("the role is %+v", r)
	}
	if p := policies[0]; *p.Arn != arn || len(p.PolicyVersionList) != 1 || !strings.HasPrefix(*p.PolicyVersionList[0].Document, "%7B%22") {
		t.Errorf("the policy is %+v", p)
	}
	only, err := w.root.GetAccountAuthorizationDetails(ctx, &awsiam.GetAccountAuthorizationDetailsInput{Filter: []types.EntityType{types.EntityTypeGroup, types.EntityTypeAWSManagedPolicy}})
	must(t, err)
	if len(only.UserDetailList)+len(only.RoleDetailList) != 0 || len(only.GroupDetailList) != 1 || len(only.Policies) != 1 || *only.Policies[0].Arn != adminARN {
		t.Errorf("filtered, it is %+v", only)
	}
}

func TestSimulationsAsTheSDKSeesThem(t *testing.T) {
	w := newWorld(t)
	w.people(t)
	ctx := t.Context()
	_, err := w.root.PutUserPolicy(ctx, &awsiam.PutUserPolicyInput{UserName: aws.String("ann"), PolicyName: aws.String("own"), PolicyDocument: aws.String(allowLogs)})
	must(t, err)
	group := "arn:aws:logs:us-east-1:" + wiretest.Account + ":log-group:app"
	ann := aws.String(us + "user/team/ann")
	out, err := w.root.SimulatePrincipalPolicy(ctx, &awsiam.SimulatePrincipalPolicyInput{
		PolicySourceArn: ann, ActionNames: []string{"logs:PutLogEvents", "ecs:RunTask"}, ResourceArns: []string{group, "*"},
		PermissionsBoundaryPolicyInputList: []string{allowLogs},
	})
	must(t, err)
	if len(out.EvaluationResults) != 4 || out.IsTruncated {
		t.Fatalf("results are %+v", out)
	}
	first, any := out.EvaluationResults[0], out.EvaluationResults[1]
	if first.EvalDecision != "allowed" || *first.EvalResourceName != group || !first.PermissionsBoundaryDecisionDetail.AllowedByPermissionsBoundary ||
		len(first.MatchedStatements) != 1 || *first.MatchedStatements[0].SourcePolicyId != "user_ann_own" || first.MatchedStatements[0].SourcePolicyType != "IAM Policy" ||
		first.MatchedStatements[0].StartPosition.Column != 38 || first.MatchedStatements[0].EndPosition.Line != 1 ||
		len(first.ResourceSpecificResults) != 1 || first.ResourceSpecificResults[0].EvalResourceDecision != "allowed" || first.EvalDecisionDetails == nil || len(first.EvalDecisionDetails) != 0 {
		t.Errorf("on a resource it is %+v", first)
	}
	if *any.EvalResourceName != "*" || any.EvalDecision != "allowed" || any.EvalDecisionDetails != nil || len(any.ResourceSpecificResults) != 0 {
		t.Errorf("on anything it is %+v", any)
	}
	if out.EvaluationResults[2].EvalDecision != "implicitDeny" || len(out.EvaluationResults[2].MatchedStatements) != 0 {
		t.Errorf("another action is %+v", out.EvaluationResults[2])
	}

	letsAnn := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"` + *ann + `"},"Action":"logs:*","Resource":"*"}}`
	across, err := w.root.SimulateCustomPolicy(ctx, &awsiam.SimulateCustomPolicyInput{
		PolicyInputList: []string{allowLogs}, ActionNames: []string{"logs:PutLogEvents"}, ResourceArns: []string{"arn:aws:logs:us-east-1:999999999999:log-group:app"},
		CallerArn: ann, ResourcePolicy: &letsAnn,
	})
	must(t, err)
	r := across.EvaluationResults[0]
	if r.EvalDecision != "allowed" || len(r.EvalDecisionDetails) != 2 || r.EvalDecisionDetails["IAM Policy"] != "allowed" || r.EvalDecisionDetails["Resource Policy"] != "allowed" ||
		len(r.MatchedStatements) != 2 || r.MatchedStatements[0].SourcePolicyType != "Resource Policy" || len(r.ResourceSpecificResults[0].EvalDecisionDetails) != 2 {
		t.Errorf("across accounts it is %+v", r)
	}

	keyed := strings.Replace(allowLogs, `"*"}`, `"*","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}}`, 1)
	lacking, err := w.root.SimulateCustomPolicy(ctx, &awsiam.SimulateCustomPolicyInput{PolicyInputList: []string{keyed}, ActionNames: []string{"logs:PutLogEvents"}})
	must(t, err)
	if got := lacking.EvaluationResults[0]; got.EvalDecision != "implicitDeny" || fmt.Sprint(got.MissingContextValues) != "[aws:SourceIp]" {
		t.Errorf("without an address it is %+v", got)
	}
	given, err := w.root.SimulateCustomPolicy(ctx, &awsiam.SimulateCustomPolicyInput{
		PolicyInputList: []string{keyed}, ActionNames: []string{"logs:PutLogEvents"}, ResourceArns: []string{group},
		ContextEntries: []types.ContextEntry{{ContextKeyName: aws.String("aws:SourceIp"), ContextKeyType: types.ContextKeyTypeEnumIp, ContextKeyValues: []string{"10.9.8.7"}}},
	})
	must(t, err)
	if got := given.EvaluationResults[0]; got.EvalDecision != "allowed" || len(got.MissingContextValues) != 0 {
		t.Errorf("with an address it is %+v", got)
	}
	keys, err := w.root.GetContextKeysForCustomPolicy(ctx, &awsiam.GetContextKeysForCustomPolicyInput{PolicyInputList: []string{keyed}})
	must(t, err)
	own, err := w.root.GetContextKeysForPrincipalPolicy(ctx, &awsiam.GetContextKeysForPrincipalPolicyInput{PolicySourceArn: ann, PolicyInputList: []string{keyed}})
	must(t, err)
	if got := fmt.Sprint(keys.ContextKeyNames, own.ContextKeyNames); got != "[aws:SourceIp] [aws:SourceIp]" {
		t.Errorf("keys are %s", got)
	}
}

// What costs much is refused before it costs.
func TestSimulationOfVeryManyPoliciesIsRefused(t *testing.T) {
	w := newWorld(t)
	many := make([]string, 10_000)
	for i := range many {
		many[i] = allowLogs
	}
	_, err := w.root.SimulateCustomPolicy(t.Context(), &awsiam.SimulateCustomPolicyInput{PolicyInputList: many, ActionNames: []string{"logs:PutLogEvents"}})
	refused(t, err, "InvalidInput", "PolicyInputList has 10000 policies; it can have up to 100.")
}

// Policies ask for the policy that is attached, and for the boundary of whom it is attached to.
func TestPoliciesAboutPolicies(t *testing.T) {
	w := newWorld(t)
	w.people(t)
	ctx := t.Context()
	limit, logs := w.policy(t, "limit"), w.policy(t, "logs")
	_, err := w.root.PutRolePermissionsBoundary(ctx, &awsiam.PutRolePermissionsBoundaryInput{RoleName: aws.String("deploy"), PermissionsBoundary: &limit})
	must(t, err)
	eve := w.as(t, "eve", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"iam:AttachRolePolicy","Resource":"*","Condition":{"ArnEquals":{"iam:PolicyARN":"`+logs+`"},"StringEquals":{"iam:PermissionsBoundary":"`+limit+`"}}},
		{"Effect":"Allow","Action":"iam:PutUserPermissionsBoundary","Resource":"*","Condition":{"StringEquals":{"iam:PermissionsBoundary":"`+limit+`"}}},
		{"Effect":"Allow","Action":"iam:PutRolePolicy","Resource":"`+us+`role/deploy","Condition":{"StringEquals":{"iam:PermissionsBoundary":"`+limit+`"}}}]}`)
	attach := func(arn string) error {
		_, err := eve.AttachRolePolicy(ctx, &awsiam.AttachRolePolicyInput{RoleName: aws.String("deploy"), PolicyArn: &arn})
		return err
	}
	put := func() error {
		_, err := eve.PutRolePolicy(ctx, &awsiam.PutRolePolicyInput{RoleName: aws.String("deploy"), PolicyName: aws.String("own"), PolicyDocument: aws.String(allowLogs)})
		return err
	}
	bound := func(arn string) error {
		_, err := eve.PutUserPermissionsBoundary(ctx, &awsiam.PutUserPermissionsBoundaryInput{UserName: aws.String("ann"), PermissionsBoundary: &arn})
		return err
	}
	must(t, attach(logs))
	must(t, put())
	must(t, bound(limit))
	const denied = "User: " + us + "user/eve is not authorized to perform: iam:%s on resource: %s because no identity-based policy allows the iam:%[1]s action"
	refused(t, attach(adminARN), "AccessDenied", fmt.Sprintf(denied, "AttachRolePolicy", "role deploy"))
	refused(t, bound(logs), "AccessDenied", fmt.Sprintf(denied, "PutUserPermissionsBoundary", "user ann"))
	_, err = w.root.DeleteRolePermissionsBoundary(ctx, &awsiam.DeleteRolePermissionsBoundaryInput{RoleName: aws.String("deploy")})
	must(t, err)
	refused(t, attach(logs), "AccessDenied", fmt.Sprintf(denied, "AttachRolePolicy", "role deploy"))
	refused(t, put(), "AccessDenied", fmt.Sprintf(denied, "PutRolePolicy", "role deploy"))
}

// Who may simulate for one team may not for another, and learns nothing of who is there.
func TestSimulationsAreAllowedByTag(t *testing.T) {
	w := newWorld(t)
	w.people(t)
	_, err := w.root.TagUser(t.Context(), &awsiam.TagUserInput{UserName: aws.String("ann"), Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("red")}}})
	must(t, err)
	eve := w.as(t, "eve", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:Simulate*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"red"}}}}`)
	simulate := func(source string) error {
		_, err := eve.SimulatePrincipalPolicy(t.Context(), &awsiam.SimulatePrincipalPolicyInput{PolicySourceArn: &source, ActionNames: []string{"iam:GetUser"}})
		return err
	}
	must(t, simulate(us+"user/team/ann"))
	for _, source := range []string{us + "user/eve", us + "user/nobody"} {
		refused(t, simulate(source), "AccessDenied", "User: "+us+"user/eve is not authorized to perform: iam:SimulatePrincipalPolicy on resource: "+source+
			" because no identity-based policy allows the iam:SimulatePrincipalPolicy action")
	}
}
