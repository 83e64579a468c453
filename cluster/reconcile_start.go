package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"slipway/cluster/placement"
	"slipway/cluster/refusal"
	"slipway/cluster/rollout"
	"slipway/store"
)

// startAll starts the tasks that the core wants started. What has no place waits, and is not tried again before
// there is more room or something else is wanted.
func (k *keeper) startAll(ctx context.Context, o *watched, changes rollout.Changes) error {
	var started []string
	var refused []placement.Refusal
	missing := 0
	for _, start := range waves(o, changes.Starts) {
		done, err := k.start(ctx, o, start)
		if errors.Is(err, errUnwanted) {
			return nil // it has changed meanwhile, and is looked at again
		}
		if err != nil {
			return err
		}
		for _, t := range done.Tasks {
			started = append(started, t.ID)
		}
		lacking := start.Count - len(done.Tasks)
		if lacking > 0 && start.Node != "" && o.s.Strategy == Replica {
			if err := k.giveUpMove(ctx, o, start.Node); err != nil { // it may go anywhere, next time
				return err
			}
			continue
		}
		missing += lacking
		if lacking > 0 {
			refused = append(refused, done.Refused...)
		}
	}
	if len(changes.Starts) == 0 && o.s.Waiting == nil {
		return nil
	}
	if len(changes.Starts) > 0 && missing > 0 {
		k.tried[o.s.Name] = o.wants()
	}
	return k.note(ctx, o, started, missing, refused)
}

// wave is tasks that are started together.
type wave struct {
	rollout.Start
	nodes []string // the machine of each; nil: any
}

// maxWave is how many daemons are started in one transaction.
const maxWave = 100

// waves puts together the daemons of a deployment, which come one for each machine.
func waves(o *watched, starts []rollout.Start) (all []wave) {
	for _, s := range starts {
		w := wave{Start: s}
		if s.Node != "" {
			w.nodes = slices.Repeat([]string{s.Node}, s.Count)
		}
		if n := len(all); n > 0 && o.s.Strategy == Daemon && all[n-1].Deployment == s.Deployment && len(all[n-1].nodes) < maxWave {
			last := &all[n-1]
			last.Node, last.Count, last.nodes = "", last.Count+s.Count, append(last.nodes, w.nodes...)
			continue
		}
		all = append(all, w)
	}
	return all
}

// wanted tells whether so many tasks of a wave are still to be started, on their machines or on any ("").
func (w wave) wanted(changes rollout.Changes, run Run) bool {
	need := map[string]int{}
	for _, node := range run.Nodes {
		need[node]++
	}
	if run.Nodes == nil {
		need[""] = run.Count
	}
	for _, s := range changes.Starts {
		if s.Deployment == w.Deployment {
			need[s.Node] -= s.Count
		}
	}
	for _, missing := range need {
		if missing > 0 {
			return false
		}
	}
	return true
}

// start places tasks of the primary deployment, as long as the service still wants them.
func (k *keeper) start(ctx context.Context, o *watched, start wave) (Started, error) {
	i := slices.IndexFunc(o.deployments, func(d deployed) bool { return d.ID == start.Deployment })
	if i < 0 {
		return Started{}, errUnwanted
	}
	var d Definition
	var tags []Tag
	err := k.c.db.View(ctx, func(tx *store.Tx) (err error) {
		if d, err = readDefinition(tx, k.account, o.deployments[i].Revision.Definition); err != nil {
			return err
		}
		tags, err = tagsOf(tx, k.account, o.s.resource())
		return err
	})
	if err != nil {
		return Started{}, err
	}
	parts, err := k.byProvider(ctx, o.run(start, o.deployments[i].Revision, tags), o.deployments[i].Revision.Providers)
	if err != nil {
		return failedToStart(err)
	}
	var started Started
	for _, run := range parts {
		done, err := k.startPart(ctx, o, start, d, run)
		if err != nil {
			return started, err
		}
		started.add(done)
	}
	if len(parts) > 1 {
		k.c.keepWhole(ctx, taskGroup{k.account, k.cluster, serviceGroup(o.s.Name)}, start.Count, started)
	}
	return started, nil
}

// startPart places those tasks that come by one capacity provider.
func (k *keeper) startPart(ctx context.Context, o *watched, start wave, d Definition, run Run) (Started, error) {
	model, err := k.c.model(ctx, d, run)
	if err != nil {
		return failedToStart(err)
	}
	started, err := k.c.place(ctx, order{run: run, model: model, guard: func(tx *store.Tx) error {
		now, err := k.anew(tx, o)
		if err == nil && !start.wanted(now.plan(k.c), run) {
			err = errUnwanted
		}
		return err
	}})
	if err != nil {
		return failedToStart(err)
	}
	return started, nil
}

// failedToStart makes a refusal of an error that stays until something else is wanted.
func failedToStart(err error) (Started, error) {
	if errors.Is(err, errUnwanted) || !lasting(err) {
		return Started{}, err
	}
	if errors.Is(err, ErrNoInstances) {
		return Started{}, nil
	}
	return Started{Refused: []placement.Refusal{{Reason: placement.Invalid, Detail: err.Error()}}}, nil
}

