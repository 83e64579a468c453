package iam_test

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/smithy-go"

	"slipway/accounts"
	"slipway/api/awswire"
	"slipway/api/awswire/wiretest"
	"slipway/api/iam"
	"slipway/events"
	"slipway/seal/sealtest"
	"slipway/store/storetest"
)

const us = "arn:aws:iam::" + wiretest.Account + ":"

// world is a door that real clients call with keys of real principals.
type world struct {
	room   *accounts.Control
	config aws.Config
	root   *awsiam.Client
}

func newWorld(t testing.TB) *world {
	t.Helper()
	db := storetest.SQLite(t)
	must(t, events.Migrate(t.Context(), db))
	room, err := accounts.New(t.Context(), db, sealtest.Keys(t, db))
	must(t, err)
	key, err := room.Bootstrap(t.Context(), wiretest.Account)
	must(t, err)
	w := &world{room: room}
	w.config = wiretest.Serve(t, awswire.Config{Keys: gate{room}, Access: gate{room}}, iam.New(room))
	w.root = w.client(key.ID, key.Secret)
	return w
}

// client is the genuine SDK with a key.
func (w *world) client(id, secret string) *awsiam.Client {
	config := w.config.Copy()
	config.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: id, SecretAccessKey: secret}, nil
	})
	return awsiam.NewFromConfig(config)
}

// as is the client of a new user, who may do what a policy document says: none for "".
func (w *world) as(t testing.TB, name, document string) *awsiam.Client {
	t.Helper()
	_, err := w.root.CreateUser(t.Context(), &awsiam.CreateUserInput{UserName: &name})
	must(t, err)
	if document != "" {
		must(t, w.room.PutInline(t.Context(), wiretest.Account, accounts.KindUser, name, accounts.InlinePolicy{Name: "test", Document: document}))
	}
	key, err := w.root.CreateAccessKey(t.Context(), &awsiam.CreateAccessKeyInput{UserName: &name})
	must(t, err)
	return w.client(*key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey)
}

// gate is what the server puts between the wire and the accounts.
type gate struct{ *accounts.Control }

func (g gate) Lookup(ctx context.Context, id, _ string) (string, awswire.Caller, error) {
	key, err := g.Key(ctx, id)
	if errors.Is(err, accounts.ErrUnknownKey) {
		return "", awswire.Caller{}, awswire.ErrUnknownKey
	}
	return key.Secret, awswire.Caller{Account: key.Owner.Account, ARN: key.Owner.ARN, UserID: key.Owner.UserID, AccessKeyID: id, Principal: &key.Owner}, err
}

