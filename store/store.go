// Package store keeps what Slipway knows in SQL: one database, SQLite in the data
// folder by default or PostgreSQL for any number of servers, spoken to by the same
// statements.
//
// Rooms own their tables and their SQL; this package owns the connection, the
// transactions, the migrations and the waking of watchers. It maps no rows and
// builds no statements.
//
// The common subset: placeholders $1, $2, ...; bigint for numbers, flags (0, 1) and
// times (microseconds since 1970); text; bytea; "on conflict"; "returning".
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"slipway/internal/errs"
)

var (
	// ErrNoRows is what a row scan gives when nothing was found.
	ErrNoRows = sql.ErrNoRows
	// ErrFull says that the disk of the database has no room left. Nothing was written.
	ErrFull = errs.New(errs.Unavailable, "the disk of the database is full")
	// ErrNewer says that a newer Slipway has been at the data. It is left as it is.
	ErrNewer = errs.New(errs.Conflict, "the data was written by a newer version of Slipway")
)

// DB is an open database. It is safe for use by many goroutines.
type DB struct {
	dialect dialect
	read    *sql.DB
	write   *sql.DB
	watch   watchers
	alone   sync.RWMutex // held for reading by transactions that write, for writing by one that met others too often
	stop    context.CancelFunc
	done    sync.WaitGroup
}

// dialect is all that differs between the two databases.
type dialect interface {
	name() string
	writeOptions() *sql.TxOptions
	soonOptions() *sql.TxOptions                   // of a transaction whose commit does not wait for the disk
	soon(tx *Tx) error                             // the first that such a transaction does
	prepare(ctx context.Context, db *sql.DB) error // once, before the first migration
	serialize(tx *Tx, lock string) error           // hold lock until the transaction ends
	numbers(tx *Tx, n int) ([]int64, error)        // n numbers greater than any before
	rowsAtOnce() int                               // how many rows a statement of many should have
	turn(ctx context.Context, db *sql.DB, turn string) (beginner, func(), error)
	notify(tx *Tx, topics []string) error       // tell watchers on other servers, at commit
	listen(ctx context.Context, w *watchers)    // hear them, until ctx ends
	explain(err error) (cause error, tries int) // a declared cause, and how often such a transaction is run at most
}

// beginner is what transactions begin on: any connection, or a certain one.
type beginner interface {
	BeginTx(ctx context.Context, opts *sql.TxOptions) (*sql.Tx, error)
}

// Open opens the database at url: "postgres://..." or the path of an SQLite file.
func Open(ctx context.Context, url string) (*DB, error) {
	open := openSQLite
	if strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://") {
		open = openPostgres
	}
	db, err := open(ctx, url)
	if err != nil {
		return nil, err
	}
	if err := db.dialect.prepare(ctx, db.write); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s database: %w", db.dialect.name(), err), db.Close())
	}
	listenCtx, stop := context.WithCancel(context.Background())
	db.stop = stop
	db.done.Go(func() { db.dialect.listen(listenCtx, &db.watch) })
	return db, nil
}

// Close ends all that the database started. Transactions in flight are rolled back.
func (db *DB) Close() error {
	if db.stop != nil {
		db.stop()
	}
	db.done.Wait()
	err := db.write.Close()
	if db.read != db.write {
		err = errors.Join(err, db.read.Close())
	}
	return err
}

// Dialect names the database: "sqlite" or "postgres".
func (db *DB) Dialect() string { return db.dialect.name() }

// Ping fails while the database cannot be reached.
func (db *DB) Ping(ctx context.Context) error { return db.read.PingContext(ctx) }

// View runs f on one consistent state of the database. f must not write.
func (db *DB) View(ctx context.Context, f func(*Tx) error) error {
	return db.run(ctx, db.read, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}, f)
}

// Row is Tx.Row where nothing else belongs to it: a query sees one state of the database by itself, and
// without a transaction it costs one round trip to the database instead of three.
func (db *DB) Row(ctx context.Context, query string, args ...any) *sql.Row {
	return db.read.QueryRowContext(ctx, query, args...)
}

// Update runs f in one transaction, as if alone, and commits it: when Update returns
// nil it is on disk. f may run several times, when another server got in between, so
// it must have no effect outside the transaction that a second run would spoil.
func (db *DB) Update(ctx context.Context, f func(*Tx) error) error {
	return db.run(ctx, db.write, db.dialect.writeOptions(), f)
}

