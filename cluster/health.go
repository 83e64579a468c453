package cluster

import (
	"slipway/events"
	"slipway/store"
)

// How well containers and tasks are. Source: Amazon ECS Developer Guide, "Determine Amazon ECS task
// health using container health checks".
const (
	healthy   = "HEALTHY"
	unhealthy = "UNHEALTHY"
	unknown   = "UNKNOWN" // it has no health check, or none has ended yet
)

// ContainerHealth tells how well the i-th container of the task is.
func (t Task) ContainerHealth(i int) string {
	health := t.Container(i).Health
	if !t.Spec.Containers[i].Health.Checks() || health != healthy && health != unhealthy {
		return unknown
	}
	return health
}

// Health tells how well the task is, by its essential containers with health checks: unwell if one is,
// well if all are.
func (t Task) Health() string {
	checked, well := false, true
	for i, c := range t.Spec.Containers {
		if !c.Essential || !c.Health.Checks() {
			continue
		}
		health := t.ContainerHealth(i)
		if health == unhealthy {
			return unhealthy
		}
		checked, well = true, well && health == healthy
	}
	if checked && well {
		return healthy
	}
	return unknown
}

// troubled notes that a machine cannot start containers any more, or can again. It takes no tasks in between;
// those that it has go on.
func (c *Control) troubled(tx *store.Tx, i Instance) error {
	_, err := tx.Exec(`update instances set trouble = $2, trouble_at = $3 where id = $1`, i.ID, i.Trouble, store.Micros(tx.Now))
	if err == nil {
		err = machineChanged(tx, i.Account, i.ID)
	}
	if err != nil {
		return err
	}
	if i.Trouble == "" {
		return c.tellInstance(tx, "instance.recovered", i.ID, i.Account, i.Cluster)
	}
	return events.Append(tx, i.Account, "instance.impaired", i.ID, map[string]string{"cluster": i.Cluster, "reason": i.Trouble})
}
