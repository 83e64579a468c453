package cloudtrail

import (
	"slipway/api/awswire"
	"slipway/audit"
)

// faults names the room's causes.
var faults = awswire.Faults{
	{Cause: audit.ErrToken, Fault: InvalidNextTokenException, Text: "The NextToken is not valid, or is of a request with other parameters."},
}
