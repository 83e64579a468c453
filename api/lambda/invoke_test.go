package lambda_test

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"
	middle "github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"slipway/api/awswire/wiretest"
	"slipway/functions"
	"slipway/nodeapi"
)

func TestInvoke(t *testing.T) {
	room := answering(functions.Answer{Payload: []byte(`"hello ann"`), Version: "7", Release: "r-1", Tail: []byte("END RequestId")})
	out, err := client(t, room).Invoke(t.Context(), &lambda.InvokeInput{
		FunctionName: aws.String("hello"), Qualifier: aws.String("live"), Payload: []byte(`{"name":"ann"}`), LogType: types.LogTypeTail,
		ClientContext: aws.String(base64.StdEncoding.EncodeToString([]byte(`{"custom":{"a":"b"}}`))),
	})
	if err != nil {
		t.Fatal(err)
	}
	if out.StatusCode != 200 || string(out.Payload) != `"hello ann"` || aws.ToString(out.ExecutedVersion) != "7" || out.FunctionError != nil {
		t.Errorf("answer: %+v", out)
	}
	if tail, err := base64.StdEncoding.DecodeString(aws.ToString(out.LogResult)); string(tail) != "END RequestId" {
		t.Errorf("log: %q, %v", tail, err)
	}
	header := headerOf(t, out.ResultMetadata)
	if header("Slipway-Release") != "r-1" || header("Content-Type") != "application/json" {
		t.Errorf("headers: %s %s", header("Slipway-Release"), header("Content-Type"))
	}
	i := room.last()
	if i.Account != wiretest.Account || i.Function != "hello" || i.Qualifier != "live" || i.Type != functions.RequestResponse ||
		string(i.Payload) != `{"name":"ann"}` || !i.Tail || i.ClientContext == "" || i.Request != header("X-Amzn-Requestid") {
		t.Errorf("call: %+v", i)
	}
}

// headerOf reads headers of the answer that an output came in.
func headerOf(t *testing.T, m middle.Metadata) func(name string) string {
	t.Helper()
	raw, ok := middleware.GetRawResponse(m).(*smithyhttp.Response)
	if !ok {
		t.Fatal("there is no answer")
	}
	return raw.Header.Get
}

// A function that fails is no failed call.
func TestInvokeAFunctionThatFails(t *testing.T) {
	room := answering(functions.Answer{Payload: []byte(`{"errorMessage":"no"}`), Failed: functions.Unhandled, Version: "$LATEST"})
	out, err := client(t, room).Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("hello")})
	if err != nil || out.StatusCode != 200 || aws.ToString(out.FunctionError) != "Unhandled" || string(out.Payload) != `{"errorMessage":"no"}` {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestInvokeForLaterAndInvokeForShow(t *testing.T) {
	room := answering(functions.Answer{Version: "3"})
	for how, want := range map[types.InvocationType]int32{types.InvocationTypeEvent: 202, types.InvocationTypeDryRun: 204} {
		out, err := client(t, room).Invoke(t.Context(), &lambda.InvokeInput{
			FunctionName: aws.String("hello"), InvocationType: how, LogType: types.LogTypeTail, Payload: []byte(`{}`),
		})
		if err != nil || out.StatusCode != want || len(out.Payload) > 0 {
			t.Errorf("%s: %+v, %v", how, out, err)
		}
		if i := room.last(); i.Type != functions.InvocationType(how) || i.Tail {
			t.Errorf("%s: %+v", how, i)
		}
	}
	//lint:ignore SA1019 who calls it still is answered
	async, err := client(t, room).InvokeAsync(t.Context(), &lambda.InvokeAsyncInput{FunctionName: aws.String("hello"), InvokeArgs: strings.NewReader(`{"a":1}`)})
	if err != nil || async.Status != 202 {
		t.Errorf("%+v, %v", async, err)
	}
	if i := room.last(); i.Type != functions.EventCall || string(i.Payload) != `{"a":1}` {
		t.Errorf("call: %+v", i)
	}
}

func TestInvokeThatIsRefused(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		in   lambda.InvokeInput
		want string
	}{
		{"payload", functions.ErrPayload, lambda.InvokeInput{}, "InvalidRequestContentException: Could not parse request body into json"},
		{"size", functions.ErrPayloadSize, lambda.InvokeInput{}, "RequestTooLargeException: the payload is too large"},
		{"state", functions.ErrNotReady, lambda.InvokeInput{}, "ResourceConflictException: The operation cannot be performed at this time. The function is currently in the following state"},
		{"missing", functions.ErrNoFunction, lambda.InvokeInput{}, "ResourceNotFoundException: Function not found"},
		{"tenant", nil, lambda.InvokeInput{TenantId: aws.String("t")}, "InvalidParameterValueException: TenantId is not supported by Slipway."},
		{"durable", nil, lambda.InvokeInput{DurableExecutionName: aws.String("d")}, "InvalidParameterValueException: DurableExecutionName is not supported by Slipway."},
		{"context", nil, lambda.InvokeInput{ClientContext: aws.String("bm8=")}, "InvalidRequestContentException: Client context must be a valid Base64-encoded JSON object."},
		{"name", nil, lambda.InvokeInput{FunctionName: aws.String("no such thing")}, "ValidationException: 1 validation error detected: Value 'no such thing' at 'functionName' failed to satisfy constraint: Member must satisfy regular expression pattern: "},
	} {
		room := failing(c.err)
		if c.in.FunctionName == nil {
			c.in.FunctionName = aws.String("hello")
		}
		_, err := client(t, room).Invoke(t.Context(), &c.in)
		fault, ok := errors.AsType[smithy.APIError](err)
		if !ok || !strings.HasPrefix(fault.ErrorCode()+": "+fault.ErrorMessage(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
		if c.err == nil && len(room.calls) > 0 {
			t.Errorf("%s: the call was made", c.name)
		}
	}
}

func TestInvokeTooOften(t *testing.T) {
	room := failing(&functions.Throttle{Reason: functions.ReasonReserved, RetryAfter: 3})
	_, err := client(t, room).Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("hello")})
	fault, ok := errors.AsType[*types.TooManyRequestsException](err)
	if !ok || string(fault.Reason) != functions.ReasonReserved || aws.ToString(fault.RetryAfterSeconds) != "3" || aws.ToString(fault.Type) != "User" || fault.ErrorMessage() != "Rate Exceeded." {
		t.Errorf("%#v", err)
	}
}

