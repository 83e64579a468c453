package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/smithy-go"
	"github.com/spf13/cobra"

	"slipway/internal/plainbody"
	"slipway/server"
)

// client speaks the public APIs as any other client does.
type client struct {
	endpoint string
	ecs      *ecs.Client
	ecr      *ecr.Client
	logs     *cloudwatchlogs.Client
	trail    *cloudtrail.Client
	config   aws.Config // for the clients of services that few commands need
}

// dataFlag gives cmd its --data flag.
func dataFlag(cmd *cobra.Command) *string {
	return cmd.Flags().String("data", server.DefaultDataDir(), "data folder of Slipway")
}

// newClient finds Slipway by AWS_ENDPOINT_URL or the profile in use, and otherwise by
// the credentials in the data folder. It never falls back to AWS itself.
func newClient(ctx context.Context, data string) (*client, error) {
	// Credentials are those that the user gave: nothing asks the network who we are.
	cfg, err := config.LoadDefaultConfig(ctx, config.WithEC2IMDSClientEnableState(imds.ClientDisabled))
	if err != nil {
		return nil, fmt.Errorf("read the AWS settings: %w", err)
	}
	if cfg.BaseEndpoint == nil {
		cfg, err = configOf(data)
	} else {
		err = checkConfig(ctx, cfg)
	}
	if err != nil {
		return nil, err
	}
	cfg.HTTPClient = plainbody.Client(cmp.Or[plainbody.Doer](cfg.HTTPClient, awshttp.NewBuildableClient()))
	return &client{
		endpoint: *cfg.BaseEndpoint,
		ecs:      ecs.NewFromConfig(cfg),
		ecr:      ecr.NewFromConfig(cfg),
		logs:     cloudwatchlogs.NewFromConfig(cfg),
		trail:    cloudtrail.NewFromConfig(cfg),
		config:   cfg,
	}, nil
}

// checkConfig finds what is missing beside the endpoint, before a call fails for the want of it.
func checkConfig(ctx context.Context, cfg aws.Config) error {
	missing := ""
	if cfg.Region == "" {
		missing = "AWS_REGION"
	}
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		missing = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
	}
	if missing == "" {
		return nil
	}
	return withHint(fmt.Errorf("to speak to Slipway at %s, %s must be set too", *cfg.BaseEndpoint, missing), `eval "$(slipway env --data DIR)" sets all that is needed`)
}

func configOf(data string) (aws.Config, error) {
	c, err := server.ReadCredentials(data)
	if err != nil {
		return aws.Config{}, withHint(fmt.Errorf("no Slipway to speak to: AWS_ENDPOINT_URL is not set, and %w", err),
			`start one with "slipway up", or point to one with eval "$(slipway env --data DIR)"`)
	}
	return aws.Config{
		BaseEndpoint: aws.String(c.Endpoint),
		Region:       c.Region,
		Credentials:  credentials.NewStaticCredentialsProvider(c.AccessKeyID, c.SecretAccessKey, ""),
	}, nil
}

// explain makes an error of the SDK one that a person can read.
func explain(err error, c *client) error {
	var api smithy.APIError
	var network *net.OpError
	switch {
	case err == nil || errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &api):
		return refused(api.ErrorCode(), api.ErrorMessage())
	case errors.As(err, &network):
		return withHint(fmt.Errorf("cannot reach Slipway at %s: %w", c.endpoint, network.Err), `is "slipway up" running?`)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("Slipway at %s does not answer", c.endpoint)
	}
	return err
}

// lists is where what a call has not found is to be looked for, by the code of its error.
var lists = map[string]string{
	"ClusterNotFoundException":   `"aws ecs list-clusters" lists clusters; "aws ecs create-cluster --cluster-name NAME" makes one`,
	"SchedulerNotFoundException": `"slipway scheduler list" lists schedulers; "slipway scheduler add NAME" makes one`,
	"ServiceNotFoundException":   `"slipway services" lists services; --cluster names another cluster`,
}

// refused is what the API answered that does not do as it is asked.
func refused(code, message string) error {
	err := &refusal{smithy.GenericAPIError{Code: code, Message: message}}
	if hint := lists[code]; hint != "" {
		return withHint(err, "%s", hint)
	}
	return err
}

// refusal is an answer of the API as people read it.
type refusal struct{ smithy.GenericAPIError }

func (r *refusal) Error() string { return r.Code + ": " + r.Message }

func isAPIError(err error, code string) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == code
}
