package lambda_test

import (
	"maps"
	"testing"

	"slipway/api/awswire/wiretest"
	door "slipway/api/lambda"
)

// The table of what every operation asks for: of a version of a function, of those of other
// accounts, of a function as a whole, and of code in a bucket.
func TestAccess(t *testing.T) {
	d := newDesk(t)
	d.function("web")
	const role = "arn:aws:iam::123456789012:role/r"
	own := wiretest.Sample{
		"FunctionName": "web", "Role": role, "Tags": map[string]any{"team": "sea"}, "TagKeys": []string{"team"}, "Resource": functionARN + "web",
		"LayerName": "tools", "VersionNumber": 1, "Arn": "arn:aws:lambda:us-east-1:123456789012:layer:tools:1", "Principal": "999999999999", "Qualifier": "1",
		"Layers": []string{"arn:aws:lambda:us-east-1:123456789012:layer:tools:1"}, "FunctionUrlAuthType": "NONE", "AuthType": "NONE",
		"AddPermission.Action": "lambda:InvokeFunction", "AddLayerVersionPermission.Action": "lambda:GetLayerVersion", "FunctionVersion": "1", "ListFunctions.FunctionVersion": "ALL",
		"CreateFunctionUrlConfig.Qualifier": "live", "GetFunctionUrlConfig.Qualifier": "live", "UpdateFunctionUrlConfig.Qualifier": "live", "DeleteFunctionUrlConfig.Qualifier": "live",
	}
	theirs := maps.Clone(own)
	maps.Copy(theirs, wiretest.Sample{
		"FunctionName": "arn:aws:lambda:us-east-1:999999999999:function:web", "Resource": "arn:aws:lambda:us-east-1:999999999999:function:web",
		"LayerName": "arn:aws:lambda:us-east-1:999999999999:layer:tools", "Arn": "arn:aws:lambda:us-east-1:999999999999:layer:tools:1", "Qualifier": "live",
		"Layers": []string{"arn:aws:lambda:us-east-1:999999999999:layer:tools:1"}, "CreateFunction.Tags": nil, "UpdateFunctionConfiguration.Role": nil,
		"FunctionUrlAuthType": nil, "UpdateFunctionUrlConfig.AuthType": nil,
	})
	bare := maps.Clone(own)
	maps.Copy(bare, wiretest.Sample{"Qualifier": nil, "Layers": nil})
	for _, op := range []string{"Get", "Put", "Delete"} {
		bare[op+"ProvisionedConcurrencyConfig.Qualifier"] = "live"
	}
	inBucket := maps.Clone(bare)
	maps.Copy(inBucket, wiretest.Sample{"S3Bucket": "harbour", "S3Key": "web.zip", "UpdateFunctionCode.S3ObjectVersion": "v"})
	wiretest.Access(t, door.New(d.room, wiretest.Region), own, theirs, bare, inBucket)
}
