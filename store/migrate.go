package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"sort"
	"strconv"
	"strings"
)

// Migrate brings the tables of one room up to date. files holds its steps as
// NNNN_what.sql, numbered from 0001 without a gap; a step that has landed is never
// edited. Each step and its record are one transaction. When the database has steps
// that files does not, it returns ErrNewer and changes nothing.
func (db *DB) Migrate(ctx context.Context, room string, files fs.FS) error {
	steps, err := readSteps(files)
	if err != nil {
		return fmt.Errorf("migrate %s: %w", room, err)
	}
	return db.Update(ctx, func(tx *Tx) error {
		if err := tx.Serialize("migrate"); err != nil {
			return err
		}
		return migrate(tx, room, steps)
	})
}

type step struct{ name, sql string }

func readSteps(files fs.FS) ([]step, error) {
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return nil, err
	}
	sort.Strings(names)
	steps := make([]step, len(names))
	for i, name := range names {
		if n, err := strconv.Atoi(strings.SplitN(path.Base(name), "_", 2)[0]); err != nil || n != i+1 {
			return nil, fmt.Errorf("step %s: want the number %04d", name, i+1)
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		steps[i] = step{name, string(text)}
	}
	return steps, nil
}

func migrate(tx *Tx, room string, steps []step) error {
	if _, err := tx.Exec(`create table if not exists store_migrations (room text primary key, version bigint not null, migrated bigint not null)`); err != nil {
		return err
	}
	var have int
	err := tx.Row(`select version from store_migrations where room = $1`, room).Scan(&have)
	if err != nil && !errors.Is(err, ErrNoRows) {
		return err
	}
	if have > len(steps) {
		return fmt.Errorf("%w: %s is at step %d, this version knows %d", ErrNewer, room, have, len(steps))
	}
	for _, s := range steps[have:] {
		if _, err := tx.Exec(s.sql); err != nil {
			return fmt.Errorf("migrate %s: step %s: %w", room, s.name, err)
		}
	}
	_, err = tx.Exec(`insert into store_migrations (room, version, migrated) values ($1, $2, $3)
		on conflict (room) do update set version = excluded.version, migrated = excluded.migrated
		where store_migrations.version <> excluded.version`, room, len(steps), Micros(tx.Now))
	return err
}
