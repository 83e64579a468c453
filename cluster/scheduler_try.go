package cluster

import (
	"context"
	"time"

	"slipway/cluster/taskdef"
	"slipway/internal/errs"
	"slipway/schedulers/wire"
	"slipway/store"
)

// Trial is what a scheduler said when it was tried.
type Trial struct {
	Answer  wire.Answer
	Failure string // why that is of no use; "": it is
	Took    time.Duration
}

// TryScheduler asks a scheduler where count tasks of a definition should go, also while it is left alone, and
// places nothing. What comes of it counts for nothing. It fails with ErrNoCluster, ErrNoScheduler,
// taskdef.ErrNotFound, ErrInactiveRevision and ErrInvalid.
func (c *Control) TryScheduler(ctx context.Context, account, cluster, name string, ref taskdef.Ref, count int) (t Trial, err error) {
	if count < 1 || count > MaxPerCall {
		return t, errs.Say(ErrInvalid, "count: %d is not between 1 and %d.", count, MaxPerCall)
	}
	var s Scheduler
	var d Definition
	err = c.db.View(ctx, func(tx *store.Tx) (err error) {
		if err := needCluster(tx, account, cluster); err != nil {
			return err
		}
		if s, err = needScheduler(tx, schedulerKey{account, cluster, name}); err != nil {
			return err
		}
		d, err = needDefinition(tx, account, ref)
		return err
	})
	if err != nil {
		return t, err
	}
	model := Task{Account: account, Cluster: cluster, Ref: d.Ref, Group: "family:" + d.Family, Spec: d.Spec}
	line := c.schedulers.lineFor(s.key())
	if line == nil {
		return Trial{Failure: errSchedulerAway.Error()}, nil
	}
	begun := time.Now()
	t.Answer, err = line.await(ctx, s.Deadline, questionAbout(model, wire.Question{Count: count}))
	t.Took = time.Since(begun)
	if err != nil {
		t.Failure = err.Error()
	}
	return t, ctx.Err()
}

func (l *schedulerLines) lineFor(k schedulerKey) *schedulerLine {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.byKey[k]
}
