package cluster

import (
	"context"
	"errors"
	"fmt"

	"slipway/internal/errs"
	"slipway/store"
)

// RegisterInstance says something of a machine that has joined and serves the cluster: attributes and tags,
// beside those that it has. Which cluster a machine serves is decided where it is invited, by whoever may
// do that; so one of another cluster is refused, and one that was deregistered joins anew first.
func (c *Control) RegisterInstance(ctx context.Context, account, cluster, id string, attributes []Attribute, tags []Tag) (Instance, error) {
	for _, a := range attributes {
		if err := a.check(); err != nil {
			return Instance{}, err
		}
	}
	if err := checkTags(tags); err != nil {
		return Instance{}, err
	}
	var now Instance
	err := c.db.Update(ctx, func(tx *store.Tx) error {
		if err := needCluster(tx, account, cluster); err != nil {
			return err
		}
		if err := mayRegister(tx, account, cluster, id); err != nil {
			return err
		}
		if err := say(tx, account, id, attributes, tags); err != nil {
			return err
		}
		found, err := readInstances(tx, account, cluster, []string{id})
		if err != nil || len(found) == 0 {
			return errors.Join(ErrNoInstance, err)
		}
		now = found[0]
		now.Tags, err = tagsOf(tx, account, "container-instance/"+id)
		return err
	})
	return now, err
}

// mayRegister fails unless the node has joined, and to serve this cluster.
func mayRegister(tx *store.Tx, account, cluster, id string) error {
	const anew = `"slipway node invite --cluster %s" at the control plane prints a token, with which it joins: slipway agent --join URL --token TOKEN`
	if !idPattern.MatchString(id) {
		return errs.Say(ErrInvalid, "containerInstanceArn: %.200q is no container instance of this account.", id)
	}
	var serves, status string
	err := tx.Row(`select cluster, status from instances where account = $1 and id = $2`, account, id).Scan(&serves, &status)
	switch {
	case errors.Is(err, store.ErrNoRows):
		return errs.Say(ErrInvalid, "No machine has joined as container instance %s. "+anew, id, cluster)
	case err != nil:
		return err
	case status == Inactive:
		return errs.Say(ErrInvalid, "The container instance %s was deregistered. "+anew, id, cluster)
	case status == Deregistering:
		return errs.Say(ErrInvalid, "The container instance %s is being deregistered.", id)
	case serves != "" && serves != cluster:
		return errs.Say(ErrInvalid, "The container instance %s serves the cluster %s. Once it is deregistered there it can join another: "+anew, id, serves, cluster)
	}
	return nil
}

// say sets attributes and tags of a node.
func say(tx *store.Tx, account, id string, attributes []Attribute, tags []Tag) error {
	for _, a := range attributes {
		if err := putAttribute(tx, a); err != nil {
			return err
		}
	}
	if err := setTags(tx, account, "container-instance/"+id, tags); err != nil {
		return err
	}
	all, err := tagsOf(tx, account, "container-instance/"+id)
	if err == nil && len(all) > MaxTags {
		err = errs.Say(ErrInvalid, "%d tags are more than a resource can have, %d.", len(all), MaxTags)
	}
	if err == nil {
		err = machineChanged(tx, account, id)
	}
	return err
}

// putAttribute says something of a node, in place of what was said under the same name.
func putAttribute(tx *store.Tx, a Attribute) error {
	_, err := tx.Exec(`insert into instance_attributes (node, name, value) values ($1, $2, $3) on conflict (node, name) do update set value = excluded.value`, a.Node, a.Name, a.Value)
	if err != nil {
		return err
	}
	var n int
	err = tx.Row(`select count(*) from instance_attributes where node = $1`, a.Node).Scan(&n)
	if err == nil && n > maxAttributes {
		err = fmt.Errorf("%w: %s", ErrTooManyAttributes, a.Node)
	}
	return err
}

// LiveTasks counts the tasks on a node, of whichever cluster, that have not stopped as far as is known.
func (c *Control) LiveTasks(ctx context.Context, node string) (n int, err error) {
	err = c.db.Row(ctx, `select count(*) from tasks where status < 8 and node = $1 and account in (select account from instances where id = $1)`, node).Scan(&n)
	return n, err
}
