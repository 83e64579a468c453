package cluster

import (
	"context"
	"time"

	"slipway/internal/errs"
	"slipway/nodeapi"
	"slipway/store"
)

// The bounds of a protection. Source: Amazon ECS API Reference, UpdateTaskProtection.
const (
	DefaultProtection = 2 * time.Hour
	MaxProtection     = 48 * time.Hour
	MaxProtected      = 10 // tasks in one call
)

// Protection tells until when a task is kept from being stopped by deployments and by scaling in.
type Protection struct {
	Task  string
	Until time.Time // zero: it is not protected
}

// ProtectionFailure is a task that cannot be protected, and why.
type ProtectionFailure struct{ Task, Reason, Detail string }

// Why tasks cannot be protected. Source: Amazon ECS API Reference, UpdateTaskProtection.
const (
	protectMissing = "MISSING"
	protectInvalid = "TASK_NOT_VALID"
)

// Protect keeps tasks of services from being stopped by deployments and scaling in, for a time; 0 ends it.
// A task that is unwell is replaced all the same.
func (c *Control) Protect(ctx context.Context, account, cluster string, tasks []string, lasts time.Duration) (done []Protection, failed []ProtectionFailure, err error) {
	if lasts < 0 || lasts > MaxProtection {
		return nil, nil, errs.Say(ErrInvalid, "expiresInMinutes: %d is not between 1 and %d.", int(lasts.Minutes()), int(MaxProtection.Minutes()))
	}
	err = c.db.Update(ctx, func(tx *store.Tx) error {
		found, refused, err := c.protectable(tx, account, cluster, tasks)
		if err != nil {
			return err
		}
		done, failed = nil, refused
		for _, t := range found {
			p := Protection{Task: t.ID}
			if lasts > 0 {
				p.Until = tx.Now.Add(lasts)
			}
			if _, err := tx.Exec(`update tasks set protected = $2 where id = $1`, t.ID, store.Micros(p.Until)); err != nil {
				return err
			}
			done = append(done, p)
		}
		tx.Touch(servicesTopic(account, cluster))
		return nil
	})
	return done, failed, err
}

// Protections tells until when tasks are protected. With none named it tells of all tasks of services.
func (c *Control) Protections(ctx context.Context, account, cluster string, tasks []string) (found []Protection, failed []ProtectionFailure, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		these, refused, err := c.protectable(tx, account, cluster, tasks)
		if err != nil {
			return err
		}
		found, failed = nil, refused
		for _, t := range these {
			var until int64
			if err := tx.Row(`select protected from tasks where id = $1`, t.ID).Scan(&until); err != nil {
				return err
			}
			p := Protection{Task: t.ID}
			if at := store.Time(until); at.After(tx.Now) {
				p.Until = at
			}
			found = append(found, p)
		}
		return nil
	})
	return found, failed, err
}

// protectable sorts tasks into those of services that have not stopped and the others.
func (c *Control) protectable(tx *store.Tx, account, cluster string, tasks []string) (found []Task, failed []ProtectionFailure, err error) {
	if err := needCluster(tx, account, cluster); err != nil {
		return nil, nil, err
	}
	if len(tasks) == 0 {
		found, err = readTasks(tx, `t.account = $1 and t.cluster = $2 and t.status < 8 and t.task_group >= 'service:' and t.task_group < 'service;'`, account, cluster)
		return found, nil, err
	}
	rows, err := tasksByID(tx, account, cluster, tasks)
	if err != nil {
		return nil, nil, err
	}
	all, missing := inOrder(tasks, rows, func(t Task) string { return t.ID })
	for _, id := range missing {
		failed = append(failed, ProtectionFailure{id, protectMissing, ""})
	}
	for _, t := range all {
		switch {
		case t.Seen.Status == nodeapi.Stopped || t.Wanted.Stop:
			failed = append(failed, ProtectionFailure{t.ID, protectInvalid, "The task is stopping or has stopped."})
		case !t.ofService():
			failed = append(failed, ProtectionFailure{t.ID, protectInvalid, "The task is not part of a service."})
		default:
			found = append(found, t)
		}
	}
	return found, failed, nil
}
