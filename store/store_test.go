package store_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"slipway/store"
	"slipway/store/storetest"
)

var counters = fstest.MapFS{"0001_counters.sql": {Data: []byte(`
	create table counters (name text primary key, n bigint not null, raw bytea);
	create index counters_n on counters (n);`)}}

func migrate(t *testing.T, db *store.DB, files fstest.MapFS) {
	t.Helper()
	if err := db.Migrate(t.Context(), "test", files); err != nil {
		t.Fatal(err)
	}
}

func put(t *testing.T, db *store.DB, name string, n int) {
	t.Helper()
	err := db.Update(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec(`insert into counters (name, n) values ($1, $2)`, name, n)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, db *store.DB, name string) (n int) {
	t.Helper()
	err := db.View(t.Context(), func(tx *store.Tx) error {
		return tx.Row(`select n from counters where name = $1`, name).Scan(&n)
	})
	if err != nil {
		t.Fatalf("counter %s: %v", name, err)
	}
	return n
}

func TestFailedUpdateLeavesNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		migrate(t, db, counters)
		put(t, db, "a", 1)
		oops := errors.New("oops")

		err := db.Update(t.Context(), func(tx *store.Tx) error {
			changed, err := tx.Exec(`update counters set n = 2`)
			if err != nil || changed != 1 {
				t.Errorf("changed %d rows, error %v", changed, err)
			}
			return oops
		})
		if !errors.Is(err, oops) {
			t.Errorf("error %v, want %v", err, oops)
		}
		if n := get(t, db, "a"); n != 1 {
			t.Errorf("n = %d after a failed update", n)
		}
	})
}

func TestUpdatesAreSerial(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		migrate(t, db, counters)
		put(t, db, "a", 0)
		const workers, rounds = 8, 10

		var all sync.WaitGroup
		for range workers {
			all.Go(func() {
				for range rounds {
					if err := db.Update(t.Context(), increment); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		if n := get(t, db, "a"); n != workers*rounds {
			t.Errorf("n = %d, want %d: an update was lost", n, workers*rounds)
		}
	})
}

// A transaction that takes its time comes to its end beside any number of quick ones that write what it read.
func TestUpdatesDoNotStarve(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		migrate(t, db, counters)
		put(t, db, "a", 0)
		var quick, over atomic.Int64
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for over.Load() == 0 && !t.Failed() {
					if err := db.Update(t.Context(), increment); err != nil {
						t.Error("a quick one:", err)
					}
					quick.Add(1)
				}
			})
		}
		err := db.Update(t.Context(), func(tx *store.Tx) error {
			var n int
			if err := tx.Row(`select n from counters where name = 'a'`).Scan(&n); err != nil {
				return err
			}
			if db.Dialect() == "postgres" { // on SQLite it holds the database
				// Until others wrote, or, when it has the server for itself, for long enough to see that they do not.
				for began, until := quick.Load(), time.Now().Add(200*time.Millisecond); quick.Load() < began+8 && time.Now().Before(until); {
					time.Sleep(time.Millisecond)
				}
			}
			_, err := tx.Exec(`update counters set n = $1 where name = 'a'`, n+1)
			return err
		})
		if over.Store(1); err != nil {
			t.Error("the slow one:", err)
		}
		all.Wait()
		if n := get(t, db, "a"); n != int(quick.Load())+1 {
			t.Errorf("n = %d after %d transactions", n, quick.Load()+1)
		}
	})
}

// What is written without waiting for the disk is there for everybody at once, and what is written after it waits.
func TestUpdateSoon(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		migrate(t, db, counters)
		put(t, db, "a", 0)
		oops := errors.New("oops")
		for i := range 3 {
			waits := func(f func(*store.Tx) error) error { return db.Update(t.Context(), f) }
			if i < 2 {
				waits = func(f func(*store.Tx) error) error { return db.UpdateSoon(t.Context(), f) }
			}
			for _, end := range []error{oops, nil} {
				err := waits(func(tx *store.Tx) error {
					if said := waitsForDisk(t, db, tx); said != (i == 2) {
						t.Errorf("transaction %d waits for the disk: %v", i, said)
					}
					return errors.Join(increment(tx), end)
				})
				if !errors.Is(err, end) {
					t.Errorf("transaction %d ends with %v, want %v", i, err, end)
				}
			}
		}
		if n := get(t, db, "a"); n != 3 {
			t.Errorf("n = %d, want 3", n)
		}
	})
}

// waitsForDisk reports whether the commit of a transaction will.
func waitsForDisk(t *testing.T, db *store.DB, tx *store.Tx) bool {
	t.Helper()
	query, waits := `pragma synchronous`, "2"
	if db.Dialect() == "postgres" { // the server of the tests waits for nothing: what is asked is who said so
		query, waits = `select source from pg_settings where name = 'synchronous_commit'`, "command line"
	}
	var said string
	if err := tx.Row(query).Scan(&said); err != nil {
		t.Fatal(err)
	}
	return said == waits
}

