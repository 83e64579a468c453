package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"slipway/cluster/placement"
	"slipway/cluster/refusal"
	"slipway/store"
)

// Why tells why the latest tasks of a group that wanted machines found too few.
type Why struct {
	Group    string
	At       time.Time
	Wanted   int // tasks
	Placed   int
	Since    time.Time                // when the group found all the machines that it asked for after that; zero: it has not yet
	Reasons  map[placement.Reason]int // how many machines refused, by reason
	Machines []placement.Refusal      // the first of them
}

// Remedies tells what would have to change for machines to take more of the tasks: nothing, once they have places.
func (w Why) Remedies() []string {
	if !w.Since.IsZero() {
		return nil
	}
	return refusal.Remedies(w.Reasons, w.Machines)
}

// Why tells why tasks of a cluster found too few machines when they were asked for last: those of the group that is
// named, or of the group of the task that is. It fails with ErrNoCluster, and with ErrNoRefusal where none did.
func (c *Control) Why(ctx context.Context, account, cluster, taskOrGroup string) (why Why, err error) {
	if len(taskOrGroup) > 255 || strings.ContainsRune(taskOrGroup, 0) {
		return why, fmt.Errorf("%w: %.300q", ErrNoRefusal, taskOrGroup)
	}
	err = c.db.View(ctx, func(tx *store.Tx) error {
		if _, err := clusterStatus(tx, account, cluster); err != nil {
			return err
		}
		group := taskOrGroup
		err := tx.Row(`select task_group from tasks where account = $1 and cluster = $2 and id = $3`, account, cluster, taskOrGroup).Scan(&group)
		if err != nil && !errors.Is(err, store.ErrNoRows) {
			return err
		}
		why, err = readWhy(tx, account, cluster, group)
		return err
	})
	return why, err
}

func readWhy(tx *store.Tx, account, cluster, group string) (why Why, err error) {
	var at int64
	var reasons, machines string
	why.Group = group
	err = tx.Row(`select at, wanted, placed, reasons, machines from refused where account = $1 and cluster = $2 and task_group = $3`, account, cluster, group).
		Scan(&at, &why.Wanted, &why.Placed, &reasons, &machines)
	if errors.Is(err, store.ErrNoRows) {
		return why, fmt.Errorf("%w: %s", ErrNoRefusal, group)
	}
	if err != nil {
		return why, err
	}
	why.At = store.Time(at)
	if why.Since, err = placedSince(tx, account, cluster, group, at); err != nil {
		return why, err
	}
	return why, errors.Join(json.Unmarshal([]byte(reasons), &why.Reasons), json.Unmarshal([]byte(machines), &why.Machines))
}

// placedSince is when tasks of a group got machines after the latest time at which too few were found: had there been too
// few again, that would be the latest. A service of which some tasks still wait has not.
func placedSince(tx *store.Tx, account, cluster, group string, after int64) (time.Time, error) {
	var first int64
	err := tx.Row(`select coalesce(min(created), 0) from tasks where account = $1 and cluster = $2 and task_group = $3 and created > $4
		and not exists (select 1 from services where account = $1 and cluster = $2 and 'service:' || name = $3 and waits > 0)`, account, cluster, group, after).Scan(&first)
	return store.Time(first), err
}
