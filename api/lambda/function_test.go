package lambda_test

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	door "slipway/api/lambda"
	"slipway/functions"
)

const functionARN = "arn:aws:lambda:us-east-1:123456789012:function:"

// updated waits until it is known what became of a function's update.
func (d *desk) updated(name string) *lambda.GetFunctionOutput {
	d.t.Helper()
	quick := func(o *lambda.FunctionUpdatedV2WaiterOptions) {
		o.MinDelay, o.MaxDelay = time.Millisecond, 10*time.Millisecond
	}
	out, err := lambda.NewFunctionUpdatedV2Waiter(d).WaitForOutput(d.t.Context(), &lambda.GetFunctionInput{FunctionName: &name}, time.Minute, quick)
	must(d.t, err)
	return out
}

func TestALifeOfAFunction(t *testing.T) {
	d := newDesk(t)
	code := packed(t, "bootstrap", "one")
	made, err := d.CreateFunction(t.Context(), &lambda.CreateFunctionInput{
		FunctionName: aws.String("greet"), Runtime: types.RuntimeProvidedal2023, Handler: aws.String("bootstrap"), Role: aws.String("arn:aws:iam::123456789012:role/r"),
		Code: &types.FunctionCode{ZipFile: code}, Description: aws.String("says hello"), Tags: map[string]string{"team": "sea"},
		Environment: &types.Environment{Variables: map[string]string{"WORD": "hello"}}, MemorySize: aws.Int32(256), Timeout: aws.Int32(10),
		EphemeralStorage: &types.EphemeralStorage{Size: aws.Int32(1024)}, Architectures: []types.Architecture{types.ArchitectureX8664},
		LoggingConfig: &types.LoggingConfig{LogFormat: types.LogFormatJson}, TracingConfig: &types.TracingConfig{Mode: types.TracingModePassThrough},
		VpcConfig: &types.VpcConfig{SubnetIds: []string{}, SecurityGroupIds: []string{}},
	})
	must(t, err)
	if made.State != types.StatePending || made.StateReasonCode != types.StateReasonCodeCreating || *made.Version != "$LATEST" || *made.FunctionArn != functionARN+"greet" {
		t.Errorf("made: %+v", made)
	}
	if _, err := time.Parse("2006-01-02T15:04:05.000+0000", *made.LastModified); err != nil {
		t.Error(err)
	}
	got := d.updated("greet")
	c := got.Configuration
	sum := sha256.Sum256(code)
	if *c.CodeSha256 != base64.StdEncoding.EncodeToString(sum[:]) || c.CodeSize != int64(len(code)) || c.State != types.StateActive || c.LastUpdateStatus != types.LastUpdateStatusSuccessful {
		t.Errorf("it is %+v", c)
	}
	if c.Environment.Variables["WORD"] != "hello" || *c.MemorySize != 256 || *c.Timeout != 10 || *c.EphemeralStorage.Size != 1024 || *c.Description != "says hello" ||
		c.PackageType != types.PackageTypeZip || *c.LoggingConfig.LogGroup != "/aws/lambda/greet" || c.LoggingConfig.ApplicationLogLevel != types.ApplicationLogLevelInfo ||
		c.TracingConfig.Mode != types.TracingModePassThrough || c.SnapStart.ApplyOn != types.SnapStartApplyOnNone || c.Architectures[0] != types.ArchitectureX8664 {
		t.Errorf("it is %+v", c)
	}
	if got.Tags["team"] != "sea" || got.Concurrency != nil {
		t.Errorf("it has %v, %v", got.Tags, got.Concurrency)
	}
	if body := d.download(*got.Code.Location); string(body) != string(code) || *got.Code.RepositoryType != "S3" {
		t.Errorf("%d bytes are downloaded", len(body))
	}

	changed, err := d.UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: aws.String("greet"), Timeout: aws.Int32(20), RevisionId: c.RevisionId})
	must(t, err)
	if changed.LastUpdateStatus != types.LastUpdateStatusInProgress || *changed.Timeout != 20 || *changed.MemorySize != 256 || changed.State != types.StateActive {
		t.Errorf("changed: %+v", changed)
	}
	d.updated("greet")
	again, err := d.UpdateFunctionCode(t.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: aws.String(functionARN + "greet"), ZipFile: packed(t, "bootstrap", "two"), Publish: true})
	must(t, err)
	if *again.Version != "1" || *again.FunctionArn != functionARN+"greet:1" || *again.CodeSha256 == *c.CodeSha256 {
		t.Errorf("published: %+v", again)
	}
	d.updated("greet")
	_, err = d.DeleteFunction(t.Context(), &lambda.DeleteFunctionInput{FunctionName: aws.String("123456789012:function:greet")})
	must(t, err)
	_, err = d.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String("greet")})
	told(t, err, "ResourceNotFoundException", "Function not found: "+functionARN+"greet")
}

