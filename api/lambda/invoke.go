package lambda

import "slipway/api/awswire"

// calls are the operations that call functions.
func (d *door) calls() []awswire.Binding { return nil }
