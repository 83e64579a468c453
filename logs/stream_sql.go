package logs

import (
	"database/sql"
	"errors"
	"fmt"

	"slipway/store"
)

// target is a stream as a writer or reader of events needs it.
type target struct {
	group, stream       int64
	retention           int // days, of the group
	seq                 int64
	source              int64
	size                int64
	firstTime, lastTime int64
	ingested            int64
	tail                chunk // key and size only; size 0: none
}

// topic is touched when events are added.
func (t *target) topic() string { return fmt.Sprintf("logs/%d", t.stream) }

// cutoff is the time before which events are past their retention.
func (t *target) cutoff(now int64) int64 { return cutoff(t.retention, now) }

func cutoff(days int, now int64) int64 {
	if days == 0 {
		return 0
	}
	return now - int64(days)*day
}

const day = 24 * 60 * 60 * 1000 // milliseconds

// lookUp finds a group and, in it, a stream: t.stream is 0 if the group has no such stream.
func lookUp(tx *store.Tx, account, group, stream string) (t target, err error) {
	err = tx.Row(`
		select g.id, g.retention, coalesce(s.id, 0), coalesce(s.seq, 0), coalesce(s.source, 0), coalesce(s.size, 0),
			coalesce(s.first_time, 0), coalesce(s.last_time, 0), coalesce(s.tail_time, 0), coalesce(s.tail_seq, 0), coalesce(s.tail_size, 0)
		from log_groups g left join log_streams s on s.group_id = g.id and s.name = $3 and s.deleted = 0
		where g.account = $1 and g.name = $2 and g.deleted = 0`, account, []byte(group), []byte(stream)).
		Scan(&t.group, &t.retention, &t.stream, &t.seq, &t.source, &t.size, &t.firstTime, &t.lastTime,
			&t.tail.firstTime, &t.tail.firstSeq, &t.tail.size)
	if errors.Is(err, store.ErrNoRows) {
		return t, fmt.Errorf("%w: %s", ErrNoGroup, group)
	}
	t.tail.stream = t.stream
	return t, err
}

// findStream finds a stream that must be there.
func findStream(tx *store.Tx, account, group, stream string) (target, error) {
	t, err := lookUp(tx, account, group, stream)
	if err == nil && t.stream == 0 {
		return t, fmt.Errorf("%w: %s in %s", ErrNoStream, stream, group)
	}
	return t, err
}

func insertStream(tx *store.Tx, group int64, name string, source int64) (created bool, err error) {
	id, err := tx.Next()
	if err != nil {
		return false, err
	}
	n, err := tx.Exec(`
		insert into log_streams (id, group_id, name, created, deleted, seq, source, size, first_time, last_time, ingested, tail_time, tail_seq, tail_size)
		values ($1, $2, $3, $4, 0, 0, $5, 0, 0, 0, 0, 0, 0, 0)
		on conflict (group_id, name) where deleted = 0 do nothing`,
		id, group, []byte(name), store.Micros(tx.Now), source)
	return n > 0, err
}

// updateStream writes down what a piece of events has changed.
func updateStream(tx *store.Tx, t *target) error {
	_, err := tx.Exec(`
		update log_streams set seq = $2, source = $3, size = $4, first_time = $5, last_time = $6, ingested = $7,
			tail_time = $8, tail_seq = $9, tail_size = $10 where id = $1`,
		t.stream, t.seq, t.source, t.size, t.firstTime, t.lastTime, t.ingested, t.tail.firstTime, t.tail.firstSeq, t.tail.size)
	return err
}

func updateSource(tx *store.Tx, t *target) error {
	_, err := tx.Exec(`update log_streams set source = $2 where id = $1`, t.stream, t.source)
	return err
}

func markStreamDeleted(tx *store.Tx, id int64) error {
	_, err := tx.Exec(`update log_streams set deleted = $2 where id = $1`, id, store.Micros(tx.Now))
	return err
}

// listStreams returns one stream more than the limit, if there is one, after the given key.
func listStreams(tx *store.Tx, group int64, q StreamQuery, after Stream) (found []Stream, err error) {
	direction, beyond := "", ">"
	if q.Descending {
		direction, beyond = " desc", "<"
	}
	order := "name" + direction
	if q.ByTime {
		order = "last_time" + direction + ", " + order
	}
	where := "group_id = $1 and deleted = 0 and name >= $2 and name < $3"
	args := []any{group, []byte(q.Prefix), prefixEnd(q.Prefix), q.Limit + 1}
	switch {
	case q.Token == "":
	case q.ByTime:
		where += " and (last_time, name) " + beyond + " ($5, $6)"
		args = append(args, after.LastTime, []byte(after.Name))
	default:
		where += " and name " + beyond + " $5"
		args = append(args, []byte(after.Name))
	}
	err = tx.Each(`select name, created, first_time, last_time, ingested from log_streams where `+where+` order by `+order+` limit $4`,
		args, scanStreams(&found))
	return found, err
}

func scanStreams(into *[]Stream) func(*sql.Rows) error {
	return func(rows *sql.Rows) error {
		var s Stream
		var created, ingested int64
		err := rows.Scan(&s.Name, &created, &s.FirstTime, &s.LastTime, &ingested)
		s.Created, s.Ingested = store.Time(created), store.Time(ingested)
		*into = append(*into, s)
		return err
	}
}
