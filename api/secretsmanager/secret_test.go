package secretsmanager_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/smithy-go"

	"slipway/accounts"
	"slipway/accounts/policy"
	"slipway/api/awswire"
	"slipway/api/awswire/wiretest"
	"slipway/api/doortest"
	door "slipway/api/secretsmanager"
	"slipway/seal/sealtest"
	"slipway/secrets"
	"slipway/store"
	"slipway/store/storetest"
)

// world is a door that real clients call.
type world struct {
	*secretsmanager.Client
	t    *testing.T
	room *secrets.Control
}

// readable is what the server has policies read by.
func readable(text string) error {
	_, err := policy.Parse(text, policy.Resource)
	return err
}

func newRoom(t *testing.T, db *store.DB) *secrets.Control {
	t.Helper()
	room, err := secrets.New(t.Context(), db, sealtest.Keys(t, db), wiretest.Region, secrets.CheckPolicies(readable))
	must(t, err)
	return room
}

func newWorld(t *testing.T, db *store.DB) *world {
	t.Helper()
	room := newRoom(t, db)
	return &world{secretsmanager.NewFromConfig(wiretest.Start(t, door.New(room))), t, room}
}

func each(t *testing.T, test func(w *world)) {
	storetest.Each(t, func(t *testing.T, db *store.DB) { test(newWorld(t, db)) })
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

// create makes a secret of text and returns its ARN.
func (w *world) create(name, value string) *string {
	w.t.Helper()
	made, err := w.CreateSecret(w.t.Context(), &secretsmanager.CreateSecretInput{Name: &name, SecretString: &value})
	must(w.t, err)
	return made.ARN
}

const (
	gone   = "Secrets Manager can't find the specified secret."
	marked = "You can't perform this operation on the secret because it was marked for deletion."
)

func TestEveryOperationIsBound(t *testing.T) {
	if names := door.New(nil).Unbound(); len(names) > 0 {
		t.Errorf("not bound: %v", names)
	}
}

// A secret as the SDK makes, reads, changes and describes it.
func TestASecretAsTheSDKSeesIt(t *testing.T) {
	each(t, func(w *world) {
		t, c, id := w.t, w.t.Context(), aws.String("app/db")
		in := &secretsmanager.CreateSecretInput{
			Name: id, SecretString: aws.String("one"), Description: aws.String("of the database"), KmsKeyId: aws.String("alias/aws/secretsmanager"),
			Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("sea")}}, ClientRequestToken: aws.String("11111111-1111-4111-8111-111111111111"),
		}
		made, err := w.CreateSecret(c, in)
		must(t, err)
		again, err := w.CreateSecret(c, in)
		must(t, err)
		if *again.ARN != *made.ARN || *made.VersionId != *in.ClientRequestToken || !strings.HasPrefix(*made.ARN, "arn:aws:secretsmanager:us-east-1:123456789012:secret:app/db-") {
			t.Errorf("made %s of %s, and again %s", *made.VersionId, *made.ARN, *again.ARN)
		}
		put, err := w.PutSecretValue(c, &secretsmanager.PutSecretValueInput{SecretId: made.ARN, SecretBinary: []byte{0, 1, 2}})
		must(t, err)
		if !slices.Equal(put.VersionStages, []string{"AWSCURRENT"}) {
			t.Errorf("put with stages %v", put.VersionStages)
		}
		now, err := w.GetSecretValue(c, &secretsmanager.GetSecretValueInput{SecretId: id})
		must(t, err)
		if string(now.SecretBinary) != "\x00\x01\x02" || now.SecretString != nil || *now.VersionId != *put.VersionId || *now.ARN != *made.ARN || time.Since(*now.CreatedDate) > time.Hour {
			t.Errorf("now it is %+v", now)
		}
		was, err := w.GetSecretValue(c, &secretsmanager.GetSecretValueInput{SecretId: id, VersionStage: aws.String("AWSPREVIOUS")})
		must(t, err)
		if *was.SecretString != "one" || was.SecretBinary != nil {
			t.Errorf("before it was %+v", was)
		}
		_, err = w.UpdateSecretVersionStage(c, &secretsmanager.UpdateSecretVersionStageInput{
			SecretId: id, VersionStage: aws.String("AWSCURRENT"), MoveToVersionId: made.VersionId, RemoveFromVersionId: put.VersionId,
		})
		must(t, err)
		updated, err := w.UpdateSecret(c, &secretsmanager.UpdateSecretInput{SecretId: id, Description: aws.String("changed")})
		must(t, err)
		_, err = w.TagResource(c, &secretsmanager.TagResourceInput{SecretId: id, Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}})
		must(t, err)
		_, err = w.UntagResource(c, &secretsmanager.UntagResourceInput{SecretId: id, TagKeys: []string{"team"}})
		must(t, err)
		d, err := w.DescribeSecret(c, &secretsmanager.DescribeSecretInput{SecretId: id})
		must(t, err)
		stages := fmt.Sprint(d.VersionIdsToStages[*made.VersionId], d.VersionIdsToStages[*put.VersionId])
		if *d.Description != "changed" || stages != "[AWSCURRENT] [AWSPREVIOUS]" || len(d.Tags) != 1 || *d.Tags[0].Key != "a" || d.DeletedDate != nil || d.LastAccessedDate == nil || d.KmsKeyId != nil || updated.VersionId != nil {
			t.Errorf("described as %+v, stages %s", d, stages)
		}
		versions, err := w.ListSecretVersionIds(c, &secretsmanager.ListSecretVersionIdsInput{SecretId: id})
		must(t, err)
		if v := versions.Versions; len(v) != 2 || *v[0].VersionId != *made.VersionId || v[0].LastAccessedDate == nil || *versions.Name != "app/db" {
			t.Errorf("versions %+v", v)
		}
	})
}

