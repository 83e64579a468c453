package sim

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"slipway/cluster"
	"slipway/cluster/clustertest"
	"slipway/cluster/taskdef"
)

const (
	region = "us-east-1"
	edge   = "edge" // a cluster that some machines serve, and no other
)

// mostClients is how many there are at most: each machine is asked to do less then, but still more than it can take in places.
const mostClients = 30

var (
	accounts = []string{"123456789012", "210987654321", "333333333333"}
	clusters = []string{"default", edge}
)

// world is all there is in the bubble.
type world struct {
	t       testing.TB
	dir     string
	seed    uint64
	stormy  atomic.Bool
	truth   *truth
	plane   *plane
	nodes   []*machine
	clients []*client
	owners  []*owner    // of services
	keepers []*operator // of machines
	books   *books
}

func newWorld(t testing.TB, dir string, seed uint64) *world {
	w := &world{t: t, dir: dir, seed: seed, truth: &truth{containers: map[string]*life{}}}
	w.plane = &plane{path: filepath.Join(dir, "slipway.db"), logs: &logs{kept: map[string]*stream{}}, roles: clustertest.NewRoles(), dice: newDice(seed, 7)}
	d := newDice(seed, 5)
	trouble := func() error {
		if w.stormy.Load() && d.chance(200) {
			return errTrouble
		}
		return nil
	}
	w.plane.roles.Issuing = func(_, _ string) error { return trouble() }
	w.plane.roles.Revoking = func(string) error { return trouble() }
	w.books = &books{w: w, seen: map[string]bool{}}
	return w
}

// populate starts the control plane and so many machines, and makes clients.
func (w *world) populate(nodes int) error {
	if err := w.plane.start(w.t.Context()); err != nil {
		return err
	}
	if err := w.furnish(); err != nil {
		return err
	}
	byAccount := map[string][]string{}
	for i := range nodes {
		m, err := newMachine(w, i)
		if err != nil {
			return err
		}
		if err := m.start(); err != nil {
			return err
		}
		w.nodes = append(w.nodes, m)
		byAccount[m.account] = append(byAccount[m.account], m.node)
	}
	number := min(max(len(accounts), nodes/10), mostClients)
	for i := range number {
		account := accounts[i%len(accounts)]
		w.clients = append(w.clients, &client{
			name: fmt.Sprint("client-", i), account: account, plane: w.plane, dice: newDice(w.seed, uint64(i)<<8+3), bad: w.stormy.Load,
			nodes: func() []string { return byAccount[account] }, pace: 4 * time.Second,
			home: map[string]string{}, stop: map[string]bool{},
		})
	}
	w.employ(nodes)
	return nil
}

// employ makes the owners of services and the operators of machines.
func (w *world) employ(nodes int) {
	for i, account := range accounts {
		person := func(role string, number int) *client {
			return &client{name: fmt.Sprint(role, "-", i, "-", number), account: account, plane: w.plane, dice: newDice(w.seed, uint64(i)<<8+uint64(number)<<4+6), bad: w.stormy.Load, pace: 15 * time.Second}
		}
		for n, name := range clusters {
			o := &owner{client: person("owner", n), cluster: name}
			for number := range max(3, nodes/100) {
				o.wants = append(o.wants, &want{name: fmt.Sprint("service-", number), sure: true})
			}
			w.owners = append(w.owners, o)
		}
		k := &operator{client: person("operator", len(clusters))}
		for _, m := range w.nodes {
			if m.account == account {
				k.machines = append(k.machines, m)
			}
		}
		w.keepers = append(w.keepers, k)
	}
}

// furnish makes the clusters and definitions of every account.
func (w *world) furnish() error {
	_, err := ask(w.plane, func(s *server) (none struct{}, err error) {
		for _, account := range accounts {
			for _, name := range clusters {
				_, failed := s.CreateCluster(w.t.Context(), account, name, nil)
				err = errors.Join(err, failed)
			}
			for _, specs := range []map[string]taskdef.Spec{definitions(), sites()} {
				for family, spec := range specs {
					_, failed := s.Register(w.t.Context(), account, "arn:aws:iam::"+account+":root", family, spec, nil)
					err = errors.Join(err, failed)
				}
			}
		}
		return none, errors.Join(err, keepLedger(w.t.Context(), s))
	})
	return err
}

func (w *world) fail(err error) { w.truth.fail("%v", err) }

// storm lets clients work and things happen for a while, and returns when all of that is over.
func (w *world) storm(long time.Duration) {
	ctx, calm := context.WithTimeout(w.t.Context(), long)
	defer calm()
	w.stormy.Store(true)
	var all sync.WaitGroup
	all.Go(func() { w.plane.weather(ctx, newDice(w.seed, 4), w.fail) })
	all.Go(func() { w.books.keep(ctx) })
	for _, m := range w.nodes {
		all.Go(func() { m.weather(ctx, w.fail) })
	}
	for _, c := range w.clients {
		all.Go(func() { c.work(ctx, w.fail) })
	}
	for _, o := range w.owners {
		all.Go(func() { o.work(ctx, w.fail) })
	}
	for _, k := range w.keepers {
		all.Go(func() { k.work(ctx, w.fail) })
	}
	all.Wait()
	w.stormy.Store(false)
}

// quiet waits until everybody agrees on what runs.
func (w *world) quiet() error {
	return w.until("what is wanted is what runs", 15*time.Minute, w.agree)
}

// end has every machine take tasks and every client's task stopped, which makes room for the services that wait; then
// the services go, and it waits until nothing is left of any task.
func (w *world) end() error {
	var all sync.WaitGroup
	for _, k := range w.keepers {
		all.Go(func() {
			if err := k.setAll(w.t.Context(), cluster.Active); err != nil {
				w.fail(err)
			}
		})
	}
	for _, c := range w.clients {
		all.Go(func() {
			if err := c.stopAll(w.t.Context()); err != nil {
				w.fail(err)
			}
		})
	}
	all.Wait()
	if err := w.quiet(); err != nil {
		return err
	}
	for _, o := range w.owners {
		all.Go(func() {
			if err := o.deleteAll(w.t.Context()); err != nil {
				w.fail(err)
			}
		})
	}
	all.Wait()
	if err := w.until("the services are gone", 15*time.Minute, w.agree); err != nil {
		return err
	}
	if err := w.stopForgotten(); err != nil {
		return err
	}
	return w.until("nothing is left", 15*time.Minute, w.empty)
}

// until waits for something to become true, and tells what is in its way if it does not.
func (w *world) until(what string, limit time.Duration, is func() error) (err error) {
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(5 * time.Second) {
		if err = is(); err == nil {
			return nil
		}
	}
	return fmt.Errorf("after %s it is not so that %s: %w", limit, what, err)
}

// close ends all that runs in the bubble.
func (w *world) close() {
	for _, m := range w.nodes {
		m.kill()
		m.engine.Close()
	}
	w.plane.stop(false)
}

func ids32(number int) string { return fmt.Sprintf("%032x", number) }

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
