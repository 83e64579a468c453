package cluster

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"slipway/cluster/rollout"
	"slipway/cluster/taskdef"
	"slipway/store"
)

// deployed is the whole row of a deployment: what is shown of it, its record, and what the reconciler goes by.
type deployed struct {
	Deployment
	spec     ServiceSpec
	revision string
	rollout  ServiceDeployment
	core     rollout.Deployment
}

const deploymentColumns = `id, account, cluster, service, rollout, revision, created, spec, sources, status, state, reason, updated, target,
	completed, way_back, failures, failed, retry, steady, record, record_status from deployments`

func scanDeployment(row interface{ Scan(...any) error }) (d deployed, err error) {
	var created, updated, completed, back, failed, retry, steady int64
	var spec, sources, record, recordStatus string
	r := &d.rollout
	err = row.Scan(&d.ID, &d.Account, &d.Cluster, &d.Service, &r.ID, &d.revision, &created, &spec, &sources, &d.Status, &d.State, &d.Reason, &updated, &d.Desired,
		&completed, &back, &d.Failed, &failed, &retry, &steady, &record, &recordStatus)
	if err != nil {
		return d, err
	}
	id := r.ID
	if err := errors.Join(json.Unmarshal([]byte(record), r), json.Unmarshal([]byte(spec), &d.spec), json.Unmarshal([]byte(sources), &r.Sources)); err != nil {
		return d, fmt.Errorf("deployment %s: %w", d.ID, err)
	}
	d.Revision, d.Created, d.Updated = d.spec.Revision, store.Time(created), store.Time(updated)
	r.ID, r.Service, r.Cluster, r.Account, r.Spec, r.Status = id, d.Service, d.Cluster, d.Account, d.spec, recordStatus
	r.Created, r.Target.Revision = d.Created, d.revision
	d.core = rollout.Deployment{ID: d.ID, Primary: d.Status == Primary, State: d.State, Reason: d.Reason, Completed: store.Time(completed), Rollback: back != 0,
		Failures: d.Failed, Failed: store.Time(failed), Retry: store.Time(retry), Steady: store.Time(steady)}
	return d, nil
}

func readDeployments(tx *store.Tx, where string, args ...any) (all []deployed, err error) {
	err = tx.Each(`select `+deploymentColumns+` where `+where, args, func(rows *sql.Rows) error {
		d, err := scanDeployment(rows)
		all = append(all, d)
		return err
	})
	return all, err
}

// deploymentsOf returns the deployments of a service that are not over, the primary one first, then the newest.
func deploymentsOf(tx *store.Tx, s Service) ([]deployed, error) {
	return readDeployments(tx, `account = $1 and cluster = $2 and service = $3 and status <> 'INACTIVE' order by case when status = 'PRIMARY' then 0 else 1 end, created desc, id`,
		s.Account, s.Cluster, s.Name)
}

// liveDeployments returns the same as they are shown, and the id of the record of the one that goes on, or back.
func liveDeployments(tx *store.Tx, s Service) (all []Deployment, current string, err error) {
	rows, err := deploymentsOf(tx, s)
	for _, d := range rows {
		all = append(all, d.Deployment)
		if current == "" && slices.Contains([]string{RolloutPending, RolloutInProgress, RolloutRollbackRequested, RolloutRollbackInProgress}, d.rollout.Status) {
			current = d.rollout.ID
		}
	}
	return all, current, err
}

func insertDeployment(tx *store.Tx, d deployed) error {
	spec, err1 := json.Marshal(d.spec)
	sources, err2 := json.Marshal(d.rollout.Sources)
	record, err3 := json.Marshal(d.rollout.record())
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	_, err := tx.Exec(`insert into deployments (id, account, cluster, service, rollout, revision, family, number, created, spec, sources, status, state, reason, updated, target, record, record_status)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $9, $15, $16, $17)`,
		d.ID, d.Account, d.Cluster, d.Service, d.rollout.ID, d.revision, d.Revision.Definition.Family, d.Revision.Definition.Revision, store.Micros(d.Created), string(spec), string(sources),
		d.Status, d.State, d.Reason, d.Desired, string(record), d.rollout.Status)
	return err
}

// saveDeployment writes all of a deployment that changes.
func saveDeployment(tx *store.Tx, d deployed) error {
	record, err := json.Marshal(d.rollout.record())
	if err != nil {
		return err
	}
	core := d.core
	back := 0
	if core.Rollback {
		back = 1
	}
	_, err = tx.Exec(`update deployments set status = $2, state = $3, reason = $4, updated = $5, target = $6, completed = $7, way_back = $8, failures = $9, failed = $10, retry = $11, steady = $12,
		record = $13, record_status = $14 where id = $1`,
		d.ID, d.Status, d.State, d.Reason, store.Micros(tx.Now), d.Desired, store.Micros(core.Completed), back, core.Failures, store.Micros(core.Failed), store.Micros(core.Retry), store.Micros(core.Steady),
		string(record), d.rollout.Status)
	return err
}

