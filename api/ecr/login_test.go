package ecr_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	awsecr "github.com/aws/aws-sdk-go-v2/service/ecr"

	"slipway/api/awswire/wiretest"
	"slipway/registry"
)

func TestALoginForDocker(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		out, err := k.GetAuthorizationToken(t.Context(), &awsecr.GetAuthorizationTokenInput{RegistryIds: []string{account}})
		check(t, err)
		if len(out.AuthorizationData) != 1 {
			t.Fatalf("%d logins", len(out.AuthorizationData))
		}
		data := out.AuthorizationData[0]
		if *data.ProxyEndpoint != *k.config.BaseEndpoint { // where this client reaches us, whatever we are told
			t.Errorf("it is for %s", *data.ProxyEndpoint)
		}
		if left := time.Until(*data.ExpiresAt); left > registry.TokenLife || left < registry.TokenLife-time.Hour {
			t.Errorf("it is good for %v", left)
		}
		plain, err := base64.StdEncoding.DecodeString(*data.AuthorizationToken)
		check(t, err)
		user, token, _ := strings.Cut(string(plain), ":")
		login, err := k.room.Verify(token)
		check(t, err)
		if user != "AWS" || login.Account != account || login.Principal != "arn:aws:iam::123456789012:root" || login.UserID != account || login.Key != wiretest.AccessKey ||
			len(login.Scope.Repositories)+len(login.Scope.Actions) > 0 || !login.Expires.Equal(*data.ExpiresAt) {
			t.Errorf("user %s, login %+v", user, login)
		}
	})
}

func TestNoLoginForAForeignRegistry(t *testing.T) {
	_, err := lite(t).GetAuthorizationToken(t.Context(), &awsecr.GetAuthorizationTokenInput{RegistryIds: []string{account, foreign}})
	wantFault(t, err, "InvalidParameterException", "Invalid parameter at 'registryIds' failed to satisfy constraint: 'must name your own registry, 123456789012, and no other; 999999999999 is not'")
}

func TestTheRegistryIsTheAccounts(t *testing.T) {
	out, err := lite(t).DescribeRegistry(t.Context(), nil)
	check(t, err)
	if *out.RegistryId != account || out.ReplicationConfiguration == nil || len(out.ReplicationConfiguration.Rules) > 0 {
		t.Errorf("it is %s", asJSON(out))
	}
}
