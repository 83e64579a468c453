package logs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/klauspost/compress/zstd"

	"slipway/internal/pack"
)

const (
	chunkWeight = 256 << 10      // a chunk is cut when its events weigh more
	chunkSpan   = 10 * 60 * 1000 // and when they span more milliseconds, so that a reader knows how far back to look
	chunkFormat = 1
)

var errChunk = errors.New("damaged chunk of events")

// chunk is a row of events of one stream, ordered by place. Chunks of one stream may overlap in time.
type chunk struct {
	group, stream       int64
	firstTime, firstSeq int64
	lastTime            int64
	ingested            int64 // of the first event
	size                int64 // weight of all
	data                []byte
}

// block is a chunk before it is known where in the stream it comes: its records are numbered
// from 0 and have neither stream nor time of arrival. What is in data does not depend on them.
type block struct {
	records []record
	size    int64
	data    []byte
}

// codec turns records into bytes and back: a format byte and a zstd frame, in which every record
// is its distance from the one before in time, number and arrival, and its message.
type codec struct {
	zip   *zstd.Encoder
	unzip *zstd.Decoder
}

func newCodec() (*codec, error) {
	zip, err1 := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(4),
		zstd.WithWindowSize(chunkWeight), zstd.WithLowerEncoderMem(true))
	unzip, err2 := zstd.NewReader(nil, zstd.WithDecoderConcurrency(4), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxMemory(256<<20))
	return &codec{zip, unzip}, errors.Join(err1, err2)
}

// cut makes blocks of events, ordered by time; those of one time stay as they came.
func (c *codec) cut(events []Event) []block {
	records := make([]record, len(events))
	for i, e := range events {
		records[i] = record{place: place{time: e.Time, seq: int64(i)}, message: e.Message}
	}
	if !slices.IsSortedFunc(records, compareRecords) {
		slices.SortFunc(records, compareRecords)
	}
	var blocks []block
	for len(records) > 0 {
		n, size := fill(records)
		blocks = append(blocks, block{records[:n], size, c.encode(records[:n])})
		records = records[n:]
	}
	return blocks
}

// fill tells how many of the first records make a chunk, at least one, and their weight.
func fill(records []record) (n int, size int64) {
	for n < len(records) {
		w := weight(records[n].message)
		if n > 0 && (size+w > chunkWeight || records[n].time-records[0].time > chunkSpan) {
			break
		}
		size += w
		n++
	}
	return n, size
}

func (c *codec) encode(records []record) []byte {
	raw := make([]byte, 0, rawSize(records))
	last := records[0]
	for _, r := range records {
		raw = binary.AppendVarint(raw, r.time-last.time)
		raw = binary.AppendVarint(raw, r.seq-last.seq)
		raw = binary.AppendVarint(raw, r.ingested-last.ingested)
		raw = pack.AppendText(raw, r.message)
		last = r
	}
	return c.zip.EncodeAll(raw, []byte{chunkFormat})
}

// rawSize is enough for what encode writes of ordinary records.
func rawSize(records []record) (n int) {
	for _, r := range records {
		n += len(r.message) + 8
	}
	return n
}

// decode returns the records of a chunk. Their messages share one piece of memory: clone what is kept.
func (c *codec) decode(k chunk) ([]record, error) {
	if len(k.data) == 0 || k.data[0] != chunkFormat {
		return nil, fmt.Errorf("%w: unknown format", errChunk)
	}
	raw, err := c.unzip.DecodeAll(k.data[1:], nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errChunk, err)
	}
	in := pack.Reader{Rest: string(raw)}
	var records []record
	r := record{place: place{k.firstTime, k.stream, k.firstSeq}, ingested: k.ingested}
	for len(in.Rest) > 0 && !in.Bad {
		r.time += in.Varint()
		r.seq += in.Varint()
		r.ingested += in.Varint()
		r.message = in.Text()
		records = append(records, r)
	}
	if in.Bad {
		return nil, fmt.Errorf("%w: cut short", errChunk)
	}
	return records, nil
}
