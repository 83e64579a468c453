// Package schedulers is what a scheduler from outside is made with: a program of one's own that Slipway asks
// where tasks should go. It connects to Slipway by itself, keeps what it is told of the cluster, and calls
// a function with that and a question:
//
//	err := schedulers.Run(ctx, schedulers.Config{Cluster: "default", Name: "cheap"}, func(s *schedulers.State, q schedulers.Question) schedulers.Answer {
//		return schedulers.Rank(...)
//	})
//
// It knows no scheme of its own. docs/schedulers.md says what there is beside it.
package schedulers

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"time"

	"slipway/schedulers/wire"
)

// What is said on the wire.
type (
	// Node is a machine of the cluster.
	Node = wire.Node
	// Task is a task of the cluster that has not stopped.
	Task = wire.Task
	// Question asks where tasks should go.
	Question = wire.Question
	// Answer is where they should.
	Answer = wire.Answer
)

// Rank answers with ids of nodes, the best first. Each takes as many of the tasks as it has room for.
func Rank(nodes ...string) Answer {
	if len(nodes) == 0 {
		return Pass()
	}
	return Answer{Rank: nodes}
}

// Choose answers with one id of a node for each task.
func Choose(nodes ...string) Answer {
	if len(nodes) == 0 {
		return Pass()
	}
	return Answer{Choose: nodes}
}

// Pass has the scheduler's fallback decide.
func Pass() Answer { return Answer{Pass: true} }

// Decide is where a scheduler decides. It is called for one question at a time and must not change the State,
// which changes when it has returned. One that panics passes.
type Decide func(*State, Question) Answer

// Config says whose scheduler it is, and where. What is empty is taken from the environment and the profile of
// the AWS tools: AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN.
// The principal must be allowed slipway:ConnectScheduler.
type Config struct {
	Cluster   string   // "": default
	Name      string   // of the scheduler, as "slipway scheduler add" made it
	Endpoints []string // of all servers that are to ask it, "http://192.0.2.7:4600"; none: the one of the environment
	Region    string
	Log       *slog.Logger // nil: slog.Default()
}

// Run is the scheduler until ctx ends. It connects again whenever a line ends or cannot be opened, after a pause that
// grows to ten seconds. It fails only where trying again is no use: the scheduler or the cluster is not there, or
// the principal may not be it.
func Run(ctx context.Context, config Config, decide Decide) error {
	dialers, err := config.dialers(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	deciding := &sync.Mutex{}
	failed := make([]error, len(dialers))
	var lines sync.WaitGroup
	for i, d := range dialers {
		lines.Go(func() {
			defer cancel()
			failed[i] = d.run(ctx, func(s *State, q Question) Answer {
				deciding.Lock()
				defer deciding.Unlock()
				return d.guarded(decide, s, q)
			})
		})
	}
	lines.Wait()
	return errors.Join(failed...)
}

// The pauses before a line is opened again.
const (
	firstPause = 100 * time.Millisecond
	longPause  = 10 * time.Second
)

// run keeps a line to one server.
func (d *dialer) run(ctx context.Context, decide Decide) error {
	for pause := firstPause; ; pause = min(2*pause, longPause) {
		begun := time.Now()
		err := d.line(ctx, decide)
		switch {
		case ctx.Err() != nil:
			return nil
		case isFinal(err):
			return err
		case time.Since(begun) > longPause: // it was a good line
			pause = firstPause
		}
		d.log.Info("the line to Slipway ended and is opened again", "endpoint", d.endpoint, "why", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause/2 + rand.N(pause)):
		}
	}
}

// guarded is decide, and passes where that panics.
func (d *dialer) guarded(decide Decide, s *State, q Question) (a Answer) {
	defer func() {
		if p := recover(); p != nil {
			d.log.Error("the scheduler panics, so it passes", "question", q.ID, "panic", p, "stack", string(debug.Stack()))
			a = Pass()
		}
	}()
	return decide(s, q)
}