// streamed is a stream's events as one line each.
func streamed(t *testing.T, out *lambda.InvokeWithResponseStreamOutput) []string {
	t.Helper()
	var got []string
	for event := range out.GetStream().Events() {
		switch e := event.(type) {
		case *types.InvokeWithResponseStreamResponseEventMemberPayloadChunk:
			got = append(got, string(e.Value.Payload))
		case *types.InvokeWithResponseStreamResponseEventMemberInvokeComplete:
			got = append(got, strings.Join([]string{"complete", aws.ToString(e.Value.ErrorCode), aws.ToString(e.Value.ErrorDetails), aws.ToString(e.Value.LogResult)}, "|"))
		}
	}
	if err := out.GetStream().Err(); err != nil {
		got = append(got, err.Error())
	}
	return got
}

func TestInvokeWithResponseStream(t *testing.T) {
	broken := &nodeapi.FunctionError{Type: "Runtime.ExitError", Message: "exit status 1"}
	document := `{"errorType":"Runtime.ExitError"}`
	for _, c := range []struct {
		name string
		play func(*testing.T, functions.Invoke) (functions.Answer, error)
		want string
	}{
		{"as it comes", func(t *testing.T, i functions.Invoke) (functions.Answer, error) {
			pieces(t, i, "one", "two")
			return functions.Answer{Version: "1", Tail: []byte("log")}, nil
		}, "one two complete|||bG9n"},
		{"all at once", func(*testing.T, functions.Invoke) (functions.Answer, error) {
			return functions.Answer{Payload: []byte("whole"), Version: "4", Release: "r-4"}, nil
		}, "whole complete|||"},
		{"failed before", func(*testing.T, functions.Invoke) (functions.Answer, error) {
			return functions.Answer{Error: broken, Failed: functions.Unhandled, Payload: []byte(document), Version: "4", Release: "r-4"}, nil
		}, "complete|Runtime.ExitError|" + document + "|"},
		{"failed in between", func(t *testing.T, i functions.Invoke) (functions.Answer, error) {
			pieces(t, i, "one")
			return functions.Answer{Error: broken, Failed: functions.Unhandled, Payload: []byte(document)}, nil
		}, "one complete|Runtime.ExitError|" + document + "|"},
		{"lost in between", func(t *testing.T, i functions.Invoke) (functions.Answer, error) {
			pieces(t, i, "one")
			return functions.Answer{}, &functions.Throttle{Reason: functions.ReasonConcurrency}
		}, "one TooManyRequestsException: Rate Exceeded."},
	} {
		t.Run(c.name, func(t *testing.T) {
			room := &stage{play: func(_ context.Context, i functions.Invoke) (functions.Answer, error) { return c.play(t, i) }}
			out, err := client(t, room).InvokeWithResponseStream(t.Context(), &lambda.InvokeWithResponseStreamInput{
				FunctionName: aws.String("hello"), LogType: types.LogTypeTail, Payload: []byte(`{}`),
			})
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(streamed(t, out), " "); got != c.want {
				t.Errorf("events %q, want %q", got, c.want)
			}
			if version := aws.ToString(out.ExecutedVersion); version != "4" || headerOf(t, out.ResultMetadata)("Slipway-Release") != "r-4" {
				t.Errorf("the version that ran is told as %q", version)
			}
		})
	}
}

// pieces answers piece by piece.
func pieces(t *testing.T, i functions.Invoke, list ...string) {
	t.Helper()
	i.Began("4", "r-4")
	if err := i.Stream.Head("application/octet-stream"); err != nil {
		t.Error(err)
	}
	for _, piece := range list {
		if _, err := i.Stream.Write([]byte(piece)); err != nil {
			t.Error(err)
		}
	}
}

func TestAStreamThatIsRefused(t *testing.T) {
	_, err := client(t, failing(&functions.Throttle{Reason: functions.ReasonConcurrency})).InvokeWithResponseStream(t.Context(),
		&lambda.InvokeWithResponseStreamInput{FunctionName: aws.String("hello")})
	if _, ok := errors.AsType[*types.TooManyRequestsException](err); !ok {
		t.Error(err)
	}
	dry, err := client(t, answering(functions.Answer{})).InvokeWithResponseStream(t.Context(),
		&lambda.InvokeWithResponseStreamInput{FunctionName: aws.String("hello"), InvocationType: types.ResponseStreamingInvocationTypeDryRun})
	if err != nil || dry.StatusCode != 204 {
		t.Errorf("%+v, %v", dry, err)
	}
}
