package lambda_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"slipway/accounts"
	"slipway/api/awswire"
	"slipway/api/awswire/wiretest"
	"slipway/api/doortest"
	door "slipway/api/lambda"
	"slipway/store/storetest"
)

// neighbours are two accounts before one door: a desk, and a user of another account who may do everything there.
type neighbours struct {
	*desk
	other string // the other account
	ann   *lambda.Client
}

func newNeighbours(t *testing.T) *neighbours {
	t.Helper()
	db := storetest.SQLite(t)
	n := &neighbours{desk: &desk{t: t}}
	w := doortest.New(t, db, func(*accounts.Control) []*awswire.Service {
		n.room = roomOver(t, db)
		return []*awswire.Service{door.New(n.room, wiretest.Region)}
	})
	once := func(o *lambda.Options) { o.RetryMaxAttempts = 1 }
	n.Client = lambda.NewFromConfig(w.AsRoot(), once)
	made, err := w.Room.CreateAccount(t.Context(), "other")
	must(t, err)
	n.other = made.ID
	n.ann = lambda.NewFromConfig(w.User(made.ID, "ann", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`), once)
	return n
}

const noPolicy = "because no resource-based policy allows the "

// Other accounts call what a policy of the function, the version or the alias lets them call, and nothing else.
func TestFunctionsOfAnotherAccount(t *testing.T) {
	n := newNeighbours(t)
	arn := n.function("web")
	call := func(name string) error {
		_, err := n.ann.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: &name})
		return err
	}
	told(t, call(arn), "AccessDeniedException", noPolicy+"lambda:InvokeFunction action")
	told(t, call(arn+"x"), "AccessDeniedException", noPolicy+"lambda:InvokeFunction action") // what is not there looks the same
	_, err := n.AddPermission(t.Context(), &lambda.AddPermissionInput{
		FunctionName: aws.String("web"), Qualifier: aws.String("live"), StatementId: aws.String("other"), Action: aws.String("lambda:InvokeFunction"), Principal: &n.other,
	})
	must(t, err)
	if err := call(arn + ":live"); err == nil || strings.Contains(err.Error(), "AccessDenied") {
		t.Errorf("who may call is told %v", err) // there is no machine that runs it
	}
	told(t, call(arn), "AccessDeniedException", noPolicy+"lambda:InvokeFunction action")
	told(t, call(arn+":1"), "AccessDeniedException", noPolicy+"lambda:InvokeFunction action")
	_, err = n.ann.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String(arn + ":live")})
	told(t, err, "AccessDeniedException", noPolicy+"lambda:GetFunction action")
	_, err = n.ann.TagResource(t.Context(), &lambda.TagResourceInput{Resource: &arn, Tags: map[string]string{"team": "theirs"}})
	told(t, err, "AccessDeniedException", noPolicy+"lambda:TagResource action")
	_, err = n.ann.AddPermission(t.Context(), &lambda.AddPermissionInput{FunctionName: &arn, StatementId: aws.String("me"), Action: aws.String("lambda:*"), Principal: &n.other})
	told(t, err, "AccessDeniedException", noPolicy+"lambda:AddPermission action")
	_, err = n.ann.PutFunctionConcurrency(t.Context(), &lambda.PutFunctionConcurrencyInput{FunctionName: &arn, ReservedConcurrentExecutions: aws.Int32(0)})
	told(t, err, "AccessDeniedException", noPolicy+"lambda:PutFunctionConcurrency action")
	_, err = n.ann.CreateFunctionUrlConfig(t.Context(), &lambda.CreateFunctionUrlConfigInput{FunctionName: &arn, AuthType: types.FunctionUrlAuthTypeNone})
	told(t, err, "AccessDeniedException", noPolicy+"lambda:CreateFunctionUrlConfig action")
	_, err = n.RemovePermission(t.Context(), &lambda.RemovePermissionInput{FunctionName: aws.String("web"), Qualifier: aws.String("live"), StatementId: aws.String("other")})
	must(t, err)
	told(t, call(arn+":live"), "AccessDeniedException", noPolicy+"lambda:InvokeFunction action")
}

// Functions have layers of other accounts whose policy lets them; what they have they keep.
func TestLayersOfAnotherAccount(t *testing.T) {
	n := newNeighbours(t)
	layer, err := n.PublishLayerVersion(t.Context(), &lambda.PublishLayerVersionInput{LayerName: aws.String("tools"), Content: &types.LayerVersionContentInput{ZipFile: packed(t, "bin/tool", "1")}})
	must(t, err)
	create := func(name string, layers ...string) error {
		_, err := n.ann.CreateFunction(t.Context(), &lambda.CreateFunctionInput{
			FunctionName: &name, Runtime: types.RuntimeProvidedal2023, Handler: aws.String("bootstrap"), Role: aws.String("arn:aws:iam::" + n.other + ":role/r"),
			Code: &types.FunctionCode{ZipFile: packed(t, "bootstrap", name)}, Layers: layers,
		})
		return err
	}
	read := func(arn string) error {
		_, err := n.ann.GetLayerVersionByArn(t.Context(), &lambda.GetLayerVersionByArnInput{Arn: &arn})
		return err
	}
	arn := *layer.LayerVersionArn
	for _, closed := range []string{arn, arn + "0"} { // one that is not there looks the same
		told(t, read(closed), "AccessDeniedException", noPolicy+"lambda:GetLayerVersion action")
		told(t, create("web", closed), "AccessDeniedException", noPolicy+"lambda:GetLayerVersion action")
	}
	_, err = n.ann.ListLayerVersions(t.Context(), &lambda.ListLayerVersionsInput{LayerName: layer.LayerArn})
	told(t, err, "AccessDeniedException", noPolicy+"lambda:ListLayerVersions action")
	_, err = n.ann.PublishLayerVersion(t.Context(), &lambda.PublishLayerVersionInput{LayerName: layer.LayerArn, Content: &types.LayerVersionContentInput{ZipFile: packed(t, "a", "")}})
	told(t, err, "AccessDeniedException", noPolicy+"lambda:PublishLayerVersion action")
	_, err = n.AddLayerVersionPermission(t.Context(), &lambda.AddLayerVersionPermissionInput{
		LayerName: aws.String("tools"), VersionNumber: aws.Int64(1), StatementId: aws.String("other"), Action: aws.String("lambda:GetLayerVersion"), Principal: &n.other,
	})
	must(t, err)
	must(t, read(arn))
	must(t, create("web", arn))
	_, err = n.ann.DeleteLayerVersion(t.Context(), &lambda.DeleteLayerVersionInput{LayerName: layer.LayerArn, VersionNumber: aws.Int64(1)})
	told(t, err, "AccessDeniedException", noPolicy+"lambda:DeleteLayerVersion action")
	_, err = n.DeleteLayerVersion(t.Context(), &lambda.DeleteLayerVersionInput{LayerName: aws.String("tools"), VersionNumber: aws.Int64(1)})
	must(t, err)
	told(t, create("api", arn), "AccessDeniedException", noPolicy+"lambda:GetLayerVersion action")
	got, err := n.ann.GetFunctionConfiguration(t.Context(), &lambda.GetFunctionConfigurationInput{FunctionName: aws.String("web")})
	if err != nil || len(got.Layers) != 1 || *got.Layers[0].Arn != arn {
		t.Errorf("it has %+v, %v", got, err)
	}
}
