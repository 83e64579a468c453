package cluster

import (
	"context"

	"slipway/cluster/rollout"
	"slipway/store"
)

// Move is a task of a service that would be better off on another machine.
type Move struct {
	Service  string
	Task     string
	From, To string // ids of instances
}

// Rebalance moves tasks of a service, or of all services of a cluster (""), to where its placement strategies would
// have them now, step by step within their healthy bounds. A dry run only tells the moves. Moves that are under way
// are not told again.
func (c *Control) Rebalance(ctx context.Context, account, cluster, service string, dryRun bool) (moves []Move, err error) {
	look := c.db.View
	if !dryRun {
		look = c.db.Update
	}
	err = look(ctx, func(tx *store.Tx) (err error) {
		if moves, err = c.moves(tx, account, cluster, service); err != nil || dryRun {
			return err
		}
		return c.beginMoves(tx, account, cluster, moves)
	})
	return moves, err
}

// moves plans the moves of one service, or of all.
func (c *Control) moves(tx *store.Tx, account, cluster, service string) (moves []Move, err error) {
	if _, err := clusterStatus(tx, account, cluster); err != nil {
		return nil, err
	}
	services, err := liveServices(tx, account, cluster)
	if service != "" {
		var one Service
		if one, err = readService(tx, account, cluster, service); err == nil && one.Status != Active {
			err = ErrServiceInactive
		}
		services = []Service{one}
	}
	if err != nil {
		return nil, err
	}
	for _, s := range services {
		if s.Strategy == Daemon || s.Status != Active {
			continue
		}
		b, err := c.balance(tx, s)
		if err != nil {
			return nil, err
		}
		for _, m := range rollout.Rebalance(b) {
			moves = append(moves, Move{s.Name, m.Task, m.From, m.To})
		}
	}
	return moves, nil
}

// beginMoves writes down where tasks are to go; the reconciler moves them.
func (c *Control) beginMoves(tx *store.Tx, account, cluster string, moves []Move) error {
	for _, m := range moves {
		if _, err := tx.Exec(`update tasks set moves_to = $2 where id = $1 and status < 8 and desired < 8`, m.Task, m.To); err != nil {
			return err
		}
	}
	tx.Touch(servicesTopic(account, cluster))
	return nil
}
