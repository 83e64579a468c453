package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"runtime"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// openSQLite opens one connection that writes and a few that read: in WAL mode they
// do not wait for one another. synchronous=full puts every commit on disk before it
// is acknowledged, power cut or not.
func openSQLite(ctx context.Context, path string) (*DB, error) {
	if err := touchPrivate(path); err != nil {
		return nil, fmt.Errorf("open sqlite database: %w", err)
	}
	common := url.Values{"_pragma": {"busy_timeout(10000)", "journal_mode(wal)", "synchronous(full)", "foreign_keys(on)", "cache_size(-16000)"}}
	writing := url.Values{"_pragma": common["_pragma"], "_txlock": {"immediate"}}

	write, err := openStatements("file:" + (&url.URL{Path: path}).EscapedPath() + "?" + writing.Encode())
	if err != nil {
		return nil, err
	}
	write.SetMaxOpenConns(1)
	read, err := openStatements("file:" + (&url.URL{Path: path}).EscapedPath() + "?" + common.Encode())
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	read.SetMaxOpenConns(2 + runtime.NumCPU())
	read.SetMaxIdleConns(2 + runtime.NumCPU())
	return &DB{dialect: sqliteDialect{}, read: read, write: write}, nil
}

// touchPrivate makes the file if it is not there, readable by its owner alone; SQLite gives
// the same mode to the files it puts beside it.
func touchPrivate(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

type sqliteDialect struct{}

func (sqliteDialect) name() string                 { return "sqlite" }
func (sqliteDialect) writeOptions() *sql.TxOptions { return &sql.TxOptions{} }
func (sqliteDialect) soonOptions() *sql.TxOptions  { return &sql.TxOptions{Isolation: soonIsolation} }
func (sqliteDialect) soon(*Tx) error               { return nil } // its connection saw the isolation

func (sqliteDialect) prepare(ctx context.Context, db *sql.DB) error {
	_, err := db.ExecContext(ctx, `
		create table if not exists store_sequence (value bigint not null);
		insert into store_sequence select 0 where not exists (select 1 from store_sequence);`)
	return err
}

// serialize has nothing to do: there is one writer.
func (sqliteDialect) serialize(*Tx, string) error { return nil }

func (sqliteDialect) numbers(tx *Tx, n int) ([]int64, error) {
	var last int64
	err := tx.Row(`update store_sequence set value = value + $1 returning value`, n).Scan(&last)
	numbers := make([]int64, n)
	for i := range numbers {
		numbers[i] = last - int64(n-1-i)
	}
	return numbers, err
}

// rowsAtOnce is one: there is no round trip to save, and the driver looks through all values for each.
func (sqliteDialect) rowsAtOnce() int { return 1 }

// turn has nothing to do: there is one writer.
func (sqliteDialect) turn(_ context.Context, db *sql.DB, _ string) (beginner, func(), error) {
	return db, func() {}, nil
}

// notify and listen have nothing to do: there is one server.
func (sqliteDialect) notify(*Tx, []string) error        { return nil }
func (sqliteDialect) listen(context.Context, *watchers) {}

func (sqliteDialect) explain(err error) (error, int) {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return err, 1
	}
	switch e.Code() & 0xff { // the primary code; the rest is detail
	case sqlite3.SQLITE_FULL:
		return fmt.Errorf("%w: %w", ErrFull, err), 1
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return err, maxTries
	}
	return err, 1
}
