package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"slipway/cluster/capacity"
	"slipway/cluster/placement"
	"slipway/cluster/rollout"
	"slipway/cluster/taskdef"
	"slipway/store"
)

// How many tasks a service has.
const (
	Replica = "REPLICA" // as many as are desired
	Daemon  = "DAEMON"  // one on each machine that may have it
)

// Whose tags the tasks of a service get.
const (
	TagsOfService    = "SERVICE"
	TagsOfDefinition = "TASK_DEFINITION"
)

// Service keeps a number of tasks of one definition running, through all that happens to them.
type Service struct {
	Account, Cluster, Name string

	Status    string // Active; Draining: its last tasks are on their way out; Inactive: a record
	Created   time.Time
	CreatedBy string // ARN of the caller
	Strategy  string // Replica, Daemon
	Role      string // ARN; kept and shown
	ServiceSpec

	Running, Pending int
	Tags             []Tag
	Deployments      []Deployment   // the PRIMARY one first, then those that still have tasks
	Events           []ServiceEvent // the last 100, newest first
	Waiting          *Waiting       // nil: all tasks have a place
	Rollout          string         // id of the service deployment that goes on; "": none
}

// ServiceSpec is what can be changed of a service.
type ServiceSpec struct {
	Revision
	Desired       int // of a DAEMON: how many machines may have one
	MinPercent    int // of the desired tasks that must be healthy throughout a deployment
	MaxPercent    int // of the desired tasks that there may be
	Breaker       Breaker
	Alarms        Alarms
	Constraints   []placement.Constraint
	Strategies    []placement.Strategy
	GracePeriod   int    // seconds from a task's start in which failing health checks do not count
	PropagateTags string // TagsOfService, TagsOfDefinition, "NONE"; "": NONE
	ManagedTags   bool   // tasks get aws:ecs:clusterName and aws:ecs:serviceName
	Exec          bool   // commands may be run in the tasks' containers
	Rebalancing   bool   // tasks are moved when machines come or change
}

// Revision is what one deployment of a service brings out. A change of any of it is a new deployment.
type Revision struct {
	Definition taskdef.Ref      // its number is never 0 in what is read
	Launch     string           `json:",omitempty"` // EC2, EXTERNAL; "" with Providers
	Providers  []capacity.Share `json:",omitempty"`
	Balancers  []LoadBalancer   `json:",omitempty"`
	VPC        *taskdef.VPC     `json:",omitempty"`
}

// LoadBalancer says which port of which container a target group is given.
type LoadBalancer struct {
	TargetGroup string // ARN
	Container   string
	Port        int
}

// Breaker ends a deployment whose tasks fail. Source: Amazon ECS Developer Guide, "How the Amazon ECS deployment
// circuit breaker detects failures".
type Breaker struct{ Enable, Rollback bool }

// Alarms end a deployment while one of them sounds.
type Alarms struct {
	Names            []string `json:",omitempty"`
	Enable, Rollback bool
}

// ServiceEvent is a sentence about a service.
type ServiceEvent struct {
	ID      string
	Created time.Time
	Text    string
}

// Waiting tells of tasks of a service that have no place.
type Waiting struct {
	Count    int
	Since    time.Time
	Refused  []placement.Refusal // by each machine, the last time
	Reserved string              // id of the machine that nobody else gets anything of; "": none yet
}

// NewService is what CreateService is asked for. DefaultPercents are what callers fill in where nothing is said.
type NewService struct {
	Cluster, Name string
	Strategy      string // "": Replica
	Role          string
	CreatedBy     string
	Token         string // the same token and request make nothing anew; "": no token
	Tags          []Tag
	ServiceSpec

	// Permit is asked with the definition before anything is done, and refuses by its error. nil: nobody is asked.
	Permit func(context.Context, Definition) error `json:"-"`
}

// ServiceUpdate is what UpdateService changes; what is nil stays as it is.
type ServiceUpdate struct {
	Definition    *taskdef.Ref
	Desired       *int
	MinPercent    *int
	MaxPercent    *int
	Breaker       *Breaker
	Alarms        *Alarms
	Constraints   *[]placement.Constraint
	Strategies    *[]placement.Strategy
	Providers     *[]capacity.Share
	Balancers     *[]LoadBalancer
	VPC           *taskdef.VPC
	GracePeriod   *int
	PropagateTags *string
	ManagedTags   *bool
	Exec          *bool
	Rebalancing   *bool
	Force         bool // a new deployment even if nothing changes

	Permit func(context.Context, Definition) error `json:"-"`
}

