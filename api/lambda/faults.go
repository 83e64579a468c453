package lambda

import "slipway/api/awswire"

// faults names the room's causes. The texts are those of AWS Lambda, where it has one.
var faults = awswire.Faults{}
