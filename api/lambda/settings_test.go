package lambda_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"

	"slipway/accounts/policy"
	"slipway/api/awswire/wiretest"
	door "slipway/api/lambda"
	"slipway/blob/disk"
	"slipway/events"
	"slipway/functions"
	"slipway/functions/fleet"
	"slipway/nodeapi"
	"slipway/seal/sealtest"
	"slipway/store"
	"slipway/store/storetest"
)

// desk is a door that real clients call, of a room whose functions nothing runs.
type desk struct {
	*lambda.Client
	t    *testing.T
	room *functions.Control
}

// there is images and roles that are there, and a fleet that has nothing.
type there struct{ *fleet.Fleet }

func (there) Runtime(context.Context, string, string, string) (fleet.Image, error) {
	return fleet.Image{Name: "runtime", Digest: "sha256:" + strings.Repeat("a", 64)}, nil
}

func (there) Find(context.Context, string, string, string) (fleet.Image, error) {
	return fleet.Image{}, functions.ErrImage
}

func (there) Login(context.Context, string, fleet.Image) (*nodeapi.Login, error) { return nil, nil }
func (there) Check(context.Context, string, string) error                        { return nil }
func (there) Issue(context.Context, string, string, string, time.Duration) (nodeapi.Credentials, error) {
	return nodeapi.Credentials{}, nil
}

// roomOver is a room that runs until the test ends.
func roomOver(t *testing.T, db *store.DB) *functions.Control {
	t.Helper()
	must(t, events.Migrate(t.Context(), db))
	blobs, err := disk.Open(t.TempDir())
	must(t, err)
	all := there{fleet.New(fleet.Config{Wait: time.Millisecond})}
	readable := func(text string) error {
		_, err := policy.Parse(text, policy.Resource)
		return err
	}
	room, err := functions.New(t.Context(), db, sealtest.Keys(t, db), blobs, functions.Config{
		Region: wiretest.Region, Images: all, Roles: all, Fleet: all, CheckPolicy: readable, Advertise: "127.0.0.1:4600",
	})
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		room.Run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-ended })
	return room
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	room := roomOver(t, storetest.SQLite(t))
	return &desk{lambda.NewFromConfig(wiretest.Start(t, door.New(room, wiretest.Region))), t, room}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// told checks what a client is told.
func told(t testing.TB, err error, code, text string) {
	t.Helper()
	var fault smithy.APIError
	if !errors.As(err, &fault) {
		t.Errorf("error %v, want %s: %s", err, code, text)
	} else if fault.ErrorCode() != code || !strings.Contains(fault.ErrorMessage(), text) {
		t.Errorf("told %s: %s\nwant %s: %s", fault.ErrorCode(), fault.ErrorMessage(), code, text)
	}
}

// packed is a zip with one file.
func packed(t testing.TB, name, says string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate})
	must(t, err)
	_, err = w.Write([]byte(says))
	must(t, err)
	must(t, z.Close())
	return b.Bytes()
}

// function makes a function with a version 1, and an alias "live" of it.
func (d *desk) function(name string) string {
	d.t.Helper()
	out, err := d.CreateFunction(d.t.Context(), &lambda.CreateFunctionInput{
		FunctionName: &name, Runtime: types.RuntimeProvidedal2023, Handler: aws.String("bootstrap"), Role: aws.String("arn:aws:iam::123456789012:role/r"),
		Code: &types.FunctionCode{ZipFile: packed(d.t, "bootstrap", name)}, Publish: true, Tags: map[string]string{"team": "sea"},
	})
	must(d.t, err)
	quick := func(o *lambda.FunctionActiveV2WaiterOptions) {
		o.MinDelay, o.MaxDelay = time.Millisecond, 10*time.Millisecond
	}
	must(d.t, lambda.NewFunctionActiveV2Waiter(d).Wait(d.t.Context(), &lambda.GetFunctionInput{FunctionName: &name}, time.Minute, quick))
	_, err = d.CreateAlias(d.t.Context(), &lambda.CreateAliasInput{FunctionName: &name, Name: aws.String("live"), FunctionVersion: aws.String("1")})
	must(d.t, err)
	return strings.TrimSuffix(*out.FunctionArn, ":1")
}

