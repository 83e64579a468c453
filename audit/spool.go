package audit

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"slipway/internal/durable"
	"slipway/internal/ids"
)

const (
	spoolSuffix = ".spool"
	segmentSize = 1 << 20         // a segment with more is followed by a new one
	reserve     = 2 * segmentSize // of disk that a segment has from its beginning
)

// spool is where records are until they are in the database: segments, files that are appended to
// and taken away as a whole. What append has written survives the end of the process, however it
// comes; what was there at the last sync survives a power cut.
type spool struct {
	dir   string
	limit int64         // bytes that may wait
	full  chan struct{} // receives when the last segment is

	waiting atomic.Int64          // bytes that are not in the database
	trouble atomic.Pointer[error] // why the last write or the last new segment failed

	mu       sync.Mutex
	segments []*segment // those before the last are only read
	file     *os.File   // the last segment's; nil if there was no room for it
	closed   bool
	last     int64 // time of the last record
}

// segment is one file of a spool.
type segment struct {
	name   string
	salt   uint32
	size   int64 // bytes written
	synced int64 // bytes that would survive a power cut
	moved  int64 // bytes that are in the database
}

func (g *segment) path(dir string) string { return filepath.Join(dir, g.name) }

// openSpool finds what an earlier process has left, and begins a segment of its own.
func openSpool(dir string, limit int64) (*spool, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	s := &spool{dir: dir, limit: limit, full: make(chan struct{}, 1)}
	found, err := os.ReadDir(dir) // in the order of names, which is that of times
	if err != nil {
		return nil, err
	}
	for _, f := range found {
		if !strings.HasSuffix(f.Name(), spoolSuffix) {
			continue
		}
		if err := s.adopt(f.Name()); err != nil {
			return nil, err
		}
	}
	if err := s.rotate(); err != nil && !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, syscall.EDQUOT) {
		return nil, err
	}
	return s, nil // on a full disk the server is there, for those who make room
}

// adopt takes over a segment. It is synced, which its process may not have come to.
func (s *spool) adopt(name string) error {
	g := &segment{name: name, salt: saltOf(name)}
	f, err := os.OpenFile(g.path(s.dir), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	g.size = info.Size()
	g.synced = g.size
	s.segments = append(s.segments, g)
	s.waiting.Add(g.size)
	return f.Sync()
}

var framePool = sync.Pool{New: func() any { return new([]byte) }}

// append writes the record of an entry, and gives it its time and id. It makes one system call.
func (s *spool) append(e *Entry) (id, error) {
	p := framePool.Get().(*[]byte)
	frame := appendRecord(append((*p)[:0], make([]byte, frameHead)...), e)
	n, err := s.write(frame)
	*p = frame
	framePool.Put(p)
	return n, err
}

func (s *spool) write(frame []byte) (id, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return id{}, fmt.Errorf("%w: the server has stopped", ErrUnrecorded)
	case s.file == nil:
		return id{}, *s.trouble.Load()
	case s.waiting.Load() > s.limit:
		return id{}, s.tooMuch()
	}
	g := s.lastSegment()
	n := newID(s.tick())
	copy(frame[frameHead+idAt:], n[:])
	sealFrame(frame, g.salt)
	if _, err := s.file.WriteAt(frame, g.size); err != nil { // what it has written is written over by the next
		return id{}, s.fail(err)
	}
	g.size += int64(len(frame))
	s.waiting.Add(int64(len(frame)))
	if g.size >= segmentSize {
		wake(s.full)
	}
	return n, nil
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// clockSlack is how far a clock may be set back without records going back with it.
const clockSlack = int64(time.Second / time.Microsecond)

// tick is the time of the next record, later than that of the one before.
func (s *spool) tick() int64 {
	now := time.Now().UnixMicro()
	if now <= s.last && s.last-now < clockSlack {
		now = s.last + 1
	}
	s.last = now
	return now
}

func (s *spool) fail(err error) error {
	err = fmt.Errorf("%w: %w", ErrUnrecorded, err)
	s.trouble.Store(&err)
	wake(s.full) // a new segment may do
	return err
}

func (s *spool) tooMuch() error {
	return fmt.Errorf("%w: %d bytes of records wait for the database", ErrUnrecorded, s.waiting.Load())
}

// ready says whether the next record can be written. It says no while there is still room for the
// records of calls that are under way.
func (s *spool) ready() error {
	if err := s.trouble.Load(); err != nil {
		return *err
	}
	if s.waiting.Load() > s.limit/4*3 {
		return s.tooMuch()
	}
	return nil
}

// tend syncs what was written and begins a new segment if it is time.
func (s *spool) tend() error {
	err := s.sync()
	s.mu.Lock()
	due := s.trouble.Load() != nil || s.file != nil && s.lastSegment().size >= segmentSize
	closed := s.closed
	s.mu.Unlock()
	if due && !closed {
		err = errors.Join(err, s.rotate())
	}
	return err
}

// sync puts the last segment on the disk, unless all of it is in the database.
func (s *spool) sync() error {
	g, file, size := s.unsynced()
	if file == nil {
		return nil
	}
	if err := file.Sync(); err != nil && !errors.Is(err, os.ErrClosed) {
		return err
	}
	s.mu.Lock()
	g.synced = max(g.synced, size)
	s.mu.Unlock()
	return nil
}

func (s *spool) unsynced() (g *segment, file *os.File, size int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		return nil, nil, 0
	}
	g = s.lastSegment()
	if max(g.synced, g.moved) >= g.size {
		return nil, nil, 0
	}
	return g, s.file, g.size
}

