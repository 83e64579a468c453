// Package events keeps the facts of Slipway in order: what became true, when, for
// which account, about what. A fact is written in the transaction that makes it
// true, and never changed.
//
// Readers keep their own cursor, the number of the last event they have dealt with,
// and read on from there: they see every event once and in order, over restarts.
// The package knows no reader and no kind of event.
package events

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"time"

	"slipway/store"
)

// Topic is touched whenever events were appended.
const Topic = "events"

// Event is one fact.
type Event struct {
	Seq     int64     // place in the order; given by Append
	Time    time.Time // given by Append
	Account string    // whose it is
	Type    string    // "task.running", "image.pushed"; room's noun, then what it became
	Subject string    // the ARN or id it is about
	Data    json.RawMessage
}

//go:embed schema
var schema embed.FS

// Migrate makes the table of events.
func Migrate(ctx context.Context, db *store.DB) error {
	files, err := fs.Sub(schema, "schema")
	if err != nil {
		return err
	}
	return db.Migrate(ctx, "events", files)
}

// Fact is an event that is to be written.
type Fact struct {
	Account string
	Type    string
	Subject string
	Data    any // kept as JSON
}

// Append writes one event in tx. data is kept as JSON. Call it last in a transaction:
// from here to the commit, no other transaction can append.
func Append(tx *store.Tx, account, kind, subject string, data any) error {
	return AppendAll(tx, []Fact{{account, kind, subject, data}})
}

// AppendAll is Append for any number of events, in their order.
func AppendAll(tx *store.Tx, facts []Fact) error {
	if len(facts) == 0 {
		return nil
	}
	rows := make([][]any, len(facts))
	for i, f := range facts {
		text, err := json.Marshal(f.Data)
		if err != nil {
			return fmt.Errorf("event %s: %w", f.Type, err)
		}
		rows[i] = []any{nil, store.Micros(tx.Now), f.Account, f.Type, f.Subject, string(text)}
	}
	if err := Serialize(tx); err != nil {
		return err
	}
	numbers, err := tx.Numbers(len(facts))
	if err != nil {
		return err
	}
	for i, number := range numbers {
		rows[i][0] = number
	}
	tx.Touch(Topic)
	_, err = tx.ExecRows(`insert into events (seq, at, account, type, subject, data) values`, `(?, ?, ?, ?, ?, ?)`, ``, rows)
	return err
}

// Serialize has the transactions that call it commit in the order of the numbers that tx.Next gives them from then
// on: otherwise a reader that goes by the numbers would pass one over. Call it as late as can be.
func Serialize(tx *store.Tx) error { return tx.Serialize("events") }

// Read returns at most limit events after the cursor, oldest first.
func Read(tx *store.Tx, after int64, limit int) ([]Event, error) {
	var found []Event
	err := tx.Each(`select seq, at, account, type, subject, data from events where seq > $1 order by seq limit $2`,
		[]any{after, limit}, func(rows *sql.Rows) error {
			var e Event
			var at int64
			var data string
			if err := rows.Scan(&e.Seq, &at, &e.Account, &e.Type, &e.Subject, &data); err != nil {
				return err
			}
			e.Time, e.Data = store.Time(at), json.RawMessage(data)
			found = append(found, e)
			return nil
		})
	return found, err
}