func (g gate) Authorize(ctx context.Context, r *awswire.Request) error {
	err := g.Control.Authorize(ctx, r.Who.Principal.(*accounts.Principal), &accounts.Request{
		Action: r.Action, Resource: r.Resource, Shown: r.Ask.Shown, Values: r.Values, Policy: r.Policy,
	})
	if errors.Is(err, accounts.ErrDenied) {
		return awswire.Denied(err.Error())
	}
	return err
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// refused checks what a client is told.
func refused(t testing.TB, err error, code, text string) {
	t.Helper()
	var fault smithy.APIError
	if !errors.As(err, &fault) {
		t.Errorf("error %v, want %s", err, code)
	} else if fault.ErrorCode() != code || fault.ErrorMessage() != text {
		t.Errorf("told %s: %s\nwant %s: %s", fault.ErrorCode(), fault.ErrorMessage(), code, text)
	}
}

func TestUsersAsTheSDKSeesThem(t *testing.T) {
	w := newWorld(t)
	made, err := w.root.CreateUser(t.Context(), &awsiam.CreateUserInput{
		UserName: aws.String("ann"), Path: aws.String("/team/"), Tags: []types.Tag{{Key: aws.String("Team"), Value: aws.String("sea")}},
	})
	must(t, err)
	got, err := w.root.GetUser(t.Context(), &awsiam.GetUserInput{UserName: aws.String("ann")})
	must(t, err)
	for _, u := range []*types.User{made.User, got.User} {
		if *u.Arn != us+"user/team/ann" || *u.Path != "/team/" || *u.UserName != "ann" || !strings.HasPrefix(*u.UserId, "AIDA") || len(*u.UserId) != 21 ||
			time.Since(*u.CreateDate).Abs() > time.Hour || u.PermissionsBoundary != nil || len(u.Tags) != 1 || *u.Tags[0].Key != "Team" || *u.Tags[0].Value != "sea" {
			t.Errorf("user is %+v", u)
		}
	}

	_, err = w.root.UpdateUser(t.Context(), &awsiam.UpdateUserInput{UserName: aws.String("ann"), NewUserName: aws.String("anna"), NewPath: aws.String("/")})
	must(t, err)
	renamed, err := w.root.GetUser(t.Context(), &awsiam.GetUserInput{UserName: aws.String("anna")})
	must(t, err)
	if *renamed.User.Arn != us+"user/anna" || *renamed.User.UserId != *made.User.UserId || len(renamed.User.Tags) != 1 {
		t.Errorf("renamed, it is %+v", renamed.User)
	}

	_, err = w.root.DeleteUser(t.Context(), &awsiam.DeleteUserInput{UserName: aws.String("anna")})
	must(t, err)
	_, err = w.root.GetUser(t.Context(), &awsiam.GetUserInput{UserName: aws.String("anna")})
	refused(t, err, "NoSuchEntity", "The user with name anna cannot be found.")
}

func TestWithoutANameItIsTheCaller(t *testing.T) {
	w := newWorld(t)
	root, err := w.root.GetUser(t.Context(), nil)
	must(t, err)
	if *root.User.Arn != us+"root" || *root.User.UserId != wiretest.Account || root.User.CreateDate.IsZero() {
		t.Errorf("root is %+v", root.User)
	}
	ann := w.as(t, "ann", allowIAM)
	self, err := ann.GetUser(t.Context(), nil)
	must(t, err)
	if *self.User.UserName != "ann" {
		t.Errorf("ann is %+v", self.User)
	}
	_, err = w.root.UpdateUser(t.Context(), &awsiam.UpdateUserInput{UserName: aws.String("ann"), NewUserName: aws.String("bob")})
	must(t, err)
	keys, err := ann.ListAccessKeys(t.Context(), nil)
	must(t, err)
	if len(keys.AccessKeyMetadata) != 1 || *keys.AccessKeyMetadata[0].UserName != "bob" {
		t.Errorf("her keys are %+v", keys.AccessKeyMetadata)
	}
}

const allowIAM = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:*","Resource":"*"}}`

func TestGroupsAndWhoIsInThem(t *testing.T) {
	w := newWorld(t)
	made, err := w.root.CreateGroup(t.Context(), &awsiam.CreateGroupInput{GroupName: aws.String("Crew")})
	must(t, err)
	if *made.Group.Arn != us+"group/Crew" || !strings.HasPrefix(*made.Group.GroupId, "AGPA") {
		t.Errorf("group is %+v", made.Group)
	}
	for _, name := range []string{"bob", "Ann", "cid"} {
		_, err := w.root.CreateUser(t.Context(), &awsiam.CreateUserInput{UserName: &name})
		must(t, err)
		for range 2 { // once more changes nothing
			_, err = w.root.AddUserToGroup(t.Context(), &awsiam.AddUserToGroupInput{GroupName: aws.String("crew"), UserName: &name})
			must(t, err)
		}
	}
	pages := awsiam.NewGetGroupPaginator(w.root, &awsiam.GetGroupInput{GroupName: aws.String("Crew"), MaxItems: aws.Int32(2)})
	var names []string
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		must(t, err)
		for _, u := range page.Users {
			names = append(names, *u.UserName)
		}
	}
	if strings.Join(names, " ") != "Ann bob cid" {
		t.Errorf("in the group are %q", names)
	}

	_, err = w.root.UpdateGroup(t.Context(), &awsiam.UpdateGroupInput{GroupName: aws.String("Crew"), NewGroupName: aws.String("staff"), NewPath: aws.String("/hq/")})
	must(t, err)
	groups, err := w.root.ListGroupsForUser(t.Context(), &awsiam.ListGroupsForUserInput{UserName: aws.String("bob")})
	must(t, err)
	if len(groups.Groups) != 1 || *groups.Groups[0].Arn != us+"group/hq/staff" || *groups.Groups[0].GroupId != *made.Group.GroupId {
		t.Errorf("bob is in %+v", groups.Groups)
	}
	_, err = w.root.RemoveUserFromGroup(t.Context(), &awsiam.RemoveUserFromGroupInput{GroupName: aws.String("staff"), UserName: aws.String("bob")})
	must(t, err)
	_, err = w.root.RemoveUserFromGroup(t.Context(), &awsiam.RemoveUserFromGroupInput{GroupName: aws.String("staff"), UserName: aws.String("bob")})
	refused(t, err, "NoSuchEntity", "User bob not in group staff")
	_, err = w.root.DeleteGroup(t.Context(), &awsiam.DeleteGroupInput{GroupName: aws.String("staff")})
	refused(t, err, "DeleteConflict", "Cannot delete entity, must remove users from group first.")
}

