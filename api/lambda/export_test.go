package lambda

import (
	"net/http"

	"slipway/api/awswire"
	"slipway/functions"
)

// Caller stands for the room, as far as calls go.
type Caller = caller

// NewOver is the calls of the door over another body of the room.
func NewOver(calls Caller, room *functions.Control, region string) *awswire.Service {
	d := &door{room, calls, region}
	return awswire.NewService(API, faults, d.invocations()...)
}

// URLsOver is URLs over another body of the room, where functions have policies as said.
func URLsOver(calls Caller, region string, gate *awswire.Mux, policy string, next http.Handler) http.Handler {
	room := new(functions.Control)
	u := &urls{calls, region, gate, room.ARN, func(ctx, functions.Ref) (string, error) { return policy, nil }}
	return u.before(next)
}
