package functions

import (
	"encoding/json"
	"errors"
	"fmt"

	"slipway/internal/errs"
)

// emptyPayload is what a function is given that is called without a payload.
var emptyPayload = []byte("{}")

// check refuses payloads that are too large or are no JSON.
func (i *Invoke) check() error {
	if i.Type == EventCall && len(i.Payload) > MaxEventPayload {
		return errs.Say(ErrPayloadSize, "%d byte payload is too large for the Event invocation type (limit %d bytes)", len(i.Payload), MaxEventPayload)
	}
	if len(i.Payload) > MaxPayload {
		return errs.Say(ErrPayloadSize, "Request must be smaller than %d bytes for the InvokeFunction operation", MaxPayload)
	}
	if len(i.Payload) == 0 {
		i.Payload = emptyPayload
		return nil
	}
	if !json.Valid(i.Payload) {
		return errs.Say(ErrPayload, "Could not parse request body into json: Could not parse payload into json: %s", whyNoJSON(i.Payload))
	}
	return nil
}

// whyNoJSON is where and why a text is no JSON.
func whyNoJSON(text []byte) string {
	var v any
	err := json.Unmarshal(text, &v)
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Sprintf("%s at byte %d", syntax, syntax.Offset)
	}
	return "not JSON"
}