const trustECS = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},"Action":"sts:AssumeRole"}]}`

// trustOf is a policy that trusts principals of the type AWS.
func trustOf(principals ...string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["` + strings.Join(principals, `","`) + `"]},"Action":"sts:AssumeRole"}]}`
}

func (w *world) role(t testing.TB, name, trust string) *types.Role {
	t.Helper()
	out, err := w.root.CreateRole(t.Context(), &awsiam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &trust})
	must(t, err)
	return out.Role
}

// trust is the trust policy of a role, decoded.
func (w *world) trust(t testing.TB, role string) string {
	t.Helper()
	out, err := w.root.GetRole(t.Context(), &awsiam.GetRoleInput{RoleName: &role})
	must(t, err)
	text, err := url.PathUnescape(*out.Role.AssumeRolePolicyDocument)
	must(t, err)
	return text
}

func TestRolesAsTheSDKSeesThem(t *testing.T) {
	w := newWorld(t)
	_, err := w.root.CreateRole(t.Context(), &awsiam.CreateRoleInput{
		RoleName: aws.String("web"), Path: aws.String("/app/"), AssumeRolePolicyDocument: aws.String(trustECS), Description: aws.String("of the web tasks"),
		MaxSessionDuration: aws.Int32(7200), PermissionsBoundary: aws.String("arn:aws:iam::aws:policy/ReadOnlyAccess"),
		Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("sea")}},
	})
	must(t, err)
	out, err := w.root.GetRole(t.Context(), &awsiam.GetRoleInput{RoleName: aws.String("web")})
	must(t, err)
	r := out.Role
	if *r.Arn != us+"role/app/web" || !strings.HasPrefix(*r.RoleId, "AROA") || *r.Description != "of the web tasks" || *r.MaxSessionDuration != 7200 ||
		*r.PermissionsBoundary.PermissionsBoundaryArn != "arn:aws:iam::aws:policy/ReadOnlyAccess" || len(r.Tags) != 1 || r.RoleLastUsed == nil || r.RoleLastUsed.LastUsedDate != nil {
		t.Errorf("role is %+v", r)
	}
	if doc := *r.AssumeRolePolicyDocument; strings.ContainsAny(doc, ` "{}:,+`) || w.trust(t, "web") != trustECS {
		t.Errorf("its trust is %s", doc)
	}

	_, err = w.root.UpdateRole(t.Context(), &awsiam.UpdateRoleInput{RoleName: aws.String("web"), MaxSessionDuration: aws.Int32(3600)})
	must(t, err)
	changed, err := w.root.UpdateRoleDescription(t.Context(), &awsiam.UpdateRoleDescriptionInput{RoleName: aws.String("web"), Description: aws.String("of all tasks")})
	must(t, err)
	if *changed.Role.Description != "of all tasks" || *changed.Role.MaxSessionDuration != 3600 {
		t.Errorf("changed, it is %+v", changed.Role)
	}
	other := strings.Replace(trustECS, "ecs-tasks", "lambda", 1)
	_, err = w.root.UpdateAssumeRolePolicy(t.Context(), &awsiam.UpdateAssumeRolePolicyInput{RoleName: aws.String("web"), PolicyDocument: &other})
	must(t, err)
	if got := w.trust(t, "web"); got != other {
		t.Errorf("its trust is now %s", got)
	}
	listed, err := w.root.ListRoles(t.Context(), &awsiam.ListRolesInput{PathPrefix: aws.String("/app/")})
	must(t, err)
	if len(listed.Roles) != 1 || *listed.Roles[0].RoleId != *r.RoleId || listed.Roles[0].Tags != nil || listed.Roles[0].PermissionsBoundary != nil {
		t.Errorf("listed as %+v", listed.Roles)
	}
	_, err = w.root.DeleteRole(t.Context(), &awsiam.DeleteRoleInput{RoleName: aws.String("web")})
	must(t, err)
}