// increment reads and then writes, as most updates do: on its own it would lose updates.
func increment(tx *store.Tx) error {
	var n int
	if err := tx.Row(`select n from counters where name = 'a'`).Scan(&n); err != nil {
		return err
	}
	_, err := tx.Exec(`update counters set n = $1 where name = 'a'`, n+1)
	return err
}

func TestViewCannotWrite(t *testing.T) {
	db := storetest.Postgres(t)
	migrate(t, db, counters)
	err := db.View(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec(`insert into counters (name, n) values ('x', 1)`)
		return err
	})
	if err == nil {
		t.Error("a view wrote")
	}
}

func TestBytesAndNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		migrate(t, db, counters)
		raw := []byte{0, 1, 0xff, 'x'}
		err := db.Update(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Exec(`insert into counters (name, n, raw) values ('a', 1, $1), ('b', 2, null)`, raw)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		var got [][]byte
		err = db.View(t.Context(), func(tx *store.Tx) error {
			return tx.Each(`select raw from counters where n in `+store.In(1, 2)+` order by n`, []any{1, 2}, func(r *sql.Rows) error {
				var b []byte
				err := r.Scan(&b)
				got = append(got, b)
				return err
			})
		})
		if err != nil || len(got) != 2 || string(got[0]) != string(raw) || got[1] != nil {
			t.Errorf("got %q, %v", got, err)
		}
	})
}

func TestTouchWakesWatchersAfterCommit(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		wake, stop := db.Watch("tasks", "nodes")
		defer stop()

		db.Update(t.Context(), func(tx *store.Tx) error { tx.Touch("nodes"); return errors.New("no") })
		db.Update(t.Context(), func(tx *store.Tx) error { tx.Touch("layers"); return nil })
		select {
		case <-wake:
			t.Error("woken by a failed update or a foreign topic")
		default:
		}
		db.Update(t.Context(), func(tx *store.Tx) error { tx.Touch("nodes"); return nil })
		select {
		case <-wake:
		default:
			t.Error("not woken by the commit")
		}
	})
}