func TestDeletingAsTheSDKSeesIt(t *testing.T) {
	each(t, func(w *world) {
		t, c, id := w.t, w.t.Context(), aws.String("db")
		w.create("db", "one")
		deleted, err := w.DeleteSecret(c, &secretsmanager.DeleteSecretInput{SecretId: id})
		must(t, err)
		if days := time.Until(*deleted.DeletionDate).Hours() / 24; days < 29 || days > 31 {
			t.Errorf("it goes in %v days", days)
		}
		_, err = w.GetSecretValue(c, &secretsmanager.GetSecretValueInput{SecretId: id})
		refused(t, err, "InvalidRequestException", marked)
		_, err = w.CreateSecret(c, &secretsmanager.CreateSecretInput{Name: id})
		refused(t, err, "InvalidRequestException", "You can't create this secret because a secret with this name is already scheduled for deletion.")
		d, err := w.DescribeSecret(c, &secretsmanager.DescribeSecretInput{SecretId: id})
		must(t, err)
		if d.DeletedDate == nil {
			t.Error("it is not described as deleted")
		}
		list, err := w.ListSecrets(c, nil)
		must(t, err)
		all, err := w.ListSecrets(c, &secretsmanager.ListSecretsInput{IncludePlannedDeletion: aws.Bool(true)})
		must(t, err)
		if len(list.SecretList) != 0 || len(all.SecretList) != 1 {
			t.Errorf("listed %d, of all %d", len(list.SecretList), len(all.SecretList))
		}
		_, err = w.RestoreSecret(c, &secretsmanager.RestoreSecretInput{SecretId: id})
		must(t, err)
		_, err = w.GetSecretValue(c, &secretsmanager.GetSecretValueInput{SecretId: id})
		must(t, err)
		for range 2 { // of what is not there, too
			_, err = w.DeleteSecret(c, &secretsmanager.DeleteSecretInput{SecretId: id, ForceDeleteWithoutRecovery: aws.Bool(true)})
			must(t, err)
		}
		_, err = w.DescribeSecret(c, &secretsmanager.DescribeSecretInput{SecretId: id})
		refused(t, err, "ResourceNotFoundException", gone)
	})
}

func TestTheSDKPages(t *testing.T) {
	each(t, func(w *world) {
		t, c := w.t, w.t.Context()
		var want []string
		for i := range 7 {
			name := fmt.Sprint("s", i)
			w.create(name, name)
			want = append(want, name)
		}
		for range 4 {
			_, err := w.PutSecretValue(c, &secretsmanager.PutSecretValueInput{SecretId: aws.String("s0"), SecretString: aws.String("again")})
			must(t, err)
		}
		var listed, values []string
		versions := 0
		for pages := secretsmanager.NewListSecretsPaginator(w, &secretsmanager.ListSecretsInput{MaxResults: aws.Int32(3), SortBy: types.SortByTypeName}); pages.HasMorePages(); {
			page, err := pages.NextPage(c)
			must(t, err)
			for _, s := range page.SecretList {
				listed = append(listed, *s.Name)
			}
		}
		for pages := secretsmanager.NewBatchGetSecretValuePaginator(w, &secretsmanager.BatchGetSecretValueInput{
			MaxResults: aws.Int32(2), Filters: []types.Filter{{Key: types.FilterNameStringTypeName, Values: []string{"s"}}},
		}); pages.HasMorePages(); {
			page, err := pages.NextPage(c)
			must(t, err)
			for _, s := range page.SecretValues {
				values = append(values, *s.Name)
			}
		}
		for pages := secretsmanager.NewListSecretVersionIdsPaginator(w, &secretsmanager.ListSecretVersionIdsInput{SecretId: aws.String("s0"), MaxResults: aws.Int32(2), IncludeDeprecated: aws.Bool(true)}); pages.HasMorePages(); {
			page, err := pages.NextPage(c)
			must(t, err)
			versions += len(page.Versions)
		}
		if !slices.Equal(listed, want) || !slices.Equal(values, want) || versions != 5 {
			t.Errorf("listed %v, values of %v, %d versions", listed, values, versions)
		}
	})
}

