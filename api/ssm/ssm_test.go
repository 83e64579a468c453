package ssm_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/smithy-go"

	"slipway/api/awswire/wiretest"
	door "slipway/api/ssm"
	"slipway/seal/sealtest"
	"slipway/secrets"
	"slipway/store"
	"slipway/store/storetest"
)

// world is a door that real clients call.
type world struct {
	*ssm.Client
	t      *testing.T
	room   *secrets.Control
	config aws.Config
}

func newWorld(t *testing.T, db *store.DB) *world {
	t.Helper()
	room, err := secrets.New(t.Context(), db, sealtest.Keys(t, db), wiretest.Region)
	must(t, err)
	config := wiretest.Start(t, door.New(room))
	return &world{ssm.NewFromConfig(config), t, room, config}
}

func each(t *testing.T, test func(w *world)) {
	storetest.Each(t, func(t *testing.T, db *store.DB) { test(newWorld(t, db)) })
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// refused checks what a client is told.
func refused(t testing.TB, err error, code, text string) {
	t.Helper()
	var fault smithy.APIError
	if !errors.As(err, &fault) {
		t.Errorf("error %v, want %s", err, code)
	} else if fault.ErrorCode() != code || fault.ErrorMessage() != text {
		t.Errorf("told %s: %s\nwant %s: %s", fault.ErrorCode(), fault.ErrorMessage(), code, text)
	}
}

// put makes a parameter of a type, or a version of one.
func (w *world) put(name, value string, kind types.ParameterType) {
	w.t.Helper()
	_, err := w.PutParameter(w.t.Context(), &ssm.PutParameterInput{Name: &name, Value: &value, Type: kind, Overwrite: aws.Bool(true)})
	must(w.t, err)
}

func TestEveryOperationIsBound(t *testing.T) {
	if names := door.New(nil).Unbound(); len(names) > 0 {
		t.Errorf("not bound: %v", names)
	}
}

func TestAParameterAsTheSDKSeesIt(t *testing.T) {
	each(t, func(w *world) {
		t, c := w.t, w.t.Context()
		made, err := w.PutParameter(c, &ssm.PutParameterInput{
			Name: aws.String("/app/db"), Value: aws.String("hunter2"), Type: types.ParameterTypeSecureString, Description: aws.String("of the database"),
			AllowedPattern: aws.String(`^\w+$`), Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("sea")}}, DataType: aws.String("text"), KeyId: aws.String("alias/aws/ssm"),
		})
		must(t, err)
		if made.Version != 1 || made.Tier != types.ParameterTierStandard {
			t.Errorf("made %+v", made)
		}
		got, err := w.GetParameter(c, &ssm.GetParameterInput{Name: aws.String("/app/db"), WithDecryption: aws.Bool(true)})
		must(t, err)
		const arn = "arn:aws:ssm:us-east-1:123456789012:parameter/app/db"
		if p := got.Parameter; *p.Name != "/app/db" || *p.Value != "hunter2" || *p.ARN != arn || p.Type != types.ParameterTypeSecureString || p.Version != 1 || *p.DataType != "text" || p.Selector != nil || time.Since(*p.LastModifiedDate) > time.Hour {
			t.Errorf("got %+v", p)
		}
		got, err = w.GetParameter(c, &ssm.GetParameterInput{Name: aws.String(arn + ":1")})
		must(t, err)
		if p := got.Parameter; strings.Contains(*p.Value, "hunter2") || *p.Value == "" || *p.Selector != ":1" {
			t.Errorf("not decrypted, it is %+v", p)
		}
		list, err := w.DescribeParameters(c, &ssm.DescribeParametersInput{ParameterFilters: []types.ParameterStringFilter{{Key: aws.String("tag:team"), Values: []string{"sea"}}}})
		must(t, err)
		if len(list.Parameters) != 1 {
			t.Fatalf("described %d", len(list.Parameters))
		}
		if m := list.Parameters[0]; *m.Description != "of the database" || *m.AllowedPattern != `^\w+$` || *m.KeyId != "alias/aws/ssm" || *m.LastModifiedUser != "arn:aws:iam::123456789012:root" || *m.ARN != arn || m.Tier != types.ParameterTierStandard || m.Version != 1 {
			t.Errorf("described as %+v", m)
		}
	})
}

