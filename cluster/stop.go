package cluster

import (
	"context"
	"strings"

	"slipway/events"
	"slipway/internal/errs"
	"slipway/nodeapi"
	"slipway/store"
)

// StopTask wants a task stopped. The first to want it gives the reason; a task that is stopped
// already stays as it is.
func (c *Control) StopTask(ctx context.Context, account, cluster, id, reason string) (t Task, err error) {
	if len(reason) > 1024 || strings.ContainsRune(reason, 0) {
		return t, errs.Say(ErrInvalid, "reason: %.40q is longer than 1024 bytes, or holds a NUL byte.", reason)
	}
	replaceEmpty(&reason, "Task stopped by user")
	err = c.db.Update(ctx, func(tx *store.Tx) error {
		if _, err := clusterStatus(tx, account, cluster); err != nil {
			return err
		}
		found, err := tasksByID(tx, account, cluster, []string{id})
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return ErrNoTask
		}
		if t = found[0]; t.Wanted.Stop || t.Seen.Status == nodeapi.Stopped {
			return nil
		}
		t.Wanted = Wanted{Stop: true, StopCode: "UserInitiated", StopReason: reason, Asked: tx.Now}
		if err := wantStopped(tx, t); err != nil {
			return err
		}
		tx.Touch(nodeTopic(t.Node))
		if t.ofService() {
			tx.Touch(servicesTopic(account, cluster))
		}
		return events.Append(tx, account, "task.stop-requested", c.taskARN(t), taskFact(t))
	})
	return t, err
}

func wantStopped(tx *store.Tx, t Task) error {
	_, err := tx.Exec(`update tasks set desired = $2, stop_code = $3, stop_reason = $4, stop_asked = $5 where id = $1 and desired < $2`,
		t.ID, nodeapi.Stopped, t.Wanted.StopCode, t.Wanted.StopReason, store.Micros(t.Wanted.Asked))
	return err
}
