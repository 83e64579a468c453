package sts_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"slipway/api/awswire/wiretest"
	"slipway/api/sts"
	"slipway/internal/sigv4"
)

const rootARN = "arn:aws:iam::123456789012:root"

func TestTheSDKLearnsWhoItIs(t *testing.T) {
	client := awssts.NewFromConfig(wiretest.Start(t, sts.New(nil)))
	who, err := client.GetCallerIdentity(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if *who.Arn != rootARN || *who.Account != wiretest.Account || *who.UserId != wiretest.Account {
		t.Errorf("it is told %s, %s, %s", *who.Arn, *who.Account, *who.UserId)
	}
}

func TestEveryOperationIsBound(t *testing.T) {
	if names := sts.New(nil).Unbound(); len(names) > 0 {
		t.Errorf("not bound: %v", names)
	}
}

func TestRefusalsAsTheSDKSeesThem(t *testing.T) {
	good := aws.Credentials{AccessKeyID: wiretest.AccessKey, SecretAccessKey: wiretest.Secret}
	for name, c := range map[string]struct {
		with aws.Credentials
		code string
	}{
		"unknown key":  {aws.Credentials{AccessKeyID: "AKIANOBODY", SecretAccessKey: "x"}, "InvalidClientTokenId"},
		"wrong secret": {aws.Credentials{AccessKeyID: good.AccessKeyID, SecretAccessKey: "x"}, "SignatureDoesNotMatch"},
	} {
		config := wiretest.Start(t, sts.New(nil))
		config.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return c.with, nil })
		_, err := awssts.NewFromConfig(config).GetCallerIdentity(t.Context(), nil)
		var fault smithy.APIError
		if !errors.As(err, &fault) || fault.ErrorCode() != c.code {
			t.Errorf("%s: %v, want %s", name, err, c.code)
		}
	}
}

func TestPresignedByTheSDK(t *testing.T) {
	client := awssts.NewPresignClient(awssts.NewFromConfig(wiretest.Start(t, sts.New(nil))))
	signed, err := client.PresignGetCallerIdentity(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	wantIdentity(t, signed.Method, signed.URL)
}

// boto3 presigns GetCallerIdentity for POST unless it is told GET.
func TestPresignedForPOSTAndGET(t *testing.T) {
	config := wiretest.Start(t, sts.New(nil))
	for _, method := range []string{"POST", "GET"} {
		r, err := http.NewRequest(method, *config.BaseEndpoint+"/?Action=GetCallerIdentity&Version=2011-06-15", nil)
		if err != nil {
			t.Fatal(err)
		}
		with := sigv4.Credentials{AccessKeyID: wiretest.AccessKey, Secret: wiretest.Secret}
		sigv4.Presign(r, nil, with, wiretest.Region, "sts", time.Now(), time.Minute)
		wantIdentity(t, method, r.URL.String())
	}
}

func wantIdentity(t *testing.T, method, url string) {
	t.Helper()
	r, err := http.NewRequest(method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode != 200 || !strings.Contains(string(body), "<Arn>"+rootARN+"</Arn>") {
		t.Errorf("%s: %d %s", method, answer.StatusCode, body)
	}
}

// awsCLI runs the installed aws command against the door, or skips.
func awsCLI(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	path, lookErr := exec.LookPath("aws")
	if lookErr != nil {
		t.Skip("the aws command is not installed")
	}
	config := wiretest.Start(t, sts.New(nil))
	command := exec.CommandContext(t.Context(), path, append([]string{"--endpoint-url", *config.BaseEndpoint, "--output", "json"}, args...)...)
	command.Env = append(command.Environ(),
		"AWS_ACCESS_KEY_ID="+wiretest.AccessKey, "AWS_SECRET_ACCESS_KEY="+wiretest.Secret, "AWS_REGION="+wiretest.Region, "AWS_DEFAULT_REGION="+wiretest.Region,
		"AWS_CONFIG_FILE=/nonexistent", "AWS_SHARED_CREDENTIALS_FILE=/nonexistent", "AWS_MAX_ATTEMPTS=1", "AWS_PAGER=")
	var out, errs strings.Builder
	command.Stdout, command.Stderr = &out, &errs
	err = command.Run()
	return out.String(), errs.String(), err
}

func TestTheCLILearnsWhoItIs(t *testing.T) {
	out, errs, err := awsCLI(t, "sts", "get-caller-identity")
	if err != nil {
		t.Fatalf("%v: %s", err, errs)
	}
	var who struct{ UserId, Account, Arn string }
	if err := json.Unmarshal([]byte(out), &who); err != nil {
		t.Fatal(err)
	}
	if who.Arn != rootARN || who.Account != wiretest.Account || who.UserId != wiretest.Account {
		t.Errorf("it is told %+v", who)
	}
}

func TestTheCLIIsToldWhatIsNotSupported(t *testing.T) {
	_, errs, err := awsCLI(t, "sts", "get-federation-token", "--name", "ann")
	if err == nil || !strings.Contains(errs, "(UnsupportedOperation)") || !strings.Contains(errs, "GetFederationToken is an operation of STS that is not supported by Slipway.") {
		t.Errorf("%v: %s", err, errs)
	}
}