func TestSeveralParametersAtOnce(t *testing.T) {
	each(t, func(w *world) {
		t, c := w.t, w.t.Context()
		w.put("/a", "1", types.ParameterTypeString)
		w.put("/a", "2", types.ParameterTypeString)
		w.put("/b", "x,y", types.ParameterTypeStringList)
		got, err := w.GetParameters(c, &ssm.GetParametersInput{Names: []string{"/a:1", "/none", "/b", "/a:9", "/a"}})
		must(t, err)
		var values []string
		for _, p := range got.Parameters {
			values = append(values, *p.Name+aws.ToString(p.Selector)+"="+*p.Value)
		}
		if fmt.Sprint(values, got.InvalidParameters) != "[/a:1=1 /b=x,y /a=2] [/none /a:9]" {
			t.Errorf("got %v, invalid %v", values, got.InvalidParameters)
		}
		gone, err := w.DeleteParameters(c, &ssm.DeleteParametersInput{Names: []string{"/none", "/a", "/b"}})
		must(t, err)
		if fmt.Sprint(gone.DeletedParameters, gone.InvalidParameters) != "[/a /b] [/none]" {
			t.Errorf("deleted %v, invalid %v", gone.DeletedParameters, gone.InvalidParameters)
		}
	})
}

func TestTheSDKPages(t *testing.T) {
	each(t, func(w *world) {
		t, c := w.t, w.t.Context()
		var want []string
		for i := range 23 {
			name := fmt.Sprintf("/app/%02d", i)
			w.put(name, name, types.ParameterTypeString)
			want = append(want, name)
		}
		var described, below, versions []string
		for pages := ssm.NewDescribeParametersPaginator(w, &ssm.DescribeParametersInput{MaxResults: aws.Int32(5)}); pages.HasMorePages(); {
			page, err := pages.NextPage(c)
			must(t, err)
			for _, p := range page.Parameters {
				described = append(described, *p.Name)
			}
		}
		for pages := ssm.NewGetParametersByPathPaginator(w, &ssm.GetParametersByPathInput{Path: aws.String("/app")}); pages.HasMorePages(); {
			page, err := pages.NextPage(c)
			must(t, err)
			for _, p := range page.Parameters {
				below = append(below, *p.Value)
			}
		}
		for range 4 {
			w.put("/app/00", "again", types.ParameterTypeString)
		}
		for pages := ssm.NewGetParameterHistoryPaginator(w, &ssm.GetParameterHistoryInput{Name: aws.String("/app/00"), MaxResults: aws.Int32(2)}); pages.HasMorePages(); {
			page, err := pages.NextPage(c)
			must(t, err)
			for _, p := range page.Parameters {
				versions = append(versions, fmt.Sprint(p.Version, *p.Value))
			}
		}
		if !slices.Equal(described, want) || !slices.Equal(below, want) || fmt.Sprint(versions) != "[1/app/00 2again 3again 4again 5again]" {
			t.Errorf("described %v\nbelow %v\nversions %v", described, below, versions)
		}
	})
}

