package logs

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"slipway/internal/ids"
	"slipway/internal/page"
	"slipway/store"
)

// Bucket is where exports go.
type Bucket interface {
	// Put writes an object of a bucket for an account, over the one that is there. An error that another
	// try may get over has a kind that says so; any other wraps ErrBucket.
	Put(ctx context.Context, account, bucket, key string, data []byte) error
}

// ExportTo has exports written there. Without it every export is refused.
func ExportTo(b Bucket) Option { return func(c *Control) { c.bucket = b } }

// ExportStatus is how far an export is. Source: Amazon CloudWatch Logs API Reference, ExportTaskStatus.
type ExportStatus string

// The states of an export; the last three are for good.
const (
	ExportPending   ExportStatus = "PENDING"
	ExportRunning   ExportStatus = "RUNNING"
	ExportCompleted ExportStatus = "COMPLETED"
	ExportCancelled ExportStatus = "CANCELLED"
	ExportFailed    ExportStatus = "FAILED"
)

// ExportRequest says what to export, and where to.
type ExportRequest struct {
	Name         string // for people; need not be unique
	Group        string
	StreamPrefix string
	Span         Span
	Bucket       string
	Prefix       string // of the keys, without slashes around it
}

// Export is a copy of events in a bucket, or on its way there: PREFIX/ID/STREAM/000000.gz and so on,
// lines of time and message.
type Export struct {
	ExportRequest
	ID       string
	Status   ExportStatus
	Message  string
	Created  time.Time
	Finished time.Time // zero: not yet
}

// The first object of an export, which proves that there can be others. Source: Amazon CloudWatch Logs User
// Guide, "Exporting log data to Amazon S3".
const (
	writeTest     = "aws-logs-write-test"
	writeTestText = "Permission Check Successful"
)

// StartExport begins an export, which goes on by itself over the ends of servers. An account can have one that
// is not finished. It returns ErrNoGroup, ErrExportSpan, ErrTooManyExports,
// ErrName or ErrBucket.
func (c *Control) StartExport(ctx context.Context, account string, r ExportRequest) (id string, err error) {
	if r.Span.From >= r.Span.Until {
		return "", fmt.Errorf("%w: from %d until %d", ErrExportSpan, r.Span.From, r.Span.Until)
	}
	if strings.ContainsRune(r.Name+r.Bucket+r.Prefix, 0) {
		return "", fmt.Errorf("%w: there is a zero byte in %q", ErrName, r.Name+r.Bucket+r.Prefix)
	}
	if err := c.db.View(ctx, func(tx *store.Tx) error { return mayExport(tx, account, r.Group) }); err != nil {
		return "", err
	}
	if err := c.bucket.Put(ctx, account, r.Bucket, r.Prefix+"/"+writeTest, []byte(writeTestText)); err != nil {
		return "", err
	}
	id = ids.UUID()
	return id, c.db.Update(ctx, func(tx *store.Tx) error {
		if _, err := findGroup(tx, account, r.Group); err != nil {
			return err
		}
		inserted, err := insertExport(tx, account, id, r)
		if err == nil && !inserted {
			return ErrTooManyExports
		}
		tx.Touch(exportTopic)
		return err
	})
}

// mayExport finds out whether a group is there and no other export is under way, before anything is written.
func mayExport(tx *store.Tx, account, group string) error {
	if _, err := findGroup(tx, account, group); err != nil {
		return err
	}
	var n int
	err := tx.Row(`select count(*) from log_exports where account = $1 and finished = 0`, account).Scan(&n)
	if err == nil && n > 0 {
		err = ErrTooManyExports
	}
	return err
}

// CancelExport ends an export; what it has written stays. It returns ErrNoExport or ErrExportOver.
func (c *Control) CancelExport(ctx context.Context, account, id string) error {
	return c.db.Update(ctx, func(tx *store.Tx) error {
		n, err := tx.Exec(`update log_exports set status = $3, message = $4, finished = $5 where account = $1 and id = $2 and finished = 0`,
			account, id, string(ExportCancelled), "Cancelled by user", store.Micros(tx.Now))
		if err != nil || n > 0 {
			return err
		}
		found, err := listExports(tx, account, ExportQuery{ID: id}, "")
		switch {
		case err != nil:
			return err
		case len(found) == 0:
			return fmt.Errorf("%w: %s", ErrNoExport, id)
		}
		return fmt.Errorf("%w: %s is %s", ErrExportOver, id, found[0].Status)
	})
}

// ExportQuery says which exports to list.
type ExportQuery struct {
	ID     string       // "": all
	Status ExportStatus // "": any
	Limit  int          // 0: 50
	Token  string       // of the page before; "" is the first
}

// Exports lists the exports of an account, the latest first, and the token of the next page if there is one.
// What is finished is listed for 30 days.
func (c *Control) Exports(ctx context.Context, account string, q ExportQuery) (found []Export, token string, err error) {
	q.Limit = cmp.Or(q.Limit, defaultLimit)
	list := fmt.Sprintf("exports of %s %q %s", account, q.ID, q.Status)
	after, err := page.Key(list, q.Token)
	if err != nil {
		return nil, "", fmt.Errorf("%w: %s", ErrToken, q.Token)
	}
	err = c.db.View(ctx, func(tx *store.Tx) error {
		rows, err := listExports(tx, account, q, after)
		var last string
		found, last = page.Cut(rows, q.Limit, func(e Export) string { return exportKey(e.Created, e.ID) })
		token = page.Token(list, last)
		return err
	})
	return found, token, err
}
