package functions

import (
	"encoding/json"
	"strings"
	"time"
)

// record is the document that a destination is given. Source: "Capturing records of Lambda asynchronous invocations".
type record struct {
	Version         string           `json:"version"`
	Timestamp       string           `json:"timestamp"`
	RequestContext  requestContext   `json:"requestContext"`
	RequestPayload  json.RawMessage  `json:"requestPayload"`
	ResponseContext *responseContext `json:"responseContext,omitempty"` // none: the function was not called
	ResponsePayload json.RawMessage  `json:"responsePayload"`
}

type requestContext struct {
	RequestID   string `json:"requestId"`
	FunctionARN string `json:"functionArn"`
	Condition   string `json:"condition"`
	Invocations int    `json:"approximateInvokeCount"`
}

type responseContext struct {
	StatusCode      int    `json:"statusCode"`
	ExecutedVersion string `json:"executedVersion"`
	FunctionError   string `json:"functionError,omitempty"`
}

// document tells how a call ended. An answer with which it would be larger than a payload may be is left out.
func (s *settlement) document(now time.Time) []byte {
	arn := s.call.ARN()
	if s.call.Qualifier == "" {
		arn += ":$LATEST"
	}
	r := record{
		Version: "1.0", Timestamp: now.UTC().Format("2006-01-02T15:04:05.000Z"),
		RequestContext: requestContext{s.call.ID, arn, s.verdict.condition, s.verdict.runs},
		RequestPayload: s.call.Payload, ResponsePayload: asJSON(s.result.payload),
	}
	if s.result.version != "" {
		r.ResponseContext = &responseContext{StatusCode: 200, ExecutedVersion: s.result.version}
		if s.result.kind == failed {
			r.ResponseContext.FunctionError = Unhandled
		}
	}
	text, err := json.Marshal(r)
	if err != nil || len(text) > MaxEventPayload && len(r.ResponsePayload) > len("null") {
		r.ResponsePayload = nil
		text, _ = json.Marshal(r) // the request was checked to be JSON when it was accepted
	}
	return text
}

// asJSON is an answer as a part of a document: what is no JSON is a string, and nothing is null.
func asJSON(answer []byte) json.RawMessage {
	switch {
	case len(answer) == 0:
		return nil
	case json.Valid(answer):
		return answer
	}
	text, _ := json.Marshal(string(answer)) // strings always can be
	return text
}

// maxKept is how much is kept of what a function answered when it failed, in bytes.
const maxKept = 64 << 10

func bounded(answer []byte) []byte {
	if answer == nil {
		return []byte{}
	}
	return answer[:min(len(answer), maxKept)]
}

// splitFunctionARN takes the ARN of a function apart: without its qualifier, the qualifier, whose it is.
func splitFunctionARN(arn string) (function, qualifier, account string) {
	parts := strings.Split(arn, ":")
	if len(parts) < 7 {
		return arn, "", ""
	}
	if len(parts) > 7 {
		qualifier = parts[7]
	}
	return strings.Join(parts[:7], ":"), qualifier, parts[4]
}
