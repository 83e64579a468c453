package lambda_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/smithy-go"

	"slipway/api/awswire/wiretest"
	door "slipway/api/lambda"
	"slipway/functions"
)

func TestEveryServedOperationIsBound(t *testing.T) {
	if names := door.New(new(functions.Control), wiretest.Region).Unbound(); len(names) > 0 {
		t.Errorf("not bound: %v", names)
	}
}

// What is not served is refused by its name.
func TestOperationsThatAreNotServed(t *testing.T) {
	room := answering(functions.Answer{})
	_, err := client(t, room).ListEventSourceMappings(t.Context(), &lambda.ListEventSourceMappingsInput{})
	if !refusedAs(err, "UnsupportedOperationException", "ListEventSourceMappings is an operation of Lambda that is not supported by Slipway.") {
		t.Error(err)
	}
	_, err = client(t, room).GetFunctionScalingConfig(t.Context(), &lambda.GetFunctionScalingConfigInput{FunctionName: aws.String("hello"), Qualifier: aws.String("1")})
	if !refusedAs(err, "UnsupportedOperationException", "GetFunctionScalingConfig is an operation of Lambda that is not supported by Slipway.") {
		t.Error(err)
	}
}

func refusedAs(err error, code, text string) bool {
	fault, ok := errors.AsType[smithy.APIError](err)
	return ok && fault.ErrorCode() == code && strings.HasPrefix(fault.ErrorMessage(), text)
}

// TestAccess shows what each operation asks for.
func TestAccess(t *testing.T) {
	d := newDesk(t)
	wiretest.Access(t, door.New(d.room, wiretest.Region), wiretest.Sample{
		"FunctionName": "hello", "Name": "live", "FunctionVersion": "1", "ListFunctions.FunctionVersion": "ALL", "Role": "arn:aws:iam::" + wiretest.Account + ":role/hello",
		"Resource": "arn:aws:lambda:" + wiretest.Region + ":" + wiretest.Account + ":function:hello", "Qualifier": nil, "StatementId": "ann", "Principal": "*", "Action": "lambda:InvokeFunction",
		"LayerName": "tools", "VersionNumber": 1, "Arn": "arn:aws:lambda:" + wiretest.Region + ":" + wiretest.Account + ":layer:tools:1",
		"GetProvisionedConcurrencyConfig.Qualifier": "live", "PutProvisionedConcurrencyConfig.Qualifier": "live", "DeleteProvisionedConcurrencyConfig.Qualifier": "live",
		"ProvisionedConcurrentExecutions": 1, "InvokeArgs": "e30=", "OrganizationId": nil,
		"AddLayerVersionPermission.Principal": wiretest.Account, "AddLayerVersionPermission.Action": "lambda:GetLayerVersion",
		"Layers": []any{"arn:aws:lambda:" + wiretest.Region + ":" + wiretest.Account + ":layer:tools:1"}, "Tags": map[string]any{"a": "b"}, "TagKeys": []any{"a"},
		"FunctionUrlAuthType": "NONE", "AuthType": "NONE",
	}, wiretest.Sample{
		"FunctionName": "hello", "Qualifier": "live", "Name": "live", "FunctionVersion": "1", "ListFunctions.FunctionVersion": "ALL", "Principal": "*", "Action": "lambda:InvokeFunction", "StatementId": "ann",
		"Role": "arn:aws:iam::" + wiretest.Account + ":role/hello", "Resource": "arn:aws:lambda:" + wiretest.Region + ":" + wiretest.Account + ":function:hello",
		"LayerName": "tools", "VersionNumber": 1, "Arn": "arn:aws:lambda:" + wiretest.Region + ":" + wiretest.Account + ":layer:tools:1", "ProvisionedConcurrentExecutions": 1, "InvokeArgs": "e30=",
		"AddLayerVersionPermission.Principal": wiretest.Account, "AddLayerVersionPermission.Action": "lambda:GetLayerVersion",
		"Tags": map[string]any{"a": "b"}, "TagKeys": []any{"a"}, "AuthType": "AWS_IAM",
	})
}
