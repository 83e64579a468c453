package sts_test

import (
	"testing"

	awssts "github.com/aws/aws-sdk-go-v2/service/sts"

	"slipway/api/awswire/wiretest"
	"slipway/api/sts"
)

func TestGetCallerIdentity(t *testing.T) {
	client := awssts.NewFromConfig(wiretest.Start(t, sts.New()))
	who, err := client.GetCallerIdentity(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := *who.Arn, "arn:aws:iam::123456789012:root"; got != want {
		t.Errorf("Arn = %q, want %q", got, want)
	}
}
