package sealed

import (
	"bytes"
	"fmt"
	"io"

	"slipway/blob"
)

// tagsAtOnce is how many tags are read at a time: those of 256 MiB. From another machine it takes two requests
// to read on after them.
const tagsAtOnce = 4096

// reader reads a blob segment by segment.
type reader struct {
	kept blob.Reader
	keys *keys
	size int64
	at   int64 // of the next byte to be read

	number int64  // of the segment in plain; -1: none
	plain  []byte // a segment, checked and decrypted

	first int64  // number of the first of the tags
	tags  []byte // of segments from first on
}

// smallSize is how much is read at once: of another machine, in one request instead of four.
const smallSize = 64 << 10

// small is all of something that is kept, in memory.
type small struct {
	*bytes.Reader
	io.Closer
}

// newReader reads what is kept of a blob, and returns the digest that it was sealed with. Unless it
// fails, closing the reader closes kept.
func newReader(kept blob.Reader, key Key) (*reader, blob.Digest, error) {
	if size := kept.Size(); size <= smallSize {
		all := make([]byte, size)
		if err := readAt(kept, all, 0); err != nil {
			return nil, "", err
		}
		kept = small{bytes.NewReader(all), kept}
	}
	header, footer := make([]byte, headerSize), make([]byte, footerSize)
	if err := readAt(kept, header, 0); err != nil {
		return nil, "", err
	}
	keys, err := key.keysOf(header)
	if err != nil {
		return nil, "", err
	}
	if kept.Size() < headerSize+footerSize {
		return nil, "", fmt.Errorf("%w: it ends too early", blob.ErrDamaged)
	}
	if err := readAt(kept, footer, kept.Size()-footerSize); err != nil {
		return nil, "", err
	}
	size, d, err := keys.readFooter(footer)
	if err == nil && keptSize(size) != kept.Size() {
		err = fmt.Errorf("%w: %d bytes are kept of %d", blob.ErrDamaged, kept.Size(), keptSize(size))
	}
	return &reader{kept: kept, keys: keys, size: size, number: -1}, d, err
}

func (r *reader) Size() int64 { return r.size }

func (r *reader) Read(p []byte) (n int, err error) {
	if r.at >= r.size {
		return 0, io.EOF
	}
	for len(p) > 0 && r.at < r.size {
		if number := r.at / segmentSize; number != r.number {
			if n > 0 {
				return n, nil // what comes next may be long in coming
			}
			if err := r.load(number); err != nil {
				return 0, err
			}
		}
		m := copy(p, r.plain[r.at%segmentSize:])
		p, n, r.at = p[m:], n+m, r.at+int64(m)
	}
	return n, nil
}

// load reads a segment.
func (r *reader) load(number int64) error {
	tag, err := r.tag(number)
	if err != nil {
		return err
	}
	from := number * segmentSize
	if r.plain == nil {
		r.plain = make([]byte, segmentSize)
	}
	r.number, r.plain = -1, r.plain[:min(segmentSize, r.size-from)]
	if err := readAt(r.kept, r.plain, headerSize+from); err != nil {
		return err
	}
	if err := r.keys.verify(tag, uint64(number), r.plain); err != nil {
		return err
	}
	r.keys.stream(from).XORKeyStream(r.plain, r.plain)
	r.number = number
	return nil
}

func (r *reader) tag(number int64) ([]byte, error) {
	if have := int64(len(r.tags) / tagSize); number < r.first || number >= r.first+have {
		n := min(tagsAtOnce, segments(r.size)-number)
		tags := make([]byte, n*tagSize)
		if err := readAt(r.kept, tags, headerSize+r.size+number*tagSize); err != nil {
			return nil, err
		}
		r.first, r.tags = number, tags
	}
	place := (number - r.first) * tagSize
	return r.tags[place : place+tagSize], nil
}

// Seek reads nothing: what is read next does.
func (r *reader) Seek(offset int64, whence int) (at int64, err error) {
	r.at, err = blob.Seek(r.at, r.size, offset, whence)
	return r.at, err
}

func (r *reader) Close() error {
	clear(r.plain)
	r.number = -1
	return r.kept.Close()
}
