package cluster

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"slipway/cluster/placement"
	"slipway/internal/errs"
	"slipway/internal/ids"
	"slipway/internal/loop"
	"slipway/schedulers/wire"
	"slipway/store"
)

// checkFallback refuses strategies that do not decide by themselves.
func checkFallback(strategies []placement.Strategy) error {
	if name, names := schedulerIn(strategies); names {
		return errs.Say(ErrInvalid, "fallback: it names the scheduler %.80q, and what decides without one is wanted.", name)
	}
	if err := placement.Check(nil, strategies); err != nil {
		return errs.Say(ErrInvalid, "fallback: %s", err)
	}
	return nil
}

// schedulerIn finds the scheduler that strategies name.
func schedulerIn(strategies []placement.Strategy) (name string, names bool) {
	at := slices.IndexFunc(strategies, isScheduler)
	if at < 0 {
		return "", false
	}
	return strategies[at].Field, true
}

func isScheduler(s placement.Strategy) bool { return s.Type == placement.Scheduler }

// maxRanked is how many strategies a placement takes.
const maxRanked = 5

// consult asks the scheduler that an order's strategies name, or the cluster's default where there are none, and
// returns the order with what came of it. An answer decides at its scheduler's place among the strategies, and
// the fallback behind them; without an answer the fallback decides. It takes as long as a scheduler may take to
// answer, so no lock and no transaction is held meanwhile.
func (c *Control) consult(ctx context.Context, o order) (order, error) {
	if o.run.Nodes != nil {
		return o, nil
	}
	s, found, err := c.schedulerFor(ctx, o.model.Account, o.model.Cluster, o.run.Strategies)
	if err != nil || s.Name == "" {
		return o, err
	}
	q := questionAbout(o.model, wire.Question{Count: o.run.Count, Avoid: o.avoid})
	for _, constraint := range o.constraints() {
		q.Constraints = append(q.Constraints, wire.Constraint{Type: constraint.Type, Expression: constraint.Expression})
	}
	if !found {
		if !strings.HasPrefix(o.model.Group, "service:") {
			return o, errs.Say(ErrInvalid, "placementStrategy: the cluster %s has no scheduler %.80q.", s.Cluster, s.Name)
		}
		c.settle(ctx, s, q, errSchedulerUnknown) // a service goes on without it
		o.instead = s.without(o.run.Strategies)
		return o, nil
	}
	answer, err := c.ask(ctx, s, q)
	switch {
	case ctx.Err() != nil:
		return o, ctx.Err()
	case err != nil || answer.Pass:
		o.instead = s.without(o.run.Strategies)
	default:
		o.instead = s.with(o.run.Strategies, o.model.Group)
		o.prefer, o.each = slices.Concat(answer.Rank, answer.Choose), len(answer.Choose) > 0
	}
	return o, nil
}

// with are the strategies of a request that the scheduler has an answer for.
func (s Scheduler) with(strategies []placement.Strategy, group string) []placement.Strategy {
	if len(strategies) == 0 {
		strategies = []placement.Strategy{{Type: placement.Scheduler, Field: s.Name}}
	}
	behind := s.Fallback
	if len(behind) == 0 {
		behind = placement.DefaultStrategies(group)
	}
	all := slices.Concat(strategies, behind)
	return all[:min(maxRanked, len(all))]
}

// without are the strategies of a request that it has none for. None are placement's default.
func (s Scheduler) without(strategies []placement.Strategy) []placement.Strategy {
	if len(s.Fallback) > 0 {
		return s.Fallback
	}
	return append([]placement.Strategy{}, slices.DeleteFunc(slices.Clone(strategies), isScheduler)...)
}

// questionAbout is what is asked about tasks like model.
func questionAbout(model Task, q wire.Question) wire.Question {
	need := model.Spec.Need()
	q.ID = ids.Hex(16)
	q.Group, q.Family, q.Revision, q.StartedBy = model.Group, model.Family, model.Revision, model.StartedBy
	q.CPU, q.Memory, q.Ports, q.Attributes = need.CPU, need.Memory, strings.Fields(writePorts(need.Ports)), need.Attributes
	for _, tag := range model.Tags {
		if q.Tags == nil {
			q.Tags = map[string]string{}
		}
		q.Tags[tag.Key] = tag.Value
	}
	return q
}

// schedulerFor finds the scheduler that is to be asked: with an empty name none is, and one that is named without being
// the cluster's is not found.
func (c *Control) schedulerFor(ctx context.Context, account, cluster string, strategies []placement.Strategy) (s Scheduler, found bool, err error) {
	name, named := schedulerIn(strategies)
	if !named && len(strategies) > 0 {
		return s, false, nil
	}
	all, err := c.schedulersOf(ctx, account, cluster)
	for _, s := range all {
		if named && s.Name == name || !named && s.Default {
			return s, true, nil
		}
	}
	return Scheduler{Account: account, Cluster: cluster, Name: name}, false, err
}

