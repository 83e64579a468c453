package cluster

import (
	"context"
	"fmt"
	"strings"
	"time"

	"slipway/cluster/taskdef"
	"slipway/internal/errs"
	"slipway/store"
)

// How far a deployment has got.
const (
	Primary = "PRIMARY" // of a deployment: the one that the service is to have

	RolloutInProgress = "IN_PROGRESS"
	RolloutCompleted  = "COMPLETED"
	RolloutFailed     = "FAILED"
)

// The states of a service deployment. Source: Amazon ECS API Reference, ServiceDeployment.
const (
	RolloutPending            = "PENDING"
	RolloutSuccessful         = "SUCCESSFUL"
	RolloutStopped            = "STOPPED"
	RolloutRollbackRequested  = "ROLLBACK_REQUESTED"
	RolloutRollbackInProgress = "ROLLBACK_IN_PROGRESS"
	RolloutRollbackSuccessful = "ROLLBACK_SUCCESSFUL"
	RolloutRollbackFailed     = "ROLLBACK_FAILED"
)

// Deployment is one revision of a service on its way in, in place, or on its way out.
type Deployment struct {
	ID       string // "ecs-svc/" and a number; its tasks are started by it
	Service  string
	Cluster  string
	Account  string
	Revision Revision
	Status   string // Primary, Active, Inactive
	Created  time.Time
	Updated  time.Time

	Desired, Pending, Running int
	Failed                    int    // tasks in a row that failed before one stood
	State                     string // RolloutInProgress, RolloutCompleted, RolloutFailed; "" once it is on its way out
	Reason                    string
}

// ServiceDeployment is the record of a deployment: what became of it.
type ServiceDeployment struct {
	ID      string // the last part of its ARN
	Service string
	Cluster string
	Account string
	Spec    ServiceSpec // as it was when it was asked for

	Status       string // RolloutPending...
	StatusReason string
	Created      time.Time
	Started      time.Time
	Updated      time.Time
	Finished     time.Time
	Stopped      time.Time

	Target  RevisionCount
	Sources []RevisionCount // what there was before

	Failures, Threshold int    // of the circuit breaker
	BreakerStatus       string // DISABLED, MONITORING, MONITORING_COMPLETE, TRIGGERED
	Rollback            *Rollback
}

// RevisionCount counts the tasks of a service revision.
type RevisionCount struct {
	Revision                    string // its id
	Requested, Running, Pending int
}

// Rollback tells of a deployment that was taken back.
type Rollback struct {
	Reason   string
	Started  time.Time
	Revision string // id of the service revision that it went back to
}

// ServiceRevision is what a service was made of at one time.
type ServiceRevision struct {
	ID      string
	Service string
	Cluster string
	Account string
	Created time.Time
	Revision
	Spec taskdef.Spec // of the definition
	// Images are where the containers of Spec are pulled from, as far as they are of our own registry.
	Images []Image
}

// DeploymentFilter chooses deployments of one service.
type DeploymentFilter struct {
	Cluster, Service string
	Statuses         []string // none: all
	After, Before    time.Time
}

// ServiceDeployments lists the deployments of a service, newest first.
func (c *Control) ServiceDeployments(ctx context.Context, account string, f DeploymentFilter, page Page) (found []ServiceDeployment, next string, err error) {
	name := fmt.Sprintf("service-deployments/%s/%+v", account, f)
	return list(ctx, c.db, page, name, ServiceDeployment.key, func(tx *store.Tx, after string, limit int) ([]ServiceDeployment, error) {
		if _, err := readService(tx, account, f.Cluster, f.Service); err != nil {
			return nil, err
		}
		return c.listRollouts(tx, account, f, after, limit)
	})
}

// DescribeServiceDeployments describes deployments by id, in the order given, and tells which are not there.
func (c *Control) DescribeServiceDeployments(ctx context.Context, account string, ids []string) (found []ServiceDeployment, missing []string, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		rows, err := c.rolloutsByID(tx, account, ids)
		found, missing = inOrder(ids, rows, func(d ServiceDeployment) string { return d.ID })
		return err
	})
	return found, missing, err
}

// ServiceRevisions describes service revisions by id, in the order given, and tells which are not there.
func (c *Control) ServiceRevisions(ctx context.Context, account string, ids []string) (found []ServiceRevision, missing []string, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		rows, err := revisionsByID(tx, account, ids)
		found, missing = inOrder(ids, rows, func(r ServiceRevision) string { return r.ID })
		return err
	})
	return found, missing, err
}

// StopServiceDeployment ends a deployment that goes on, and brings back the one that was completed last. It fails
// with ErrNoDeployment, with ErrDeploymentOver for one that goes on no more, and with ErrNoRollback where
// there is nothing to go back to. Only the way back is there to stop by: ABORT is refused by the door.
func (c *Control) StopServiceDeployment(ctx context.Context, account, id string) error {
	return c.db.Update(ctx, func(tx *store.Tx) error {
		d, err := deploymentByRollout(tx, account, id)
		if err != nil {
			return err
		}
		s, err := readService(tx, account, d.Cluster, d.Service)
		if err != nil {
			return err
		}
		if s.Status != Active || d.Status != Primary || d.State != RolloutInProgress || d.rollout.Status != RolloutInProgress {
			return errs.Say(ErrDeploymentOver, "The service deployment is in state %s and cannot be stopped.", d.rollout.Status)
		}
		const reason = "Service deployment rolled back because of a user request."
		return c.rollBack(tx, s, d, reason)
	})
}

// ServiceDeploymentARN names the record of a deployment.
func ServiceDeploymentARN(region, account, cluster, service, id string) string {
	return ecsARN(region, account, strings.Join([]string{"service-deployment", cluster, service, id}, "/"))
}

// ServiceRevisionARN names a service revision.
func ServiceRevisionARN(region, account, cluster, service, id string) string {
	return ecsARN(region, account, strings.Join([]string{"service-revision", cluster, service, id}, "/"))
}

// ServiceARN names a service.
func ServiceARN(region, account, cluster, name string) string {
	return ecsARN(region, account, "service/"+cluster+"/"+name)
}