// download gets what a link is for, as anybody can.
func (d *desk) download(link string) []byte {
	d.t.Helper()
	server := httptest.NewServer(door.Code(d.room))
	defer server.Close()
	u, err := url.Parse(link)
	must(d.t, err)
	answer, err := http.Get(server.URL + u.RequestURI())
	must(d.t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	must(d.t, err)
	if answer.StatusCode != 200 || answer.Header.Get("Content-Type") != "application/zip" {
		d.t.Errorf("the link answers %s %s", answer.Status, answer.Header.Get("Content-Type"))
	}
	return body
}

func TestLinksThatAreNone(t *testing.T) {
	d := newDesk(t)
	server := httptest.NewServer(door.Code(d.room))
	defer server.Close()
	for _, path := range []string{"", "x", "sha256:00.99999999999.AAAA", "../../etc/passwd"} {
		answer, err := http.Get(server.URL + functions.CodePath + path)
		must(t, err)
		answer.Body.Close()
		if answer.StatusCode != http.StatusForbidden {
			t.Errorf("%q answers %s", path, answer.Status)
		}
	}
	answer, err := http.Post(server.URL+functions.CodePath+"x", "", nil)
	must(t, err)
	answer.Body.Close()
	if answer.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("it can be written: %s", answer.Status)
	}
}

func TestWhatIsRefusedByName(t *testing.T) {
	d := newDesk(t)
	for member, change := range map[string]func(*lambda.CreateFunctionInput){
		"VpcConfig is not supported by Slipway.": func(in *lambda.CreateFunctionInput) {
			in.VpcConfig = &types.VpcConfig{SubnetIds: []string{"subnet-1"}}
		},
		"TracingConfig.Mode: Active is not supported by Slipway.": func(in *lambda.CreateFunctionInput) {
			in.TracingConfig = &types.TracingConfig{Mode: types.TracingModeActive}
		},
		"SnapStart is not supported by Slipway.": func(in *lambda.CreateFunctionInput) {
			in.SnapStart = &types.SnapStart{ApplyOn: types.SnapStartApplyOnPublishedVersions}
		},
		"KMSKeyArn is not supported by Slipway.": func(in *lambda.CreateFunctionInput) {
			in.KMSKeyArn = aws.String("arn:aws:kms:us-east-1:123456789012:key/k")
		},
		"There are no buckets here: send code as ZipFile.": func(in *lambda.CreateFunctionInput) {
			in.Code = &types.FunctionCode{S3Bucket: aws.String("bucket"), S3Key: aws.String("key")}
		},
		"DeadLetterConfig, in place of which calls that failed for good are kept and may have an on-failure destination, is not supported by Slipway.": func(in *lambda.CreateFunctionInput) {
			in.DeadLetterConfig = &types.DeadLetterConfig{TargetArn: aws.String("arn:aws:sqs:us-east-1:123456789012:q")}
		},
		"Please provide a source for function code.":                                                   func(in *lambda.CreateFunctionInput) { in.Code = &types.FunctionCode{} },
		"Could not unzip uploaded file. Please check your file, then try to upload again.":             func(in *lambda.CreateFunctionInput) { in.Code.ZipFile = []byte("text") },
		"Runtime and Handler are mandatory parameters for functions created with deployment packages.": func(in *lambda.CreateFunctionInput) { in.Handler = nil },
		"The zip file has an entry that leads out of it: \"../bootstrap\"":                             func(in *lambda.CreateFunctionInput) { in.Code.ZipFile = packed(t, "../bootstrap", "x") },
	} {
		in := &lambda.CreateFunctionInput{
			FunctionName: aws.String("f"), Runtime: types.RuntimeProvidedal2023, Handler: aws.String("bootstrap"), Role: aws.String("arn:aws:iam::123456789012:role/r"),
			Code: &types.FunctionCode{ZipFile: packed(t, "bootstrap", "x")},
		}
		change(in)
		_, err := d.CreateFunction(t.Context(), in)
		told(t, err, "InvalidParameterValueException", member)
	}
	_, err := d.CreateFunction(t.Context(), &lambda.CreateFunctionInput{
		FunctionName: aws.String("f"), Runtime: types.RuntimeProvidedal2023, Handler: aws.String("bootstrap"), Role: aws.String("arn:aws:iam::123456789012:role/r"),
		Code: &types.FunctionCode{ZipFile: packed(t, "bootstrap", "x")}, Timeout: aws.Int32(1000),
	})
	told(t, err, "ValidationException", "Value '1000' at 'timeout' failed to satisfy constraint: Member must have value less than or equal to 900")
}