func TestPermissions(t *testing.T) {
	d := newDesk(t)
	arn := d.function("web")
	web := aws.String("web")
	added, err := d.AddPermission(t.Context(), &lambda.AddPermissionInput{
		FunctionName: web, Qualifier: aws.String("live"), StatementId: aws.String("s3"), Action: aws.String("lambda:InvokeFunction"),
		Principal: aws.String("s3.amazonaws.com"), SourceArn: aws.String("arn:aws:s3:::bucket"), SourceAccount: aws.String("123456789012"),
	})
	must(t, err)
	const want = `{"Sid":"s3","Effect":"Allow","Principal":{"Service":"s3.amazonaws.com"},"Action":"lambda:InvokeFunction","Resource":"%s:live","Condition":{"ArnLike":{"AWS:SourceArn":"arn:aws:s3:::bucket"},"StringEquals":{"AWS:SourceAccount":"123456789012"}}}`
	if got := *added.Statement; got != fmt.Sprintf(want, arn) {
		t.Errorf("added %s", got)
	}
	policy, err := d.GetPolicy(t.Context(), &lambda.GetPolicyInput{FunctionName: aws.String(arn + ":live")})
	must(t, err)
	alias, err := d.GetAlias(t.Context(), &lambda.GetAliasInput{FunctionName: web, Name: aws.String("live")})
	must(t, err)
	if !json.Valid([]byte(*policy.Policy)) || !strings.Contains(*policy.Policy, *added.Statement) || *policy.RevisionId != *alias.RevisionId {
		t.Errorf("policy %s of revision %s, the alias has %s", *policy.Policy, *policy.RevisionId, *alias.RevisionId)
	}
	_, err = d.RemovePermission(t.Context(), &lambda.RemovePermissionInput{FunctionName: web, Qualifier: aws.String("live"), StatementId: aws.String("s3"), RevisionId: aws.String("x")})
	told(t, err, "PreconditionFailedException", "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id")
	_, err = d.RemovePermission(t.Context(), &lambda.RemovePermissionInput{FunctionName: web, Qualifier: aws.String("live"), StatementId: aws.String("s3"), RevisionId: policy.RevisionId})
	must(t, err)
	_, err = d.GetPolicy(t.Context(), &lambda.GetPolicyInput{FunctionName: web, Qualifier: aws.String("live")})
	told(t, err, "ResourceNotFoundException", "The resource you requested does not exist.")
	_, err = d.AddPermission(t.Context(), &lambda.AddPermissionInput{FunctionName: web, StatementId: aws.String("a b"), Action: aws.String("s3:Get"), Principal: aws.String("*")})
	told(t, err, "ValidationException", "2 validation errors detected: ")
}

