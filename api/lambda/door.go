// Package lambda is the door of room functions: it speaks the AWS Lambda API, version 2015-03-31, answers at the
// URLs of functions, and holds no state.
//
// Event source mappings, code signing, capacity providers, durable executions and tenants are refused by name and
// never ignored.
package lambda

import (
	"context"
	"slices"

	"slipway/api/awswire"
	"slipway/functions"
)

type ctx = context.Context

type door struct {
	room   *functions.Control
	calls  caller
	region string
}

// caller is who makes the calls of functions: the room.
type caller interface {
	Invoke(ctx, functions.Invoke) (functions.Answer, error)
	FindURL(c ctx, id string) (functions.URL, error)
}

// New returns the door of the room in region.
func New(c *functions.Control, region string) *awswire.Service {
	d := &door{c, c, region}
	return awswire.NewService(API, faults, slices.Concat(
		d.invocations(), // Invoke, InvokeAsync, InvokeWithResponseStream
		d.functions(),   // functions, their code, versions and aliases, the account's settings
		d.layers(),      // layers, their versions and who may use them
		d.settings(),    // permissions, concurrency, URLs, event invoke configurations, tags and what else a function is told
	)...).Takes(maxRequest)
}

// maxRequest is how many bytes a request may have: as on AWS, room for a zip of 50 MiB in base64.
const maxRequest = 70_167_211