func TestVersionsAndAliases(t *testing.T) {
	d := newDesk(t)
	d.function("f") // with version 1 and the alias live
	d.updated("f")
	name := aws.String("f")
	same, err := d.PublishVersion(t.Context(), &lambda.PublishVersionInput{FunctionName: name})
	must(t, err)
	if *same.Version != "1" {
		t.Errorf("version %s although nothing has changed", *same.Version)
	}
	_, err = d.UpdateFunctionCode(t.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: name, ZipFile: packed(t, "bootstrap", "two")})
	must(t, err)
	d.updated("f")
	_, err = d.PublishVersion(t.Context(), &lambda.PublishVersionInput{FunctionName: name, CodeSha256: aws.String("no")})
	told(t, err, "InvalidParameterValueException", "CodeSHA256 (no) is different from current CodeSHA256 in $LATEST")
	_, err = d.PublishVersion(t.Context(), &lambda.PublishVersionInput{FunctionName: name, RevisionId: aws.String("no")})
	told(t, err, "PreconditionFailedException", "The Revision Id provided does not match the latest Revision Id.")
	two, err := d.PublishVersion(t.Context(), &lambda.PublishVersionInput{FunctionName: name, Description: aws.String("second")})
	must(t, err)
	if *two.Version != "2" || *two.FunctionArn != functionARN+"f:2" || *two.Description != "second" {
		t.Errorf("published: %+v", two)
	}
	var versions []string
	pages := lambda.NewListVersionsByFunctionPaginator(d, &lambda.ListVersionsByFunctionInput{FunctionName: name, MaxItems: aws.Int32(2)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		must(t, err)
		for _, v := range page.Versions {
			versions = append(versions, strings.TrimPrefix(*v.FunctionArn, functionARN))
		}
	}
	if !slices.Equal(versions, []string{"f:$LATEST", "f:1", "f:2"}) {
		t.Errorf("versions are %q", versions)
	}

	a, err := d.UpdateAlias(t.Context(), &lambda.UpdateAliasInput{FunctionName: name, Name: aws.String("live"), FunctionVersion: aws.String("2"),
		RoutingConfig: &types.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{"1": 0.25}}})
	must(t, err)
	if *a.FunctionVersion != "2" || a.RoutingConfig.AdditionalVersionWeights["1"] != 0.25 || *a.AliasArn != functionARN+"f:live" {
		t.Errorf("it is %+v", a)
	}
	a2, err := d.UpdateAlias(t.Context(), &lambda.UpdateAliasInput{FunctionName: name, Name: aws.String("live"), RoutingConfig: &types.AliasRoutingConfiguration{}})
	must(t, err)
	if a2.RoutingConfig != nil {
		t.Errorf("it is %+v", a2)
	}
	of, err := d.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: name, Qualifier: aws.String("live")})
	must(t, err)
	if *of.Configuration.Version != "2" || *of.Configuration.FunctionArn != functionARN+"f:live" {
		t.Errorf("the alias is %+v", of.Configuration)
	}
	_, err = d.DeleteFunction(t.Context(), &lambda.DeleteFunctionInput{FunctionName: name, Qualifier: aws.String("2")})
	told(t, err, "ResourceConflictException", "Cannot delete version 2 because it is referenced by alias(es): live")
	_, err = d.CreateAlias(t.Context(), &lambda.CreateAliasInput{FunctionName: name, Name: aws.String("live"), FunctionVersion: aws.String("1")})
	told(t, err, "ResourceConflictException", "Alias already exists: "+functionARN+"f:live")
	_, err = d.GetAlias(t.Context(), &lambda.GetAliasInput{FunctionName: name, Name: aws.String("none")})
	told(t, err, "ResourceNotFoundException", "Cannot find alias arn: "+functionARN+"f:none")
	list, err := d.ListAliases(t.Context(), &lambda.ListAliasesInput{FunctionName: name, FunctionVersion: aws.String("2")})
	must(t, err)
	if len(list.Aliases) != 1 || *list.Aliases[0].Name != "live" {
		t.Errorf("aliases are %+v", list.Aliases)
	}
	_, err = d.DeleteAlias(t.Context(), &lambda.DeleteAliasInput{FunctionName: name, Name: aws.String("live")})
	must(t, err)
	_, err = d.DeleteFunction(t.Context(), &lambda.DeleteFunctionInput{FunctionName: name, Qualifier: aws.String("2")})
	must(t, err)
}

