package cluster

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"slipway/cluster/rollout"
	"slipway/internal/ids"
	"slipway/internal/loop"
	"slipway/store"
	"slipway/store/lease"
)

// ServiceRules are the times by which services go. What is 0 is as it says here.
type ServiceRules struct {
	Away       time.Duration // the tasks of a machine that has been away this long are replaced: 60 s
	Settle     time.Duration // a task that was well this long stands, a service that was right this long is steady: 5 s
	Backoff    time.Duration // the pause after the first of several tasks that failed; it doubles with each: 1 s
	MaxBackoff time.Duration // 5 min
	Reserve    time.Duration // a service that waited this long for a place gets a machine kept free: 2 min
	Look       time.Duration // how often target groups are asked for the health of targets: 1 s
	Lease      time.Duration // a server that says nothing for this long leaves its services to another: 6 s
}

func (r ServiceRules) filled() ServiceRules {
	r.Away = cmp.Or(r.Away, time.Minute)
	r.Settle = cmp.Or(r.Settle, 5*time.Second)
	r.Backoff = cmp.Or(r.Backoff, time.Second)
	r.MaxBackoff = cmp.Or(r.MaxBackoff, 5*time.Minute)
	r.Reserve = cmp.Or(r.Reserve, 2*time.Minute)
	r.Look = cmp.Or(r.Look, time.Second)
	r.Lease = cmp.Or(r.Lease, 6*time.Second)
	return r
}

func (r ServiceRules) core() rollout.Rules {
	return rollout.Rules{Settle: r.Settle, Backoff: r.Backoff, MaxBackoff: r.MaxBackoff}
}

// reconcilers keep the services of clusters as they are wanted, each those of one.
type reconcilers struct {
	c       *Control
	owner   string // of leases
	mu      sync.Mutex
	running map[string]bool // by account and cluster
	done    sync.WaitGroup
}

// runServices has a reconciler for every cluster with services, until ctx ends.
func (c *Control) runServices(ctx context.Context) {
	r := &reconcilers{c: c, owner: ids.UUID(), running: map[string]bool{}}
	wake, stop := c.db.Watch(anyService)
	defer stop()
	loop.Run(ctx, "cluster.services", c.config.KeepAlive, wake, r.find)
	r.done.Wait()
}

// find begins with the clusters that have come to have services.
func (r *reconcilers) find(ctx context.Context) error {
	type named struct{ account, cluster string }
	var all []named
	err := r.c.db.View(ctx, func(tx *store.Tx) error {
		all = nil
		return tx.Each(`select distinct account, cluster from services where status <> 'INACTIVE'`, nil, func(rows *sql.Rows) error {
			var n named
			err := rows.Scan(&n.account, &n.cluster)
			all = append(all, n)
			return err
		})
	})
	for _, n := range all {
		if k := r.claim(ctx, n.account, n.cluster); k != nil {
			r.done.Go(func() { k.run(ctx) })
		}
	}
	return err
}

func (r *reconcilers) claim(_ context.Context, account, cluster string) *keeper {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running[account+"/"+cluster] {
		return nil
	}
	r.running[account+"/"+cluster] = true
	return r.c.newKeeper(account, cluster, r.owner, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.running, account+"/"+cluster)
	})
}

// keeper keeps the services of one cluster. It remembers nothing that is not in the rows, but which services found no
// room since there last was more.
type keeper struct {
	c                *Control
	account, cluster string
	owner            string
	leave            func()

	leads time.Time         // until when the lease is this server's
	tried map[string]string // what services that found no place wanted then, by name
	fresh bool              // machines have come or changed: what is balanced may be no more
}

func (c *Control) newKeeper(account, cluster, owner string, leave func()) *keeper {
	return &keeper{c: c, account: account, cluster: cluster, owner: owner, leave: leave, tried: map[string]string{}, fresh: true}
}

// run passes over the services whenever something happens, and when time does it. It ends once there are none.
func (k *keeper) run(ctx context.Context) {
	defer k.leave()
	defer k.release(ctx)
	news, stop1 := k.c.db.Watch(servicesTopic(k.account, k.cluster))
	defer stop1()
	room, stop2 := k.c.room(k.account)
	defer stop2()
	retry := k.c.config.Services.Backoff
	for {
		began := time.Now()
		next, more, err := k.pass(ctx)
		switch {
		case ctx.Err() != nil || err == nil && !more:
			return
		case err != nil:
			slog.Warn("services were not looked after", "account", k.account, "cluster", k.cluster, "error", err)
			next = time.Now().Add(retry)
			retry = min(2*retry, 10*k.c.config.Services.Backoff)
		default:
			retry = k.c.config.Services.Backoff
		}
		timer := time.NewTimer(time.Until(next))
		select {
		case <-ctx.Done():
		case <-news:
		case <-room:
			clear(k.tried)
			k.fresh = true
		case <-timer.C:
		}
		timer.Stop()
		loop.Pause(ctx, time.Until(began.Add(keeperPace)))
	}
}