func TestABatchTellsWhatCannotBeHad(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	w.create("a", "1")
	got, err := w.BatchGetSecretValue(t.Context(), &secretsmanager.BatchGetSecretValueInput{SecretIdList: []string{"none", "a"}})
	must(t, err)
	if len(got.SecretValues) != 1 || *got.SecretValues[0].SecretString != "1" || len(got.Errors) != 1 || *got.Errors[0].SecretId != "none" || *got.Errors[0].ErrorCode != "ResourceNotFoundException" || *got.Errors[0].Message != gone {
		t.Errorf("got %+v", got)
	}
	const both = "You must specify either SecretIdList or Filters, but not both."
	_, err = w.BatchGetSecretValue(t.Context(), nil)
	refused(t, err, "InvalidParameterException", both)
	_, err = w.BatchGetSecretValue(t.Context(), &secretsmanager.BatchGetSecretValueInput{SecretIdList: []string{"a"}, MaxResults: aws.Int32(1)})
	refused(t, err, "InvalidParameterException", "You can use MaxResults and NextToken only with Filters.")
}

func TestPasswordsAsTheSDKSeesThem(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	made, err := w.GetRandomPassword(t.Context(), &secretsmanager.GetRandomPasswordInput{PasswordLength: aws.Int64(12), ExcludePunctuation: aws.Bool(true)})
	must(t, err)
	if len(*made.RandomPassword) != 12 || strings.ContainsAny(*made.RandomPassword, "!#$%&/()=?") {
		t.Errorf("made a password of %d characters", len(*made.RandomPassword))
	}
	_, err = w.GetRandomPassword(t.Context(), &secretsmanager.GetRandomPasswordInput{PasswordLength: aws.Int64(2)})
	refused(t, err, "InvalidParameterException", "Password length 2 is too short based on the required types.")
}

