package cluster

import (
	"context"
	"fmt"

	"slipway/nodeapi"
	"slipway/store"
)

// Output hands a piece of a container's output to the logs. It goes where the task's definition
// says, not where the node says: a node writes nothing but the output of its own tasks. It fails
// with ErrNoTask for a task or container that the node does not have.
func (c *Control) Output(ctx context.Context, node string, o nodeapi.Output) (nodeapi.OutputAck, error) {
	var t Task
	err := c.db.View(ctx, func(tx *store.Tx) (err error) {
		t, err = taskOnNode(tx, node, o.Task)
		return err
	})
	if err != nil {
		return nodeapi.OutputAck{}, err
	}
	i := t.Spec.Index(o.Container)
	if i < 0 {
		return nodeapi.OutputAck{}, fmt.Errorf("%w: it has no container %.255q", ErrNoTask, o.Container)
	}
	o.Log = logOf(t, t.Spec.Containers[i])
	next, err := c.config.Logs.Write(ctx, t.Account, o)
	return nodeapi.OutputAck{Next: next}, err
}
