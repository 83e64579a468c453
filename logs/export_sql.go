package logs

import (
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"slipway/store"
)

// exportRow is an export as who works on it needs it.
type exportRow struct {
	Export
	account       string
	stream, token string // how far it has come
}

const exportColumns = `id, account, name, group_name, stream_prefix, from_time, until_time, bucket, prefix, status, message, created, finished, stream, token`

func scanExport(row scanner) (e exportRow, err error) {
	var created, finished int64
	var group, prefix, stream []byte
	err = row.Scan(&e.ID, &e.account, &e.Name, &group, &prefix, &e.Span.From, &e.Span.Until, &e.Bucket, &e.Prefix,
		&e.Status, &e.Message, &created, &finished, &stream, &e.token)
	e.Group, e.StreamPrefix, e.stream = string(group), string(prefix), string(stream)
	e.Created = store.Time(created)
	if finished != 0 {
		e.Finished = store.Time(finished)
	}
	return e, err
}

func insertExport(tx *store.Tx, account, id string, r ExportRequest) (inserted bool, err error) {
	n, err := tx.Exec(`
		insert into log_exports (`+exportColumns+`, holder, held)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, '', $11, 0, $12, '', '', 0)
		on conflict (account) where finished = 0 do nothing`,
		id, account, r.Name, []byte(r.Group), []byte(r.StreamPrefix), r.Span.From, r.Span.Until, r.Bucket, r.Prefix,
		string(ExportPending), store.Micros(tx.Now), []byte{})
	return n > 0, err
}

// exportKey is the key of an export in its listing.
func exportKey(created time.Time, id string) string {
	return strconv.FormatInt(store.Micros(created), 10) + " " + id
}

// listExports returns one export more than the limit, if there is one, after the given key.
func listExports(tx *store.Tx, account string, q ExportQuery, after string) (found []Export, err error) {
	where, args := "account = $1", []any{account, q.Limit + 1}
	also := func(condition string, values ...any) {
		for _, v := range values {
			args = append(args, v)
			condition = strings.Replace(condition, "?", fmt.Sprintf("$%d", len(args)), 1)
		}
		where += " and " + condition
	}
	if q.ID != "" {
		also("id = ?", q.ID)
	}
	if q.Status != "" {
		also("status = ?", string(q.Status))
	}
	if text, id, ok := strings.Cut(after, " "); ok {
		created, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%w: %s", ErrToken, q.Token)
		}
		also("(created, id) < (?, ?)", created, id)
	}
	err = tx.Each(`select `+exportColumns+` from log_exports where `+where+` order by created desc, id desc limit $2`, args, func(rows *sql.Rows) error {
		e, err := scanExport(rows)
		found = append(found, e.Export)
		return err
	})
	return found, err
}

// holdExport finds an export that is not finished and that nobody else works on, and takes it.
func holdExport(tx *store.Tx, holder string, life time.Duration) (exportRow, error) {
	e, err := scanExport(tx.Row(`select `+exportColumns+` from log_exports
		where finished = 0 and (holder = $1 or held <= $2) order by created, id limit 1`, holder, store.Micros(tx.Now)))
	if err != nil {
		return e, err
	}
	_, err = tx.Exec(`update log_exports set status = $2, message = $3, holder = $4, held = $5 where id = $1`,
		e.ID, string(ExportRunning), "Started successfully", holder, store.Micros(tx.Now.Add(life)))
	return e, err
}

// moveExport writes down how far an export has come, for who holds it.
func moveExport(tx *store.Tx, e *exportRow, holder string, life time.Duration) error {
	n, err := tx.Exec(`update log_exports set stream = $3, token = $4, held = $5 where id = $1 and holder = $2 and finished = 0`,
		e.ID, holder, []byte(e.stream), e.token, store.Micros(tx.Now.Add(life)))
	if err == nil && n == 0 {
		err = errNotHeld
	}
	return err
}

// releaseExport lets others go on with an export at once.
func releaseExport(tx *store.Tx, id, holder string) error {
	_, err := tx.Exec(`update log_exports set holder = '', held = 0 where id = $1 and holder = $2`, id, holder)
	return err
}

func finishExport(tx *store.Tx, id, holder string, status ExportStatus, message string) error {
	_, err := tx.Exec(`update log_exports set status = $3, message = $4, finished = $5 where id = $1 and holder = $2 and finished = 0`,
		id, holder, string(status), message, store.Micros(tx.Now))
	return err
}

// objectsIn is how many objects an export has written into a folder.
func objectsIn(tx *store.Tx, id, folder string) (n int64, err error) {
	err = tx.Row(`select objects from log_export_folders where export_id = $1 and folder = $2`, id, folder).Scan(&n)
	if errors.Is(err, store.ErrNoRows) {
		return 0, nil
	}
	return n, err
}

func addObject(tx *store.Tx, id, folder string) error {
	_, err := tx.Exec(`
		insert into log_export_folders (export_id, folder, objects) values ($1, $2, 1)
		on conflict (export_id, folder) do update set objects = log_export_folders.objects + 1`, id, folder)
	return err
}

// forgetExports takes away what was finished before a time.
func forgetExports(tx *store.Tx, before time.Time) error {
	const old = `finished > 0 and finished < $1`
	if _, err := tx.Exec(`delete from log_export_folders where export_id in (select id from log_exports where `+old+`)`, store.Micros(before)); err != nil {
		return err
	}
	_, err := tx.Exec(`delete from log_exports where `+old, store.Micros(before))
	return err
}
