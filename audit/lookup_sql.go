package audit

import (
	"database/sql"

	"slipway/store"
)

// place is where a chunk is among those of its account, ordered by the time of their last record.
type place struct {
	last, seq int64
	terms     []byte
}

// placesBatch is how many chunks are looked at at a time.
const placesBatch = 64

// placesBefore finds the next chunks before a place that have records of a span.
func placesBefore(tx *store.Tx, account string, at place, from, until int64) (places []place, err error) {
	err = tx.Each(`
		select last_time, seq, terms from audit_chunks
		where account = $1 and last_time >= $2 and first_time < $3 and (last_time < $4 or last_time = $4 and seq < $5)
		order by last_time desc, seq desc limit $6`,
		[]any{account, from, until, at.last, at.seq, placesBatch}, func(rows *sql.Rows) error {
			var p place
			err := rows.Scan(&p.last, &p.seq, &p.terms)
			places = append(places, p)
			return err
		})
	return places, err
}

func chunkData(tx *store.Tx, account string, seq int64) (data []byte, err error) {
	err = tx.Row(`select data from audit_chunks where account = $1 and seq = $2`, account, seq).Scan(&data)
	return data, err
}