// UpdateSoon is Update for what a power cut may take: it does not wait until the disk has what f wrote. A crash of
// the process takes nothing, and what is committed later is never there without it.
func (db *DB) UpdateSoon(ctx context.Context, f func(*Tx) error) error {
	return db.run(ctx, db.write, db.dialect.soonOptions(), func(tx *Tx) error {
		if err := db.dialect.soon(tx); err != nil {
			return err
		}
		return f(tx)
	})
}

// UpdateInTurn is Update for transactions that would meet: those that name the same turn run one after the other,
// whichever server runs them. A turn only saves work. Whoever waits for it too long goes on without.
func (db *DB) UpdateInTurn(ctx context.Context, turn string, f func(*Tx) error) error {
	conn, done, err := db.dialect.turn(ctx, db.write, turn)
	if err != nil {
		return err
	}
	defer done()
	return db.run(ctx, conn, db.dialect.writeOptions(), f)
}

// A transaction that met another is run again, with a growing pause: maxTries take two seconds. From patience on it
// has this server for itself, since those that are quicker would else be in its way for ever.
const (
	maxTries = 50
	patience = 8
)

func (db *DB) run(ctx context.Context, conn beginner, opts *sql.TxOptions, f func(*Tx) error) error {
	for try := 1; ; try++ {
		err := db.once(ctx, conn, opts, try, f)
		if err == nil {
			return nil
		}
		cause, tries := db.dialect.explain(err)
		if try >= tries || ctx.Err() != nil {
			return cause
		}
		time.Sleep(rand.N(time.Duration(try) * time.Millisecond))
	}
}

func (db *DB) once(ctx context.Context, conn beginner, opts *sql.TxOptions, try int, f func(*Tx) error) error {
	switch {
	case opts.ReadOnly:
	case try < patience:
		db.alone.RLock()
		defer db.alone.RUnlock()
	default:
		db.alone.Lock()
		defer db.alone.Unlock()
	}
	sqlTx, err := conn.BeginTx(ctx, opts)
	if err != nil {
		return err
	}
	defer sqlTx.Rollback() // after a commit this does nothing
	tx := &Tx{Now: time.Now().UTC().Truncate(time.Microsecond), ctx: ctx, tx: sqlTx, dialect: db.dialect}
	if err := f(tx); err != nil {
		return err
	}
	if len(tx.touched) > 0 {
		slices.Sort(tx.touched)
		tx.touched = slices.Compact(tx.touched)
		if err := db.dialect.notify(tx, tx.touched); err != nil {
			return err
		}
	}
	if err := sqlTx.Commit(); err != nil {
		return err
	}
	db.watch.wake(tx.touched...)
	return nil
}

// Tx is a running transaction. It must not outlive the function it was given to.
type Tx struct {
	// Now is the instant of the transaction, to the microsecond: the only time that rows are given.
	Now time.Time

	ctx     context.Context
	tx      *sql.Tx
	dialect dialect
	touched []string
}

// Exec runs a statement and returns how many rows it changed.
func (tx *Tx) Exec(query string, args ...any) (int64, error) {
	res, err := tx.tx.ExecContext(tx.ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// Row runs a query of at most one row and scans it into dest, or returns ErrNoRows.
// Call it as tx.Row(query, args...).Scan(dest...).
func (tx *Tx) Row(query string, args ...any) *sql.Row {
	return tx.tx.QueryRowContext(tx.ctx, query, args...)
}

// Each runs a query and calls scan for every row.
func (tx *Tx) Each(query string, args []any, scan func(*sql.Rows) error) error {
	rows, err := tx.tx.QueryContext(tx.ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Touch wakes the watchers of topic once the transaction is committed.
func (tx *Tx) Touch(topic string) { tx.touched = append(tx.touched, topic) }

// Serialize makes transactions that name the same lock commit one after the other.
func (tx *Tx) Serialize(lock string) error { return tx.dialect.serialize(tx, lock) }

// Next returns a number greater than any it returned before, on any server.
func (tx *Tx) Next() (int64, error) {
	numbers, err := tx.Numbers(1)
	if err != nil {
		return 0, err
	}
	return numbers[0], nil
}

// Numbers returns n numbers as Next does, in their order.
func (tx *Tx) Numbers(n int) ([]int64, error) {
	if n == 0 {
		return nil, nil
	}
	return tx.dialect.numbers(tx, n)
}

// Micros is t as a column holds it; the zero time is 0.
func Micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// Time is a column of microseconds as a time; 0 is the zero time.
func Time(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}

// In writes the list of an "in" condition whose first argument is $from: In(2, 3) is "($2,$3,$4)".
func In(from, n int) string {
	if n == 0 {
		return "(null)" // no row is in it
	}
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, ",$%d", from+i)
	}
	return "(" + b.String()[1:] + ")"
}
