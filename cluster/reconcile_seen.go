package cluster

import (
	"slipway/nodeapi"
	"slipway/store"
)

// noteSeen keeps of what is seen of tasks what their services go by, and has the services look.
func noteSeen(tx *store.Tx, tasks ...Task) error {
	for _, t := range tasks {
		if !t.ofService() {
			continue
		}
		health, ran := "", int64(0)
		if t.Seen.Status == nodeapi.Running {
			ran = store.Micros(tx.Now)
			if t.checked() {
				health = t.Health()
			}
		}
		_, err := tx.Exec(`update tasks set health = $2, ran = case when ran = 0 then cast($3 as bigint) else ran end where id = $1 and (health <> $2 or ran = 0 and cast($3 as bigint) > 0)`, t.ID, health, ran)
		if err != nil {
			return err
		}
		tx.Touch(servicesTopic(t.Account, t.Cluster))
	}
	return nil
}

// checked tells whether any health check says how well the task is.
func (t Task) checked() bool {
	for _, c := range t.Spec.Containers {
		if c.Essential && c.Health.Checks() {
			return true
		}
	}
	return false
}
