package lambda_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// Who sends an environment that cannot be is told which variables are wrong, and no value of any.
func TestAWrongEnvironmentIsNamed(t *testing.T) {
	d := newDesk(t)
	for _, c := range []struct {
		variables map[string]string
		says      string
	}{
		{map[string]string{"GOOD": "secret", "1A": "secret", "B-C": "secret"}, "Value '{1A=***, B-C=***}' at 'environment.variables' failed to satisfy constraint: Map keys must satisfy constraint: ["},
		{map[string]string{"GOOD": "secret", "AWS_REGION": "secret", "LAMBDA_TASK_ROOT": "secret"}, "Reserved keys used in this request: AWS_REGION, LAMBDA_TASK_ROOT"},
		{map[string]string{"GOOD": "secret", "NUL": "secret\x00"}, "The environment variable NUL has a NUL character in its value."},
	} {
		_, err := d.CreateFunction(t.Context(), &lambda.CreateFunctionInput{
			FunctionName: aws.String("greet"), Runtime: types.RuntimeProvidedal2023, Handler: aws.String("bootstrap"), Role: aws.String("arn:aws:iam::123456789012:role/r"),
			Code: &types.FunctionCode{ZipFile: packed(t, "bootstrap", "one")}, Environment: &types.Environment{Variables: c.variables},
		})
		if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "GOOD") {
			t.Errorf("told %v\nwant %s", err, c.says)
		}
	}
}
