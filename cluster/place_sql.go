package cluster

import (
	"encoding/json"
	"errors"

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

// keepRefused notes for each group why its latest tasks found too few machines.
func keepRefused(tx *store.Tx, bids []*bid) error {
	latest := map[[3]string]*bid{}
	for _, w := range bids {
		if len(w.started.Refused) > 0 {
			m := w.order.model
			latest[[3]string{m.Account, m.Cluster, m.Group}] = w
		}
	}
	var rows [][]any
	for group, w := range latest {
		reasons, err1 := json.Marshal(reasonsOf(w.started.Refused))
		machines, err2 := json.Marshal(w.started.Refused[:min(len(w.started.Refused), maxKeptRefusals)])
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		rows = append(rows, []any{group[0], group[1], group[2], store.Micros(tx.Now), w.count(), len(w.started.Tasks), string(reasons), string(machines)})
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
