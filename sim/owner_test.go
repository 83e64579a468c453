package sim

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"slipway/cluster"
	"slipway/cluster/placement"
	"slipway/cluster/taskdef"
	"slipway/store"
)

// owner has services in one cluster of one account, which nobody else touches, and changes them again and again.
type owner struct {
	*client
	cluster string
	wants   []*want
	made    int
}

// want is what an owner was told of a service of its own.
type want struct {
	name    string
	there   bool // it was made, and not deleted
	sure    bool // nothing was asked since that was not answered
	daemon  bool
	desired int
}

// percents are bounds that services are given: the last leave a service of one or two tasks no step.
var percents = [][2]int{{0, 100}, {50, 100}, {50, 150}, {0, 200}, {100, 200}, {100, 150}, {100, 125}}

// work changes services until ctx ends.
func (o *owner) work(ctx context.Context, fail func(error)) {
	for pause(ctx, o.dice.about(o.pace)) {
		w := o.wants[o.dice.upTo(len(o.wants))]
		if err := o.change(ctx, w); err != nil {
			fail(fmt.Errorf("service %s of %s in %s: %w", w.name, o.account, o.cluster, err))
			return
		}
	}
}

// change does something with one service.
func (o *owner) change(ctx context.Context, w *want) error {
	n := o.dice.upTo(100)
	switch {
	case !w.there:
		return o.create(ctx, w)
	case n < 30:
		return o.update(ctx, w, cluster.ServiceUpdate{Definition: new(o.definition())})
	case n < 50 && !w.daemon:
		return o.update(ctx, w, cluster.ServiceUpdate{Desired: new(o.dice.upTo(10))})
	case n < 60:
		return o.update(ctx, w, cluster.ServiceUpdate{Force: true})
	case n < 68:
		p := percents[o.dice.upTo(len(percents))]
		return o.update(ctx, w, cluster.ServiceUpdate{MinPercent: &p[0], MaxPercent: &p[1]})
	case n < 74:
		return o.update(ctx, w, cluster.ServiceUpdate{Desired: new(o.dice.upTo(40))}) // more than there is room for
	case n < 80:
		return o.stopRollout(ctx, w)
	case n < 86:
		return o.touch(ctx, w, func(ctx context.Context, s *server, task string) error {
			_, err := s.StopTask(ctx, o.account, o.cluster, task, "its owner stops it")
			return err
		})
	case n < 90:
		return o.touch(ctx, w, func(ctx context.Context, s *server, task string) error {
			_, _, err := s.Protect(ctx, o.account, o.cluster, []string{task}, time.Minute)
			return err
		})
	default:
		return o.delete(ctx, w)
	}
}

func (o *owner) definition() taskdef.Ref {
	families := sortedKeys(sites())
	if o.dice.chance(700) { // most work
		families = slices.DeleteFunc(families, func(f string) bool { return hopeless[f] })
	}
	return taskdef.Ref{Family: families[o.dice.upTo(len(families))], Revision: 1}
}

func (o *owner) create(ctx context.Context, w *want) error {
	o.made++
	p := percents[o.dice.upTo(len(percents))]
	n := cluster.NewService{Cluster: o.cluster, Name: w.name, CreatedBy: "arn:aws:iam::" + o.account + ":root", Token: fmt.Sprintf("%s-%d", o.name, o.made)}
	n.Definition, n.Desired, n.MinPercent, n.MaxPercent = o.definition(), o.dice.upTo(10), p[0], p[1]
	n.Breaker = cluster.Breaker{Enable: o.dice.chance(400), Rollback: o.dice.chance(700)}
	n.Rebalancing = o.dice.chance(300)
	switch o.dice.upTo(6) {
	case 0:
		n.Strategy = cluster.Daemon
	case 1:
		n.Strategies = []placement.Strategy{{Type: placement.Binpack, Field: "memory"}}
	case 2:
		n.Constraints = []placement.Constraint{{Type: placement.DistinctInstance}}
	}
	w.daemon, w.desired = n.Strategy == cluster.Daemon, n.Desired
	made, err := insist(ctx, o.client, func(ctx context.Context, s *server) (cluster.Service, error) {
		return s.CreateService(ctx, o.account, n)
	})
	switch {
	case errors.Is(err, cluster.ErrServiceDraining):
		return nil // the one before is not over
	case errors.Is(err, cluster.ErrServiceExists) && !w.sure:
		w.there = true
		return nil
	}
	return o.answered(ctx, w, made, err)
}

