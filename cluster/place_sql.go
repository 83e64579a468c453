package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"

	"slipway/cluster/placement"
	"slipway/store"
)

// lastTurn reads which machine had the last turn of a group, if one had.
func lastTurn(tx *store.Tx, w *bid, node *string) error {
	m := w.order.model
	err := tx.Row(`select node from placed_last where account = $1 and cluster = $2 and task_group = $3`, m.Account, m.Cluster, m.Group).Scan(node)
	if errors.Is(err, store.ErrNoRows) {
		return nil
	}
	return err
}

func keepTurn(tx *store.Tx, w *bid, node string) error {
	m := w.order.model
	_, err := tx.Exec(`insert into placed_last (account, cluster, task_group, node) values ($1, $2, $3, $4)
		on conflict (account, cluster, task_group) do update set node = excluded.node`, m.Account, m.Cluster, m.Group, node)
	return err
}

// taskGroup names a group of tasks.
type taskGroup struct{ account, cluster, name string }

// shortfall is what tasks of a group wanted, and what came of it: too little.
type shortfall struct {
	wanted  int
	started Started
}

// keepRefused notes for each group why its latest tasks found too few machines.
func keepRefused(tx *store.Tx, bids []*bid) error {
	latest := map[taskGroup]shortfall{}
	for _, w := range bids {
		if len(w.started.Refused) > 0 {
			m := w.order.model
			latest[taskGroup{m.Account, m.Cluster, m.Group}] = shortfall{w.count(), w.started}
		}
	}
	return keepShortfalls(tx, latest)
}

// keepWhole notes of a wish that was divided what came of all of it, in place of what was noted of its parts.
func (c *Control) keepWhole(ctx context.Context, g taskGroup, wanted int, all Started) {
	if all.again || len(all.Refused) == 0 {
		return
	}
	err := c.db.Update(ctx, func(tx *store.Tx) error {
		return keepShortfalls(tx, map[taskGroup]shortfall{g: {wanted, all}})
	})
	if err != nil { // what was placed stands
		slog.Warn("why a group found too few machines is known of a part of it only", "cluster", g.cluster, "group", g.name, "error", err)
	}
}

func keepShortfalls(tx *store.Tx, latest map[taskGroup]shortfall) error {
	var rows [][]any
	for g, s := range latest {
		reasons, err1 := json.Marshal(reasonsOf(s.started.Refused))
		machines, err2 := json.Marshal(s.started.Refused[:min(len(s.started.Refused), maxKeptRefusals)])
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		rows = append(rows, []any{g.account, g.cluster, g.name, store.Micros(tx.Now), s.wanted, len(s.started.Tasks), string(reasons), string(machines)})
	}
	_, err := tx.ExecRows(`insert into refused (account, cluster, task_group, at, wanted, placed, reasons, machines) values`, `(?, ?, ?, ?, ?, ?, ?, ?)`,
		`on conflict (account, cluster, task_group) do update set at = excluded.at, wanted = excluded.wanted, placed = excluded.placed, reasons = excluded.reasons, machines = excluded.machines`, rows)
	return err
}

func reasonsOf(refused []placement.Refusal) map[placement.Reason]int {
	counts := map[placement.Reason]int{}
	for _, r := range refused {
		counts[r.Reason]++
	}
	return counts
}

// maxRefused is for how many groups of an account it is kept why they found too few machines.
const maxRefused = 1000

// forgetRefused forgets what is too old, and of the rest what is too much.
func forgetRefused(tx *store.Tx, before int64) error {
	_, err1 := tx.Exec(`delete from refused where at < $1`, before)
	_, err2 := tx.Exec(`delete from refused where at < (select min(at) from (select at from refused r where r.account = refused.account order by at desc limit $1) latest)`, maxRefused)
	return errors.Join(err1, err2)
}
