package cluster

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"

	"slipway/cluster/rollout"
	"slipway/events"
	"slipway/internal/ids"
	"slipway/store"
)

// service reads a service by itself.
func (c *Control) service(ctx context.Context, account, cluster, name string) (s Service, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		s, err = readService(tx, account, cluster, name)
		if err == nil && s.Status != Active {
			err = ErrServiceInactive
		}
		return err
	})
	return s, err
}

// mayDeploy finds the definition that a service is to have, and asks whether the caller may have it run.
func (c *Control) mayDeploy(ctx context.Context, account, cluster string, find func(*store.Tx) (Definition, error), permit func(context.Context, Definition) error) (d Definition, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		if err := needCluster(tx, account, cluster); err != nil {
			return err
		}
		d, err = find(tx)
		return err
	})
	if err == nil && permit != nil {
		err = permit(ctx, d)
	}
	return d, err
}

// insertService makes a service with its first deployment, unless the same request did so before.
func (c *Control) insertService(tx *store.Tx, account string, n NewService) (Service, error) {
	if err := needCluster(tx, account, n.Cluster); err != nil {
		return Service{}, err
	}
	earlier, err := readService(tx, account, n.Cluster, n.Name)
	switch {
	case errors.Is(err, ErrNoService):
	case err != nil:
		return Service{}, err
	case earlier.Status == Draining:
		return Service{}, ErrServiceDraining
	case earlier.Status == Active:
		return c.redeemService(tx, earlier, n)
	}
	s := Service{Account: account, Cluster: n.Cluster, Name: n.Name, Status: Active, Created: tx.Now, CreatedBy: n.CreatedBy, Strategy: n.Strategy, Role: n.Role, ServiceSpec: n.ServiceSpec}
	if n.Strategy == Daemon {
		replaceEmpty(&s.Launch, "EC2") // a daemon is on all machines, whatever they belong to
	}
	if err := s.settleProviders(tx); err != nil {
		return Service{}, err
	}
	if err := writeService(tx, s, n); err != nil {
		return Service{}, err
	}
	if err := deleteAllTags(tx, account, s.resource()); err != nil { // of one that had the name before
		return Service{}, err
	}
	if err := setTags(tx, account, s.resource(), n.Tags); err != nil {
		return Service{}, err
	}
	if err := c.deploy(tx, s); err != nil {
		return Service{}, err
	}
	tx.Touch(anyService)
	made, err := c.wholeService(tx, account, s.Cluster, s.Name)
	if err != nil {
		return Service{}, err
	}
	return made, c.tellOfService(tx, "service.created", s)
}

// redeemService returns a service that the same request made, or says that there is another.
func (c *Control) redeemService(tx *store.Tx, s Service, n NewService) (Service, error) {
	var token, request string
	if err := tx.Row(`select token, request from services where account = $1 and cluster = $2 and name = $3`, s.Account, s.Cluster, s.Name).Scan(&token, &request); err != nil {
		return Service{}, err
	}
	if n.Token == "" || token != n.Token || request != n.digest() {
		return Service{}, ErrServiceExists
	}
	return c.wholeService(tx, s.Account, s.Cluster, s.Name)
}

func (n NewService) digest() string {
	text, _ := json.Marshal(n) // a struct of texts and numbers always can be
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

func writeService(tx *store.Tx, s Service, n NewService) error {
	spec, err := json.Marshal(s.ServiceSpec)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`insert into services (account, cluster, name, status, created, created_by, strategy, role, token, request, spec)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
		on conflict (account, cluster, name) do update set status = excluded.status, created = excluded.created, created_by = excluded.created_by, ended = 0, strategy = excluded.strategy,
			role = excluded.role, token = excluded.token, request = excluded.request, spec = excluded.spec, said = '', waits = 0, waits_since = 0, refused = '', reserved = ''`,
		s.Account, s.Cluster, s.Name, s.Status, store.Micros(s.Created), s.CreatedBy, s.Strategy, s.Role, n.Token, n.digest(), string(spec))
	return err
}

func deleteAllTags(tx *store.Tx, account, resource string) error {
	_, err := tx.Exec(`delete from tags where account = $1 and resource = $2`, account, resource)
	return err
}

