package lambda

import "slipway/api/awswire"

// functions are the operations on functions, versions and aliases.
func (d *door) functions() []awswire.Binding { return nil }
