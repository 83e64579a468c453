package logs

import (
	"database/sql"
	"errors"

	"slipway/store"
)

// deletedStreams finds streams that were deleted, alone or with their group.
func deletedStreams(tx *store.Tx) (ids []int64, err error) {
	err = tx.Each(`
		select id from log_streams where deleted > 0
		union all
		select s.id from log_streams s join log_groups g on g.id = s.group_id where g.deleted > 0 and s.deleted = 0
		limit $1`, []any{sweepStreams}, intoIDs(&ids))
	return ids, err
}

// expiredStreams finds streams of which at least one chunk is past its retention as a whole.
func expiredStreams(tx *store.Tx) (ids []int64, err error) {
	err = tx.Each(`
		select s.id from log_groups g join log_streams s on s.group_id = g.id
		where g.deleted = 0 and g.retention > 0 and s.deleted = 0 and s.first_time > 0 and s.first_time < $1 - g.retention * $2
		limit $3`, []any{tx.Now.UnixMilli() - chunkSpan, int64(day), sweepStreams}, intoIDs(&ids))
	return ids, err
}

func intoIDs(ids *[]int64) func(*sql.Rows) error {
	return func(rows *sql.Rows) error {
		var id int64
		err := rows.Scan(&id)
		*ids = append(*ids, id)
		return err
	}
}

// streamRetention returns 0 for a stream that is gone.
func streamRetention(tx *store.Tx, id int64) (days int, err error) {
	err = tx.Row(`select g.retention from log_streams s join log_groups g on g.id = s.group_id where s.id = $1`, id).Scan(&days)
	if errors.Is(err, store.ErrNoRows) {
		return 0, nil
	}
	return days, err
}

// deleteChunks takes away the earliest chunks that end before a time, at most sweepChunks, and
// tells how many and what they weighed.
func deleteChunks(tx *store.Tx, stream, before int64) (n int, size int64, err error) {
	err = tx.Each(`
		delete from log_chunks where stream_id = $1 and (first_time, first_seq) in (
			select first_time, first_seq from log_chunks where stream_id = $1 and first_time < $2 and last_time < $2
			order by first_time, first_seq limit $3)
		returning size`, []any{stream, before, sweepChunks}, func(rows *sql.Rows) error {
		var one int64
		err := rows.Scan(&one)
		n, size = n+1, size+one
		return err
	})
	return n, size, err
}

// shrinkStream writes down that chunks of a stream have gone.
func shrinkStream(tx *store.Tx, id, size int64) error {
	_, err := tx.Exec(`
		update log_streams set size = size - $2, first_time = coalesce((
			select first_time from log_chunks where stream_id = $1 order by first_time limit 1), 0)
		where id = $1`, id, size)
	return err
}

func forgetStream(tx *store.Tx, id int64) error {
	_, err := tx.Exec(`delete from log_streams where id = $1`, id)
	return err
}

// forgetGroups takes away deleted groups of which nothing is left.
func forgetGroups(tx *store.Tx) error {
	_, err := tx.Exec(`
		delete from log_groups where deleted > 0
		and not exists (select 1 from log_streams s where s.group_id = log_groups.id)`)
	return err
}
