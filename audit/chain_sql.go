package audit

import (
	"database/sql"
	"errors"

	"slipway/store"
)

// readChain returns a new chain, and false, for an account that has none.
func readChain(tx *store.Tx, account string) (ch chain, found bool, err error) {
	ch.account = account
	err = tx.Row(`select first_seq, next_seq, anchor, prior, tip, seal from audit_chains where account = $1`, account).
		Scan(&ch.first, &ch.next, &ch.anchor, &ch.prior, &ch.tip, &ch.seal)
	if errors.Is(err, store.ErrNoRows) {
		return newChain(account), false, nil
	}
	return ch, true, err
}

func writeChain(tx *store.Tx, ch chain) error {
	_, err := tx.Exec(`
		insert into audit_chains (account, first_seq, next_seq, anchor, prior, tip, seal) values ($1, $2, $3, $4, $5, $6, $7)
		on conflict (account) do update set first_seq = excluded.first_seq, next_seq = excluded.next_seq,
			anchor = excluded.anchor, prior = excluded.prior, tip = excluded.tip, seal = excluded.seal`,
		ch.account, ch.first, ch.next, ch.anchor, ch.prior, ch.tip, ch.seal)
	return err
}

const chunkColumns = `account, seq, first_time, last_time, records, size, hash, terms, data`

type scanner interface{ Scan(...any) error }

func scanChunk(row scanner) (k chunk, err error) {
	err = row.Scan(&k.account, &k.seq, &k.first, &k.last, &k.records, &k.size, &k.hash, &k.terms, &k.data)
	return k, err
}

// insertChunk writes a chunk unless there is one of its number.
func insertChunk(tx *store.Tx, k chunk) (written bool, err error) {
	n, err := tx.Exec(`
		insert into audit_chunks (`+chunkColumns+`) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		on conflict (account, seq) do nothing`,
		k.account, k.seq, k.first, k.last, k.records, k.size, k.hash, k.terms, k.data)
	return n > 0, err
}

func replaceChunk(tx *store.Tx, k chunk) error {
	_, err := tx.Exec(`
		update audit_chunks set first_time = $3, last_time = $4, records = $5, size = $6, hash = $7, terms = $8, data = $9
		where account = $1 and seq = $2`,
		k.account, k.seq, k.first, k.last, k.records, k.size, k.hash, k.terms, k.data)
	return err
}

func readChunk(tx *store.Tx, account string, seq int64) (chunk, error) {
	return scanChunk(tx.Row(`select `+chunkColumns+` from audit_chunks where account = $1 and seq = $2`, account, seq))
}

func chunkStart(tx *store.Tx, account string, seq int64) (size, first int64, err error) {
	err = tx.Row(`select size, first_time from audit_chunks where account = $1 and seq = $2`, account, seq).Scan(&size, &first)
	return size, first, err
}

// lastChunk is the greatest number that a chunk of an account has; 0 if it has none.
func lastChunk(tx *store.Tx, account string) (seq int64, err error) {
	err = tx.Row(`select coalesce(max(seq), 0) from audit_chunks where account = $1`, account).Scan(&seq)
	return seq, err
}

// chunksAfter reads the chunks of an account in the order of their numbers.
func chunksAfter(tx *store.Tx, account string, after int64, limit int) (chunks []chunk, err error) {
	err = tx.Each(`select `+chunkColumns+` from audit_chunks where account = $1 and seq > $2 order by seq limit $3`,
		[]any{account, after, limit}, func(rows *sql.Rows) error {
			k, err := scanChunk(rows)
			chunks = append(chunks, k)
			return err
		})
	return chunks, err
}