// Whoever is trusted is kept by the unique id, so that nobody else comes into the trust.
func TestTrustIsInWhoItWasGivenTo(t *testing.T) {
	w := newWorld(t)
	ann := us + "user/ann"
	_, err := w.root.CreateUser(t.Context(), &awsiam.CreateUserInput{UserName: aws.String("ann")})
	must(t, err)
	bot := w.role(t, "bot", trustECS)
	w.role(t, "deploy", trustOf(ann, *bot.Arn, wiretest.Account))
	if got := w.trust(t, "deploy"); got != trustOf(ann, *bot.Arn, wiretest.Account) {
		t.Errorf("it trusts %s", got)
	}

	_, err = w.root.UpdateUser(t.Context(), &awsiam.UpdateUserInput{UserName: aws.String("ann"), NewUserName: aws.String("anna")})
	must(t, err)
	if got := w.trust(t, "deploy"); got != trustOf(us+"user/anna", *bot.Arn, wiretest.Account) {
		t.Errorf("after her renaming it trusts %s", got)
	}

	_, err = w.root.DeleteRole(t.Context(), &awsiam.DeleteRoleInput{RoleName: aws.String("bot")})
	must(t, err)
	again := w.role(t, "bot", trustECS)
	if *again.Arn != *bot.Arn || *again.RoleId == *bot.RoleId {
		t.Fatalf("made anew, the role is %+v", again)
	}
	if got := w.trust(t, "deploy"); got != trustOf(us+"user/anna", *bot.RoleId, wiretest.Account) {
		t.Errorf("after the role was made anew it trusts %s", got)
	}
}

func TestNobodyWhoIsNotThereIsTrusted(t *testing.T) {
	w := newWorld(t)
	other, err := w.room.CreateAccount(t.Context(), "other")
	must(t, err)
	for _, name := range []string{us + "user/nobody", us + "role/nobody", us + "user/x/root", "AIDAAAAAAAAAAAAAAAAAA", "AROAAAAAAAAAAAAAAAAAA"} {
		_, err := w.root.CreateRole(t.Context(), &awsiam.CreateRoleInput{RoleName: aws.String("r"), AssumeRolePolicyDocument: aws.String(trustOf(name))})
		refused(t, err, "MalformedPolicyDocument", `Invalid principal in policy: "AWS":"`+name+`"`)
	}
	// Who is there in another account, and who is not, is not told.
	theirs, err := w.room.CreateUser(t.Context(), other.ID, accounts.NewUser{Name: "bob", Path: "/"})
	must(t, err)
	for i, name := range []string{theirs.ARN(), strings.Replace(theirs.ARN(), "bob", "nobody", 1)} {
		role := "r" + string(rune('0'+i))
		w.role(t, role, trustOf(name))
		if got := w.trust(t, role); got != trustOf(name) {
			t.Errorf("it trusts %s", got)
		}
	}
}

