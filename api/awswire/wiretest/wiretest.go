// Package wiretest serves doors to the genuine AWS SDK, for tests: on loopback, to the
// root of one account, who may do everything.
package wiretest

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"slipway/api/awswire"
	"slipway/internal/plainbody"
)

// Who calls, and where.
const (
	Region    = "us-east-1"
	Account   = "123456789012"
	AccessKey = "AKIASLIPWAYTESTROOT2"
	Secret    = "wiretest/secret/of/the/root/account/key0"
)

// Start serves the doors until the test ends, and returns what SDK clients need to call them.
// Clients do not retry, so that a test sees the first answer.
func Start(t testing.TB, doors ...*awswire.Service) aws.Config {
	t.Helper()
	return Serve(t, awswire.Config{}, doors...)
}

// Serve is Start with a configuration; what is missing of it is filled in.
func Serve(t testing.TB, config awswire.Config, doors ...*awswire.Service) aws.Config {
	t.Helper()
	if config.Region == "" {
		config.Region = Region
	}
	if config.Keys == nil {
		config.Keys = Root{}
	}
	if config.Access == nil {
		config.Access = Root{}
	}
	if config.Log == nil {
		config.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	server := httptest.NewServer(awswire.NewMux(config, doors...))
	t.Cleanup(server.Close)
	return aws.Config{
		Region:       config.Region,
		BaseEndpoint: aws.String(server.URL),
		HTTPClient:   plainbody.Client(server.Client()),
		Retryer:      func() aws.Retryer { return aws.NopRetryer{} },
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: AccessKey, SecretAccessKey: Secret}, nil
		}),
	}
}

// Root knows one key, that of the account's root, who may do everything.
type Root struct{}

// Lookup knows AccessKey and no other.
func (Root) Lookup(_ context.Context, accessKeyID, _ string) (string, awswire.Caller, error) {
	if accessKeyID != AccessKey {
		return "", awswire.Caller{}, awswire.ErrUnknownKey
	}
	who := awswire.Caller{Account: Account, ARN: "arn:aws:iam::" + Account + ":root", UserID: Account, AccessKeyID: AccessKey}
	return Secret, who, nil
}

// Authorize allows everything.
func (Root) Authorize(context.Context, *awswire.Request) error { return nil }
