package cluster

import (
	"context"
	"fmt"
	"time"

	"slipway/cluster/placement"
	"slipway/events"
	"slipway/internal/arn"
	"slipway/internal/errs"
	"slipway/internal/lazyregexp"
	"slipway/store"
)

// Scheduler is a program outside of Slipway that is asked where tasks of a cluster should go.
type Scheduler struct {
	Account  string
	Cluster  string
	Name     string
	Deadline time.Duration        // that an answer may take; whole milliseconds
	Fallback []placement.Strategy // what decides where it does not; none: what else the request says
	Default  bool                 // it is asked about requests that name no strategy
	Created  time.Time
}

// The limits of schedulers.
const (
	DefaultDeadline = 250 * time.Millisecond
	minDeadline     = 10 * time.Millisecond
	maxDeadline     = 5 * time.Second
	maxSchedulers   = 20 // of a cluster
)

var schedulerName = lazyregexp.New(`^[a-zA-Z0-9_-]{1,64}$`)

// SchedulerARN names a scheduler of a cluster.
func SchedulerARN(region, account, cluster, name string) string {
	return arn.ARN{Service: "slipway", Region: region, Account: account, Resource: "scheduler/" + cluster + "/" + name}.String()
}

// schedulerTopic is touched when the schedulers of some cluster change.
const schedulerTopic = "schedulers"

func (s Scheduler) check() error {
	switch {
	case !schedulerName.MatchString(s.Name):
		return errs.Say(ErrInvalid, "name: %.80q is not of 1 to 64 letters, digits, hyphens and underscores.", s.Name)
	case s.Deadline < minDeadline || s.Deadline > maxDeadline:
		return errs.Say(ErrInvalid, "deadline: %d is not between %d and %d milliseconds.", s.Deadline.Milliseconds(), minDeadline.Milliseconds(), maxDeadline.Milliseconds())
	}
	return checkFallback(s.Fallback)
}

// PutScheduler makes a scheduler of a cluster, or changes the one that has the name. Where it becomes the
// default, another is it no longer. It fails with ErrNoCluster, ErrInvalid or ErrTooManySchedulers.
func (c *Control) PutScheduler(ctx context.Context, s Scheduler) (Scheduler, error) {
	if s.Deadline == 0 {
		s.Deadline = DefaultDeadline
	}
	s.Deadline = s.Deadline.Truncate(time.Millisecond)
	if err := s.check(); err != nil {
		return Scheduler{}, err
	}
	err := c.db.Update(ctx, func(tx *store.Tx) (err error) {
		if err := needCluster(tx, s.Account, s.Cluster); err != nil {
			return err
		}
		if s.Created, err = upsertScheduler(tx, s); err != nil {
			return err
		}
		all, err := readSchedulers(tx, s.Account, s.Cluster)
		if err != nil {
			return err
		}
		if len(all) > maxSchedulers {
			return fmt.Errorf("%w: %d are the most", ErrTooManySchedulers, maxSchedulers)
		}
		tx.Touch(schedulerTopic)
		return c.tellScheduler(tx, s, "scheduler.put", schedulerFact{Deadline: s.Deadline.Milliseconds(), Fallback: strategyFacts(s.Fallback), Default: s.Default})
	})
	c.schedulers.forget()
	return s, err
}

// DeleteScheduler takes a scheduler from a cluster, and ends its lines. It fails with ErrNoCluster or ErrNoScheduler.
func (c *Control) DeleteScheduler(ctx context.Context, account, cluster, name string) error {
	err := c.db.Update(ctx, func(tx *store.Tx) error {
		if _, err := clusterStatus(tx, account, cluster); err != nil {
			return err
		}
		n, err := tx.Exec(`delete from schedulers where account = $1 and cluster = $2 and name = $3`, account, cluster, name)
		if err != nil {
			return err
		}
		if n == 0 {
			return noScheduler(cluster, name)
		}
		tx.Touch(schedulerTopic)
		return c.tellScheduler(tx, Scheduler{Account: account, Cluster: cluster, Name: name}, "scheduler.deleted", schedulerFact{})
	})
	c.schedulers.forget()
	return err
}

func noScheduler(cluster, name string) error {
	return errs.Say(ErrNoScheduler, "The cluster %s has no scheduler %.80q.", cluster, name)
}

// SchedulerState is a scheduler, and how it does as far as this server knows.
type SchedulerState struct {
	Scheduler
	Connected bool      // it has a line to this server
	Asked     int64     // how often it was asked here, since this server began
	Failed    int64     // and how often it gave no answer, or none that makes sense
	Failure   string    // what was wrong last
	Paused    time.Time // it is not asked before then; zero: it is asked
}

// Schedulers lists the schedulers of a cluster by name. It fails with ErrNoCluster.
func (c *Control) Schedulers(ctx context.Context, account, cluster string) (all []SchedulerState, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		all = nil
		if _, err := clusterStatus(tx, account, cluster); err != nil {
			return err
		}
		found, err := readSchedulers(tx, account, cluster)
		for _, s := range found {
			all = append(all, c.schedulers.state(s, tx.Now))
		}
		return err
	})
	return all, err
}

// schedulerFact is what an event says of a scheduler beyond its ARN.
type schedulerFact struct {
	Cluster  string         `json:"cluster"`
	Name     string         `json:"name"`
	Deadline int64          `json:"deadline,omitempty"`
	Fallback []strategyFact `json:"fallback,omitempty"`
	Default  bool           `json:"default,omitempty"`
	Cause    string         `json:"cause,omitempty"`  // why it was of no use
	Group    string         `json:"group,omitempty"`  // of the tasks that it was asked about
	Count    int            `json:"count,omitempty"`  // how many they are
	Times    int            `json:"times,omitempty"`  // failures for this cause since it was told last
	Until    *time.Time     `json:"until,omitempty"`  // it is left alone until then
	Server   string         `json:"server,omitempty"` // whose line it is about
}

// strategyFact is a placement strategy as the API has it.
type strategyFact struct {
	Type  string `json:"type"`
	Field string `json:"field,omitempty"`
}

func strategyFacts(all []placement.Strategy) (facts []strategyFact) {
	for _, s := range all {
		facts = append(facts, strategyFact(s))
	}
	return facts
}

func (c *Control) tellScheduler(tx *store.Tx, s Scheduler, kind string, f schedulerFact) error {
	f.Cluster, f.Name = s.Cluster, s.Name
	return events.Append(tx, s.Account, kind, SchedulerARN(c.config.Region, s.Account, s.Cluster, s.Name), f)
}
