package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
)

// SQLite waits for the disk at each commit of a connection, or at none but those that write its log back: which,
// can be said between transactions. What is committed without waiting is in the log before what comes after it.

// soonIsolation is how a transaction says to its connection that its commit need not wait. SQLite has one
// isolation only, and no other use for the name of this one.
const soonIsolation = sql.LevelReadUncommitted

func (c *conn) beginSoon(ctx context.Context) (driver.Tx, error) {
	if err := c.wait(ctx, "normal"); err != nil {
		return nil, err
	}
	tx, err := c.Conn.(driver.ConnBeginTx).BeginTx(ctx, driver.TxOptions{})
	if err != nil {
		return nil, c.waitAgain(err)
	}
	return soonTx{tx, c}, nil
}

// wait says whether commits wait for the disk: "full" or "normal". It is not one of the prepared statements: SQLite
// does it while it prepares it.
func (c *conn) wait(ctx context.Context, synchronous string) error {
	_, err := c.Conn.(driver.ExecerContext).ExecContext(ctx, "pragma synchronous="+synchronous, nil)
	return err
}

// waitAgain has the next commit wait. If that cannot be said, the connection is not used again.
func (c *conn) waitAgain(err error) error {
	failed := c.wait(context.Background(), "full")
	if c.lost = failed != nil; c.lost {
		return errors.Join(err, failed)
	}
	return err
}

// IsValid satisfies driver.Validator.
func (c *conn) IsValid() bool { return !c.lost }

type soonTx struct {
	driver.Tx
	c *conn
}

func (t soonTx) Commit() error   { return t.c.waitAgain(t.Tx.Commit()) }
func (t soonTx) Rollback() error { return t.c.waitAgain(t.Tx.Rollback()) }
