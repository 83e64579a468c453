package cluster

import (
	"context"
	"slices"

	"slipway/cluster/placement"
	"slipway/events"
	"slipway/internal/ids"
	"slipway/nodeapi"
	"slipway/store"
)

// order is a wish for tasks: of RunTask, of StartTask, of a service or of a move.
type order struct {
	run   Run                   // how many, or where
	model Task                  // what each is a copy of
	guard func(*store.Tx) error // asked in the commit: its error ends the order, with nothing placed. It must not write where it fails.
	avoid []string              // nodes that are not to be used
}

// place chooses nodes for an order's tasks and writes them down. What is answered is committed. Where fewer are
// placed than wanted, it tells why the nodes took no more.
func (c *Control) place(ctx context.Context, o order) (started Started, err error) {
	// The database lets only one of two placements over the same nodes commit, and the other starts
	// over: waiting here for one's turn is less work.
	c.placing.Lock()
	defer c.placing.Unlock()
	err = c.db.Update(ctx, func(tx *store.Tx) (err error) {
		started, err = c.commit(tx, o)
		return err
	})
	return started, err
}

// commit places the tasks and records all that goes with them, unless the same request did so a moment ago.
func (c *Control) commit(tx *store.Tx, o order) (Started, error) {
	earlier, known, err := redeem(tx, o.model.Account, o.run)
	if known || err != nil {
		return earlier, err
	}
	if o.guard != nil {
		if err := o.guard(tx); err != nil {
			return Started{}, err
		}
	}
	started, err := c.insert(tx, o)
	if err != nil || len(started.Tasks) == 0 {
		return started, err // nothing came of it, so the token is still good
	}
	return started, c.record(tx, o.run, started)
}

// allowed leaves out the nodes that are not to be used.
func (o order) allowed(instances []Instance) []Instance {
	return slices.DeleteFunc(instances, func(i Instance) bool { return slices.Contains(o.avoid, i.ID) })
}

// insert chooses nodes for copies of model and inserts them.
func (c *Control) insert(tx *store.Tx, o order) (Started, error) {
	r, model := o.run, o.model
	if err := needCluster(tx, model.Account, model.Cluster); err != nil {
		return Started{}, err
	}
	if err := stillActive(tx, model.Account, model.Ref); err != nil {
		return Started{}, err
	}
	instances, err := readInstances(tx, model.Account, model.Cluster, r.Nodes)
	if err != nil {
		return Started{}, err
	}
	if len(instances) == 0 && r.Nodes == nil {
		return Started{}, ErrNoInstances
	}
	chosen, refused := choose(o.allowed(instances), o)
	started := Started{Refused: refused}
	for _, node := range chosen {
		t := model
		t.ID, t.Node, t.Created = ids.Hex(16), node, tx.Now
		t.Seen = nodeapi.TaskReport{ID: t.ID, Status: nodeapi.Pending}
		t.Connected = true
		started.Tasks = append(started.Tasks, t)
		if err := insertTask(tx, t, model.Spec.Need().Ports); err != nil {
			return Started{}, err
		}
		tx.Touch(nodeTopic(node))
	}
	return started, nil
}

func choose(instances []Instance, o order) ([]string, []placement.Refusal) {
	r, need := o.run, o.model.Spec.Need()
	nodes := make([]placement.Node, len(instances))
	for i, instance := range instances {
		nodes[i] = instance.Remaining()
		nodes[i].Attributes = instance.Attributes
	}
	if r.Nodes != nil {
		answer := placement.Plan(nodes, placement.Request{Need: need, On: r.Nodes, Group: o.model.Group, Constraints: o.constraints()})
		return answer.Chosen, answer.Refused
	}
	answer := placement.Plan(nodes, placement.Request{Need: need, Count: r.Count, Group: o.model.Group, Constraints: o.constraints(), Strategies: r.Strategies})
	return answer.Chosen, answer.Refused
}

// record keeps what goes with the tasks of a Run: its token, their tags and the events.
func (c *Control) record(tx *store.Tx, r Run, started Started) error {
	if err := keepToken(tx, r, started); err != nil {
		return err
	}
	for _, t := range started.Tasks {
		if err := setTags(tx, t.Account, "task/"+t.ID, t.Tags); err != nil {
			return err
		}
	}
	for _, t := range started.Tasks {
		if err := events.Append(tx, t.Account, "task.pending", c.taskARN(t), taskFact(t)); err != nil {
			return err
		}
	}
	return nil
}
