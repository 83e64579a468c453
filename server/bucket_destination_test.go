package server

import (
	"io"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Failures of functions are told to buckets of their account, if whoever sets that may write there.
func TestBucketsAsDestinations(t *testing.T) {
	n := newNeighbours(t)
	client := func(config aws.Config) *s3.Client {
		return s3.NewFromConfig(config, func(o *s3.Options) { o.UsePathStyle = true })
	}
	_, err := client(n.ours).CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("failures")})
	n.must(err)
	_, err = client(n.theirs).CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("theirs")})
	n.must(err)
	role, err := iam.NewFromConfig(n.ours).CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("acting"), AssumeRolePolicyDocument: aws.String(trustsFunctions)})
	n.must(err)
	_, err = lambda.NewFromConfig(n.ours).CreateFunction(t.Context(), &lambda.CreateFunctionInput{
		FunctionName: aws.String("web"), Role: role.Role.Arn, Runtime: types.RuntimeProvidedal2023, Handler: aws.String("bootstrap"),
		Code: &types.FunctionCode{ZipFile: zipOf("bootstrap", "web")},
	})
	n.must(err)
	set := func(config aws.Config, bucket string) error {
		_, err := lambda.NewFromConfig(config).PutFunctionEventInvokeConfig(t.Context(), &lambda.PutFunctionEventInvokeConfigInput{
			FunctionName: aws.String("web"), DestinationConfig: &types.DestinationConfig{OnFailure: &types.OnFailure{Destination: aws.String("arn:aws:s3:::" + bucket)}},
		})
		return err
	}
	user := n.user(0, "setter", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"lambda:*","Resource":"*"}]}`)
	if err := set(user, "failures"); !isFault(err, "AccessDeniedException", "is not authorized to perform: s3:PutObject on resource: arn:aws:s3:::failures/aws/lambda/async/*") {
		t.Errorf("who may not write there: %v", err)
	}
	for _, bucket := range []string{"theirs", "none"} {
		if err := set(n.ours, bucket); !isFault(err, "InvalidParameterValueException", "The destination ARN arn:aws:s3:::"+bucket+" is invalid.") {
			t.Errorf("bucket %s: %v", bucket, err)
		}
	}
	n.must(set(n.ours, "failures"))
	n.must(functionObjects{n.server.objects}.Put(t.Context(), n.accounts[0], "failures", "aws/lambda/async/web/one", []byte(`{"version":"1.0"}`)))
	got, err := client(n.ours).GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("failures"), Key: aws.String("aws/lambda/async/web/one")})
	n.must(err)
	text, err := io.ReadAll(got.Body)
	if err != nil || string(text) != `{"version":"1.0"}` || *got.ContentType != "application/json" {
		t.Errorf("the object is %s, %+v, %v", text, got, err)
	}
}
