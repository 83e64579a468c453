package lambda

import "slipway/api/awswire"

// settings are the operations on what is set beside a function.
func (d *door) settings() []awswire.Binding { return nil }