func (s *spool) lastSegment() *segment { return s.segments[len(s.segments)-1] }

// rotate begins a new segment. The disk that it will need is its own before it is written to: the
// records of calls under way have room when everything else finds the disk full.
func (s *spool) rotate() error {
	name := fmt.Sprintf("%016x-%s%s", time.Now().UnixMicro(), ids.Hex(4), spoolSuffix)
	g := &segment{name: name, salt: saltOf(name)}
	file, err := s.create(g)
	if err != nil {
		s.fail(err)
		return err
	}
	s.mu.Lock()
	before := s.file
	s.file = file
	s.segments = append(s.segments, g)
	s.mu.Unlock()
	s.trouble.Store(nil)
	if before == nil {
		return nil
	}
	return errors.Join(before.Sync(), before.Close())
}

func (s *spool) create(g *segment) (*os.File, error) {
	file, err := os.OpenFile(g.path(s.dir), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(allocate(file), durable.SyncDir(s.dir)); err != nil {
		return nil, errors.Join(err, file.Close(), os.Remove(file.Name()))
	}
	return file, nil
}

// allocate has the file system set the reserve aside, where it can.
func allocate(f *os.File) error {
	const keepSize = 1
	for {
		switch err := syscall.Fallocate(int(f.Fd()), keepSize, 0, reserve); {
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EOPNOTSUPP), errors.Is(err, syscall.ENOSYS):
			return nil
		default:
			return err
		}
	}
}

// piece is what is next to move of a segment.
type piece struct {
	segment  *segment
	from, to int64
	records  []string
}

// pieceSize is how much of a segment is moved in one transaction, more than any frame has.
const pieceSize = 2 * maxRecord

// all returns the segments that there are now, the oldest first.
func (s *spool) all() []*segment {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.segments)
}

// read returns what comes after the part of a segment that is moved; nothing if all is.
func (s *spool) read(g *segment) (p piece, err error) {
	s.mu.Lock()
	from, size := g.moved, g.size
	s.mu.Unlock()
	p = piece{segment: g, from: from, to: from}
	if from >= size {
		return p, nil
	}
	f, err := os.Open(g.path(s.dir))
	if err != nil {
		return p, err
	}
	defer f.Close()
	b := make([]byte, min(pieceSize, size-from))
	if _, err := f.ReadAt(b, from); err != nil {
		return p, fmt.Errorf("read %s: %w", g.name, err)
	}
	records, n, lost := frames(b, g.salt, from+int64(len(b)) == size)
	if lost > 0 {
		slog.Warn("part of a spool of the audit holds no records: it was being written when the process ended, or is damaged",
			"file", g.path(s.dir), "from", from, "bytes", lost)
	}
	p.records, p.to = records, from+int64(n)
	return p, nil
}

// move notes how far a segment is in the database.
func (s *spool) move(g *segment, to int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting.Add(g.moved - to)
	g.moved = to
}

// clear takes away the segments that are moved as a whole, but for the last, and names them.
func (s *spool) clear() (gone []string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var kept []*segment
	for i, g := range s.segments {
		if g.moved < g.size || i == len(s.segments)-1 && s.file != nil {
			kept = append(kept, g)
			continue
		}
		if e := os.Remove(g.path(s.dir)); e != nil && !errors.Is(e, os.ErrNotExist) {
			kept, err = append(kept, g), errors.Join(err, e)
			continue
		}
		gone = append(gone, g.name)
	}
	s.segments = kept
	return gone, err
}

// close ends writing. What waits is found by the next process.
func (s *spool) close() error {
	s.mu.Lock()
	file := s.file
	s.file, s.closed = nil, true
	s.mu.Unlock()
	if file == nil {
		return nil
	}
	return errors.Join(file.Sync(), file.Close())
}
