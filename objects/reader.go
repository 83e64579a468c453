package objects

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sort"

	"slipway/blob"
	"slipway/store"
)

// Reader reads the bytes of an object, from one place to another. It is not for use by several goroutines.
type Reader struct {
	c       *Control
	ctx     context.Context
	pieces  []piece
	at, end int64
	current int // whose blob is open
	open    blob.Reader
}

// piece is a part of an object's bytes that lies in one blob.
type piece struct {
	digest   blob.Digest
	from, to int64 // in the object
}

// Open reads length bytes of an object from a place on; both must be in it. What can be found wrong is found before
// it returns. A first piece that is a file is handed on by WriteTo as one, for the kernel to send.
func (c *Control) Open(ctx context.Context, o Object, from, length int64) (*Reader, error) {
	r := &Reader{c: c, ctx: ctx, at: from, end: from + length, current: -1}
	var err error
	if r.pieces, err = c.piecesOf(ctx, o); err != nil || length == 0 {
		return r, err
	}
	return r, r.reach()
}

func (c *Control) piecesOf(ctx context.Context, o Object) (list []piece, err error) {
	if o.pieces == "" {
		return []piece{{o.digest, 0, o.Size}}, nil
	}
	err = c.db.View(ctx, func(tx *store.Tx) error {
		list = nil
		at := int64(0)
		return tx.Each(`select digest, size from objects_parts where owner = $1 order by number`, []any{o.pieces}, func(rows *sql.Rows) error {
			var digest string
			var size int64
			err := rows.Scan(&digest, &size)
			list = append(list, piece{blob.Digest(digest), at, at + size})
			at += size
			return err
		})
	})
	if err == nil && (len(list) == 0 || list[len(list)-1].to != o.Size) {
		err = fmt.Errorf("%w: it was written over", ErrNoKey) // between the two looks at it
	}
	return list, err
}

// reach opens the piece in which the next byte is, there.
func (r *Reader) reach() error {
	i := sort.Search(len(r.pieces), func(i int) bool { return r.pieces[i].to > r.at })
	if i != r.current {
		if err := r.Close(); err != nil {
			return err
		}
		next, err := r.c.blobs.OpenAs(r.ctx, r.pieces[i].digest)
		if errors.Is(err, blob.ErrNoBlob) {
			slog.WarnContext(r.ctx, "bytes of an object are not at this server", "error", err)
			return fmt.Errorf("%w: %v", ErrBytes, err)
		}
		if err != nil {
			return err
		}
		r.current, r.open = i, next
	}
	_, err := r.open.Seek(r.at-r.pieces[i].from, io.SeekStart)
	return err
}

// left is how many bytes are left of those that are wanted of the piece that is open.
func (r *Reader) left() int64 { return min(r.end, r.pieces[r.current].to) - r.at }

// Read satisfies io.Reader.
func (r *Reader) Read(p []byte) (n int, err error) {
	if r.at >= r.end {
		return 0, io.EOF
	}
	if r.current < 0 || r.at >= r.pieces[r.current].to {
		if err := r.reach(); err != nil {
			return 0, err
		}
	}
	n, err = r.open.Read(p[:min(int64(len(p)), r.left())])
	r.at += int64(n)
	if errors.Is(err, io.EOF) {
		err = nil
		if n == 0 {
			err = io.ErrUnexpectedEOF
		}
	}
	return n, err
}

// WriteTo satisfies io.WriterTo.
func (r *Reader) WriteTo(w io.Writer) (total int64, err error) {
	for r.at < r.end {
		if r.current < 0 || r.at >= r.pieces[r.current].to {
			if err := r.reach(); err != nil {
				return total, err
			}
		}
		n, err := io.CopyN(w, r.open, r.left())
		total, r.at = total+n, r.at+n
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// ReadAt satisfies io.ReaderAt for places in the object, but not for several goroutines. Read goes on after it.
func (r *Reader) ReadAt(p []byte, place int64) (n int, err error) {
	size := r.pieces[len(r.pieces)-1].to
	if place >= size {
		return 0, io.EOF
	}
	r.at, r.end = place, min(size, place+int64(len(p)))
	if err := r.reach(); err != nil {
		return 0, err
	}
	n, err = io.ReadFull(r, p[:r.end-place])
	if err == nil && n < len(p) {
		err = io.EOF
	}
	return n, err
}

// Close gives back what is open.
func (r *Reader) Close() error {
	if r.open == nil {
		return nil
	}
	err := r.open.Close()
	r.open, r.current = nil, -1
	return err
}

// PartOf is where a part of an object begins, and how many bytes it has. All of an object that came in no parts is
// part 1. It returns ErrPart.
func (c *Control) PartOf(ctx context.Context, o Object, number int) (from, size int64, err error) {
	list, err := c.piecesOf(ctx, o)
	if err != nil {
		return 0, 0, err
	}
	if number > len(list) {
		return 0, 0, ErrPart
	}
	p := list[number-1]
	return p.from, p.to - p.from, nil
}
