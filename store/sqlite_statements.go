package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
)

// The driver for SQLite prepares a statement at every call, which costs more than running most of
// ours. So each connection keeps its statements prepared, as pgx does for PostgreSQL.

// maxStatements bounds what a connection keeps: lists of varying length make many texts.
const maxStatements = 200

type connector struct {
	driver driver.Driver
	name   string
}

func (c connector) Driver() driver.Driver { return c.driver }

func (c connector) Connect(context.Context) (driver.Conn, error) {
	opened, err := c.driver.Open(c.name)
	if err != nil {
		return nil, err
	}
	return &conn{Conn: opened, free: map[string]driver.Stmt{}}, nil
}

// openStatements opens a database of the driver that is registered for SQLite.
func openStatements(name string) (*sql.DB, error) {
	plain, err := sql.Open("sqlite", name) // connects to nothing yet
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector{plain.Driver(), name}), plain.Close()
}

// conn is a connection with statements that are prepared and in nobody's hands.
type conn struct {
	driver.Conn
	free map[string]driver.Stmt
	lost bool // it is in a state that it must not be used in
}

func (c *conn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	if opts.Isolation == driver.IsolationLevel(soonIsolation) {
		return c.beginSoon(ctx)
	}
	return c.Conn.(driver.ConnBeginTx).BeginTx(ctx, opts)
}

func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	stmt, err := c.take(ctx, query)
	if err != nil {
		return nil, err
	}
	defer c.give(query, stmt)
	return stmt.(driver.StmtExecContext).ExecContext(ctx, args)
}

func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	stmt, err := c.take(ctx, query)
	if err != nil {
		return nil, err
	}
	rows, err := stmt.(driver.StmtQueryContext).QueryContext(ctx, args)
	if err != nil {
		c.give(query, stmt)
		return nil, err
	}
	return &rowsOf{rows, func() { c.give(query, stmt) }}, nil
}

// take hands out a prepared statement for one use at a time: its rows may be open while
// another of the same text runs.
func (c *conn) take(ctx context.Context, query string) (driver.Stmt, error) {
	if stmt, ok := c.free[query]; ok {
		delete(c.free, query)
		return stmt, nil
	}
	return c.Conn.(driver.ConnPrepareContext).PrepareContext(ctx, query)
}

func (c *conn) give(query string, stmt driver.Stmt) {
	if _, ok := c.free[query]; ok || len(c.free) == maxStatements {
		stmt.Close()
		return
	}
	c.free[query] = stmt
}

func (c *conn) Close() error {
	for _, stmt := range c.free {
		stmt.Close()
	}
	return c.Conn.Close()
}

// rowsOf gives its statement back once it is read.
type rowsOf struct {
	driver.Rows
	done func()
}

func (r *rowsOf) Close() error {
	err := r.Rows.Close()
	if r.done != nil {
		r.done()
		r.done = nil
	}
	return err
}