func TestInstanceProfilesHaveOneRole(t *testing.T) {
	w := newWorld(t)
	name := aws.String("box")
	made, err := w.root.CreateInstanceProfile(t.Context(), &awsiam.CreateInstanceProfileInput{InstanceProfileName: name, Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}})
	must(t, err)
	if p := made.InstanceProfile; *p.Arn != us+"instance-profile/box" || !strings.HasPrefix(*p.InstanceProfileId, "AIPA") || len(p.Tags) != 1 || p.Roles == nil || len(p.Roles) != 0 {
		t.Errorf("profile is %+v", p)
	}
	w.role(t, "web", trustECS)
	w.role(t, "db", trustECS)
	add := func(role string) error {
		_, err := w.root.AddRoleToInstanceProfile(t.Context(), &awsiam.AddRoleToInstanceProfileInput{InstanceProfileName: name, RoleName: &role})
		return err
	}
	must(t, add("web"))
	refused(t, add("db"), "LimitExceeded", "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1")

	got, err := w.root.GetInstanceProfile(t.Context(), &awsiam.GetInstanceProfileInput{InstanceProfileName: name})
	must(t, err)
	of, err := w.root.ListInstanceProfilesForRole(t.Context(), &awsiam.ListInstanceProfilesForRoleInput{RoleName: aws.String("web")})
	must(t, err)
	all, err := w.root.ListInstanceProfiles(t.Context(), nil)
	must(t, err)
	for _, list := range [][]types.InstanceProfile{{*got.InstanceProfile}, of.InstanceProfiles, all.InstanceProfiles} {
		if len(list) != 1 || *list[0].InstanceProfileName != "box" || len(list[0].Roles) != 1 || *list[0].Roles[0].RoleName != "web" {
			t.Errorf("profiles are %+v", list)
		}
	}

	_, err = w.root.DeleteRole(t.Context(), &awsiam.DeleteRoleInput{RoleName: aws.String("web")})
	refused(t, err, "DeleteConflict", "Cannot delete entity, must remove roles from instance profile first.")
	_, err = w.root.DeleteInstanceProfile(t.Context(), &awsiam.DeleteInstanceProfileInput{InstanceProfileName: name})
	refused(t, err, "DeleteConflict", "Cannot delete entity, must remove roles from instance profile first.")
	_, err = w.root.RemoveRoleFromInstanceProfile(t.Context(), &awsiam.RemoveRoleFromInstanceProfileInput{InstanceProfileName: name, RoleName: aws.String("web")})
	must(t, err)
	_, err = w.root.DeleteInstanceProfile(t.Context(), &awsiam.DeleteInstanceProfileInput{InstanceProfileName: name})
	must(t, err)
}

func TestAccessKeysAreMadeUsedSwitchedAndDeleted(t *testing.T) {
	w := newWorld(t)
	ann := w.as(t, "ann", allowIAM)
	out, err := w.root.CreateAccessKey(t.Context(), &awsiam.CreateAccessKeyInput{UserName: aws.String("ann")})
	must(t, err)
	k := out.AccessKey
	if *k.UserName != "ann" || k.Status != types.StatusTypeActive || len(*k.SecretAccessKey) != 40 || !strings.HasPrefix(*k.AccessKeyId, "AKIA") || k.CreateDate.IsZero() {
		t.Errorf("key %s of %s is %s", *k.AccessKeyId, *k.UserName, k.Status)
	}
	_, err = ann.CreateAccessKey(t.Context(), nil)
	refused(t, err, "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2")

	second := w.client(*k.AccessKeyId, *k.SecretAccessKey)
	_, err = second.GetUser(t.Context(), nil)
	must(t, err)
	_, err = ann.UpdateAccessKey(t.Context(), &awsiam.UpdateAccessKeyInput{AccessKeyId: k.AccessKeyId, Status: types.StatusTypeInactive})
	must(t, err)
	_, err = second.GetUser(t.Context(), nil)
	refused(t, err, "InvalidClientTokenId", "The security token included in the request is invalid.")
	listed, err := w.root.ListAccessKeys(t.Context(), &awsiam.ListAccessKeysInput{UserName: aws.String("ann")})
	must(t, err)
	statuses := map[types.StatusType]int{}
	for _, m := range listed.AccessKeyMetadata {
		statuses[m.Status]++
	}
	if statuses[types.StatusTypeActive] != 1 || statuses[types.StatusTypeInactive] != 1 {
		t.Errorf("keys are %v", statuses)
	}
	used, err := w.root.GetAccessKeyLastUsed(t.Context(), &awsiam.GetAccessKeyLastUsedInput{AccessKeyId: k.AccessKeyId})
	must(t, err)
	if *used.UserName != "ann" || *used.AccessKeyLastUsed.ServiceName != "N/A" || *used.AccessKeyLastUsed.Region != "N/A" || used.AccessKeyLastUsed.LastUsedDate != nil {
		t.Errorf("last used %+v", used.AccessKeyLastUsed)
	}
	_, err = ann.DeleteAccessKey(t.Context(), &awsiam.DeleteAccessKeyInput{AccessKeyId: k.AccessKeyId})
	must(t, err)
	_, err = ann.DeleteAccessKey(t.Context(), &awsiam.DeleteAccessKeyInput{AccessKeyId: k.AccessKeyId})
	refused(t, err, "NoSuchEntity", "The Access Key with id "+*k.AccessKeyId+" cannot be found.")
}

