package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

const (
	pgMaxConns = 16
	pgChannel  = "slipway"
)

func openPostgres(ctx context.Context, url string) (*DB, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("open postgres database: %w", err) // pgx keeps the password out of it
	}
	conn := stdlib.OpenDB(*config)
	conn.SetMaxOpenConns(pgMaxConns)
	conn.SetMaxIdleConns(pgMaxConns)
	return &DB{dialect: &pgDialect{config: config}, read: conn, write: conn}, nil
}

type pgDialect struct {
	config *pgx.ConnConfig
	vain   atomic.Int64 // when a turn was waited for in vain last, in nanoseconds
}

func (*pgDialect) name() string { return "postgres" }

// writeOptions: serializable, so that a transaction sees and decides as if alone, as it does on SQLite.
func (*pgDialect) writeOptions() *sql.TxOptions {
	return &sql.TxOptions{Isolation: sql.LevelSerializable}
}

func (d *pgDialect) soonOptions() *sql.TxOptions { return d.writeOptions() }

func (*pgDialect) soon(tx *Tx) error {
	_, err := tx.Exec(`set local synchronous_commit = off`)
	return err
}

func (*pgDialect) prepare(ctx context.Context, db *sql.DB) error {
	// "if not exists" alone can still collide when two servers start at once.
	_, err := db.ExecContext(ctx, `
		begin;
		select pg_advisory_xact_lock(hashtext('slipway:prepare'));
		create sequence if not exists store_sequence;
		commit;`)
	return err
}

func (*pgDialect) serialize(tx *Tx, lock string) error {
	_, err := tx.Exec(`select pg_advisory_xact_lock(hashtext($1))`, "slipway:"+lock)
	return err
}

func (*pgDialect) numbers(tx *Tx, n int) (numbers []int64, err error) {
	err = tx.Each(`select nextval('store_sequence') from generate_series(1, $1)`, []any{n}, func(rows *sql.Rows) error {
		var number int64
		err := rows.Scan(&number)
		numbers = append(numbers, number)
		return err
	})
	return numbers, err
}

func (*pgDialect) rowsAtOnce() int { return 256 }

// turnPatience is how long a server waits for another's turn to end, which takes milliseconds. Where that is in vain, as
// when a machine fell silent whose connection the database takes for alive, turns are not waited for during turnPause.
const (
	turnPatience = 5 * time.Second
	turnPause    = time.Minute
)

// turn holds a lock of the connection: one taken within the transaction would be taken after the transaction has
// fixed what it sees.
func (d *pgDialect) turn(ctx context.Context, db *sql.DB, turn string) (beginner, func(), error) {
	if time.Since(time.Unix(0, d.vain.Load())) < turnPause {
		return db, func() {}, nil
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, nil, err
	}
	waiting, cancel := context.WithTimeout(ctx, turnPatience)
	defer cancel()
	if _, err := conn.ExecContext(waiting, `select pg_advisory_lock(hashtext($1))`, "slipway-turn:"+turn); err != nil {
		conn.Close()
		if ctx.Err() == nil && waiting.Err() != nil {
			d.vain.Store(time.Now().UnixNano())
			return db, func() {}, nil
		}
		return nil, nil, err
	}
	return conn, func() { release(conn, turn) }, nil
}

// release gives a turn back. A connection that cannot is not used again: its end gives it back.
func release(conn *sql.Conn, turn string) {
	ctx, cancel := context.WithTimeout(context.Background(), turnPatience)
	defer cancel()
	if _, err := conn.ExecContext(ctx, `select pg_advisory_unlock(hashtext($1))`, "slipway-turn:"+turn); err != nil {
		conn.Raw(func(any) error { return driver.ErrBadConn })
	}
	conn.Close()
}

func (*pgDialect) notify(tx *Tx, topics []string) error {
	_, err := tx.Exec(`select pg_notify($1, topic) from unnest(cast($2 as text[])) as topic`, pgChannel, topics)
	return err
}

// listen hears what other servers touched. While the line is down wakes are lost, so
// everybody is woken when it stands again.
func (d *pgDialect) listen(ctx context.Context, w *watchers) {
	lost := false
	for ctx.Err() == nil {
		err := d.listenOnce(ctx, w, lost)
		if lost = true; err != nil && ctx.Err() == nil {
			slog.Warn("cannot hear other servers; their wakes come late", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

func (d *pgDialect) listenOnce(ctx context.Context, w *watchers, lost bool) error {
	conn, err := pgx.ConnectConfig(ctx, d.config.Copy())
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, "listen "+pgChannel); err != nil {
		return err
	}
	if lost {
		w.wakeAll()
	}
	for {
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			return err
		}
		w.wake(n.Payload)
	}
}

func (*pgDialect) explain(err error) (error, int) {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return err, 1
	}
	switch e.Code {
	case "40001", "40P01": // serialization failure, deadlock
		return err, maxTries
	case "23505": // unique violation: perhaps of a row that another wrote since this one looked
		return err, 3
	case "53100": // disk full
		return fmt.Errorf("%w: %w", ErrFull, err), 1
	}
	return err, 1
}
