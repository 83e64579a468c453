package iam_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"slipway/accounts"
	"slipway/api/awswire/wiretest"
	"slipway/api/iam"
)

func TestEveryOperationIsBound(t *testing.T) {
	if names := iam.New(nil).Unbound(); len(names) > 0 {
		t.Errorf("not bound: %v", names)
	}
}

// The table of what every operation asks for: of what is there, under a path, and of what is not.
func TestAccess(t *testing.T) {
	w := newWorld(t)
	here := wiretest.Account
	_, err := w.room.CreateUser(t.Context(), here, accounts.NewUser{Name: "ann", Path: "/team/"})
	must(t, err)
	_, err = w.room.CreateGroup(t.Context(), here, "crew", "/team/")
	must(t, err)
	_, err = w.room.CreateRole(t.Context(), here, accounts.NewRole{Name: "web", Path: "/app/", Trust: trustECS})
	must(t, err)
	_, err = w.room.CreateProfile(t.Context(), here, "box", "/app/", nil)
	must(t, err)
	var keys [2]accounts.KeyInfo // one is deleted
	for i := range keys {
		_, keys[i], err = w.room.CreateUserKey(t.Context(), here, "ann")
		must(t, err)
	}

	tags := []any{map[string]any{"Key": "team", "Value": "sea"}}
	there := wiretest.Sample{
		"UserName": "ann", "GroupName": "crew", "RoleName": "web", "InstanceProfileName": "box", "AccessKeyId": keys[0].ID, "DeleteAccessKey.AccessKeyId": keys[1].ID, "Status": "Inactive",
		"CreateUser.UserName": "bob", "CreateUser.Path": "/new/", "CreateRole.RoleName": "db", "CreateRole.Path": "/new/", "CreateGroup.GroupName": "staff",
		"Path": "/new/", "PermissionsBoundary": us + "policy/limit", "AssumeRolePolicyDocument": trustECS,
		"NewUserName": "anna", "NewGroupName": "staff", "NewPath": "/moved/", "PathPrefix": "/team/",
		"PolicyArn": us + "policy/app/read", "PolicyName": "read", "PolicyDocument": allowIAM, "VersionId": "v1",
		"Tags": tags, "TagKeys": []string{"team"}, "AWSServiceName": "ecs.amazonaws.com", "AccountAlias": "sea-team",
		"DeletionTaskId": "task/aws-service-role/ecs.amazonaws.com/web/1", "PolicySourceArn": us + "user/team/ann", "ActionNames": []string{"iam:GetUser"}, "PolicyInputList": []string{allowIAM},
	}
	missing := wiretest.Sample{
		"UserName": "nobody", "GroupName": "nobody", "RoleName": "nothing", "InstanceProfileName": "nothing", "AccessKeyId": "AKIAAAAAAAAAAAAAAAAA", "Status": "Active",
		"AssumeRolePolicyDocument": trustECS, "PolicyArn": us + "policy/nothing", "PolicyName": "nothing", "PolicyDocument": allowIAM, "VersionId": "v2",
		"TagKeys": []string{"team"}, "AWSServiceName": "shop.amazonaws.com", "AccountAlias": "sea-team",
		"DeletionTaskId": "task/aws-service-role/ecs.amazonaws.com/nothing/1", "PolicySourceArn": us + "user/nobody", "ActionNames": []string{"iam:GetUser"}, "PolicyInputList": []string{allowIAM},
	}
	unnamed := wiretest.Sample{} // the caller, who is root
	for name, value := range missing {
		unnamed[name] = value
	}
	for _, operation := range []string{"GetUser", "CreateAccessKey", "ListAccessKeys", "UpdateAccessKey", "DeleteAccessKey", "GetLoginProfile", "DeleteLoginProfile", "ListMFADevices", "ListSigningCertificates", "ListSSHPublicKeys", "ListServiceSpecificCredentials"} {
		unnamed[operation+".UserName"] = nil
	}
	wiretest.Access(t, iam.New(w.room), there, missing, unnamed)
}

