package sts_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"

	"slipway/accounts"
	"slipway/api/awswire"
	"slipway/api/awswire/wiretest"
	"slipway/api/doortest"
	"slipway/api/sts"
	"slipway/store"
	"slipway/store/storetest"
)

const (
	mayAssume = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:*","Resource":"*"}]}`
	ours      = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"sts:AssumeRole"CONDITION}]}`
)

var trustUs = strings.Replace(ours, "CONDITION", "", 1)

func newWorld(t testing.TB, db *store.DB) *doortest.World {
	return doortest.New(t, db, func(c *accounts.Control) []*awswire.Service { return []*awswire.Service{sts.New(c)} })
}

func client(config aws.Config) *awssts.Client { return awssts.NewFromConfig(config) }

// with is the client of somebody who was given credentials.
func with(w *doortest.World, c *types.Credentials) *awssts.Client {
	return client(w.As(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken))
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

func assume(role, name string) *awssts.AssumeRoleInput {
	return &awssts.AssumeRoleInput{RoleArn: &role, RoleSessionName: &name}
}

func TestTheSDKActsInARole(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		role := w.Role(wiretest.Account, "deploy", trustUs, "")
		ann := client(w.User(wiretest.Account, "ann", mayAssume))
		out, err := ann.AssumeRole(t.Context(), assume(role, "ci"))
		must(t, err)
		if out.PackedPolicySize != nil || out.SourceIdentity != nil || time.Until(*out.Credentials.Expiration) > time.Hour {
			t.Errorf("assumed %+v", out)
		}
		who, err := with(w, out.Credentials).GetCallerIdentity(t.Context(), nil)
		must(t, err)
		if *who.Arn != "arn:aws:sts::123456789012:assumed-role/deploy/ci" || *who.Arn != *out.AssumedRoleUser.Arn ||
			*who.UserId != *out.AssumedRoleUser.AssumedRoleId || !strings.HasSuffix(*who.UserId, ":ci") || *who.Account != wiretest.Account {
			t.Errorf("it is told %s, %s", *who.Arn, *who.UserId)
		}
		account, err := ann.GetAccessKeyInfo(t.Context(), &awssts.GetAccessKeyInfoInput{AccessKeyId: out.Credentials.AccessKeyId})
		must(t, err)
		if *account.Account != wiretest.Account {
			t.Errorf("the key is of account %s", *account.Account)
		}
		_, err = ann.GetAccessKeyInfo(t.Context(), &awssts.GetAccessKeyInfoInput{AccessKeyId: aws.String("AKIAAAAAAAAAAAAAAAAA")})
		refused(t, err, "ValidationError", "access key not known: AKIAAAAAAAAAAAAAAAAA")
	})
}

func TestASessionIsNothingWithoutItsToken(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	got, err := client(w.AsRoot()).GetSessionToken(t.Context(), nil)
	must(t, err)
	c := got.Credentials
	id, secret, token := *c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken
	const invalid = "The security token included in the request is invalid."
	for name, config := range map[string]aws.Config{
		"no token": w.As(id, secret, ""), "another token": w.As(id, secret, token[:len(token)-1]+"!"),
		"a token with root's key": w.As(w.Root.ID, w.Root.Secret, token),
	} {
		_, err := client(config).GetCallerIdentity(t.Context(), nil)
		t.Log(name)
		refused(t, err, "InvalidClientTokenId", invalid)
	}
	_, err = client(w.As(id, "x", token)).GetCallerIdentity(t.Context(), nil)
	refused(t, err, "SignatureDoesNotMatch", "")
	_, err = with(w, c).GetSessionToken(t.Context(), nil)
	refused(t, err, "AccessDenied", "Cannot call GetSessionToken with session credentials")
	_, err = with(w, c).GetCallerIdentity(t.Context(), nil)
	must(t, err)
}

func TestAnExpiredSessionIsToldSo(t *testing.T) {
	db := storetest.SQLite(t)
	w := newWorld(t, db)
	got, err := client(w.AsRoot()).GetSessionToken(t.Context(), nil)
	must(t, err)
	must(t, db.Update(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec(`update sessions set expires = 1`)
		return err
	}))
	_, err = with(w, got.Credentials).GetCallerIdentity(t.Context(), nil)
	refused(t, err, "ExpiredToken", "The security token included in the request is expired")
	_, err = client(w.As(*got.Credentials.AccessKeyId, *got.Credentials.SecretAccessKey, "x")).GetCallerIdentity(t.Context(), nil)
	refused(t, err, "InvalidClientTokenId", "")
}

func TestWhatIsPassedToASession(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	all := strings.Replace(trustUs, `"sts:AssumeRole"`, `"sts:*"`, 1)
	external := strings.Replace(ours, "CONDITION", `,"Condition":{"StringEquals":{"sts:ExternalId":"7-up"}}`, 1)
	team := strings.Replace(all, `"Action"`, `"Condition":{"StringEquals":{"aws:RequestTag/team":"red"}},"Action"`, 1)
	first, second := w.Role(wiretest.Account, "first", all, mayAssume), w.Role(wiretest.Account, "second", trustUs, "")
	root := client(w.AsRoot())

	in := assume(w.Role(wiretest.Account, "external", external, ""), "xx")
	_, err := root.AssumeRole(t.Context(), in)
	refused(t, err, "AccessDenied", "User: arn:aws:iam::123456789012:root is not authorized to perform: sts:AssumeRole on resource: "+*in.RoleArn)
	in.ExternalId = aws.String("7-up")
	_, err = root.AssumeRole(t.Context(), in)
	must(t, err)

	in = assume(w.Role(wiretest.Account, "team", team, ""), "xx")
	in.Tags = []types.Tag{{Key: aws.String("team"), Value: aws.String("blue")}}
	_, err = root.AssumeRole(t.Context(), in)
	refused(t, err, "AccessDenied", "")
	in.Tags[0].Value = aws.String("red")
	_, err = root.AssumeRole(t.Context(), in)
	must(t, err)

	// A role has to let tags and identities be passed, also those that a session passes on.
	in = assume(second, "xx")
	in.Tags = []types.Tag{{Key: aws.String("team"), Value: aws.String("red")}}
	_, err = root.AssumeRole(t.Context(), in)
	refused(t, err, "AccessDenied", "User: arn:aws:iam::123456789012:root is not authorized to perform: sts:TagSession on resource: "+second)
	in = assume(first, "xx")
	in.SourceIdentity = aws.String("ann")
	out, err := root.AssumeRole(t.Context(), in)
	must(t, err)
	if aws.ToString(out.SourceIdentity) != "ann" {
		t.Errorf("source identity %v", out.SourceIdentity)
	}
	_, err = with(w, out.Credentials).AssumeRole(t.Context(), assume(second, "yy"))
	refused(t, err, "AccessDenied", "User: "+*out.AssumedRoleUser.Arn+" is not authorized to perform: sts:SetSourceIdentity on resource: "+second)
	in = assume(first, "yy")
	in.Tags, in.TransitiveTagKeys = []types.Tag{{Key: aws.String("team"), Value: aws.String("red")}}, []string{"team"}
	in.Policy = aws.String(mayAssume)
	out, err = root.AssumeRole(t.Context(), in)
	must(t, err)
	if aws.ToInt32(out.PackedPolicySize) == 0 {
		t.Error("no packed size")
	}
	_, err = with(w, out.Credentials).AssumeRole(t.Context(), assume(second, "zz"))
	refused(t, err, "AccessDenied", "User: "+*out.AssumedRoleUser.Arn+" is not authorized to perform: sts:TagSession on resource: "+second)
	in = assume(first, "zz")
	in.DurationSeconds = aws.Int32(3601)
	_, err = with(w, out.Credentials).AssumeRole(t.Context(), in)
	refused(t, err, "ValidationError", "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.")
}

func TestRefusalsOfSessions(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	role := w.Role(wiretest.Account, "deploy", trustUs, "")
	root := client(w.AsRoot())
	for _, try := range []struct {
		change     func(*awssts.AssumeRoleInput)
		code, text string
	}{
		{func(in *awssts.AssumeRoleInput) { in.RoleArn = aws.String(role + "ment") }, "AccessDenied", "User: arn:aws:iam::123456789012:root is not authorized to perform: sts:AssumeRole on resource: " + role + "ment"},
		{func(in *awssts.AssumeRoleInput) { in.RoleArn = aws.String("arn:aws:iam::123456789012:user/ann") }, "ValidationError", "arn:aws:iam::123456789012:user/ann is invalid"},
		{func(in *awssts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(7200) }, "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."},
		{func(in *awssts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(600) }, "ValidationError", "1 validation error detected: Value '600' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900"},
		{func(in *awssts.AssumeRoleInput) { in.RoleSessionName = aws.String("no spaces") }, "ValidationError", ""},
		{func(in *awssts.AssumeRoleInput) { in.Policy = aws.String("{") }, "MalformedPolicyDocument", ""},
		{func(in *awssts.AssumeRoleInput) {
			in.Policy = aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"` + strings.Repeat("x", 3000) + `:y","Resource":"*"}]}`)
		}, "PackedPolicyTooLarge", ""},
		{func(in *awssts.AssumeRoleInput) {
			in.SerialNumber, in.TokenCode = aws.String("arn:aws:iam::123456789012:mfa/ann"), aws.String("123456")
		}, "AccessDenied", ""},
	} {
		in := assume(role, "ci")
		try.change(in)
		_, err := root.AssumeRole(t.Context(), in)
		refused(t, err, try.code, try.text)
	}
}

// The table of what every operation asks for.
func TestAccess(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	wiretest.Access(t, sts.New(w.Room), wiretest.Sample{
		"RoleArn": w.Role(wiretest.Account, "deploy", trustUs, ""), "RoleSessionName": "ci", "SourceIdentity": "ann", "ExternalId": "7-up",
		"DurationSeconds": 3600, "Tags": []any{map[string]any{"Key": "team", "Value": "red"}}, "TransitiveTagKeys": []string{"team"},
		"AccessKeyId": w.Root.ID, "Policy": mayAssume,
	})
}