// updateService changes what is wanted of a service, and begins a deployment if that is of another revision.
func (c *Control) updateService(tx *store.Tx, account, cluster, name string, u ServiceUpdate, d Definition) (Service, error) {
	s, err := readService(tx, account, cluster, name)
	if err != nil {
		return s, err
	}
	if s.Status != Active {
		return s, ErrServiceInactive
	}
	if err := needCluster(tx, account, cluster); err != nil {
		return s, err
	}
	before := s.Revision
	u.apply(&s.ServiceSpec)
	if u.Providers != nil {
		if err := s.settleProviders(tx); err != nil {
			return s, err
		}
	}
	if u.deploys() || s.Definition == d.Ref {
		s.Definition = d.Ref
		if err := s.check(s.Strategy, d); err != nil {
			return s, err
		}
	}
	if err := saveSpec(tx, s); err != nil {
		return s, err
	}
	if u.Force || !sameRevision(before, s.Revision) {
		if err := c.deploy(tx, s); err != nil {
			return s, err
		}
	} else if err := resize(tx, s); err != nil {
		return s, err
	}
	tx.Touch(servicesTopic(account, cluster))
	updated, err := c.wholeService(tx, account, cluster, name)
	if err != nil {
		return s, err
	}
	return updated, c.tellOfService(tx, "service.updated", s)
}

// resize notes the new number of tasks with the deployment that has them.
func resize(tx *store.Tx, s Service) error {
	if s.Strategy == Daemon {
		return nil
	}
	_, err := tx.Exec(`update deployments set target = $4, updated = $5 where account = $1 and cluster = $2 and service = $3 and status = 'PRIMARY' and target <> $4`,
		s.Account, s.Cluster, s.Name, s.Desired, store.Micros(tx.Now))
	return err
}

// The states of what watches over a service deployment. Source: Amazon ECS API Reference, ServiceDeployment.
const (
	breakerDisabled   = "DISABLED"
	breakerMonitoring = "MONITORING"
	breakerComplete   = "MONITORING_COMPLETE"
	breakerTriggered  = "TRIGGERED"
)

// deploy makes a deployment of what is wanted of the service now the primary one.
func (c *Control) deploy(tx *store.Tx, s Service) error {
	before, err := deploymentsOf(tx, s)
	if err != nil {
		return err
	}
	number := ids.Digits(19) // ECS has one for both, and clients find a deployment's record by it
	d := deployed{spec: s.ServiceSpec, revision: number}
	d.Deployment = Deployment{ID: "ecs-svc/" + number, Account: s.Account, Cluster: s.Cluster, Service: s.Name, Revision: s.Revision, Status: Primary, Created: tx.Now, Desired: s.Desired, State: RolloutInProgress}
	d.Reason = "ECS deployment " + d.ID + " in progress."
	d.rollout = ServiceDeployment{ID: ids.Hex(11)[:21], Status: RolloutInProgress, Started: tx.Now, Updated: tx.Now, BreakerStatus: breakerDisabled, Threshold: rollout.Threshold(s.Desired)}
	if s.Breaker.Enable {
		d.rollout.BreakerStatus = breakerMonitoring
	}
	for _, b := range before {
		d.rollout.Sources = append(d.rollout.Sources, RevisionCount{Revision: b.revision})
		if err := supersede(tx, b, "The service deployment was replaced by deployment "+d.ID+"."); err != nil {
			return err
		}
	}
	if err := insertDeployment(tx, d); err != nil {
		return err
	}
	tx.Touch(servicesTopic(s.Account, s.Cluster))
	_, err = tx.Exec(`update services set said = '' where account = $1 and cluster = $2 and name = $3`, s.Account, s.Cluster, s.Name)
	return err
}

// supersede has a deployment make way.
func supersede(tx *store.Tx, b deployed, reason string) error {
	switch b.rollout.Status {
	case RolloutInProgress:
		b.endRollout(RolloutStopped, reason, tx.Now)
	case RolloutRollbackInProgress:
		b.endRollout(RolloutRollbackFailed, reason, tx.Now)
	}
	if b.Status == Primary {
		b.Status, b.Desired = Active, 0
		b.core.Steady = time.Time{}
	}
	return saveDeployment(tx, b)
}