// ServiceFilter chooses services of one cluster. An empty member chooses all.
type ServiceFilter struct {
	Cluster  string
	Launch   string
	Strategy string
}

// CreateService makes a service and its first deployment. It fails with ErrServiceExists where an active one has the
// name, and with what is wrong with the request (ErrInvalid, ErrNoCluster, ErrInactiveCluster, taskdef.ErrNotFound,
// ErrInactiveRevision).
func (c *Control) CreateService(ctx context.Context, account string, n NewService) (Service, error) {
	if err := n.fill(); err != nil {
		return Service{}, err
	}
	d, err := c.mayDeploy(ctx, account, n.Cluster, func(tx *store.Tx) (Definition, error) { return needDefinition(tx, account, n.Definition) }, n.Permit)
	if err != nil {
		return Service{}, err
	}
	n.Definition = d.Ref
	if err := n.ServiceSpec.check(n.Strategy, d); err != nil {
		return Service{}, err
	}
	if err := c.checkGroups(ctx, account, n.Balancers); err != nil {
		return Service{}, err
	}
	var made Service
	err = c.db.Update(ctx, func(tx *store.Tx) (err error) {
		made, err = c.insertService(tx, account, n)
		return err
	})
	return made, err
}

// UpdateService changes a service. What its tasks are made of is changed by a deployment, which begins at once and
// ends one that goes on. It fails with ErrNoService, and with ErrServiceInactive for one that is deleted.
func (c *Control) UpdateService(ctx context.Context, account, cluster, name string, u ServiceUpdate) (Service, error) {
	before, err := c.service(ctx, account, cluster, name)
	if err != nil {
		return Service{}, err
	}
	d, err := c.mayDeploy(ctx, account, cluster, func(tx *store.Tx) (Definition, error) {
		if u.Definition != nil {
			return needDefinition(tx, account, *u.Definition)
		}
		return readDefinition(tx, account, before.Definition) // it may have been deregistered since
	}, u.permit())
	if err != nil {
		return Service{}, err
	}
	if err := u.checkGroups(ctx, c, account, d); err != nil {
		return Service{}, err
	}
	var updated Service
	err = c.db.Update(ctx, func(tx *store.Tx) (err error) {
		updated, err = c.updateService(tx, account, cluster, name, u, d)
		return err
	})
	return updated, err
}

// DeleteService has the tasks of a service stopped and the service end. One that has a desired number above 0 goes
// only when forced (ErrServiceInUse); a DAEMON always does.
func (c *Control) DeleteService(ctx context.Context, account, cluster, name string, force bool) (deleted Service, err error) {
	err = c.db.Update(ctx, func(tx *store.Tx) error {
		s, err := readService(tx, account, cluster, name)
		if err != nil {
			return err
		}
		if s.Status == Active {
			if s.Strategy == Replica && s.Desired > 0 && !force {
				return ErrServiceInUse
			}
			if err := c.endService(tx, s); err != nil {
				return err
			}
		}
		deleted, err = c.wholeService(tx, account, cluster, name)
		return err
	})
	return deleted, err
}

// Services describes services of a cluster, in the order of their names as given, and tells which are not there.
func (c *Control) Services(ctx context.Context, account, cluster string, names []string) (found []Service, missing []string, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		found, missing = nil, nil
		if _, err := clusterStatus(tx, account, cluster); err != nil {
			return err
		}
		for _, name := range names {
			s, err := c.wholeService(tx, account, cluster, name)
			switch {
			case errors.Is(err, ErrNoService):
				missing = append(missing, name)
			case err != nil:
				return err
			default:
				found = append(found, s)
			}
		}
		return nil
	})
	return found, missing, err
}

// ListServices names the services of a cluster that are not deleted, by name.
func (c *Control) ListServices(ctx context.Context, account string, f ServiceFilter, page Page) (names []string, next string, err error) {
	name := fmt.Sprintf("services/%s/%+v", account, f)
	return list(ctx, c.db, page, name, itself, func(tx *store.Tx, after string, limit int) ([]string, error) {
		if _, err := clusterStatus(tx, account, f.Cluster); err != nil {
			return nil, err
		}
		return serviceNames(tx, account, f, after, limit)
	})
}

// kind names the function of the core that rolls a service out.
func (s Service) kind() rollout.Kind {
	if s.Strategy == Daemon {
		return rollout.Daemon
	}
	return rollout.Rolling
}