// What is refused is refused in AWS's words, and in none of them is a value.
func TestRefusals(t *testing.T) {
	w, c := newWorld(t, storetest.SQLite(t)), t.Context()
	w.create("db", "one")
	id := aws.String("db")
	create := func(change func(*secretsmanager.CreateSecretInput)) error {
		in := &secretsmanager.CreateSecretInput{Name: aws.String("new"), SecretString: aws.String("hunter2")}
		change(in)
		_, err := w.CreateSecret(c, in)
		return err
	}
	for _, step := range []struct {
		code, text string
		change     func(*secretsmanager.CreateSecretInput)
	}{
		{"ResourceExistsException", "The operation failed because the secret db already exists.", func(in *secretsmanager.CreateSecretInput) { in.Name = id }},
		{"ValidationException", "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!", func(in *secretsmanager.CreateSecretInput) { in.Name = aws.String("a b") }},
		{"InvalidParameterException", "You can't specify both a binary secret value and a string secret value in the same secret.", func(in *secretsmanager.CreateSecretInput) { in.SecretBinary = []byte("x") }},
		{"InvalidParameterException", "AddReplicaRegions is not supported by Slipway.", func(in *secretsmanager.CreateSecretInput) {
			in.AddReplicaRegions = []types.ReplicaRegionType{{Region: aws.String("eu-west-1")}}
		}},
		{"InvalidParameterException", "Type is not supported by Slipway.", func(in *secretsmanager.CreateSecretInput) { in.Type = aws.String("SalesforceClientSecret") }},
		{"InvalidParameterException", "The key alias/mine is not supported by Slipway: values are sealed under its own keys. Leave KmsKeyId out.", func(in *secretsmanager.CreateSecretInput) { in.KmsKeyId = aws.String("alias/mine") }},
		{"InvalidParameterException", "The secret value is longer than 65536 bytes.", func(in *secretsmanager.CreateSecretInput) { in.SecretString = aws.String(strings.Repeat("é", 40_000)) }},
		{"ValidationException", "1 validation error detected: Value at 'secretString' failed to satisfy constraint: Member must have length less than or equal to 65536", func(in *secretsmanager.CreateSecretInput) {
			in.SecretString = aws.String(strings.Repeat("x", 65537))
		}},
		{"InvalidParameterException", "You can't use the tag key a more than once.", func(in *secretsmanager.CreateSecretInput) {
			in.Tags = []types.Tag{{Key: aws.String("a")}, {Key: aws.String("a")}}
		}},
		{"InvalidParameterException", "You must provide a key for each tag.", func(in *secretsmanager.CreateSecretInput) { in.Tags = []types.Tag{{}} }},
	} {
		refused(t, create(step.change), step.code, step.text)
	}
	_, err := w.GetSecretValue(c, &secretsmanager.GetSecretValueInput{SecretId: aws.String("none")})
	refused(t, err, "ResourceNotFoundException", gone)
	_, err = w.GetSecretValue(c, &secretsmanager.GetSecretValueInput{SecretId: id, VersionStage: aws.String("mine")})
	refused(t, err, "ResourceNotFoundException", "Secrets Manager can't find the specified secret value for staging label: mine")
	_, err = w.PutSecretValue(c, &secretsmanager.PutSecretValueInput{SecretId: id})
	refused(t, err, "InvalidRequestException", "You must provide either SecretString or SecretBinary.")
	for text, in := range map[string]*secretsmanager.DeleteSecretInput{
		"You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.": {ForceDeleteWithoutRecovery: aws.Bool(true), RecoveryWindowInDays: aws.Int64(7)},
		"The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).":          {RecoveryWindowInDays: aws.Int64(0)},
	} {
		in.SecretId = id
		_, err = w.DeleteSecret(c, in)
		refused(t, err, "InvalidParameterException", text)
	}
	_, err = w.ListSecrets(c, &secretsmanager.ListSecretsInput{NextToken: aws.String("x")})
	refused(t, err, "InvalidNextTokenException", "The NextToken value is invalid.")
	_, err = w.RotateSecret(c, &secretsmanager.RotateSecretInput{SecretId: id})
	if err == nil || !strings.Contains(err.Error(), "not supported by Slipway") {
		t.Errorf("rotation: %v", err)
	}
	_, err = w.ReplicateSecretToRegions(c, &secretsmanager.ReplicateSecretToRegionsInput{SecretId: id, AddReplicaRegions: []types.ReplicaRegionType{{Region: aws.String("eu-west-1")}}})
	if err == nil || !strings.Contains(err.Error(), "not supported by Slipway") {
		t.Errorf("replication: %v", err)
	}
}

func TestPoliciesAsTheSDKSeesThem(t *testing.T) {
	w, c := newWorld(t, storetest.SQLite(t)), t.Context()
	w.create("db", "one")
	id := aws.String("db")
	put := func(text string, block bool) error {
		_, err := w.PutResourcePolicy(c, &secretsmanager.PutResourcePolicyInput{SecretId: id, ResourcePolicy: &text, BlockPublicPolicy: &block})
		return err
	}
	closed := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::999999999999:root"},"Action":"secretsmanager:GetSecretValue","Resource":"*"}]}`
	public := strings.Replace(closed, "arn:aws:iam::999999999999:root", "*", 1)
	must(t, put(closed, true))
	got, err := w.GetResourcePolicy(c, &secretsmanager.GetResourcePolicyInput{SecretId: id})
	must(t, err)
	if *got.ResourcePolicy != closed || *got.Name != "db" {
		t.Errorf("the policy is %+v", got)
	}
	refused(t, put(public, true), "PublicPolicyException", "You can't attach a resource policy that allows broad access to the secret.")
	var fault *types.MalformedPolicyDocumentException
	if err := put(`{"Statement":7}`, false); !errors.As(err, &fault) {
		t.Errorf("what is no policy: %v", err)
	}
	for text, want := range map[string]bool{closed: true, public: false} {
		checked, err := w.ValidateResourcePolicy(c, &secretsmanager.ValidateResourcePolicyInput{SecretId: id, ResourcePolicy: &text})
		must(t, err)
		if checked.PolicyValidationPassed != want || want != (len(checked.ValidationErrors) == 0) {
			t.Errorf("%s: %+v", text, checked)
		}
	}
	_, err = w.DeleteResourcePolicy(c, &secretsmanager.DeleteResourcePolicyInput{SecretId: id})
	must(t, err)
	got, err = w.GetResourcePolicy(c, &secretsmanager.GetResourcePolicyInput{SecretId: id})
	if err != nil || got.ResourcePolicy != nil {
		t.Errorf("afterwards it is %+v, %v", got, err)
	}
}

