// Package cloudtrail is the door of the audit: it speaks the part of the AWS CloudTrail API that
// looks up the event history, and holds no state.
//
// Trails, event data stores and insights are not served: the history has every call, is kept as
// long as AWS keeps it, and cannot be turned off.
package cloudtrail

import (
	"slipway/api/awswire"
	"slipway/audit"
)

type door struct{ control *audit.Control }

// New returns the door of the room.
func New(c *audit.Control) *awswire.Service {
	d := &door{c}
	return awswire.NewService(API, faults,
		LookupEvents.Handle(d.lookupEvents, awswire.Any),
	)
}
