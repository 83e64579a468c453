package lambda

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"slipway/api/awswire"
	"slipway/functions"
)

// invocations are the operations that call functions.
func (d *door) invocations() []awswire.Binding {
	return []awswire.Binding{
		Invoke.Handle(d.invoke, d.onInvoke),
		InvokeAsync.Handle(d.invokeAsync, d.onInvokeAsync),
		InvokeWithResponseStream.HandleStream(d.invokeStreaming, d.onInvokeStreaming),
	}
}

// Headers of calls beside those of the model.
const (
	headerTrace   = "X-Amzn-Trace-Id"
	headerRelease = "Slipway-Release" // code and configuration that answered
)

// maxClientContext is how long a client context may be, in base64. Source: API Reference, Invoke.
const maxClientContext = 3583

func (d *door) invoke(c ctx, in *InvokeInput) (*InvokeOutput, error) {
	if in.DurableExecutionName != nil {
		return nil, unsupported("DurableExecutionName")
	}
	i, err := d.call(c, in.FunctionName, in.Qualifier, in.ClientContext, in.TenantId)
	if err != nil {
		return nil, err
	}
	i.Type, i.Payload = functions.InvocationType(awswire.Or(in.InvocationType, InvocationTypeRequestResponse)), in.Payload
	i.Tail = awswire.Or(in.LogType, LogTypeNone) == LogTypeTail && i.Type == functions.RequestResponse
	answer, err := d.calls.Invoke(c, i)
	if err != nil {
		return nil, callFault(c, err)
	}
	return invoked(c, i.Type, &answer), nil
}

// invoked is the answer to a call, as its type has it: with the function's answer, accepted, or found possible.
func invoked(c ctx, how functions.InvocationType, a *functions.Answer) *InvokeOutput {
	switch how {
	case functions.EventCall:
		return &InvokeOutput{StatusCode: new(int32(http.StatusAccepted))}
	case functions.DryRun:
		return &InvokeOutput{StatusCode: new(int32(http.StatusNoContent)), ExecutedVersion: some(a.Version)}
	}
	awswire.SetHeader(c, headerRelease, a.Release)
	awswire.SetHeader(c, "Content-Type", "application/json") // whatever it is: so does AWS Lambda
	out := &InvokeOutput{StatusCode: new(int32(http.StatusOK)), ExecutedVersion: some(a.Version), FunctionError: some(a.Failed), Payload: a.Payload}
	if a.Tail != nil {
		out.LogResult = new(base64.StdEncoding.EncodeToString(a.Tail))
	}
	return out
}

func (d *door) invokeAsync(c ctx, in *InvokeAsyncInput) (*InvokeAsyncOutput, error) {
	i, err := d.call(c, in.FunctionName, nil, nil, nil)
	if err != nil {
		return nil, err
	}
	i.Type, i.Payload = functions.EventCall, in.InvokeArgs
	if _, err := d.calls.Invoke(c, i); err != nil {
		return nil, callFault(c, err)
	}
	return &InvokeAsyncOutput{Status: new(int32(http.StatusAccepted))}, nil
}

// call is what all ways to call a function have in common.
func (d *door) call(c ctx, function string, qualifier, clientContext, tenant *string) (functions.Invoke, error) {
	i := functions.Invoke{
		Account: awswire.CallerOf(c).Account, Function: function, Qualifier: awswire.Or(qualifier, ""),
		Request: awswire.RequestID(c), ClientContext: awswire.Or(clientContext, ""), TraceID: awswire.Header(c, headerTrace),
	}
	switch {
	case tenant != nil:
		return i, unsupported("TenantId")
	case !isClientContext(i.ClientContext):
		return i, InvalidRequestContentException.New("Client context must be a valid Base64-encoded JSON object.")
	}
	return i, nil
}

func isClientContext(text string) bool {
	if text == "" {
		return true
	}
	plain, err := base64.StdEncoding.DecodeString(text)
	return err == nil && len(text) <= maxClientContext && json.Valid(plain) && bytes.HasPrefix(bytes.TrimSpace(plain), []byte("{"))
}

// callFault is what a call that was not made is answered with.
func callFault(c ctx, err error) error {
	t, throttled := errors.AsType[*functions.Throttle](err)
	if !throttled {
		return err
	}
	awswire.SetHeader(c, "Retry-After", strconv.Itoa(t.RetryAfter))
	return TooManyRequestsException.New(t.Error()).With("Reason", t.Reason)
}

// some is a text that there is, or nil for "".
func some(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
