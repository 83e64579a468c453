package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/spf13/cobra"
)

type invokeOptions struct {
	payload          string
	tail, event, dry bool
}

func invokeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "invoke NAME[:QUALIFIER]",
		Short: "Call a function",
		Long: `Call a function with JSON, and print what it answers; a qualifier is a version or an alias. A function
that fails is exit code 1, and what it answers is printed all the same. The end of its log is printed
beside, on the standard error, if it fails, or with --tail.

With --event nobody waits for the answer: the call is written down, is made soon after, and again if the
function fails, and its id is printed.`,
		Example: `  slipway invoke greet -d '{"name":"you"}'
  slipway invoke greet:live -d @request.json --tail
  echo '{"name":"you"}' | slipway invoke greet -d - --event`,
		Args: cobra.ExactArgs(1),
	}
	data := dataFlag(cmd)
	var o invokeOptions
	f := cmd.Flags()
	f.StringVarP(&o.payload, "payload", "d", "", "what the function is given: JSON, @FILE, or - for the standard input (default {})")
	f.BoolVar(&o.tail, "tail", false, "print the end of the log")
	f.BoolVar(&o.event, "event", false, "do not wait for the answer")
	f.BoolVar(&o.dry, "dry-run", false, "only check that the function could be called")
	cmd.MarkFlagsMutuallyExclusive("tail", "event", "dry-run")
	cmd.ValidArgsFunction = completeFunctions(data)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		payload, err := o.read(cmd.InOrStdin())
		if err != nil {
			return err
		}
		c, err := newClient(cmd.Context(), *data)
		if err != nil {
			return err
		}
		return c.invoke(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), args[0], payload, o)
	}
	return cmd
}

// read reads what the function is given.
func (o invokeOptions) read(in io.Reader) (payload []byte, err error) {
	file, isFile := strings.CutPrefix(o.payload, "@")
	switch {
	case o.payload == "-":
		payload, err = io.ReadAll(in)
	case isFile:
		payload, err = os.ReadFile(file)
	default:
		payload = []byte(o.payload)
	}
	if err == nil && len(payload) > 0 && !json.Valid(payload) {
		err = withHint(errors.New("what the function is to be given is no JSON"), `text is JSON in quotes: -d '"text"'`)
	}
	return payload, err
}

func (c *client) invoke(ctx context.Context, out, log io.Writer, name string, payload []byte, o invokeOptions) error {
	in := &lambda.InvokeInput{FunctionName: &name, Payload: payload}
	switch {
	case o.event:
		in.InvocationType = types.InvocationTypeEvent
	case o.dry:
		in.InvocationType = types.InvocationTypeDryRun
	default:
		in.LogType = types.LogTypeTail
	}
	answer, err := c.lambda().Invoke(ctx, in)
	if isAPIError(err, "ResourceNotFoundException") {
		return noFunction(name)
	}
	if throttled := (*types.TooManyRequestsException)(nil); errors.As(err, &throttled) {
		return throttledBy(name, throttled.Reason)
	}
	if err != nil {
		return explain(err, c)
	}
	if o.event {
		id, _ := middleware.GetRequestIDMetadata(answer.ResultMetadata)
		_, err := fmt.Fprintln(out, id)
		return err
	}
	if tail, err := base64.StdEncoding.DecodeString(aws.ToString(answer.LogResult)); err == nil && (o.tail || answer.FunctionError != nil) {
		fmt.Fprint(log, withNewline(tail))
	}
	if _, err := fmt.Fprint(out, withNewline(answer.Payload)); err != nil || answer.FunctionError == nil {
		return err
	}
	return failureOf(name, answer.Payload)
}

// throttledBy is why a call was not let in. Source: Lambda API, Reason of TooManyRequestsException.
func throttledBy(name string, reason types.ThrottleReason) error {
	err := fmt.Errorf("%s is not called, there are too many calls already: %s", name, reason)
	switch reason {
	case types.ThrottleReasonReservedFunctionConcurrentInvocationLimitExceeded:
		return withHint(err, `as many calls as are reserved for it run: "slipway fn show" tells how many that is, "aws lambda put-function-concurrency" changes it`)
	case types.ThrottleReasonConcurrentInvocationLimitExceeded:
		return withHint(err, "the account has as many calls as it may have, or no machine has room; with --event it is made as soon as that is over")
	}
	return withHint(err, "try again, or with --event: then it is made as soon as it can be")
}

// withNewline is a text that ends in a new line, unless there is none.
func withNewline(text []byte) string {
	if len(text) == 0 || bytes.HasSuffix(text, []byte("\n")) {
		return string(text)
	}
	return string(text) + "\n"
}

// failureOf is how a function failed, as its answer tells.
func failureOf(name string, answer []byte) error {
	var failure struct{ ErrorType, ErrorMessage string }
	err := json.Unmarshal(answer, &failure)
	hint := `"slipway fn logs %s" tells all that it printed`
	if err != nil || failure.ErrorType == "" && failure.ErrorMessage == "" {
		return withHint(fmt.Errorf("%s failed", name), hint, name)
	}
	return withHint(fmt.Errorf("%s failed: %s", name, strings.Join(nonEmpty(failure.ErrorType, failure.ErrorMessage), ": ")), hint, name)
}