func TestRootsKeysAreKeysToo(t *testing.T) {
	w := newWorld(t)
	out, err := w.root.CreateAccessKey(t.Context(), nil)
	must(t, err)
	_, err = w.root.CreateAccessKey(t.Context(), nil)
	refused(t, err, "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2")
	second := w.client(*out.AccessKey.AccessKeyId, *out.AccessKey.SecretAccessKey)
	listed, err := second.ListAccessKeys(t.Context(), nil)
	must(t, err)
	if len(listed.AccessKeyMetadata) != 2 {
		t.Errorf("root has %d keys", len(listed.AccessKeyMetadata))
	}
	_, err = w.root.CreateUser(t.Context(), &awsiam.CreateUserInput{UserName: aws.String("ann")})
	must(t, err)
	_, err = w.root.DeleteAccessKey(t.Context(), &awsiam.DeleteAccessKeyInput{UserName: aws.String("ann"), AccessKeyId: out.AccessKey.AccessKeyId})
	refused(t, err, "NoSuchEntity", "The Access Key with id "+*out.AccessKey.AccessKeyId+" cannot be found.")
	_, err = w.root.DeleteAccessKey(t.Context(), &awsiam.DeleteAccessKeyInput{AccessKeyId: out.AccessKey.AccessKeyId})
	must(t, err)
}

