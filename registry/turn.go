package registry

import (
	"context"
	"errors"
	"time"

	"slipway/internal/ids"
	"slipway/store"
)

// What one server does at a time it does in a turn, which is a row of registry_leases. Each step of
// the work ends long before the row does, so that whoever takes the turn after a server that died, or
// stood still, is alone.
const (
	turnLife = 3 * time.Minute // of the row
	stepLife = time.Minute     // of a step
)

// errTurn says that another server has the turn.
var errTurn = errors.New("another server has the turn")

type turn struct {
	c     *Control
	name  string
	owner string
	taken time.Time
}

// takeTurn waits for nobody: it returns errTurn while somebody has it.
func (c *Control) takeTurn(ctx context.Context, name string) (*turn, error) {
	t := &turn{c: c, name: name, owner: ids.UUID()}
	return t, t.take(ctx)
}

func (t *turn) take(ctx context.Context) error {
	now := time.Now()
	err := t.c.db.Update(ctx, func(tx *store.Tx) error {
		n, err := tx.Exec(`insert into registry_leases (name, owner, until) values ($1, $2, $3)
			on conflict (name) do update set owner = excluded.owner, until = excluded.until
			where registry_leases.owner = excluded.owner or registry_leases.until < $4`,
			t.name, t.owner, store.Micros(tx.Now.Add(turnLife)), store.Micros(tx.Now))
		if err == nil && n == 0 {
			return errTurn
		}
		return err
	})
	if err == nil {
		t.taken = now
	}
	return err
}

// step runs a part of the work that must end while the turn lasts.
func (t *turn) step(ctx context.Context, work func(context.Context) error) error {
	if time.Since(t.taken) > turnLife-2*stepLife {
		if err := t.take(ctx); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, stepLife)
	defer cancel()
	return work(ctx)
}

func (t *turn) leave(ctx context.Context) error {
	return t.c.db.Update(context.WithoutCancel(ctx), func(tx *store.Tx) error {
		_, err := tx.Exec(`delete from registry_leases where name = $1 and owner = $2`, t.name, t.owner)
		return err
	})
}

// forgetTurns ends those that a crash left, where there can be no other server.
func forgetTurns(ctx context.Context, db *store.DB) error {
	if db.Dialect() != "sqlite" {
		return nil
	}
	return db.Update(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(`delete from registry_leases`)
		return err
	})
}
