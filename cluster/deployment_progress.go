package cluster

import (
	"slices"
	"time"

	"slipway/cluster/rollout"
	"slipway/store"
)

// progress writes down how deployments of a service have changed, what that makes of their records, and which
// revision the service is to have from now on. all are those that are not over.
func (c *Control) progress(tx *store.Tx, s *Service, all []deployed, changed []rollout.Deployment) error {
	for _, core := range changed {
		i := slices.IndexFunc(all, func(d deployed) bool { return d.ID == core.ID })
		if i < 0 {
			continue
		}
		d := &all[i]
		was := d.core
		d.core = core
		d.follow(was, tx.Now)
		switch {
		case core.Primary && !was.Primary:
			d.Status, d.Desired, s.Revision = Primary, s.Desired, d.Revision
			if err := saveSpec(tx, *s); err != nil {
				return err
			}
		case was.Primary && !core.Primary:
			d.Status, d.Desired = Active, 0
		}
	}
	noteRollback(all, changed, tx.Now)
	for _, d := range all {
		if err := saveDeployment(tx, d); err != nil {
			return err
		}
	}
	return nil
}

// follow has a deployment's record say what has become of it.
func (d *deployed) follow(was rollout.Deployment, now time.Time) {
	core := d.core
	d.State, d.Reason, d.Failed = core.State, core.Reason, core.Failures
	d.rollout.Failures = max(d.rollout.Failures, core.Failures)
	d.rollout.Updated = now
	switch {
	case core.State == rollout.Failed && was.State != rollout.Failed && !core.Rollback:
		if d.rollout.Status != RolloutInProgress {
			return
		}
		if core.Primary { // nothing is gone back to
			d.endRollout(RolloutStopped, core.Reason, now)
		} else {
			d.rollout.Status, d.rollout.StatusReason = RolloutRollbackInProgress, core.Reason
		}
		if d.rollout.BreakerStatus != breakerDisabled && core.Failures >= d.rollout.Threshold {
			d.rollout.BreakerStatus = breakerTriggered
		}
	case core.State == rollout.Completed && was.State != rollout.Completed && d.rollout.Status == RolloutInProgress:
		d.endRollout(RolloutSuccessful, "", now)
	}
}

// noteRollback tells the records of deployments that were taken back how that goes.
func noteRollback(all []deployed, changed []rollout.Deployment, now time.Time) {
	for _, core := range changed {
		if !core.Rollback {
			continue
		}
		for i := range all {
			d := &all[i]
			switch {
			case d.rollout.Status != RolloutRollbackInProgress:
			case d.rollout.Rollback == nil:
				d.rollout.Rollback = &Rollback{Reason: d.rollout.StatusReason, Started: now, Revision: revisionOf(all, core.ID)}
			case core.State == rollout.Completed:
				d.endRollout(RolloutRollbackSuccessful, d.rollout.StatusReason, now)
			case core.State == rollout.Failed:
				d.endRollout(RolloutRollbackFailed, core.Reason, now)
			}
		}
	}
}

func revisionOf(all []deployed, id string) string {
	i := slices.IndexFunc(all, func(d deployed) bool { return d.ID == id })
	return all[i].revision
}

// retire ends deployments that nothing is left of.
func retire(tx *store.Tx, gone []string) error {
	for _, id := range gone {
		if _, err := tx.Exec(`update deployments set status = 'INACTIVE', state = '', updated = $2 where id = $1`, id, store.Micros(tx.Now)); err != nil {
			return err
		}
	}
	return nil
}
