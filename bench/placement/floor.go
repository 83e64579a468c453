package main

import (
	"context"
	"fmt"
	"time"

	"slipway/internal/ids"
	"slipway/store"
)

// floorBatch is how many tasks a transaction of the floor writes.
const floorBatch = 1000

// floor puts rows of tasks and events such as a race leaves into the database, and returns how many tasks a second.
func (f *fleet) floor(ctx context.Context, tasks, machines int) (float64, error) {
	began := time.Now()
	for n := 0; n < tasks; n += floorBatch {
		if err := f.db.Update(ctx, func(tx *store.Tx) error { return insert(tx, n, min(floorBatch, tasks-n), machines) }); err != nil {
			return 0, err
		}
	}
	return float64(tasks) / time.Since(began).Seconds(), nil
}

func insert(tx *store.Tx, from, count, machines int) error {
	var tasks, events [][]any
	for n := from; n < from+count; n++ {
		id, node, now := fmt.Sprintf("%012x", n)+ids.Hex(10), machineID(n*7919%machines), store.Micros(tx.Now)
		tasks = append(tasks, []any{id, account, "default", "web", 1, node, now, "family:web", "", "EC2", "model", 10, 10, "", 4, "", "", 0, 2, "", "", 0, 0})
		arn := "arn:aws:ecs:" + region + ":" + account + ":task/default/" + id
		events = append(events, []any{1<<40 + n, now, account, "task.pending", arn, fmt.Sprintf(eventData, node)})
	}
	if _, err := tx.ExecRows(`insert into tasks (id, account, cluster, family, revision, node, created, task_group, started_by, launch, model, cpu, memory, ports,
		desired, stop_code, stop_reason, stop_asked, status, seen, bound, settled, exec) values`, `(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, ``, tasks); err != nil {
		return err
	}
	_, err := tx.ExecRows(`insert into events (seq, at, account, type, subject, data) values`, `(?, ?, ?, ?, ?, ?)`, ``, events)
	return err
}

const eventData = `{"cluster":"default","node":"%s","family":"web","revision":1,"group":"family:web","status":"PENDING","desired":"RUNNING","cpu":10,"memory":10,"containers":[{"name":"web","image":"example.com/web:1","status":"PENDING"}]}`
