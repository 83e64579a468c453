package sim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"slipway/cluster"
	"slipway/cluster/taskdef"
	"slipway/internal/errs"
)

// client asks for tasks to be run and stopped, again and again until it is answered.
type client struct {
	name    string
	account string
	plane   *plane
	dice    *dice
	bad     func() bool     // whether the weather is
	nodes   func() []string // of its account
	pace    time.Duration   // between two requests

	mu   sync.Mutex
	asks []*request
	live []string // tasks that it has not asked to be stopped
	home map[string]string
	stop map[string]bool // tasks of which a stop was acknowledged
}

// request is one request to run tasks.
type request struct {
	token, cluster string
	count          int
	ids            []string // acknowledged
	answer         answer
}

type answer int

const (
	none     answer = iota // it was given up: tasks may run, or not
	accepted               // exactly ids run
	refused                // nothing runs
)

// work asks until ctx ends.
func (c *client) work(ctx context.Context, fail func(error)) {
	for pause(ctx, c.dice.about(c.pace)) {
		var err error
		switch n := c.dice.upTo(10); {
		case n < 4:
			err = c.run(ctx, nil)
		case n < 8:
			err = c.run(ctx, c.choose())
		default:
			err = c.stopOne(ctx)
		}
		if err != nil {
			fail(fmt.Errorf("client %s: %w", c.name, err))
			return
		}
	}
}

// choose names nodes to start tasks on.
func (c *client) choose() []string {
	nodes := c.nodes()
	var chosen []string
	for range 1 + c.dice.upTo(3) {
		chosen = append(chosen, nodes[c.dice.upTo(len(nodes))])
	}
	return chosen
}

func (c *client) run(ctx context.Context, nodes []string) error {
	families := sortedKeys(definitions())
	r := cluster.Run{
		Cluster: clusters[c.dice.upTo(len(clusters))], Nodes: nodes, Count: 1 + c.dice.upTo(3), Token: fmt.Sprintf("%s-%d", c.name, len(c.asks)),
		Definition: taskdef.Ref{Family: families[c.dice.upTo(len(families))], Revision: 1},
	}
	r.StartedBy = r.Token
	a := &request{token: r.Token, cluster: r.Cluster, count: max(r.Count, len(nodes))}
	c.mu.Lock()
	c.asks = append(c.asks, a)
	c.mu.Unlock()
	start := func(ctx context.Context, s *server) (cluster.Started, error) {
		if nodes != nil {
			return s.StartTask(ctx, c.account, r)
		}
		return s.RunTask(ctx, c.account, r)
	}
	twice := c.bad() && c.dice.chance(100)
	if twice {
		c.plane.later(0, func(ctx context.Context, s *server) { start(ctx, s) })
	}
	started, err := insist(ctx, c, start)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case errors.Is(err, errAway) || ctx.Err() != nil:
		return nil
	case errors.Is(err, cluster.ErrNoInstances):
		if !twice { // the other may have come when there were some
			a.answer = refused
		}
		return nil
	case err != nil:
		return err
	}
	if twice && len(started.Tasks) == 0 {
		return nil // there was no room, and the token was still good: the other may have found some
	}
	a.answer = accepted
	for _, t := range started.Tasks {
		a.ids = append(a.ids, t.ID)
		c.live = append(c.live, t.ID)
		c.home[t.ID] = r.Cluster
	}
	return nil
}

// stopOne has one of its tasks stopped.
func (c *client) stopOne(ctx context.Context) error {
	c.mu.Lock()
	if len(c.live) == 0 {
		c.mu.Unlock()
		return nil
	}
	i := c.dice.upTo(len(c.live))
	id := c.live[i]
	c.live = slices.Delete(c.live, i, i+1)
	c.mu.Unlock()
	return c.stopTask(ctx, id)
}

func (c *client) stopTask(ctx context.Context, id string) error {
	_, err := insist(ctx, c, func(ctx context.Context, s *server) (cluster.Task, error) {
		return s.StopTask(ctx, c.account, c.home[id], id, "the client has had enough")
	})
	if errors.Is(err, errAway) || ctx.Err() != nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stop[id] = true
	return err
}

// stopAll has all of its tasks stopped.
func (c *client) stopAll(ctx context.Context) error {
	for len(c.live) > 0 {
		if err := c.stopOne(ctx); err != nil {
			return err
		}
	}
	return nil
}

// insist asks until there is an answer, for a while. Questions and answers are lost on the way.
func insist[Out any](ctx context.Context, c *client, do func(context.Context, *server) (Out, error)) (out Out, err error) {
	for range 20 {
		if c.bad() && c.dice.chance(30) {
			err = errAway
		} else if out, err = ask(c.plane, func(s *server) (Out, error) { return do(ctx, s) }); c.bad() && c.dice.chance(50) {
			err = errAway
		}
		if errs.KindOf(err) != errs.Unavailable || !pause(ctx, c.dice.about(3*time.Second)) {
			return out, err
		}
	}
	return out, err
}
