// Whoami is a program as people write them for AWS: it finds region, endpoint and credentials by
// itself, wherever the SDK looks for them. Its arguments say what it does:
//
//	print              print who it is by STS and which clusters there are, or why not
//	serve PORT         answer http with who it is, found anew for every request, for ever
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"
)

// quiet leaves out what the SDK notes about connections: what is printed is compared.
var quiet = config.WithLogger(logging.Nop{})

func main() {
	switch os.Args[1] {
	case "print":
		fmt.Println(who(context.Background()))
		fmt.Println(clusters(context.Background()))
	case "serve":
		answer := func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, who(r.Context())) }
		fmt.Println(http.ListenAndServe(":"+os.Args[2], http.HandlerFunc(answer)))
	}
}

func who(ctx context.Context) string {
	cfg, err := config.LoadDefaultConfig(ctx, quiet)
	if err != nil {
		return why(err)
	}
	out, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return why(err)
	}
	return aws.ToString(out.Arn)
}

func clusters(ctx context.Context) string {
	cfg, err := config.LoadDefaultConfig(ctx, quiet)
	if err != nil {
		return why(err)
	}
	out, err := ecs.NewFromConfig(cfg).ListClusters(ctx, &ecs.ListClustersInput{})
	if err != nil {
		return why(err)
	}
	return fmt.Sprint(out.ClusterArns)
}

// why is the service's word, or the SDK's.
func why(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode() + ": " + api.ErrorMessage()
	}
	return err.Error()
}