func TestTouchWakesOtherServers(t *testing.T) {
	url := storetest.PostgresURL(t)
	here, there := open(t, url), open(t, url)
	wake, stop := there.Watch("tasks")
	defer stop()

	for { // its listening connection may not stand yet
		if err := here.Update(t.Context(), func(tx *store.Tx) error { tx.Touch("tasks"); return nil }); err != nil {
			t.Fatal(err)
		}
		select {
		case <-wake:
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func TestNextGrows(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		var last int64
		for range 5 {
			err := db.Update(t.Context(), func(tx *store.Tx) error {
				n, err := tx.Next()
				if n <= last {
					t.Errorf("%d after %d", n, last)
				}
				last = n
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestNumbersGrow(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		var last int64
		for _, n := range []int{3, 0, 1, 300} {
			err := db.Update(t.Context(), func(tx *store.Tx) error {
				numbers, err := tx.Numbers(n)
				if len(numbers) != n {
					t.Errorf("%d numbers, want %d", len(numbers), n)
				}
				for _, number := range numbers {
					if number <= last {
						t.Errorf("%d after %d", number, last)
					}
					last = number
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestStatementsOfManyRows(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		migrate(t, db, counters)
		const many = 256 + 64 + 3
		rows := make([][]any, many)
		for i := range rows {
			rows[i] = []any{"c" + strconv.Itoa(i), i}
		}
		err := db.Update(t.Context(), func(tx *store.Tx) error {
			inserted, err1 := tx.ExecRows(`insert into counters (name, n) values`, `(?, ?)`, ``, rows)
			const row = `(cast(? as text), cast(? as bigint))`
			changed, err2 := tx.ExecRows(`update counters set n = n + 1 from (values`, row, `) as v where name = v.column1 and n = v.column2`, append(rows[:10:10], []any{"c11", 12}))
			nothing, err3 := tx.ExecRows(`no statement`, `(?)`, ``, nil)
			if inserted != many || changed != 10 || nothing != 0 {
				t.Errorf("inserted %d, changed %d and %d", inserted, changed, nothing)
			}
			return errors.Join(err1, err2, err3)
		})
		if err != nil {
			t.Fatal(err)
		}
		wanted := map[string]int{"c0": 1, "c9": 10, "c10": 10, "c11": 11, "c322": 322}
		for name, n := range wanted {
			if got := get(t, db, name); got != n {
				t.Errorf("%s is %d, want %d", name, got, n)
			}
		}
	})
}

// Transactions of one turn never meet, whichever server runs them: none has to start over.
func TestTurns(t *testing.T) {
	url := storetest.PostgresURL(t)
	servers := []*store.DB{open(t, url), open(t, url)}
	migrate(t, servers[0], counters)
	put(t, servers[0], "a", 0)
	const workers, rounds = 4, 10
	var tries atomic.Int64
	var all sync.WaitGroup
	for i := range workers {
		all.Go(func() {
			for range rounds {
				err := servers[i%2].UpdateInTurn(t.Context(), "count", func(tx *store.Tx) error {
					tries.Add(1)
					return increment(tx)
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if n := get(t, servers[1], "a"); n != workers*rounds || tries.Load() != int64(n) {
		t.Errorf("n = %d after %d tries, want %d", n, tries.Load(), workers*rounds)
	}
}

// A server that holds its turn for ever is waited for once, and then no more.
func TestATurnThatNeverEnds(t *testing.T) {
	url := storetest.PostgresURL(t)
	silent, alive := open(t, url), open(t, url)
	migrate(t, alive, counters)
	put(t, alive, "a", 0)
	held, give := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		silent.UpdateInTurn(t.Context(), "count", func(*store.Tx) error {
			close(held)
			<-give
			return nil
		})
	})
	<-held
	for range 20 {
		if err := alive.UpdateInTurn(t.Context(), "count", increment); err != nil {
			t.Error(err)
		}
	}
	close(give)
	all.Wait()
	if n := get(t, alive, "a"); n != 20 {
		t.Errorf("n = %d, want 20", n)
	}
}

func TestWhoWaitsForATurnMayGoAway(t *testing.T) {
	url := storetest.PostgresURL(t)
	here, there := open(t, url), open(t, url)
	held, give := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		err := here.UpdateInTurn(t.Context(), "count", func(*store.Tx) error {
			close(held)
			<-give
			return errors.New("no")
		})
		if err == nil {
			t.Error("a failed transaction was committed")
		}
	})
	<-held
	ctx, cancel := context.WithCancel(t.Context())
	all.Go(func() {
		if err := there.UpdateInTurn(ctx, "count", func(*store.Tx) error { return nil }); !errors.Is(err, context.Canceled) {
			t.Errorf("who went away while waiting got %v", err)
		}
	})
	cancel()
	close(give)
	all.Wait()
	if err := there.UpdateInTurn(t.Context(), "count", func(*store.Tx) error { return nil }); err != nil {
		t.Error(err)
	}
}

func TestMigrationsRunOnceAndInOrder(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		migrate(t, db, counters)
		put(t, db, "a", 1)
		migrate(t, db, counters)

		two := fstest.MapFS{"0001_counters.sql": counters["0001_counters.sql"], "0002_double.sql": {Data: []byte(`update counters set n = 2*n`)}}
		migrate(t, db, two)
		migrate(t, db, two)
		if n := get(t, db, "a"); n != 2 {
			t.Errorf("n = %d, want 2: the second step ran not once", n)
		}
		if err := db.Migrate(t.Context(), "test", counters); !errors.Is(err, store.ErrNewer) {
			t.Errorf("an older version got %v, want %v", err, store.ErrNewer)
		}
	})
}

func TestMigrationStepsHaveNoGap(t *testing.T) {
	db := storetest.SQLite(t)
	if err := db.Migrate(t.Context(), "test", fstest.MapFS{"0002_x.sql": {}}); err == nil {
		t.Error("a gap in the steps was accepted")
	}
}

func TestFullDiskIsNamed(t *testing.T) {
	db := storetest.SQLite(t)
	migrate(t, db, counters)
	err := db.Update(t.Context(), func(tx *store.Tx) error {
		if _, err := tx.Exec(`pragma max_page_count = 16`); err != nil {
			return err
		}
		_, err := tx.Exec(`insert into counters (name, n, raw) values ('big', 1, $1)`, make([]byte, 1<<20))
		return err
	})
	if !errors.Is(err, store.ErrFull) {
		t.Errorf("error %v, want %v", err, store.ErrFull)
	}
}

func TestDatabaseIsPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "odd name?#%.db")
	db := open(t, path)
	migrate(t, db, counters)
	for _, file := range []string{path, path + "-wal"} {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", filepath.Base(file), info.Mode())
		}
	}
}

func open(t testing.TB, url string) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func BenchmarkUpdate(b *testing.B) {
	for name, open := range map[string]func(testing.TB) *store.DB{"sqlite": storetest.SQLite, "postgres": storetest.Postgres} {
		b.Run(name, func(b *testing.B) {
			db := open(b)
			if err := db.Migrate(context.Background(), "test", counters); err != nil {
				b.Fatal(err)
			}
			for i := 0; b.Loop(); i++ {
				err := db.Update(context.Background(), func(tx *store.Tx) error {
					_, err := tx.Exec(`insert into counters (name, n) values ($1, $2) on conflict (name) do update set n = excluded.n`, "a", i)
					return err
				})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