// rollBack makes the deployment that was completed last the primary one again.
func (c *Control) rollBack(tx *store.Tx, s Service, d deployed, reason string) error {
	all, err := deploymentsOf(tx, s)
	if err != nil {
		return err
	}
	var good *deployed
	for i := range all {
		if b := &all[i]; b.ID != d.ID && !b.core.Completed.IsZero() && (good == nil || b.core.Completed.After(good.core.Completed)) {
			good = b
		}
	}
	if good == nil {
		return ErrNoRollback
	}
	failed, back := d.core, good.core
	failed.Primary, failed.State, failed.Reason = false, rollout.Failed, reason
	back.Primary, back.Rollback, back.State, back.Reason = true, true, rollout.InProgress, "Rolling back to deploymentId "+back.ID+"."
	back.Failures, back.Failed, back.Retry = 0, time.Time{}, time.Time{}
	if err := c.progress(tx, &s, all, []rollout.Deployment{failed, back}); err != nil {
		return err
	}
	tx.Touch(servicesTopic(s.Account, s.Cluster))
	return tellService(tx, s, "(service "+s.Name+") rolling back to deployment "+back.ID+".")
}

// endService has a service go, once its tasks have.
func (c *Control) endService(tx *store.Tx, s Service) error {
	if err := setServiceStatus(tx, s, Draining); err != nil {
		return err
	}
	s.Desired = 0
	if err := saveSpec(tx, s); err != nil {
		return err
	}
	_, err := tx.Exec(`update services set waits = 0, reserved = '', refused = '' where account = $1 and cluster = $2 and name = $3`, s.Account, s.Cluster, s.Name)
	if err != nil {
		return err
	}
	tx.Touch(servicesTopic(s.Account, s.Cluster))
	if err := s.unreserve(tx); err != nil {
		return err
	}
	return c.tellOfService(tx, "service.delete-requested", s)
}

// endServices has the services of a cluster go, or all of an account ("").
func (c *Control) endServices(tx *store.Tx, account, cluster string) error {
	var all []Service
	err := tx.Each(`select cluster, name, spec, reserved from services where account = $1 and ($2 = '' or cluster = $2) and status = 'ACTIVE' order by cluster, name`, []any{account, cluster}, func(rows *sql.Rows) error {
		s := Service{Account: account, Waiting: &Waiting{}}
		var spec string
		if err := rows.Scan(&s.Cluster, &s.Name, &spec, &s.Waiting.Reserved); err != nil {
			return err
		}
		all = append(all, s)
		return json.Unmarshal([]byte(spec), &all[len(all)-1].ServiceSpec)
	})
	for _, s := range all {
		if err == nil {
			err = c.endService(tx, s)
		}
	}
	return err
}

// deploymentsKept is for how long deployments can be described. Source: Amazon ECS Developer Guide, "View service
// history using Amazon ECS service deployments".
const deploymentsKept = 90 * 24 * time.Hour

// forgetServices forgets services that were over before then, and deployments that were for long.
func forgetServices(tx *store.Tx, before int64) error {
	const gone = `select 1 from services s where s.account = x.account and s.cluster = x.cluster and s.name = x.service and s.status = 'INACTIVE' and s.ended < $1`
	_, err1 := tx.Exec(`delete from service_events as x where exists (`+gone+`)`, before)
	_, err2 := tx.Exec(`delete from deployments where status = 'INACTIVE' and updated < $1`, before-deploymentsKept.Microseconds())
	_, err3 := tx.Exec(`delete from tags where resource in (select 'service/' || cluster || '/' || name from services s where s.account = tags.account and s.status = 'INACTIVE' and s.ended < $1)`, before)
	_, err4 := tx.Exec(`delete from services where status = 'INACTIVE' and ended < $1`, before)
	return errors.Join(err1, err2, err3, err4)
}

// tellOfService writes an event about a service. Call it last.
func (c *Control) tellOfService(tx *store.Tx, kind string, s Service) error {
	return events.Append(tx, s.Account, kind, ServiceARN(c.config.Region, s.Account, s.Cluster, s.Name),
		map[string]any{"cluster": s.Cluster, "definition": s.Definition.String(), "desired": s.Desired, "strategy": s.Strategy})
}