func TestLayerVersions(t *testing.T) {
	d := newDesk(t)
	tools := aws.String("tools")
	first, err := d.PublishLayerVersion(t.Context(), &lambda.PublishLayerVersionInput{
		LayerName: tools, Description: aws.String("tools of all"), LicenseInfo: aws.String("MIT"), Content: &types.LayerVersionContentInput{ZipFile: packed(t, "bin/tool", "1")},
		CompatibleRuntimes: []types.Runtime{types.RuntimeProvidedal2023}, CompatibleArchitectures: []types.Architecture{types.ArchitectureX8664},
	})
	must(t, err)
	if first.Version != 1 || !strings.HasSuffix(*first.LayerVersionArn, ":layer:tools:1") || !strings.HasSuffix(*first.LayerArn, ":layer:tools") ||
		!strings.HasPrefix(*first.Content.Location, "http://127.0.0.1:4600"+functions.CodePath) || first.Content.CodeSize == 0 || len(*first.Content.CodeSha256) != 44 {
		t.Errorf("published %+v %+v", first, first.Content)
	}
	_, err = d.PublishLayerVersion(t.Context(), &lambda.PublishLayerVersionInput{LayerName: tools, Content: &types.LayerVersionContentInput{ZipFile: packed(t, "bin/tool", "2")}})
	must(t, err)
	got, err := d.GetLayerVersion(t.Context(), &lambda.GetLayerVersionInput{LayerName: first.LayerArn, VersionNumber: aws.Int64(1)})
	must(t, err)
	byARN, err := d.GetLayerVersionByArn(t.Context(), &lambda.GetLayerVersionByArnInput{Arn: first.LayerVersionArn})
	must(t, err)
	if *got.Content.CodeSha256 != *first.Content.CodeSha256 || *byARN.Description != "tools of all" || byARN.CompatibleRuntimes[0] != types.RuntimeProvidedal2023 || *got.CreatedDate != *first.CreatedDate {
		t.Errorf("read %+v, by its ARN %+v", got, byARN)
	}
	pages := lambda.NewListLayerVersionsPaginator(d, &lambda.ListLayerVersionsInput{LayerName: tools, MaxItems: aws.Int32(1)})
	var listed []int64
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		must(t, err)
		for _, v := range page.LayerVersions {
			listed = append(listed, v.Version)
		}
	}
	layers, err := d.ListLayers(t.Context(), &lambda.ListLayersInput{CompatibleRuntime: types.RuntimeProvidedal2023})
	must(t, err)
	if fmt.Sprint(listed) != "[2 1]" || len(layers.Layers) != 1 || layers.Layers[0].LatestMatchingVersion.Version != 1 {
		t.Errorf("listed %v; of layers %+v", listed, layers.Layers)
	}
	permission, err := d.AddLayerVersionPermission(t.Context(), &lambda.AddLayerVersionPermissionInput{
		LayerName: tools, VersionNumber: aws.Int64(1), StatementId: aws.String("all"), Action: aws.String("lambda:GetLayerVersion"), Principal: aws.String("999999999999"),
	})
	must(t, err)
	policy, err := d.GetLayerVersionPolicy(t.Context(), &lambda.GetLayerVersionPolicyInput{LayerName: tools, VersionNumber: aws.Int64(1)})
	if err != nil || !strings.Contains(*policy.Policy, *permission.Statement) || *policy.RevisionId != *permission.RevisionId {
		t.Errorf("policy %+v, %v", policy, err)
	}
	_, err = d.RemoveLayerVersionPermission(t.Context(), &lambda.RemoveLayerVersionPermissionInput{LayerName: tools, VersionNumber: aws.Int64(1), StatementId: aws.String("all")})
	must(t, err)
	_, err = d.DeleteLayerVersion(t.Context(), &lambda.DeleteLayerVersionInput{LayerName: tools, VersionNumber: aws.Int64(1)})
	must(t, err)
	_, err = d.GetLayerVersion(t.Context(), &lambda.GetLayerVersionInput{LayerName: tools, VersionNumber: aws.Int64(1)})
	told(t, err, "ResourceNotFoundException", "The resource you requested does not exist.")
	_, err = d.PublishLayerVersion(t.Context(), &lambda.PublishLayerVersionInput{LayerName: tools, Content: &types.LayerVersionContentInput{S3Bucket: aws.String("bucket"), S3Key: aws.String("key")}})
	told(t, err, "InvalidParameterValueException", "There are no buckets here")
}