// schedulersOf returns the schedulers of a cluster, from memory once they were read.
func (c *Control) schedulersOf(ctx context.Context, account, cluster string) ([]Scheduler, error) {
	l, k := c.schedulers, schedulerKey{account: account, cluster: cluster}
	l.mu.Lock()
	known, there := l.known[k]
	forgot := l.forgot
	l.mu.Unlock()
	if there {
		return known, nil
	}
	err := c.db.View(ctx, func(tx *store.Tx) (err error) {
		known, err = readSchedulers(tx, account, cluster)
		return err
	})
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.forgot == forgot { // nothing has changed since before they were read
		l.known[k] = known
	}
	return known, nil
}

// ask asks a scheduler. What goes wrong is told as an event, and counts towards leaving it alone.
func (c *Control) ask(ctx context.Context, s Scheduler, q wire.Question) (wire.Answer, error) {
	line, err := c.schedulers.begin(s.key(), time.Now())
	if errors.Is(err, errSchedulerPaused) {
		return wire.Answer{}, err
	}
	var answer wire.Answer
	if err == nil {
		answer, err = line.await(ctx, s.Deadline, q)
	}
	if ctx.Err() != nil {
		c.schedulers.gaveUp(s.key())
		return wire.Answer{}, ctx.Err() // it is not the scheduler's fault
	}
	c.settle(ctx, s, q, err)
	return answer, err
}

// begin finds the line to ask on, unless the scheduler is left alone.
func (l *schedulerLines) begin(k schedulerKey, now time.Time) (*schedulerLine, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	line := l.byKey[k]
	if line == nil {
		return nil, errSchedulerAway
	}
	if !l.healthOf(k).may(now) {
		return nil, errSchedulerPaused
	}
	return line, nil
}

// gaveUp notes that nobody waits for an answer any more, which tells nothing of the scheduler.
func (l *schedulerLines) gaveUp(k schedulerKey) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.healthOf(k).trying = false
}

// await sends a question and waits for what comes of it.
func (line *schedulerLine) await(ctx context.Context, deadline time.Duration, q wire.Question) (wire.Answer, error) {
	limit := time.NewTimer(deadline)
	defer limit.Stop()
	arrives, err := line.ask(q)
	if err != nil {
		return wire.Answer{}, err
	}
	defer line.drop(q.ID)
	select {
	case came := <-arrives:
		return came.answer, came.err
	case <-line.over:
		return wire.Answer{}, errSchedulerLeft
	case <-limit.C:
		return wire.Answer{}, errSchedulerLate
	case <-ctx.Done():
		return wire.Answer{}, ctx.Err()
	}
}

// settle notes what came of a question, and tells what is worth telling.
func (c *Control) settle(ctx context.Context, s Scheduler, q wire.Question, failure error) {
	now := time.Now()
	kind, f := c.schedulers.note(s.key(), now, failure)
	if kind == "" {
		return
	}
	f.Fallback, f.Server = strategyFacts(s.Fallback), c.config.Registry
	if failure != nil {
		f.Group, f.Count = q.Group, q.Count
	}
	err := c.db.Update(ctx, func(tx *store.Tx) error { return c.tellScheduler(tx, s, kind, f) })
	if err != nil && ctx.Err() == nil {
		slog.Warn("what a scheduler did could not be told", "scheduler", s.Name, "cluster", s.Cluster, "kind", kind, "error", err)
	}
}

// note counts what came of a question, and tells the event that it makes: "" is none.
func (l *schedulerLines) note(k schedulerKey, now time.Time, failure error) (kind string, f schedulerFact) {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.healthOf(k)
	if failure == nil {
		if h.good() {
			return "scheduler.resumed", f
		}
		return "", f
	}
	f.Cause = failure.Error()
	if errors.Is(failure, errSchedulerAway) || errors.Is(failure, errSchedulerUnknown) {
		h.absent(f.Cause)
	} else if pause := h.bad(now, f.Cause); pause > 0 {
		f.Until = new(now.Add(pause).UTC())
	}
	times, tell := h.tell(now, causeOf(failure))
	f.Times = times
	switch {
	case f.Until != nil:
		return "scheduler.paused", f
	case tell:
		return "scheduler.failed", f
	}
	return "", f
}

// causeOf is a failure without what it says of one answer.
func causeOf(failure error) string {
	if cause := errs.Declared(failure); cause != nil {
		return cause.Error()
	}
	return failure.Error()
}

// watchSchedulers has what is known of schedulers read again when it changes on another server.
func (c *Control) watchSchedulers(ctx context.Context) {
	wake, stop := c.db.Watch(schedulerTopic)
	defer stop()
	loop.Run(ctx, "cluster.schedulers", c.config.KeepAlive, wake, func(context.Context) error {
		c.schedulers.forget()
		return nil
	})
}