// keeperPace is how far apart looks at the services of a cluster are at least: what happens in a crowd is seen at once.
const keeperPace = 100 * time.Millisecond

const leases lease.Table = "cluster_leases"

// lead takes or keeps the lease of the cluster's services, and tells whether this server has it now.
func (k *keeper) lead(ctx context.Context, now time.Time) (bool, error) {
	life := k.c.config.Services.Lease
	if now.Before(k.leads.Add(-life / 2)) {
		return true, nil
	}
	taken := false
	err := k.c.db.Update(ctx, func(tx *store.Tx) (err error) {
		taken, err = leases.Take(tx, servicesTopic(k.account, k.cluster), k.owner, life)
		return err
	})
	if err != nil {
		return false, err
	}
	if !taken {
		k.leads = time.Time{}
		clear(k.tried)
		k.fresh = true
		return false, nil
	}
	k.leads = now.Add(life)
	return true, nil
}

// stillLeads fails with errUnwanted where another server has the lease by now. One that has run out in a long look is
// made longer.
func (k *keeper) stillLeads(tx *store.Tx) error {
	var owner string
	var until int64
	err := tx.Row(`select owner, until from cluster_leases where name = $1`, servicesTopic(k.account, k.cluster)).Scan(&owner, &until)
	if errors.Is(err, store.ErrNoRows) || err == nil && owner != k.owner {
		return errUnwanted
	}
	if err == nil && until < store.Micros(tx.Now) {
		_, err = tx.Exec(`update cluster_leases set until = $2 where name = $1`, servicesTopic(k.account, k.cluster), store.Micros(tx.Now.Add(k.c.config.Services.Lease)))
	}
	return err
}

// release leaves the services to whoever is there next.
func (k *keeper) release(ctx context.Context) {
	if k.leads.IsZero() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	err := k.c.db.Update(ctx, func(tx *store.Tx) error {
		tx.Touch(servicesTopic(k.account, k.cluster))
		return leases.Drop(tx, servicesTopic(k.account, k.cluster), k.owner)
	})
	if err != nil {
		slog.Warn("a lease runs out by itself", "cluster", k.cluster, "error", err)
	}
}

// pass looks at all services once and does what is to be done. It tells when to look again if nothing happens, and
// whether there is anything left to look at.
func (k *keeper) pass(ctx context.Context) (next time.Time, more bool, err error) {
	now := time.Now()
	leads, err := k.lead(ctx, now)
	if err != nil || !leads {
		return now.Add(k.c.config.Services.Lease / 2), true, err
	}
	next = now.Add(k.c.config.Services.Lease / 2)
	all, err := k.observe(ctx)
	if err != nil || len(all) == 0 {
		return next, len(all) > 0, err
	}
	var failures []error
	for _, o := range inTurn(all) {
		at, err := k.keep(ctx, o)
		failures = append(failures, err)
		if !at.IsZero() && at.Before(next) {
			next = at
		}
	}
	at, err := k.reserve(ctx, all)
	failures = append(failures, err)
	next = soonest(next, at)
	k.fresh = k.fresh && errors.Join(failures...) != nil
	return next, true, errors.Join(failures...)
}

// inTurn is the order in which services are looked after: daemons come before replicas, and of the others those
// first that have waited longest.
func inTurn(all []*watched) []*watched {
	order := slices.Clone(all)
	slices.SortStableFunc(order, func(a, b *watched) int {
		return cmp.Or(flag(b.s.Strategy == Daemon)-flag(a.s.Strategy == Daemon), a.waits().Compare(b.waits()), strings.Compare(a.s.Name, b.s.Name))
	})
	return order
}

// waits is since when the service waits; one that does not comes after all that do.
func (o *watched) waits() time.Time {
	if o.s.Waiting == nil {
		return time.Unix(1<<40, 0)
	}
	return o.s.Waiting.Since
}

// keep does what is to be done about one service now.
func (k *keeper) keep(ctx context.Context, o *watched) (next time.Time, err error) {
	if err := errors.Join(k.attend(ctx, o), k.listen(ctx, o)); err != nil {
		return next, err
	}
	changes := o.plan(k.c)
	if !changes.Empty() || changes.Said != o.said {
		changes, err = k.write(ctx, o)
		if errors.Is(err, errUnwanted) { // another server leads by now
			k.leads = time.Time{}
			return time.Now(), nil
		}
		if err != nil {
			return next, err
		}
	}
	next = soonest(o.next, changes.Next)
	if k.tried[o.s.Name] != o.wants() {
		err = k.startAll(ctx, o, changes)
	}
	if err == nil && k.fresh && o.s.Rebalancing && o.steady() && o.s.Status == Active {
		_, err = k.c.Rebalance(ctx, k.account, k.cluster, o.s.Name, false)
	}
	return next, err
}

// wants tells apart what is wanted of a service.
func (o *watched) wants() string {
	text, _ := json.Marshal(o.s.ServiceSpec) // a struct of texts and numbers always can be
	for _, d := range o.deployments {
		if d.Status == Primary {
			return d.ID + string(text)
		}
	}
	return string(text)
}

func soonest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