func TestConcurrencyOfFunctions(t *testing.T) {
	d := newDesk(t)
	arn := d.function("web")
	web, live := aws.String("web"), aws.String("live")
	put, err := d.PutFunctionConcurrency(t.Context(), &lambda.PutFunctionConcurrencyInput{FunctionName: web, ReservedConcurrentExecutions: aws.Int32(20)})
	must(t, err)
	got, err := d.GetFunctionConcurrency(t.Context(), &lambda.GetFunctionConcurrencyInput{FunctionName: web})
	if err != nil || *got.ReservedConcurrentExecutions != 20 || *put.ReservedConcurrentExecutions != 20 {
		t.Errorf("%+v, %v", got, err)
	}
	function, err := d.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: web})
	must(t, err)
	if function.Concurrency == nil || *function.Concurrency.ReservedConcurrentExecutions != 20 {
		t.Errorf("the function tells %+v", function.Concurrency)
	}
	_, err = d.PutFunctionConcurrency(t.Context(), &lambda.PutFunctionConcurrencyInput{FunctionName: web, ReservedConcurrentExecutions: aws.Int32(901)})
	told(t, err, "InvalidParameterValueException", "below its minimum value of [100].")
	asked, err := d.PutProvisionedConcurrencyConfig(t.Context(), &lambda.PutProvisionedConcurrencyConfigInput{FunctionName: web, Qualifier: live, ProvisionedConcurrentExecutions: aws.Int32(5)})
	if err != nil || asked.Status != types.ProvisionedConcurrencyStatusEnumInProgress || *asked.RequestedProvisionedConcurrentExecutions != 5 {
		t.Errorf("%+v, %v", asked, err)
	}
	one, err := d.GetProvisionedConcurrencyConfig(t.Context(), &lambda.GetProvisionedConcurrencyConfigInput{FunctionName: web, Qualifier: live})
	must(t, err)
	all, err := d.ListProvisionedConcurrencyConfigs(t.Context(), &lambda.ListProvisionedConcurrencyConfigsInput{FunctionName: web})
	must(t, err)
	if *one.RequestedProvisionedConcurrentExecutions != 5 || *one.AvailableProvisionedConcurrentExecutions != 0 || len(all.ProvisionedConcurrencyConfigs) != 1 || *all.ProvisionedConcurrencyConfigs[0].FunctionArn != arn+":live" {
		t.Errorf("%+v; listed %+v", one, all.ProvisionedConcurrencyConfigs)
	}
	_, err = d.DeleteProvisionedConcurrencyConfig(t.Context(), &lambda.DeleteProvisionedConcurrencyConfigInput{FunctionName: web, Qualifier: live})
	must(t, err)
	_, err = d.GetProvisionedConcurrencyConfig(t.Context(), &lambda.GetProvisionedConcurrencyConfigInput{FunctionName: web, Qualifier: live})
	told(t, err, "ProvisionedConcurrencyConfigNotFoundException", "No Provisioned Concurrency Config found for this function")
	_, err = d.PutProvisionedConcurrencyConfig(t.Context(), &lambda.PutProvisionedConcurrencyConfigInput{FunctionName: web, Qualifier: aws.String("$LATEST"), ProvisionedConcurrentExecutions: aws.Int32(5)})
	told(t, err, "InvalidParameterValueException", "Provisioned Concurrency Configs cannot be applied to unpublished function versions.")
	_, err = d.DeleteFunctionConcurrency(t.Context(), &lambda.DeleteFunctionConcurrencyInput{FunctionName: web})
	must(t, err)
	if got, err := d.GetFunctionConcurrency(t.Context(), &lambda.GetFunctionConcurrencyInput{FunctionName: web}); err != nil || got.ReservedConcurrentExecutions != nil {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestURLConfigs(t *testing.T) {
	d := newDesk(t)
	arn := d.function("web")
	web, live := aws.String("web"), aws.String("live")
	cors := &types.Cors{AllowOrigins: []string{"https://example.com"}, AllowMethods: []string{"GET"}, AllowCredentials: aws.Bool(true), MaxAge: aws.Int32(60)}
	made, err := d.CreateFunctionUrlConfig(t.Context(), &lambda.CreateFunctionUrlConfigInput{FunctionName: web, Qualifier: live, AuthType: types.FunctionUrlAuthTypeNone, Cors: cors})
	must(t, err)
	if *made.FunctionArn != arn+":live" || made.InvokeMode != types.InvokeModeBuffered || !strings.HasSuffix(*made.FunctionUrl, ".lambda-url.us-east-1.localhost:4600/") || *made.Cors.MaxAge != 60 {
		t.Errorf("made %+v", made)
	}
	_, err = d.CreateFunctionUrlConfig(t.Context(), &lambda.CreateFunctionUrlConfigInput{FunctionName: web, Qualifier: live, AuthType: types.FunctionUrlAuthTypeNone})
	told(t, err, "ResourceConflictException", "Failed to create function url config for [functionArn = "+arn+":live]. Error message:  FunctionUrlConfig exists for this Lambda function")
	changed, err := d.UpdateFunctionUrlConfig(t.Context(), &lambda.UpdateFunctionUrlConfigInput{FunctionName: web, Qualifier: live, AuthType: types.FunctionUrlAuthTypeAwsIam, InvokeMode: types.InvokeModeResponseStream})
	must(t, err)
	if changed.AuthType != types.FunctionUrlAuthTypeAwsIam || changed.InvokeMode != types.InvokeModeResponseStream || *changed.FunctionUrl != *made.FunctionUrl || changed.Cors == nil {
		t.Errorf("changed %+v", changed)
	}
	_, err = d.UpdateFunctionUrlConfig(t.Context(), &lambda.UpdateFunctionUrlConfigInput{FunctionName: web, Qualifier: live, Cors: &types.Cors{}})
	must(t, err)
	got, err := d.GetFunctionUrlConfig(t.Context(), &lambda.GetFunctionUrlConfigInput{FunctionName: web, Qualifier: live})
	if err != nil || got.Cors != nil || *got.CreationTime != *made.CreationTime {
		t.Errorf("read %+v, %v", got, err)
	}
	_, err = d.GetFunctionUrlConfig(t.Context(), &lambda.GetFunctionUrlConfigInput{FunctionName: web})
	told(t, err, "ResourceNotFoundException", "The resource you requested does not exist.")
	_, err = d.GetFunctionUrlConfig(t.Context(), &lambda.GetFunctionUrlConfigInput{FunctionName: web, Qualifier: aws.String("1")})
	told(t, err, "ValidationException", `1 validation error detected: Value '1' at 'qualifier' failed to satisfy constraint: Member must satisfy regular expression pattern: ((?!^\d+$)^[0-9a-zA-Z-_]+$)`)
	for _, version := range []string{"1", "$LATEST"} {
		_, err = d.CreateFunctionUrlConfig(t.Context(), &lambda.CreateFunctionUrlConfigInput{FunctionName: aws.String("web:" + version), AuthType: types.FunctionUrlAuthTypeNone})
		told(t, err, "ValidationException", "1 validation error detected: Value '"+version+"' at 'qualifier' failed to satisfy constraint: Member must satisfy regular expression pattern: ")
	}
	_, err = d.CreateFunctionUrlConfig(t.Context(), &lambda.CreateFunctionUrlConfigInput{FunctionName: web, AuthType: types.FunctionUrlAuthTypeNone})
	must(t, err)
	pages := lambda.NewListFunctionUrlConfigsPaginator(d, &lambda.ListFunctionUrlConfigsInput{FunctionName: web, MaxItems: aws.Int32(1)})
	var listed []string
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		must(t, err)
		for _, u := range page.FunctionUrlConfigs {
			listed = append(listed, *u.FunctionArn)
		}
	}
	if want := []string{arn, arn + ":live"}; fmt.Sprint(listed) != fmt.Sprint(want) {
		t.Errorf("listed %v, want %v", listed, want)
	}
	_, err = d.DeleteFunctionUrlConfig(t.Context(), &lambda.DeleteFunctionUrlConfigInput{FunctionName: web})
	must(t, err)
}

