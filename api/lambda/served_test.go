package lambda_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

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
	told(t, err, "UnsupportedOperationException", "ListEventSourceMappings is an operation of Lambda that is not supported by Slipway.")
	_, err = client(t, room).GetFunctionScalingConfig(t.Context(), &lambda.GetFunctionScalingConfigInput{FunctionName: aws.String("hello"), Qualifier: aws.String("1")})
	told(t, err, "UnsupportedOperationException", "GetFunctionScalingConfig is an operation of Lambda that is not supported by Slipway.")
}