// answered takes note of how a service is by the answer to a request, or that there was none.
func (o *owner) answered(ctx context.Context, w *want, s cluster.Service, err error) error {
	switch {
	case errors.Is(err, errAway) || ctx.Err() != nil:
		w.there, w.sure = true, false
		return nil
	case (errors.Is(err, cluster.ErrNoService) || errors.Is(err, cluster.ErrServiceInactive)) && !w.sure:
		w.there = false
		return nil
	case err != nil:
		return err
	}
	w.there, w.sure, w.desired, w.daemon = s.Status == cluster.Active, true, s.Desired, s.Strategy == cluster.Daemon
	return nil
}

func (o *owner) update(ctx context.Context, w *want, u cluster.ServiceUpdate) error {
	s, err := insist(ctx, o.client, func(ctx context.Context, s *server) (cluster.Service, error) {
		return s.UpdateService(ctx, o.account, o.cluster, w.name, u)
	})
	return o.answered(ctx, w, s, err)
}

func (o *owner) delete(ctx context.Context, w *want) error {
	s, err := insist(ctx, o.client, func(ctx context.Context, s *server) (cluster.Service, error) {
		return s.DeleteService(ctx, o.account, o.cluster, w.name, true)
	})
	return o.answered(ctx, w, s, err)
}

// deleteAll has all services of the owner go.
func (o *owner) deleteAll(ctx context.Context) error {
	for _, w := range o.wants {
		if !w.there {
			continue
		}
		if err := o.delete(ctx, w); err != nil {
			return err
		}
	}
	return nil
}

// stopRollout ends the deployment that goes on, if one does.
func (o *owner) stopRollout(ctx context.Context, w *want) error {
	_, err := insist(ctx, o.client, func(ctx context.Context, s *server) (none struct{}, err error) {
		found, _, err := s.Services(ctx, o.account, o.cluster, []string{w.name})
		if err != nil || len(found) == 0 || found[0].Rollout == "" {
			return none, err
		}
		return none, s.StopServiceDeployment(ctx, o.account, found[0].Rollout)
	})
	if errors.Is(err, errAway) || errors.Is(err, cluster.ErrNoRollback) || errors.Is(err, cluster.ErrDeploymentOver) || ctx.Err() != nil {
		return nil
	}
	return err
}

// touch does something with one of a service's tasks.
func (o *owner) touch(ctx context.Context, w *want, do func(context.Context, *server, string) error) error {
	_, err := ask(o.plane, func(s *server) (none struct{}, err error) {
		tasks, err := s.tasksOfService(ctx, o.account, o.cluster, w.name)
		if err != nil || len(tasks) == 0 {
			return none, err
		}
		return none, do(ctx, s, tasks[o.dice.upTo(len(tasks))].id)
	})
	if errors.Is(err, errAway) || ctx.Err() != nil {
		return nil
	}
	return err
}

// served is a task of a service as its row has it.
type served struct {
	id, node, deployment string
	health, moves        string
	running, stops       bool
}

// tasksOfService are those that have not stopped.
func (s *server) tasksOfService(ctx context.Context, account, name, service string) (all []served, err error) {
	err = s.db.View(ctx, func(tx *store.Tx) error {
		all = nil
		return tx.Each(`select id, node, started_by, health, moves_to, status = 4, desired = 8 from tasks where account = $1 and cluster = $2 and task_group = $3 and status < 8 order by created, id`,
			[]any{account, name, "service:" + service}, func(rows *sql.Rows) error {
				var t served
				err := rows.Scan(&t.id, &t.node, &t.deployment, &t.health, &t.moves, &t.running, &t.stops)
				all = append(all, t)
				return err
			})
	})
	return all, err
}