func TestTheSDKLabelsAndTags(t *testing.T) {
	each(t, func(w *world) {
		t, c, name := w.t, w.t.Context(), aws.String("/a")
		w.put("/a", "1", types.ParameterTypeString)
		w.put("/a", "2", types.ParameterTypeString)
		labelled, err := w.LabelParameterVersion(c, &ssm.LabelParameterVersionInput{Name: name, Labels: []string{"prod", "1st"}})
		must(t, err)
		if labelled.ParameterVersion != 2 || fmt.Sprint(labelled.InvalidLabels) != "[1st]" {
			t.Errorf("labelled %+v", labelled)
		}
		history, err := w.GetParameterHistory(c, &ssm.GetParameterHistoryInput{Name: name})
		must(t, err)
		if h := history.Parameters; len(h) != 2 || len(h[0].Labels) != 0 || fmt.Sprint(h[1].Labels) != "[prod]" {
			t.Errorf("history %+v", h)
		}
		unlabelled, err := w.UnlabelParameterVersion(c, &ssm.UnlabelParameterVersionInput{Name: name, ParameterVersion: aws.Int64(2), Labels: []string{"prod", "beta"}})
		must(t, err)
		if fmt.Sprint(unlabelled.RemovedLabels, unlabelled.InvalidLabels) != "[prod] [beta]" {
			t.Errorf("unlabelled %+v", unlabelled)
		}
		_, err = w.AddTagsToResource(c, &ssm.AddTagsToResourceInput{ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: name, Tags: []types.Tag{
			{Key: aws.String("a"), Value: aws.String("1")}, {Key: aws.String("b"), Value: aws.String("2")},
		}})
		must(t, err)
		_, err = w.RemoveTagsFromResource(c, &ssm.RemoveTagsFromResourceInput{ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: name, TagKeys: []string{"a"}})
		must(t, err)
		tags, err := w.ListTagsForResource(c, &ssm.ListTagsForResourceInput{ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: name})
		must(t, err)
		if len(tags.TagList) != 1 || *tags.TagList[0].Key != "b" || *tags.TagList[0].Value != "2" {
			t.Errorf("tags %+v", tags.TagList)
		}
	})
}

