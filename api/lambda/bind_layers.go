package lambda

import "slipway/api/awswire"

// layers are the operations on layers.
func (d *door) layers() []awswire.Binding { return nil }
