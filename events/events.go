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

// Append writes one event in tx. data is kept as JSON. Call it last in a transaction:
// from here to the commit, no other transaction can append.
func Append(tx *store.Tx, account, kind, subject string, data any) error {
	text, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("event %s: %w", kind, err)
	}
	// Numbers must be committed in their order, or a reader would pass one over.
	if err := tx.Serialize("events"); err != nil {
		return err
	}
	seq, err := tx.Next()
	if err != nil {
		return err
	}
	tx.Touch(Topic)
	_, err = tx.Exec(`insert into events (seq, at, account, type, subject, data) values ($1, $2, $3, $4, $5, $6)`,
		seq, store.Micros(tx.Now), account, kind, subject, string(text))
	return err
}

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
