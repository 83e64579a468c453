package disk

import (
	"errors"
	"hash"
	"io"
	"os"
	"sync"
)

// A chunk is large enough that system calls do not count, and four of them stay in a core's cache.
const (
	chunkSize = 256 << 10
	inFlight  = 2 // chunks that wait to be hashed
)

type chunk struct {
	data [chunkSize]byte
	n    int
}

var chunks = sync.Pool{New: func() any { return new(chunk) }}

// receive appends what r gives to f, which has offset bytes so far, and to h, if that is not nil. Hashing costs
// as much as reading and writing together, so it goes on beside them. It returns how many bytes f and h both got.
func receive(f *os.File, offset int64, h hash.Hash, r io.Reader) (total int64, err error) {
	full := make(chan *chunk, inFlight)
	var hashing sync.WaitGroup
	hashing.Go(func() {
		for c := range full {
			if h != nil {
				h.Write(c.data[:c.n])
			}
			chunks.Put(c)
		}
	})
	defer hashing.Wait()
	defer close(full)

	flush := writeback{f: f, from: offset}
	for {
		c := chunks.Get().(*chunk)
		read, readErr := fill(r, c.data[:])
		written, writeErr := f.Write(c.data[:read])
		c.n = written
		full <- c
		total += int64(written)
		switch {
		case writeErr != nil:
			return total, explain(writeErr)
		case errors.Is(readErr, io.EOF):
			return total, nil
		case readErr != nil:
			return total, readErr
		}
		flush.upTo(offset + total)
	}
}

// fill is io.ReadFull, but tells a reader that was cut off (io.ErrUnexpectedEOF) from one that is at its end.
func fill(r io.Reader, b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var m int
		m, err = r.Read(b[n:])
		n += m
	}
	return n, err
}
