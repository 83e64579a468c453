package server

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
)

// Functions and layers are made of what lies in buckets of their account, if whoever makes them may read it.
func TestFunctionsOfObjects(t *testing.T) {
	n := newNeighbours(t)
	client := func(config aws.Config) *s3.Client {
		return s3.NewFromConfig(config, func(o *s3.Options) { o.UsePathStyle = true })
	}
	ours, bucket, key := client(n.ours), aws.String("harbour"), aws.String("web.zip")
	_, err := ours.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: bucket})
	n.must(err)
	_, err = ours.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{Bucket: bucket, VersioningConfiguration: &s3types.VersioningConfiguration{Status: s3types.BucketVersioningStatusEnabled}})
	n.must(err)
	put := func(key *string, code []byte) *string {
		out, err := ours.PutObject(t.Context(), &s3.PutObjectInput{Bucket: bucket, Key: key, Body: bytes.NewReader(code)})
		n.must(err)
		return out.VersionId
	}
	first, second := zipOf("bootstrap", "first"), zipOf("bootstrap", "second and longer")
	old := put(key, first)
	put(key, second)
	put(aws.String("text"), []byte("no zip"))

	role := func(config aws.Config) *string {
		out, err := iam.NewFromConfig(config).CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("of-objects"), AssumeRolePolicyDocument: aws.String(trustsFunctions)})
		n.must(err)
		return out.Role.Arn
	}
	create := func(config aws.Config, role *string, code types.FunctionCode) (*lambda.CreateFunctionOutput, error) {
		return lambda.NewFromConfig(config).CreateFunction(t.Context(), &lambda.CreateFunctionInput{
			FunctionName: aws.String("web"), Role: role, Runtime: types.RuntimeProvidedal2023, Handler: aws.String("bootstrap"), Code: &code,
		})
	}
	ourRole := role(n.ours)
	for name, row := range map[string]struct {
		code       types.FunctionCode
		fault, say string
	}{
		"no key":     {types.FunctionCode{S3Bucket: bucket, S3Key: aws.String("none")}, "InvalidParameterValueException", "Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The specified key does not exist."},
		"no bucket":  {types.FunctionCode{S3Bucket: aws.String("none"), S3Key: key}, "InvalidParameterValueException", "S3 Error Code: NoSuchBucket. S3 Error Message: The specified bucket does not exist"},
		"no version": {types.FunctionCode{S3Bucket: bucket, S3Key: key, S3ObjectVersion: aws.String(strings.Repeat("0", 32))}, "InvalidParameterValueException", "S3 Error Code: NoSuchVersion."},
		"no zip":     {types.FunctionCode{S3Bucket: bucket, S3Key: aws.String("text")}, "InvalidParameterValueException", "Could not unzip uploaded file."},
		"half of it": {types.FunctionCode{S3Bucket: bucket}, "InvalidParameterValueException", "must be provided together"},
		"two codes":  {types.FunctionCode{S3Bucket: bucket, S3Key: key, ZipFile: first}, "InvalidParameterValueException", "Please do not provide other FunctionCode parameters"},
	} {
		if _, err := create(n.ours, ourRole, row.code); !isFault(err, row.fault, row.say) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := create(n.theirs, role(n.theirs), types.FunctionCode{S3Bucket: bucket, S3Key: key}); !isFault(err, "AccessDeniedException", "Your access has been denied by S3") {
		t.Errorf("another account: %v", err)
	}
	user := n.user(0, "maker", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["lambda:*","iam:PassRole"],"Resource":"*"}]}`)
	if _, err := create(user, ourRole, types.FunctionCode{S3Bucket: bucket, S3Key: key}); !isFault(err, "AccessDeniedException", "is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::harbour/web.zip") {
		t.Errorf("who may not read it: %v", err)
	}
	made, err := create(n.ours, ourRole, types.FunctionCode{S3Bucket: bucket, S3Key: key})
	n.must(err)
	layer, err := lambda.NewFromConfig(n.ours).PublishLayerVersion(t.Context(), &lambda.PublishLayerVersionInput{
		LayerName: aws.String("tools"), Content: &types.LayerVersionContentInput{S3Bucket: bucket, S3Key: key, S3ObjectVersion: old},
	})
	n.must(err)
	if made.CodeSize != int64(len(second)) || layer.Content.CodeSize != int64(len(first)) {
		t.Errorf("made of %d and %d bytes", made.CodeSize, layer.Content.CodeSize)
	}
}

func isFault(err error, code, text string) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == code && strings.Contains(api.ErrorMessage(), text)
}

// Servers over one database and one bucket have their objects in common, and bytes that came to one are read at the other.
func TestObjectsOfReplicas(t *testing.T) {
	r := newReplicas(t)
	at := func(i int) *s3.Client {
		return s3.NewFromConfig(r.at[i].asRoot(), func(o *s3.Options) { o.UsePathStyle = true })
	}
	bucket, key := aws.String("harbour"), aws.String("k")
	_, err := at(0).CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: bucket})
	must(t, err)
	data := bytes.Repeat([]byte("of both "), 1<<17)
	_, err = at(0).PutObject(t.Context(), &s3.PutObjectInput{Bucket: bucket, Key: key, Body: bytes.NewReader(data)})
	must(t, err)
	for i := range r.at {
		got, err := at(i).GetObject(t.Context(), &s3.GetObjectInput{Bucket: bucket, Key: key})
		must(t, err)
		text, err := io.ReadAll(got.Body)
		if err != nil || !bytes.Equal(text, data) {
			t.Errorf("server %d gives %d other bytes, %v", i, len(text), err)
		}
	}
	_, err = at(1).DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: bucket, Key: key})
	must(t, err)
	if _, err := at(0).GetObject(t.Context(), &s3.GetObjectInput{Bucket: bucket, Key: key}); !isFault(err, "NoSuchKey", "") {
		t.Errorf("deleted at the other: %v", err)
	}
}

// Who signs nothing is answered as the service does that they ask: S3 where the path is no other's.
func TestUnsignedCallsAreAnsweredAsTheirServiceDoes(t *testing.T) {
	s := open(t, nil)
	run(t, s)
	for _, row := range []struct{ method, path, kind, has string }{
		{"GET", "/", "application/xml", "<Code>AccessDenied</Code><Message>Access Denied</Message>"},
		{"GET", "/harbour?list-type=2&prefix=", "application/xml", "<Code>AccessDenied</Code>"},
		{"PUT", "/harbour/ship", "application/xml", "<Code>AccessDenied</Code>"},
		{"DELETE", "/harbour", "application/xml", "<Code>AccessDenied</Code>"},
		{"POST", "/harbour/ship?uploads", "application/xml", "<Code>AccessDenied</Code>"},
		{"HEAD", "/harbour/ship", "", ""},
		{"GET", "/2015-03-31/functions/", "application/json", "Missing Authentication Token"},
		{"POST", "/2015-03-31/functions/web/invocations", "application/json", "Missing Authentication Token"},
		{"POST", "/", "application/json", "Missing Authentication Token"},
		{"GET", "/?Action=ListUsers&Version=2010-05-08", "text/xml", "<Code>MissingAuthenticationToken</Code>"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), row.method, "http://"+s.config.Advertise+row.path, nil)
		must(t, err)
		answer, err := http.DefaultClient.Do(r)
		must(t, err)
		text, err := io.ReadAll(answer.Body)
		must(t, errors.Join(err, answer.Body.Close()))
		kind, _, _ := strings.Cut(answer.Header.Get("Content-Type"), ";")
		if answer.StatusCode != 403 || row.kind != "" && kind != row.kind || !strings.Contains(string(text), row.has) {
			t.Errorf("%s %s: %s %q %s", row.method, row.path, answer.Status, kind, text)
		}
	}
}