func TestServiceLinkedRolesAreAWSs(t *testing.T) {
	w := newWorld(t)
	out, err := w.root.CreateServiceLinkedRole(t.Context(), &awsiam.CreateServiceLinkedRoleInput{AWSServiceName: aws.String("ecs.amazonaws.com")})
	must(t, err)
	const name = "AWSServiceRoleForECS"
	if *out.Role.Arn != us+"role/aws-service-role/ecs.amazonaws.com/"+name || !strings.Contains(w.trust(t, name), `"Service":"ecs.amazonaws.com"`) {
		t.Errorf("role is %+v", out.Role)
	}
	_, err = w.root.CreateServiceLinkedRole(t.Context(), &awsiam.CreateServiceLinkedRoleInput{AWSServiceName: aws.String("ecs.amazonaws.com")})
	refused(t, err, "InvalidInput", "Service role name AWSServiceRoleForECS has been taken in this account, please try a different suffix.")
	_, err = w.root.CreateServiceLinkedRole(t.Context(), &awsiam.CreateServiceLinkedRoleInput{AWSServiceName: aws.String("ecs.amazonaws.com"), CustomSuffix: aws.String("x")})
	refused(t, err, "InvalidInput", "Custom suffix is not allowed for ecs.amazonaws.com")
	_, err = w.root.CreateServiceLinkedRole(t.Context(), &awsiam.CreateServiceLinkedRoleInput{AWSServiceName: aws.String("shop.amazonaws.com")})
	refused(t, err, "InvalidInput", "Cannot find Service-linked role template for shop.amazonaws.com")

	const protected = "Cannot perform the operation on the protected role '" + name + "' - this role is only modifiable by AWS"
	_, err = w.root.DeleteRole(t.Context(), &awsiam.DeleteRoleInput{RoleName: aws.String(name)})
	refused(t, err, "UnmodifiableEntity", protected)
	_, err = w.root.UpdateAssumeRolePolicy(t.Context(), &awsiam.UpdateAssumeRolePolicyInput{RoleName: aws.String(name), PolicyDocument: aws.String(trustECS)})
	refused(t, err, "UnmodifiableEntity", protected)
	_, err = w.root.TagRole(t.Context(), &awsiam.TagRoleInput{RoleName: aws.String(name), Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}})
	must(t, err)
	_, err = w.root.UpdateRole(t.Context(), &awsiam.UpdateRoleInput{RoleName: aws.String(name), Description: aws.String("runs tasks")})
	must(t, err)

	deletion, err := w.root.DeleteServiceLinkedRole(t.Context(), &awsiam.DeleteServiceLinkedRoleInput{RoleName: aws.String(name)})
	must(t, err)
	status := func(want types.DeletionTaskStatusType) {
		t.Helper()
		out, err := w.root.GetServiceLinkedRoleDeletionStatus(t.Context(), &awsiam.GetServiceLinkedRoleDeletionStatusInput{DeletionTaskId: deletion.DeletionTaskId})
		must(t, err)
		if out.Status != want {
			t.Errorf("its deletion is %s, want %s", out.Status, want)
		}
	}
	status(types.DeletionTaskStatusTypeSucceeded)
	_, err = w.root.CreateServiceLinkedRole(t.Context(), &awsiam.CreateServiceLinkedRoleInput{AWSServiceName: aws.String("ecs.amazonaws.com")})
	must(t, err)
	status(types.DeletionTaskStatusTypeNotStarted)
	for _, bad := range []string{"task", "task/aws-service-role/" + name, "role/aws-service-role/ecs.amazonaws.com/" + name + "/1"} {
		_, err = w.root.GetServiceLinkedRoleDeletionStatus(t.Context(), &awsiam.GetServiceLinkedRoleDeletionStatusInput{DeletionTaskId: &bad})
		refused(t, err, "NoSuchEntity", "Deletion task "+bad+" cannot be found.")
	}
	w.role(t, "web", trustECS)
	_, err = w.root.DeleteServiceLinkedRole(t.Context(), &awsiam.DeleteServiceLinkedRoleInput{RoleName: aws.String("web")})
	refused(t, err, "NoSuchEntity", "The role with name web cannot be found.")
}

func TestAccountsHaveOneAlias(t *testing.T) {
	w := newWorld(t)
	for _, alias := range []string{"sea-team", "sea-team", "river-team"} {
		_, err := w.root.CreateAccountAlias(t.Context(), &awsiam.CreateAccountAliasInput{AccountAlias: &alias})
		must(t, err)
		out, err := w.root.ListAccountAliases(t.Context(), nil)
		must(t, err)
		if !slices.Equal(out.AccountAliases, []string{alias}) {
			t.Errorf("aliases %v", out.AccountAliases)
		}
	}
	other, err := w.room.CreateAccount(t.Context(), "other")
	must(t, err)
	must(t, w.room.SetAlias(t.Context(), other.ID, "theirs"))
	_, err = w.root.CreateAccountAlias(t.Context(), &awsiam.CreateAccountAliasInput{AccountAlias: aws.String("theirs")})
	refused(t, err, "EntityAlreadyExists", "The account alias theirs already exists.")
	_, err = w.root.CreateAccountAlias(t.Context(), &awsiam.CreateAccountAliasInput{AccountAlias: aws.String("a--b")})
	refused(t, err, "ValidationError", "1 validation error detected: Value 'a--b' at 'accountAlias' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$")
	_, err = w.root.DeleteAccountAlias(t.Context(), &awsiam.DeleteAccountAliasInput{AccountAlias: aws.String("theirs")})
	refused(t, err, "NoSuchEntity", "The account alias with name theirs cannot be found.")
	_, err = w.root.DeleteAccountAlias(t.Context(), &awsiam.DeleteAccountAliasInput{AccountAlias: aws.String("river-team")})
	must(t, err)
	out, err := w.root.ListAccountAliases(t.Context(), nil)
	must(t, err)
	if len(out.AccountAliases) != 0 {
		t.Errorf("aliases %v", out.AccountAliases)
	}
}

