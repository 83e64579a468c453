// Package storetest gives tests real databases: a new SQLite file, and a new
// database on a private PostgreSQL server that lives as long as the test process.
package storetest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"slipway/store"
)

// Each runs test once on SQLite and once on PostgreSQL, each time on an empty database.
// Without an installed PostgreSQL the second run is skipped, unless SLIPWAY_TEST_ALL is set.
func Each(t *testing.T, test func(t *testing.T, db *store.DB)) {
	t.Run("sqlite", func(t *testing.T) { test(t, SQLite(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, Postgres(t)) })
}

// SQLite opens a new SQLite database that is closed and removed when the test ends.
func SQLite(t testing.TB) *store.DB {
	t.Helper()
	return open(t, filepath.Join(t.TempDir(), "slipway.db"))
}

// Postgres opens a new database on the private server; it is dropped when the test ends.
func Postgres(t testing.TB) *store.DB {
	t.Helper()
	return open(t, PostgresURL(t))
}

var databases atomic.Int64

// PostgresURL makes a new database on the private server and returns its address.
func PostgresURL(t testing.TB) string {
	t.Helper()
	server, err := privateServer()
	if err != nil {
		if os.Getenv("SLIPWAY_TEST_ALL") == "" {
			t.Skipf("needs PostgreSQL (apt-get install postgresql): %v", err)
		}
		t.Fatal(err)
	}
	name := fmt.Sprintf("test_%d", databases.Add(1))
	runSQL(t, server.url("postgres"), "create database "+name+howToCopy(t, server))
	t.Cleanup(func() { runSQL(t, server.url("postgres"), "drop database "+name+" with (force)") })
	return server.url(name)
}

// howToCopy has a new database be copied as files, which is the least work where they are in memory. It can be asked for
// since PostgreSQL 15.
func howToCopy(t testing.TB, s server) string {
	t.Helper()
	ctx := t.Context()
	conn, err := pgx.Connect(ctx, s.url("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	var how string
	if err := conn.QueryRow(ctx, `select case when current_setting('server_version_num')::int >= 150000 then ' strategy file_copy' else '' end`).Scan(&how); err != nil {
		t.Fatal(err)
	}
	return how
}

func open(t testing.TB, url string) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func runSQL(t testing.TB, url, statement string) {
	t.Helper()
	ctx := context.Background() // a cleanup runs after the test's own context
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, statement); err != nil {
		t.Fatal(err)
	}
}