// Who may read what: by policies of one's own, by the policy of the secret, and by its tags. A denial tells
// nothing of a secret but what the caller said.
func TestWhoMayReadSecrets(t *testing.T) {
	db := storetest.SQLite(t)
	room := newRoom(t, db)
	w := doortest.New(t, db, func(*accounts.Control) []*awswire.Service { return []*awswire.Service{door.New(room)} })
	c, root := t.Context(), secretsmanager.NewFromConfig(w.AsRoot())
	arns := map[string]*string{}
	for _, name := range []string{"red", "blue"} {
		made, err := root.CreateSecret(c, &secretsmanager.CreateSecretInput{Name: &name, SecretString: &name, Tags: []types.Tag{{Key: aws.String("team"), Value: &name}}})
		must(t, err)
		arns[name] = made.ARN
	}
	allow := func(more string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"secretsmanager:*",` + more + `}]}`
	}
	read := func(config aws.Config, id string) string {
		got, err := secretsmanager.NewFromConfig(config).GetSecretValue(c, &secretsmanager.GetSecretValueInput{SecretId: &id})
		if err != nil {
			return err.Error()[strings.LastIndex(err.Error(), "api error"):]
		}
		return *got.SecretString
	}
	byName := w.User(wiretest.Account, "by-name", allow(`"Resource":"arn:aws:secretsmanager:*:*:secret:red-??????"`))
	byTag := w.User(wiretest.Account, "by-tag", allow(`"Resource":"*","Condition":{"StringEquals":{"secretsmanager:ResourceTag/team":"blue"}}`))
	byID := w.User(wiretest.Account, "by-id", allow(`"Resource":"*","Condition":{"StringEquals":{"secretsmanager:SecretId":"`+*arns["red"]+`"}}`))
	denied := func(user, id string) string {
		return "api error AccessDeniedException: User: arn:aws:iam::123456789012:user/" + user + " is not authorized to perform: secretsmanager:GetSecretValue on resource: " + id +
			" because no identity-based policy allows the secretsmanager:GetSecretValue action"
	}
	for _, step := range []struct {
		who      aws.Config
		id, want string
	}{
		{byName, "red", "red"}, {byName, *arns["red"], "red"}, {byName, "blue", denied("by-name", "blue")}, {byName, "none", denied("by-name", "none")},
		{byTag, "blue", "blue"}, {byTag, "red", denied("by-tag", "red")}, {byTag, "none", denied("by-tag", "none")},
		{byID, "red", "red"}, {byID, "blue", denied("by-id", "blue")},
	} {
		if got := read(step.who, step.id); got != step.want {
			t.Errorf("%s reads %q, want %q", step.id, got, step.want)
		}
	}
	batch, err := secretsmanager.NewFromConfig(w.User(wiretest.Account, "batch", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"secretsmanager:BatchGetSecretValue","Resource":"*"},{"Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":"`+*arns["red"]+`"}]}`)).
		BatchGetSecretValue(c, &secretsmanager.BatchGetSecretValueInput{SecretIdList: []string{"red", "blue", "none"}})
	must(t, err)
	if len(batch.SecretValues) != 1 || *batch.SecretValues[0].Name != "red" || len(batch.Errors) != 2 || *batch.Errors[0].ErrorCode != "AccessDeniedException" || *batch.Errors[1].ErrorCode != "AccessDeniedException" {
		t.Errorf("a batch has %d values and the errors %+v", len(batch.SecretValues), batch.Errors)
	}

	other, err := w.Room.CreateAccount(c, "other")
	must(t, err)
	foreign := w.User(other.ID, "foreign", allow(`"Resource":"*"`))
	if got := read(foreign, *arns["red"]); !strings.Contains(got, "AccessDenied") {
		t.Errorf("another account reads %q", got)
	}
	_, err = root.PutResourcePolicy(c, &secretsmanager.PutResourcePolicyInput{SecretId: arns["red"], ResourcePolicy: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + other.ID + `"},"Action":"secretsmanager:GetSecretValue","Resource":"*"}]}`)})
	must(t, err)
	if got := read(foreign, *arns["red"]); got != "red" {
		t.Errorf("another account that is let in reads %q", got)
	}
	_, err = secretsmanager.NewFromConfig(foreign).PutSecretValue(c, &secretsmanager.PutSecretValueInput{SecretId: arns["red"], SecretString: aws.String("x")})
	if err == nil || !strings.Contains(err.Error(), "AccessDenied") {
		t.Errorf("another account writes: %v", err)
	}
}