func TestEventInvokeConfigs(t *testing.T) {
	d := newDesk(t)
	arn, sink := d.function("web"), d.function("sink")
	web := aws.String("web")
	_, err := d.PutFunctionEventInvokeConfig(t.Context(), &lambda.PutFunctionEventInvokeConfigInput{FunctionName: web})
	told(t, err, "InvalidParameterValueException", "You must specify at least one of error handling or destination setting.")
	_, err = d.PutFunctionEventInvokeConfig(t.Context(), &lambda.PutFunctionEventInvokeConfigInput{
		FunctionName: web, MaximumRetryAttempts: aws.Int32(0), DestinationConfig: &types.DestinationConfig{OnFailure: &types.OnFailure{Destination: &sink}},
	})
	must(t, err)
	changed, err := d.UpdateFunctionEventInvokeConfig(t.Context(), &lambda.UpdateFunctionEventInvokeConfigInput{FunctionName: web, MaximumEventAgeInSeconds: aws.Int32(60)})
	must(t, err)
	got, err := d.GetFunctionEventInvokeConfig(t.Context(), &lambda.GetFunctionEventInvokeConfigInput{FunctionName: web})
	must(t, err)
	if *got.FunctionArn != arn+":$LATEST" || *got.MaximumRetryAttempts != 0 || *got.MaximumEventAgeInSeconds != 60 || *got.DestinationConfig.OnFailure.Destination != sink || got.DestinationConfig.OnSuccess.Destination != nil || !got.LastModified.Equal(*changed.LastModified) {
		t.Errorf("read %+v", got)
	}
	list, err := d.ListFunctionEventInvokeConfigs(t.Context(), &lambda.ListFunctionEventInvokeConfigsInput{FunctionName: web})
	if err != nil || len(list.FunctionEventInvokeConfigs) != 1 {
		t.Errorf("listed %+v, %v", list, err)
	}
	_, err = d.DeleteFunctionEventInvokeConfig(t.Context(), &lambda.DeleteFunctionEventInvokeConfigInput{FunctionName: web})
	must(t, err)
	_, err = d.GetFunctionEventInvokeConfig(t.Context(), &lambda.GetFunctionEventInvokeConfigInput{FunctionName: web})
	told(t, err, "ResourceNotFoundException", "The function "+arn+":$LATEST doesn't have an EventInvokeConfig")
}