func TestListingFunctions(t *testing.T) {
	d := newDesk(t)
	for _, name := range []string{"b", "a", "c"} {
		d.function(name)
	}
	list := func(in lambda.ListFunctionsInput) (names []string) {
		pages := lambda.NewListFunctionsPaginator(d, &in)
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			must(t, err)
			for _, f := range page.Functions {
				names = append(names, strings.TrimPrefix(*f.FunctionArn, functionARN))
				if f.State != "" || f.LastUpdateStatus != "" {
					t.Errorf("a listing tells that %s is %s", *f.FunctionName, f.State)
				}
			}
		}
		return names
	}
	if got := list(lambda.ListFunctionsInput{MaxItems: aws.Int32(2)}); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("functions are %q", got)
	}
	if got := list(lambda.ListFunctionsInput{FunctionVersion: types.FunctionVersionAll, MaxItems: aws.Int32(1)}); !slices.Equal(got, []string{"a:$LATEST", "a:1", "b:$LATEST", "b:1", "c:$LATEST", "c:1"}) {
		t.Errorf("versions are %q", got)
	}
	_, err := d.ListFunctions(t.Context(), &lambda.ListFunctionsInput{Marker: aws.String("%%")})
	told(t, err, "InvalidParameterValueException", "invalid next token")
}

// A zip of as much as AWS takes comes through; one that is larger is refused for its size.
func TestLargeZips(t *testing.T) {
	d := newDesk(t)
	noise := make([]byte, 50<<20)
	rand.Read(noise)
	create := func(size int) error {
		_, err := d.CreateFunction(t.Context(), &lambda.CreateFunctionInput{
			FunctionName: aws.String("large"), Runtime: types.RuntimeProvidedal2023, Handler: aws.String("bootstrap"), Role: aws.String("arn:aws:iam::123456789012:role/r"),
			Code: &types.FunctionCode{ZipFile: packed(t, "bootstrap", string(noise[:size]))},
		})
		return err
	}
	told(t, create(50<<20), "RequestEntityTooLargeException", "Zipped size must be smaller than 52428800 bytes")
	must(t, create(49<<20))
}

// What is published is what it is: who names a version or an alias to change is told so, and nothing else is changed.
func TestOnlyTheUnpublishedIsChanged(t *testing.T) {
	d := newDesk(t)
	d.function("greet") // with version 1 and the alias live
	before := d.updated("greet").Configuration
	const sentence = "Current operation does not support versions other than $LATEST."
	for _, name := range []*string{aws.String("greet:1"), aws.String(functionARN + "greet:live")} {
		_, err := d.UpdateFunctionCode(t.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: name, ZipFile: packed(t, "bootstrap", "two")})
		told(t, err, "InvalidParameterValueException", sentence)
		_, err = d.UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: name, Timeout: aws.Int32(20)})
		told(t, err, "InvalidParameterValueException", sentence)
		_, err = d.PublishVersion(t.Context(), &lambda.PublishVersionInput{FunctionName: name})
		told(t, err, "InvalidParameterValueException", sentence)
	}
	if after := d.updated("greet").Configuration; *after.RevisionId != *before.RevisionId {
		t.Errorf("it was changed: %+v", after)
	}
	_, err := d.UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: aws.String("greet:$LATEST"), Timeout: aws.Int32(20)})
	must(t, err)
}