// Who may not ask is told the same of who is there, under whatever path, and of who is not.
func TestDenialsDoNotTellWhoIsThere(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"ann", "under"} {
		path := "/"
		if name == "under" {
			path = "/secret/place/"
		}
		_, err := w.root.CreateUser(t.Context(), &awsiam.CreateUserInput{UserName: &name, Path: &path})
		must(t, err)
		_, err = w.root.CreateGroup(t.Context(), &awsiam.CreateGroupInput{GroupName: &name, Path: &path})
		must(t, err)
		_, err = w.root.CreateRole(t.Context(), &awsiam.CreateRoleInput{RoleName: &name, Path: &path, AssumeRolePolicyDocument: aws.String(trustECS)})
		must(t, err)
		_, err = w.root.CreateInstanceProfile(t.Context(), &awsiam.CreateInstanceProfileInput{InstanceProfileName: &name, Path: &path})
		must(t, err)
	}
	eve := w.as(t, "eve", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"true"}}}}`)
	c := t.Context()
	for _, call := range []struct {
		action, kind string
		do           func(name *string) error
	}{
		{"GetUser", "user ", func(n *string) error { _, err := eve.GetUser(c, &awsiam.GetUserInput{UserName: n}); return err }},
		{"DeleteUser", "user ", func(n *string) error { _, err := eve.DeleteUser(c, &awsiam.DeleteUserInput{UserName: n}); return err }},
		{"UpdateUser", "user ", func(n *string) error {
			_, err := eve.UpdateUser(c, &awsiam.UpdateUserInput{UserName: n, NewPath: aws.String("/x/")})
			return err
		}},
		{"TagUser", "user ", func(n *string) error {
			_, err := eve.TagUser(c, &awsiam.TagUserInput{UserName: n, Tags: []types.Tag{{Key: n, Value: n}}})
			return err
		}},
		{"CreateAccessKey", "user ", func(n *string) error {
			_, err := eve.CreateAccessKey(c, &awsiam.CreateAccessKeyInput{UserName: n})
			return err
		}},
		{"GetGroup", "group ", func(n *string) error { _, err := eve.GetGroup(c, &awsiam.GetGroupInput{GroupName: n}); return err }},
		{"GetRole", "role ", func(n *string) error { _, err := eve.GetRole(c, &awsiam.GetRoleInput{RoleName: n}); return err }},
		{"GetInstanceProfile", "instance profile ", func(n *string) error {
			_, err := eve.GetInstanceProfile(c, &awsiam.GetInstanceProfileInput{InstanceProfileName: n})
			return err
		}},
		{"CreateUser", us + "user/", func(n *string) error { _, err := eve.CreateUser(c, &awsiam.CreateUserInput{UserName: n}); return err }},
	} {
		for _, name := range []string{"ann", "under", "nobody"} {
			refused(t, call.do(&name), "AccessDenied", "User: "+us+"user/eve is not authorized to perform: iam:"+call.action+
				" on resource: "+call.kind+name+" because no identity-based policy allows the iam:"+call.action+" action")
		}
	}

	must(t, w.room.Fill(c, wiretest.Account, "ann", "ann"))
	fay := w.as(t, "fay", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:AddRoleToInstanceProfile","Resource":"*"}}`)
	for _, name := range []string{"ann", "under", "nobody"} {
		_, err := fay.AddRoleToInstanceProfile(c, &awsiam.AddRoleToInstanceProfileInput{InstanceProfileName: aws.String("ann"), RoleName: &name})
		refused(t, err, "AccessDenied", "User: "+us+"user/fay is not authorized to perform: iam:PassRole on resource: "+us+"role/"+name+
			" because no identity-based policy allows the iam:PassRole action")
	}

	keys, err := w.root.ListAccessKeys(c, &awsiam.ListAccessKeysInput{UserName: aws.String("fay")})
	must(t, err)
	for _, id := range []string{*keys.AccessKeyMetadata[0].AccessKeyId, "AKIAAAAAAAAAAAAAAAAA"} {
		_, err := eve.GetAccessKeyLastUsed(c, &awsiam.GetAccessKeyLastUsedInput{AccessKeyId: &id})
		refused(t, err, "AccessDenied", "User: "+us+"user/eve is not authorized to perform: iam:GetAccessKeyLastUsed on resource: access key "+id+
			" because no identity-based policy allows the iam:GetAccessKeyLastUsed action")
	}
}

// Policies can tell users apart by their paths and tags, though callers name them without.
func TestPathsAndTagsDecide(t *testing.T) {
	w := newWorld(t)
	for name, path := range map[string]string{"ann": "/team/", "bob": "/ops/"} {
		_, err := w.root.CreateUser(t.Context(), &awsiam.CreateUserInput{UserName: &name, Path: &path, Tags: []types.Tag{{Key: aws.String("Team"), Value: aws.String(strings.Trim(path, "/"))}}})
		must(t, err)
	}
	byPath := w.as(t, "byPath", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:GetUser","Resource":"`+us+`user/team/*"}}`)
	byTag := w.as(t, "byTag", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:GetUser","Resource":"*","Condition":{"StringEquals":{"iam:ResourceTag/team":"team"}}}}`)
	for _, client := range []*awsiam.Client{byPath, byTag} {
		_, err := client.GetUser(t.Context(), &awsiam.GetUserInput{UserName: aws.String("ANN")})
		must(t, err)
		if _, err = client.GetUser(t.Context(), &awsiam.GetUserInput{UserName: aws.String("bob")}); err == nil || !strings.Contains(err.Error(), "AccessDenied") {
			t.Errorf("of bob it is told %v", err)
		}
	}

	// Moving a user takes both the place it leaves and the place it goes to.
	mover := w.as(t, "mover", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:UpdateUser","Resource":["`+us+`user/team/*","`+us+`user/sea/*"]}}`)
	move := func(name, path string) error {
		_, err := mover.UpdateUser(t.Context(), &awsiam.UpdateUserInput{UserName: &name, NewPath: &path})
		return err
	}
	for _, try := range [][2]string{{"ann", "/ops/"}, {"bob", "/team/"}} {
		if err := move(try[0], try[1]); err == nil || !strings.Contains(err.Error(), "AccessDenied") {
			t.Errorf("moving %s to %s: %v", try[0], try[1], err)
		}
	}
	must(t, move("ann", "/sea/"))
}

func TestRolesNeedToNameTheUser(t *testing.T) {
	w := newWorld(t)
	// A role's session, as a gate of its own lets it in.
	client := awsiam.NewFromConfig(wiretest.Serve(t, sessionGate(), iam.New(w.room)))
	_, err := client.GetUser(t.Context(), nil)
	refused(t, err, "ValidationError", "Must specify userName when calling with non-User credentials")
	_, err = client.CreateAccessKey(t.Context(), nil)
	refused(t, err, "ValidationError", "Must specify userName when calling with non-User credentials")
}