func TestTagsOfFunctions(t *testing.T) {
	d := newDesk(t)
	arn := aws.String(d.function("web"))
	_, err := d.TagResource(t.Context(), &lambda.TagResourceInput{Resource: arn, Tags: map[string]string{"tier": "1"}})
	must(t, err)
	_, err = d.UntagResource(t.Context(), &lambda.UntagResourceInput{Resource: arn, TagKeys: []string{"team"}})
	must(t, err)
	tags, err := d.ListTags(t.Context(), &lambda.ListTagsInput{Resource: arn})
	if err != nil || fmt.Sprint(tags.Tags) != "map[tier:1]" {
		t.Errorf("%v, %v", tags, err)
	}
	_, err = d.ListTags(t.Context(), &lambda.ListTagsInput{Resource: aws.String(*arn + ":1")})
	told(t, err, "InvalidParameterValueException", "Tags on function aliases and versions are not supported. Please specify a function ARN.")
	_, err = d.TagResource(t.Context(), &lambda.TagResourceInput{Resource: arn, Tags: map[string]string{}})
	told(t, err, "InvalidParameterValueException", "An error occurred and the request cannot be processed.")
	_, err = d.ListTags(t.Context(), &lambda.ListTagsInput{Resource: aws.String(*arn + "x")})
	told(t, err, "ResourceNotFoundException", "Function not found: "+*arn+"x")
}

func TestWhatNobodyHasSaid(t *testing.T) {
	d := newDesk(t)
	arn := d.function("web")
	web := aws.String("web")
	settings, err := d.GetAccountSettings(t.Context(), nil)
	must(t, err)
	limit, usage := settings.AccountLimit, settings.AccountUsage
	if limit.ConcurrentExecutions != 1000 || *limit.UnreservedConcurrentExecutions != 1000 || limit.TotalCodeSize != 80530636800 || limit.CodeSizeUnzipped != 262144000 || limit.CodeSizeZipped != 52428800 || usage.FunctionCount != 1 || usage.TotalCodeSize == 0 {
		t.Errorf("limits %+v, usage %+v", limit, usage)
	}
	signing, err := d.GetFunctionCodeSigningConfig(t.Context(), &lambda.GetFunctionCodeSigningConfigInput{FunctionName: web})
	if err != nil || aws.ToString(signing.CodeSigningConfigArn) != "" {
		t.Errorf("%+v, %v", signing, err)
	}
	runtime, err := d.GetRuntimeManagementConfig(t.Context(), &lambda.GetRuntimeManagementConfigInput{FunctionName: web})
	if err != nil || runtime.UpdateRuntimeOn != types.UpdateRuntimeOnAuto || *runtime.FunctionArn != arn {
		t.Errorf("%+v, %v", runtime, err)
	}
	_, err = d.PutRuntimeManagementConfig(t.Context(), &lambda.PutRuntimeManagementConfigInput{FunctionName: web, UpdateRuntimeOn: types.UpdateRuntimeOnAuto})
	must(t, err)
	_, err = d.PutRuntimeManagementConfig(t.Context(), &lambda.PutRuntimeManagementConfigInput{FunctionName: web, UpdateRuntimeOn: types.UpdateRuntimeOnFunctionUpdate})
	told(t, err, "InvalidParameterValueException", "is not supported by Slipway")
	recursion, err := d.GetFunctionRecursionConfig(t.Context(), &lambda.GetFunctionRecursionConfigInput{FunctionName: web})
	if err != nil || recursion.RecursiveLoop != types.RecursiveLoopTerminate {
		t.Errorf("%+v, %v", recursion, err)
	}
	_, err = d.PutFunctionRecursionConfig(t.Context(), &lambda.PutFunctionRecursionConfigInput{FunctionName: web, RecursiveLoop: types.RecursiveLoopAllow})
	told(t, err, "InvalidParameterValueException", "RecursiveLoop Allow is not supported by Slipway")
	_, err = d.GetFunctionRecursionConfig(t.Context(), &lambda.GetFunctionRecursionConfigInput{FunctionName: aws.String("gone")})
	told(t, err, "ResourceNotFoundException", "Function not found")
}
