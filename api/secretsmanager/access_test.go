package secretsmanager_test

import (
	"maps"
	"testing"

	"slipway/api/awswire/wiretest"
	door "slipway/api/secretsmanager"
	"slipway/secrets"
	"slipway/store/storetest"
)

// The table of what every operation asks for: of secrets by name, of those of ARNs, and of those that are not
// there.
func TestAccess(t *testing.T) {
	room := newRoom(t, storetest.SQLite(t))
	own := wiretest.Sample{
		"SecretId": "none", "Name": "new", "Description": "about", "KmsKeyId": "alias/aws/secretsmanager", "Tags": []any{map[string]any{"Key": "team", "Value": "sea"}},
		"TagKeys": []string{"team"}, "SecretIdList": []string{"none"}, "VersionStage": "AWSPREVIOUS", "RecoveryWindowInDays": 7, "BlockPublicPolicy": true,
		"ResourcePolicy": "{}", "SecretString": "x",
	}
	theirs := maps.Clone(own)
	maps.Copy(theirs, wiretest.Sample{
		"SecretId": "arn:aws:secretsmanager:us-east-1:999999999999:secret:app/db-AbCdEf", "Description": nil, "KmsKeyId": nil, "CreateSecret.Tags": nil,
		"GetSecretValue.VersionStage": nil, "RecoveryWindowInDays": nil, "ForceDeleteWithoutRecovery": true, "SecretIdList": nil,
		"Filters": []any{map[string]any{"Key": "name", "Values": []string{"x"}}}, "BlockPublicPolicy": nil,
	})
	versioned := maps.Clone(own)
	maps.Copy(versioned, wiretest.Sample{"VersionId": "11111111-1111-4111-8111-111111111111", "GetSecretValue.VersionStage": nil, "ValidateResourcePolicy.SecretId": nil})
	if _, _, err := room.CreateSecret(t.Context(), secrets.NewSecret{Account: wiretest.Account, Name: "app/db"}); err != nil {
		t.Fatal(err)
	}
	wiretest.Access(t, door.New(room), own, theirs, versioned)
}