// record is what is kept of a service deployment beside the columns of its row.
func (d ServiceDeployment) record() ServiceDeployment {
	return ServiceDeployment{StatusReason: d.StatusReason, Started: d.Started, Updated: d.Updated, Finished: d.Finished, Stopped: d.Stopped,
		Failures: d.Failures, Threshold: d.Threshold, BreakerStatus: d.BreakerStatus, Rollback: d.Rollback}
}

// key is what listings of service deployments go by: the newest comes first.
func (d ServiceDeployment) key() string {
	return fmt.Sprintf("%020d/%s", 1<<62-store.Micros(d.Created), d.ID)
}

func (c *Control) listRollouts(tx *store.Tx, account string, f DeploymentFilter, after string, limit int) (page []ServiceDeployment, err error) {
	rows, err := readDeployments(tx, `account = $1 and cluster = $2 and service = $3 order by created desc, rollout`, account, f.Cluster, f.Service)
	if err != nil {
		return nil, err
	}
	for _, d := range rows {
		fits := len(f.Statuses) == 0 || slices.Contains(f.Statuses, d.rollout.Status)
		fits = fits && !d.Created.Before(f.After) && (f.Before.IsZero() || !d.Created.After(f.Before))
		if fits && d.rollout.key() > after && len(page) < limit {
			page = append(page, d.rollout)
		}
	}
	return page, countRollouts(tx, page)
}

func (c *Control) rolloutsByID(tx *store.Tx, account string, ids []string) (found []ServiceDeployment, err error) {
	rows, err := readDeployments(tx, `account = $1 and rollout in `+store.In(2, len(ids)), append([]any{account}, anys(ids)...)...)
	for _, d := range rows {
		found = append(found, d.rollout)
	}
	if err != nil {
		return nil, err
	}
	return found, countRollouts(tx, found)
}

// countRollouts fills in how many tasks the revisions have by now.
func countRollouts(tx *store.Tx, all []ServiceDeployment) error {
	for i := range all {
		if err := countRevision(tx, &all[i].Target); err != nil {
			return err
		}
		for n := range all[i].Sources {
			if err := countRevision(tx, &all[i].Sources[n]); err != nil {
				return err
			}
		}
	}
	return nil
}

func countRevision(tx *store.Tx, r *RevisionCount) error {
	err := tx.Row(`select case when d.status = 'PRIMARY' then d.target else 0 end,
			(select count(*) from tasks t where t.account = d.account and t.cluster = d.cluster and t.task_group = 'service:' || d.service and t.started_by = d.id and t.status = 4),
			(select count(*) from tasks t where t.account = d.account and t.cluster = d.cluster and t.task_group = 'service:' || d.service and t.started_by = d.id and t.status < 4)
		from deployments d where d.revision = $1`, r.Revision).Scan(&r.Requested, &r.Running, &r.Pending)
	if errors.Is(err, store.ErrNoRows) {
		return nil // it is long forgotten
	}
	return err
}

func revisionsByID(tx *store.Tx, account string, ids []string) (found []ServiceRevision, err error) {
	rows, err := readDeployments(tx, `account = $1 and revision in `+store.In(2, len(ids)), append([]any{account}, anys(ids)...)...)
	if err != nil {
		return nil, err
	}
	for _, d := range rows {
		r := ServiceRevision{ID: d.revision, Service: d.Service, Cluster: d.Cluster, Account: d.Account, Created: d.Created, Revision: d.Revision}
		definition, err := readDefinition(tx, account, d.Revision.Definition)
		if err != nil && !errors.Is(err, taskdef.ErrNotFound) { // it may be deleted by now
			return nil, err
		}
		r.Spec = definition.Spec
		found = append(found, r)
	}
	return found, nil
}

func deploymentByRollout(tx *store.Tx, account, id string) (deployed, error) {
	d, err := scanDeployment(tx.Row(`select `+deploymentColumns+` where account = $1 and rollout = $2`, account, id))
	if errors.Is(err, store.ErrNoRows) {
		return d, ErrNoDeployment
	}
	return d, err
}

// endRollout writes down what became of a service deployment.
func (d *deployed) endRollout(status, reason string, now time.Time) {
	r := &d.rollout
	r.Status, r.StatusReason, r.Updated, r.Finished = status, reason, now, now
	if status == RolloutStopped || status == RolloutRollbackSuccessful || status == RolloutRollbackFailed {
		r.Stopped = now
	}
	if r.BreakerStatus == breakerMonitoring {
		r.BreakerStatus = breakerComplete
	}
}