func TestListingsArePagedAndUnderAPath(t *testing.T) {
	w := newWorld(t)
	for _, u := range []struct{ name, path string }{{"eve", "/b/"}, {"Ann", "/a/"}, {"bob", "/a/x/"}, {"cid", "/a/"}, {"dan", "/"}} {
		_, err := w.root.CreateUser(t.Context(), &awsiam.CreateUserInput{UserName: &u.name, Path: &u.path})
		must(t, err)
	}
	for prefix, want := range map[string]string{"/": "Ann bob cid dan eve", "/a": "Ann bob cid", "/a/x/": "bob", "/none/": ""} {
		pages := awsiam.NewListUsersPaginator(w.root, &awsiam.ListUsersInput{PathPrefix: &prefix, MaxItems: aws.Int32(2)})
		var names []string
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			must(t, err)
			if page.Users == nil || page.IsTruncated != (page.Marker != nil) {
				t.Errorf("page is %+v", page)
			}
			for _, u := range page.Users {
				names = append(names, *u.UserName)
			}
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("under %s are %q, want %q", prefix, got, want)
		}
	}
	_, err := w.root.ListUsers(t.Context(), &awsiam.ListUsersInput{Marker: aws.String("elsewhere")})
	refused(t, err, "ValidationError", "Invalid Marker.")
}

func TestWhatThereIsNoneOf(t *testing.T) {
	w := newWorld(t)
	ann := aws.String("ann")
	_, err := w.root.CreateUser(t.Context(), &awsiam.CreateUserInput{UserName: ann})
	must(t, err)
	mfa, err := w.root.ListMFADevices(t.Context(), &awsiam.ListMFADevicesInput{UserName: ann})
	must(t, err)
	certificates, err := w.root.ListSigningCertificates(t.Context(), &awsiam.ListSigningCertificatesInput{UserName: ann})
	must(t, err)
	keys, err := w.root.ListSSHPublicKeys(t.Context(), &awsiam.ListSSHPublicKeysInput{UserName: ann})
	must(t, err)
	credentials, err := w.root.ListServiceSpecificCredentials(t.Context(), &awsiam.ListServiceSpecificCredentialsInput{UserName: ann})
	must(t, err)
	devices, err := w.root.ListVirtualMFADevices(t.Context(), nil)
	must(t, err)
	if len(mfa.MFADevices)+len(certificates.Certificates)+len(keys.SSHPublicKeys)+len(credentials.ServiceSpecificCredentials)+len(devices.VirtualMFADevices) != 0 {
		t.Error("there is something")
	}
	_, err = w.root.GetLoginProfile(t.Context(), &awsiam.GetLoginProfileInput{UserName: ann})
	refused(t, err, "NoSuchEntity", "Login Profile for User ann cannot be found.")
	_, err = w.root.DeleteLoginProfile(t.Context(), &awsiam.DeleteLoginProfileInput{UserName: ann})
	refused(t, err, "NoSuchEntity", "Login Profile for User ann cannot be found.")
	_, err = w.root.ListMFADevices(t.Context(), &awsiam.ListMFADevicesInput{UserName: aws.String("bob")})
	refused(t, err, "NoSuchEntity", "The user with name bob cannot be found.")
}

func TestOfTwoWhoMakeTheSameUserOneWins(t *testing.T) {
	w := newWorld(t)
	errs := make([]error, 8)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() {
			_, errs[i] = w.root.CreateUser(t.Context(), &awsiam.CreateUserInput{UserName: aws.String("ann")})
		})
	}
	all.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
			continue
		}
		refused(t, err, "EntityAlreadyExists", "User with name ann already exists.")
	}
	if won != 1 {
		t.Errorf("%d made her", won)
	}
}

// session knows one key, that of a role's session, which may do everything.
type session struct{ wiretest.Root }

func (session) Lookup(context.Context, string, string) (string, awswire.Caller, error) {
	return wiretest.Secret, awswire.Caller{Account: wiretest.Account, ARN: "arn:aws:sts::" + wiretest.Account + ":assumed-role/web/one", UserID: "AROAAAAAAAAAAAAAAAAAA:one"}, nil
}

func sessionGate() awswire.Config { return awswire.Config{Keys: session{}, Access: session{}} }
