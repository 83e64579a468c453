package logs

import (
	"database/sql"
	"fmt"
	"math"

	"slipway/store"
)

const chunkColumns = `stream_id, first_time, first_seq, last_time, group_id, ingested, size, data`

type scanner interface{ Scan(...any) error }

func scanChunk(row scanner) (k chunk, err error) {
	err = row.Scan(&k.stream, &k.firstTime, &k.firstSeq, &k.lastTime, &k.group, &k.ingested, &k.size, &k.data)
	return k, err
}

// putChunk writes a chunk, over the one that begins with the same event if there is one.
func putChunk(tx *store.Tx, k chunk) error {
	_, err := tx.Exec(`
		insert into log_chunks (`+chunkColumns+`) values ($1, $2, $3, $4, $5, $6, $7, $8)
		on conflict (stream_id, first_time, first_seq) do update
		set last_time = excluded.last_time, size = excluded.size, data = excluded.data`,
		k.stream, k.firstTime, k.firstSeq, k.lastTime, k.group, k.ingested, k.size, k.data)
	return err
}

func readChunk(tx *store.Tx, key chunk) (chunk, error) {
	return scanChunk(tx.Row(`select `+chunkColumns+` from log_chunks where stream_id = $1 and first_time = $2 and first_seq = $3`,
		key.stream, key.firstTime, key.firstSeq))
}

func deleteChunk(tx *store.Tx, key chunk) error {
	_, err := tx.Exec(`delete from log_chunks where stream_id = $1 and first_time = $2 and first_seq = $3`,
		key.stream, key.firstTime, key.firstSeq)
	return err
}

// scope is which streams are read: a condition on log_chunks and its arguments, from $1 on.
type scope struct {
	where string
	args  []any
}

func ofStream(id int64) scope { return scope{`stream_id = $1`, []any{id}} }

// ofStreams is for streams of one group whose ids are known.
func ofStreams(ids []int64) scope {
	if len(ids) == 1 {
		return ofStream(ids[0]) // which needs no sorting
	}
	args := make([]any, len(ids))
	for i, id := range ids {
		args[i] = id
	}
	return scope{`stream_id in ` + store.In(1, len(ids)), args}
}

func ofGroup(id int64) scope {
	return scope{`group_id = $1 and stream_id not in (select id from log_streams where group_id = $1 and deleted > 0)`, []any{id}}
}

// ofPrefix is for the streams of a group whose names have a prefix.
func ofPrefix(group int64, prefix string) scope {
	return scope{`group_id = $1 and stream_id in (select id from log_streams where group_id = $1 and deleted = 0 and name >= $2 and name < $3)`,
		[]any{group, []byte(prefix), prefixEnd(prefix)}}
}

// chunkBatch is how many chunks are read at a time: PostgreSQL sends all that was asked for.
const chunkBatch = 8

// eachChunk calls f with the chunks that may hold events of a span, by the time of their first
// event, the latest first if back, until f returns false.
func eachChunk(tx *store.Tx, s scope, span Span, back bool, f func(chunk) (more bool, err error)) error {
	const key = "stream_id, first_time, first_seq"
	order, beyond := "first_time, stream_id, first_seq", ">"
	earliest, latest := span.From-chunkSpan, span.Until-1
	last := chunk{firstTime: earliest, stream: -1}
	if back {
		order, beyond = "first_time desc, stream_id desc, first_seq desc", "<"
		last = chunk{firstTime: latest, stream: math.MaxInt64}
	}
	n := len(s.args)
	// The keys are sorted first, where sorting is needed at all, so that it does not move the data.
	query := fmt.Sprintf(`
		select %s from log_chunks where (%s) in (
			select %s from log_chunks where %s and first_time >= $%d and first_time <= $%d and last_time >= $%d
				and (first_time, stream_id, first_seq) %s ($%d, $%d, $%d)
			order by %s limit %d)
		order by %s`, chunkColumns, key, key, s.where, n+1, n+2, n+3, beyond, n+4, n+5, n+6, order, chunkBatch, order)
	for {
		batch, err := readChunks(tx, query, append(s.args[:n:n], earliest, latest, span.From, last.firstTime, last.stream, last.firstSeq))
		if err != nil {
			return err
		}
		for _, k := range batch {
			if more, err := f(k); err != nil || !more {
				return err
			}
		}
		if len(batch) < chunkBatch {
			return nil
		}
		last = batch[len(batch)-1]
		if back {
			latest = last.firstTime // says to the database what the triple says as well: where in its index to begin
		} else {
			earliest = last.firstTime
		}
	}
}

func readChunks(tx *store.Tx, query string, args []any) (chunks []chunk, err error) {
	err = tx.Each(query, args, func(rows *sql.Rows) error {
		k, err := scanChunk(rows)
		chunks = append(chunks, k)
		return err
	})
	return chunks, err
}

// streamNames returns the names of streams by id.
func streamNames(tx *store.Tx, ids []int64) (map[int64]string, error) {
	args := make([]any, len(ids))
	for i, id := range ids {
		args[i] = id
	}
	names := map[int64]string{}
	err := tx.Each(`select id, name from log_streams where id in `+store.In(1, len(ids)), args, func(rows *sql.Rows) error {
		var id int64
		var name string
		err := rows.Scan(&id, &name)
		names[id] = name
		return err
	})
	return names, err
}
