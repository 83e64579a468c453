package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"slipway/nodeapi"
)

// source is the output of one container.
type source struct {
	id, task, container string
	path                string
	log                 *nodeapi.Log // nil: as the control plane has it
	discard             bool         // nobody wants it
}

// maxBehind is how far a log store may fall behind a container, in bytes on this machine's
// disk, before the oldest of its output is dropped. What comes while a call is under way is beyond it.
const maxBehind = 256 << 20

// freeStep is how many shipped bytes are freed at a time.
const freeStep = 1 << 20

// tail reads one container's output and remembers how far it is shipped. Who ships holds turn.
type tail struct {
	source
	turn   chan struct{}
	behind int64 // maxBehind

	next  int64 // the byte from which the control plane wants to go on
	from  int64 // the byte from which there is something to tell: later than next where bytes are lost
	freed int64
	lost  int64 // bytes dropped and not told of yet
	clock int64 // of the last event: the time in a stream does not go back

	// What the ticker knows.
	size  int64
	grown time.Time // when size was last seen to grow
	again time.Time // not before, because the last try failed
	wait  time.Duration
}

func newTail(s source, next, behind int64) *tail {
	return &tail{source: s, turn: make(chan struct{}, 1), behind: behind, next: next, from: next}
}

// take waits for the turn to ship.
func (t *tail) take(ctx context.Context) error {
	select {
	case t.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t *tail) give() { <-t.turn }

// read makes the next piece: whole lines, or all there is. A piece that ends where it begins has nothing to tell.
func (t *tail) read(f *os.File, all bool, now time.Time) (nodeapi.Output, error) {
	piece := nodeapi.Output{Task: t.task, Container: t.container, Offset: t.next, Next: t.next}
	if t.log != nil {
		piece.Log = *t.log
	}
	if err := t.keepUp(f); err != nil {
		return piece, err
	}
	info, err := f.Stat()
	if err != nil {
		return piece, err
	}
	t.from = max(t.from, min(dataFrom(f, t.from, info.Size()), info.Size()))
	b, inLine, err := readFrom(f, t.from, info.Size())
	if err != nil {
		return piece, err
	}
	t.clock = max(t.clock, now.UnixMilli())
	cut := cutter{time: t.clock, inLine: inLine}
	cut.tellLost(t.lost)
	toTheEnd := t.from+int64(len(b)) >= info.Size()
	if n := cut.cut(b, all && toTheEnd); n > 0 {
		piece.Events, piece.Next = cut.events, t.from+int64(n)
	}
	return piece, nil
}

// readFrom reads a piece's worth of a file, and tells whether it begins within a line.
func readFrom(f *os.File, from, size int64) (b []byte, inLine bool, err error) {
	if from >= size {
		return nil, false, nil
	}
	before := min(from, 1)
	b = make([]byte, min(size-from, maxPiece)+before)
	n, err := f.ReadAt(b, from-before)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, false, err
	}
	b = b[:n]
	if before == 1 && n > 0 {
		return b[1:], b[0] != '\n', nil
	}
	return b, false, nil
}

// keepUp drops the oldest output, up to the end of a line, when too much of it waits to be shipped.
func (t *tail) keepUp(f *os.File) error {
	info, err := f.Stat()
	if err != nil || info.Size()-t.from <= t.behind {
		return err
	}
	from := info.Size() - t.behind/2
	b := make([]byte, maxMessage)
	n, err := f.ReadAt(b, from)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	from += int64(bytes.IndexByte(b[:n], '\n') + 1)
	t.lost += from - t.from
	t.from = from
	return free(f, from)
}

// tellLost says in the stream itself that something is missing.
func (c *cutter) tellLost(bytes int64) {
	if bytes > 0 {
		c.events = append(c.events, nodeapi.Event{Time: c.time,
			Message: fmt.Sprintf("[slipway dropped %d bytes of output here: they could not be shipped in time]", bytes)})
		c.size += perEvent + 128
		c.inLine = false
	}
}

// shipped notes how far the control plane has the output, and frees what it has.
func (t *tail) shipped(f *os.File, next int64) error {
	t.next, t.from, t.lost = next, next, 0
	if next-t.freed < freeStep {
		return nil
	}
	t.freed = next
	return free(f, next)
}

// open opens the output for reading and for freeing; nil when the container has printed nothing yet.
func (t *tail) open() (*os.File, error) {
	f, err := os.OpenFile(t.path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return f, err
}