// run is what a service asks for.
func (o *watched) run(start wave, r Revision, tags []Tag) Run {
	s := o.s
	run := Run{Cluster: s.Cluster, Definition: r.Definition, Count: start.Count, VPC: r.VPC, Group: serviceGroup(s.Name), StartedBy: start.Deployment, Launch: r.Launch,
		Constraints: s.Constraints, Strategies: s.Strategies, Exec: s.Exec}
	if start.nodes != nil {
		run.Count, run.Nodes = 0, start.nodes
	}
	switch s.PropagateTags {
	case TagsOfService:
		run.Tags = tags
	case TagsOfDefinition:
		run.PropagateTags = true
	}
	if s.ManagedTags {
		run.Tags = append(slices.Clone(run.Tags), Tag{"aws:ecs:clusterName", s.Cluster}, Tag{"aws:ecs:serviceName", s.Name})
	}
	return run
}

// giveUpMove has a task stay that was to go to a machine which does not take it.
func (k *keeper) giveUpMove(ctx context.Context, o *watched, to string) error {
	return k.c.db.Update(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(`update tasks set moves_to = '' where account = $1 and cluster = $2 and task_group = $3 and moves_to = $4 and status < 8`,
			k.account, k.cluster, serviceGroup(o.s.Name), to)
		if err != nil {
			return err
		}
		tx.Touch(servicesTopic(k.account, k.cluster))
		return tellService(tx, o.s, fmt.Sprintf("(service %s) was unable to move a task to (container-instance %s): it has no room for it any more.", o.s.Name, to))
	})
}

// note writes down what was started, and what waits for a place.
func (k *keeper) note(ctx context.Context, o *watched, started []string, missing int, refused []placement.Refusal) error {
	if len(refused) > maxRefusals {
		refused = refused[:maxRefusals]
	}
	text, err := json.Marshal(refused)
	if err != nil {
		return err
	}
	return k.c.db.Update(ctx, func(tx *store.Tx) error {
		if (missing > 0) != (o.s.Waiting != nil) {
			tx.Touch(servicesTopic(k.account, k.cluster)) // others may have to make room
		}
		var sentences []string
		if len(started) > 0 {
			sentences = append(sentences, fmt.Sprintf("(service %s) has started %d tasks: %s.", o.s.Name, len(started), named(started)))
		}
		said := o.said
		if missing > 0 {
			if now := refusal.Unplaced(refused); now != said {
				said = now
				sentences = append(sentences, fmt.Sprintf("(service %s) %s", o.s.Name, now))
			}
		}
		if err := tellService(tx, o.s, sentences...); err != nil {
			return err
		}
		_, err := tx.Exec(`update services set said = $4, waits = cast($5 as bigint), refused = $6, waits_since = case when cast($5 as bigint) = 0 then 0 when waits = 0 then cast($7 as bigint) else waits_since end,
				reserved = case when cast($5 as bigint) = 0 then '' else reserved end
			where account = $1 and cluster = $2 and name = $3 and status = 'ACTIVE'`, o.s.Account, o.s.Cluster, o.s.Name, said, missing, string(text), store.Micros(tx.Now))
		if err != nil || missing > 0 {
			return err
		}
		return o.s.unreserve(tx)
	})
}

// unreserve has others use the machine again that was kept free for a service. Call it last.
func (s Service) unreserve(tx *store.Tx) error {
	if s.Waiting == nil || s.Waiting.Reserved == "" {
		return nil
	}
	return machineChanged(tx, s.Account, s.Waiting.Reserved)
}

// maxRefusals is how many machines are named that had no place.
const maxRefusals = 100

// reserve keeps a machine free for the service that has waited longest, once it has waited for long. It tells when
// that is to be looked at again.
func (k *keeper) reserve(ctx context.Context, all []*watched) (next time.Time, err error) {
	var oldest *watched
	for _, o := range all {
		if o.s.Waiting != nil && o.s.Status == Active && (oldest == nil || o.waits().Before(oldest.waits())) {
			oldest = o
		}
	}
	if oldest == nil || oldest.s.Waiting.Reserved != "" {
		return next, nil
	}
	if due := oldest.waits().Add(k.c.config.Services.Reserve); due.After(oldest.now) {
		return due, nil
	}
	return next, k.c.db.Update(ctx, func(tx *store.Tx) error {
		node, err := k.easiest(tx, oldest.s)
		if err != nil || node == "" {
			return err
		}
		_, err = tx.Exec(`update services set reserved = $4 where account = $1 and cluster = $2 and name = $3 and waits > 0`, k.account, k.cluster, oldest.s.Name, node)
		if err != nil {
			return err
		}
		if err := tellService(tx, oldest.s, fmt.Sprintf("(service %s) has waited for a place since %s: (container-instance %s) is kept free for it.", oldest.s.Name, oldest.waits().Format(time.RFC3339), node)); err != nil {
			return err
		}
		return machineChanged(tx, k.account, node)
	})
}

// easiest is the machine that would take a task of the service if it were empty, and of which least must come free.
func (k *keeper) easiest(tx *store.Tx, s Service) (best string, err error) {
	d, err := readDefinition(tx, s.Account, s.Definition)
	if err != nil {
		return "", err
	}
	instances, err := readInstances(tx, s.Account, s.Cluster, nil)
	least := 0
	for _, i := range instances {
		empty, left := i.Offered(), i.Remaining()
		empty.Attributes = i.Attributes
		if fits(empty, s, d, 1) == 0 {
			continue
		}
		need := d.Spec.Need()
		short := max(need.CPU-left.CPU, 0)*1024/max(i.CPU, 1) + max(need.Memory-left.Memory, 0)*1024/max(i.Memory, 1)
		if best == "" || short < least {
			best, least = i.ID, short
		}
	}
	return best, err
}
