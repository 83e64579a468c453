package logs

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"slipway/internal/errs"
	"slipway/store"
)

// exportTopic is touched when an export was started.
const exportTopic = "logs.exports"

const (
	exportWeight = 16 << 20        // of the lines of one object, and so what is held at a time
	exportHold   = 2 * time.Minute // in which an object is written: then another server may go on
	keepExports  = 30 * 24 * time.Hour
)

// errNotHeld says that an export was cancelled, or that another server goes on with it.
var errNotHeld = errors.New("the export is not ours any more")

// runExports works on exports until nothing is left to do here.
func (c *Control) runExports(ctx context.Context) error {
	for {
		var e exportRow
		err := c.db.Update(ctx, func(tx *store.Tx) (err error) {
			e, err = holdExport(tx, c.holder, c.exportHold)
			return err
		})
		if errors.Is(err, store.ErrNoRows) {
			return nil
		}
		if err == nil {
			err = c.export(ctx, &e)
		}
		if ctx.Err() != nil { // others need not wait for what is not ours any more
			return errors.Join(err, c.release(context.WithoutCancel(ctx), &e))
		}
		if err != nil {
			return err
		}
	}
}

func (c *Control) release(ctx context.Context, e *exportRow) error {
	return c.db.Update(ctx, func(tx *store.Tx) error { return releaseExport(tx, e.ID, c.holder) })
}

// export writes objects until an export is finished, or is not ours any more. An error is one that may pass.
func (c *Control) export(ctx context.Context, e *exportRow) error {
	for {
		done, err := c.exportNext(ctx, e)
		switch {
		case errors.Is(err, errNotHeld):
			return nil
		case err != nil && mayPass(err):
			return err
		case err != nil:
			return c.finish(ctx, e, ExportFailed, err.Error())
		case done:
			return c.finish(ctx, e, ExportCompleted, "Completed successfully")
		}
	}
}

func (c *Control) finish(ctx context.Context, e *exportRow, status ExportStatus, message string) error {
	return c.db.Update(ctx, func(tx *store.Tx) error { return finishExport(tx, e.ID, c.holder, status, message) })
}

// mayPass tells an error that another try may not meet.
func mayPass(err error) bool {
	switch errs.KindOf(err) {
	case errs.Internal, errs.Unavailable, errs.Throttled:
		return !errors.Is(err, errChunk)
	}
	return false
}

// exportNext writes the next object of an export, or finds that there is none. Dying at any point it is
// done once more, with the same key.
func (c *Control) exportNext(ctx context.Context, e *exportRow) (done bool, err error) {
	if e.token == "" {
		if done, err = c.nextStream(ctx, e); done || err != nil {
			return done, err
		}
	}
	data, token, err := c.exportLines(ctx, e)
	if err != nil {
		return false, err
	}
	folder := exportFolder(e.stream)
	if len(data) > 0 {
		if err := c.putExported(ctx, e, folder, data); err != nil {
			return false, err
		}
	}
	e.token = token
	return false, c.db.Update(ctx, func(tx *store.Tx) error {
		if len(data) > 0 {
			if err := addObject(tx, e.ID, folder); err != nil {
				return err
			}
		}
		return moveExport(tx, e, c.holder, c.exportHold)
	})
}

// nextStream goes on to the stream after the one that is at its end.
func (c *Control) nextStream(ctx context.Context, e *exportRow) (done bool, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		g, err := findGroup(tx, e.account, e.Group)
		if err != nil {
			return err
		}
		q := StreamQuery{Prefix: e.StreamPrefix, Token: "after"}
		found, err := listStreams(tx, g.id, q, Stream{Name: e.stream})
		if done = len(found) == 0; !done {
			e.stream = found[0].Name
		}
		return err
	})
	return done, err
}

// exportLines reads an object's worth of a stream. The token is where to go on, "" at the end.
func (c *Control) exportLines(ctx context.Context, e *exportRow) (data []byte, token string, err error) {
	var zipped bytes.Buffer
	out := gzip.NewWriter(&zipped)
	q := ReadQuery{Group: e.Group, Stream: e.stream, Span: e.Span, FromHead: true, Token: e.token}
	size := int64(0)
	for size < exportWeight {
		page, err := c.Read(ctx, e.account, q)
		if err != nil && !errors.Is(err, ErrNoStream) && !errors.Is(err, ErrToken) {
			return nil, "", err
		}
		if len(page.Records) == 0 { // or the stream was deleted meanwhile, and perhaps made anew
			q.Token = ""
			break
		}
		for _, r := range page.Records {
			fmt.Fprintf(out, "%s %s\n", time.UnixMilli(r.Time).UTC().Format("2006-01-02T15:04:05.000Z"), r.Message)
			size += weight(r.Message)
		}
		q.Token = page.Forward
	}
	if size == 0 {
		return nil, q.Token, nil
	}
	err = out.Close()
	return zipped.Bytes(), q.Token, err
}

func (c *Control) putExported(ctx context.Context, e *exportRow, folder string, data []byte) error {
	var n int64
	err := c.db.View(ctx, func(tx *store.Tx) (err error) {
		n, err = objectsIn(tx, e.ID, folder)
		return err
	})
	if err != nil {
		return err
	}
	return c.bucket.Put(ctx, e.account, e.Bucket, fmt.Sprintf("%s/%s/%s/%06d.gz", e.Prefix, e.ID, folder, n), data)
}

// exportFolder is the name of a stream in a key, where AWS has a hyphen for a slash. Streams that are then
// called the same share a folder, in which objects are counted on.
func exportFolder(stream string) string {
	folder := strings.ReplaceAll(stream, "/", "-")
	if strings.Trim(folder, ".") == "" { // servers over folders may follow it
		folder = strings.ReplaceAll(folder, ".", "-")
	}
	return folder
}

// noBucket is where exports go when nobody has said where.
type noBucket struct{}

// Put satisfies Bucket.
func (noBucket) Put(context.Context, string, string, string, []byte) error {
	return fmt.Errorf("%w: nothing here writes into buckets", ErrBucket)
}