// What is refused is refused in AWS's words, and in none of them is a value.
func TestRefusals(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	w.put("/a", "1", types.ParameterTypeString)
	put := func(change func(*ssm.PutParameterInput)) error {
		in := &ssm.PutParameterInput{Name: aws.String("/a"), Value: aws.String("hunter2"), Type: types.ParameterTypeString, Overwrite: aws.Bool(true)}
		change(in)
		_, err := w.PutParameter(t.Context(), in)
		return err
	}
	for _, step := range []struct {
		code, text string
		change     func(*ssm.PutParameterInput)
	}{
		{"ParameterAlreadyExists", "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.", func(in *ssm.PutParameterInput) { in.Overwrite = nil }},
		{"ValidationException", "Parameter name must be a fully qualified name.", func(in *ssm.PutParameterInput) { in.Name = aws.String("a/b") }},
		{"ValidationException", `Parameter name: can't be prefixed with "aws" or "ssm" (case-insensitive).`, func(in *ssm.PutParameterInput) { in.Name = aws.String("aws") }},
		{"AccessDeniedException", "No access to reserved parameter name: /aws/x.", func(in *ssm.PutParameterInput) { in.Name = aws.String("/aws/x") }},
		{"HierarchyLevelLimitExceededException", "A hierarchy can have a maximum of 15 levels. For more information, see Requirements and constraints for parameter names in the AWS Systems Manager User Guide.", func(in *ssm.PutParameterInput) { in.Name = aws.String(strings.Repeat("/l", 16)) }},
		{"ParameterPatternMismatchException", `Parameter value, cannot be validated against allowedPattern: ^\d+$`, func(in *ssm.PutParameterInput) { in.AllowedPattern = aws.String(`^\d+$`) }},
		{"ValidationException", "The data type aws:ec2:image is not supported by Slipway.", func(in *ssm.PutParameterInput) { in.DataType = aws.String("aws:ec2:image") }},
		{"ValidationException", "The following data type is not supported: Text (Data type names are all lowercase.)", func(in *ssm.PutParameterInput) { in.DataType = aws.String("Text") }},
		{"ValidationException", "Policies is not supported by Slipway.", func(in *ssm.PutParameterInput) { in.Policies = aws.String(`[{"Type":"Expiration"}]`) }},
		{"ValidationException", "KeyId is required for SecureString type parameter only.", func(in *ssm.PutParameterInput) { in.KeyId = aws.String("alias/aws/ssm") }},
		{"InvalidKeyId", "The key alias/mine is not supported by Slipway: values are sealed under its own keys. Leave KeyId out.", func(in *ssm.PutParameterInput) {
			in.KeyId, in.Type = aws.String("alias/mine"), types.ParameterTypeSecureString
		}},
		{"ValidationException", "1 validation error detected: Value 'Secret' at 'type' failed to satisfy constraint: Member must satisfy enum value set: [String, StringList, SecureString]", func(in *ssm.PutParameterInput) { in.Type = "Secret" }},
	} {
		refused(t, put(step.change), step.code, step.text)
	}
	_, err := w.GetParameter(t.Context(), &ssm.GetParameterInput{Name: aws.String("/none")})
	refused(t, err, "ParameterNotFound", "Parameter /none not found.")
	_, err = w.GetParameter(t.Context(), &ssm.GetParameterInput{Name: aws.String("/a:7")})
	refused(t, err, "ParameterVersionNotFound", "Systems Manager could not find version 7 of /a. Verify the version and try again.")
	_, err = w.GetParametersByPath(t.Context(), &ssm.GetParametersByPathInput{Path: aws.String("/"), NextToken: aws.String("x")})
	refused(t, err, "InvalidNextToken", "The specified token isn't valid.")
	for _, step := range []struct {
		operation, want string // whose texts the SDK drops
		in              map[string]any
	}{
		{"DescribeParameters", `{"__type":"InvalidFilterKey","message":"The following filter key is not valid: Label. Valid filter keys include: [Path, Name, Type, KeyId, Tier, DataType, tag:]."}`,
			map[string]any{"ParameterFilters": []any{map[string]any{"Key": "Label", "Values": []string{"x"}}}}},
		{"ListTagsForResource", `{"__type":"InvalidResourceId","message":"The resource ID is not valid. Verify that you entered the correct ID and try again."}`,
			map[string]any{"ResourceType": "Parameter", "ResourceId": "/none"}},
		{"ListTagsForResource", `{"__type":"InvalidResourceType","message":"The resource type is not valid: Document is not supported by Slipway, which has parameters alone."}`,
			map[string]any{"ResourceType": "Document", "ResourceId": "x"}},
	} {
		if got := wiretest.Call(t, w.config, door.API, step.operation, step.in); got.Status != 400 || got.Body != step.want {
			t.Errorf("%s: %d %s, want %s", step.operation, got.Status, got.Body, step.want)
		}
	}
	_, err = w.ListDocuments(t.Context(), nil)
	if err == nil || !strings.Contains(err.Error(), "not supported by Slipway") {
		t.Errorf("another operation: %v", err)
	}
}

// The older form of filters, and parameters that nobody shares.
func TestOtherWaysToDescribe(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	w.put("/app/a", "1", types.ParameterTypeString)
	w.put("/app/b", "1", types.ParameterTypeSecureString)
	for want, in := range map[int]*ssm.DescribeParametersInput{
		2: {Filters: []types.ParametersFilter{{Key: types.ParametersFilterKeyName, Values: []string{"/app"}}}},
		1: {Filters: []types.ParametersFilter{{Key: types.ParametersFilterKeyType, Values: []string{"String"}}}},
		0: {Shared: aws.Bool(true)},
	} {
		got, err := w.DescribeParameters(t.Context(), in)
		must(t, err)
		if len(got.Parameters) != want {
			t.Errorf("described %d, want %d", len(got.Parameters), want)
		}
	}
	_, err := w.DescribeParameters(t.Context(), &ssm.DescribeParametersInput{
		Filters:          []types.ParametersFilter{{Key: types.ParametersFilterKeyType, Values: []string{"String"}}},
		ParameterFilters: []types.ParameterStringFilter{{Key: aws.String("Type"), Values: []string{"String"}}},
	})
	refused(t, err, "ValidationException", "You can use either Filters or ParameterFilters in a single request.")
}
