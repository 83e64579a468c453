package audit

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/klauspost/compress/zstd"

	"slipway/internal/pack"
)

const (
	chunkWeight = 64 << 10                            // a chunk is cut when its records weigh more
	chunkSpan   = int64(time.Hour / time.Microsecond) // and when they span more, so that a reader knows how far to look
	foldWeight  = chunkWeight / 4 * 3                 // a last chunk of more is left as it is
	maxUnpacked = 2 * (chunkWeight + maxRecord)
	chunkFormat = 1
)

var errChunk = errors.New("damaged chunk of records")

// record is an entry and the bytes that it is kept as.
type record struct {
	id    id
	bytes string
	entry Entry
}

func readRecord(b string) (record, error) {
	e, err := decodeRecord(b)
	return record{idOf(b), b, e}, err
}

// readRecords decodes records.
func readRecords(texts []string) (records []record, err error) {
	records = make([]record, len(texts))
	for i, b := range texts {
		if records[i], err = readRecord(b); err != nil {
			return nil, err
		}
	}
	return records, nil
}

func sortRecords(records []record) {
	slices.SortFunc(records, func(a, b record) int { return bytes.Compare(a.id[:], b.id[:]) })
}

// chunk is a row of records of one account.
type chunk struct {
	account     string
	seq         int64
	first, last int64 // times
	records     int64
	size        int64 // of the records unpacked
	hash        []byte
	terms       []byte
	data        []byte
}

// cut makes chunks of records that are in order. They have no numbers yet.
func (c *codec) cut(account string, records []record) []chunk {
	var chunks []chunk
	for len(records) > 0 {
		n := fill(records)
		chunks = append(chunks, c.chunkOf(account, records[:n]))
		records = records[n:]
	}
	return chunks
}

// fill tells how many of the first records make a chunk, at least one.
func fill(records []record) (n int) {
	size := 0
	for n < len(records) {
		size += len(records[n].bytes)
		if n > 0 && (size > chunkWeight || records[n].id.micros()-records[0].id.micros() > chunkSpan) {
			break
		}
		n++
	}
	return n
}

func (c *codec) chunkOf(account string, records []record) chunk {
	k := chunk{
		account: account,
		first:   records[0].id.micros(), last: records[len(records)-1].id.micros(),
		records: int64(len(records)),
	}
	var raw []byte
	terms := map[term]struct{}{}
	for _, r := range records {
		raw = pack.AppendText(raw, r.bytes)
		k.size += int64(len(r.bytes))
		r.entry.terms(func(t term) { terms[t] = struct{}{} })
	}
	k.terms = packTerms(terms)
	k.data = c.zip.EncodeAll(raw, []byte{chunkFormat})
	return k
}

// codec packs records: a format byte and a zstd frame of records, each with its length.
type codec struct {
	zip   *zstd.Encoder
	unzip *zstd.Decoder
}

func newCodec() (*codec, error) {
	zip, err1 := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(2), zstd.WithWindowSize(256<<10), zstd.WithLowerEncoderMem(true))
	unzip, err2 := zstd.NewReader(nil, zstd.WithDecoderConcurrency(4), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(maxUnpacked))
	return &codec{zip, unzip}, errors.Join(err1, err2)
}

// unpack returns the records of a chunk's data.
func (c *codec) unpack(data []byte) (records []string, err error) {
	if len(data) == 0 || data[0] != chunkFormat {
		return nil, fmt.Errorf("%w: unknown format", errChunk)
	}
	raw, err := c.unzip.DecodeAll(data[1:], nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errChunk, err)
	}
	in := pack.Reader{Rest: string(raw)}
	for len(in.Rest) > 0 && !in.Bad {
		records = append(records, in.Text())
	}
	if in.Bad {
		return nil, fmt.Errorf("%w: cut short", errChunk)
	}
	return records, nil
}

// appendInt writes a number at a fixed length, for hashing.
func appendInt(b []byte, n int64) []byte { return binary.BigEndian.AppendUint64(b, uint64(n)) }
