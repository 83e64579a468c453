package functions

import "context"

func (c *Control) resolve(_ context.Context, r Ref) (*Target, error) {
	return nil, c.noFunction(r)
}
