package audit

import (
	"encoding/binary"
	"errors"
	"time"
)

// A record is an entry as bytes: a format byte, its id, flags, texts and resources. Spool files and
// chunks hold the same bytes.
const (
	recordFormat = 1
	idAt         = 1 // where the id is in a record
	flagReadOnly = 1
	maxRecord    = 256 << 10 // no entry that is settled comes near it
)

var errRecord = errors.New("damaged record")

// appendRecord writes an entry but for its id, for which it leaves room.
func appendRecord(b []byte, e *Entry) []byte {
	b = append(b, recordFormat)
	b = append(b, make([]byte, len(id{}))...)
	flags := byte(0)
	if e.ReadOnly {
		flags |= flagReadOnly
	}
	b = append(b, flags)
	texts := e.texts()
	b = append(b, byte(len(texts)))
	for _, t := range texts {
		b = appendText(b, *t.at)
	}
	b = binary.AppendVarint(b, unixOf(e.Principal.SessionStart))
	b = binary.AppendVarint(b, e.Omitted)
	b = binary.AppendUvarint(b, uint64(len(e.Resources)))
	for _, r := range e.Resources {
		b = appendText(appendText(b, r.ARN), r.Type)
	}
	return b
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func unixOf(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

func timeOf(unix int64) time.Time {
	if unix == 0 {
		return time.Time{}
	}
	return time.Unix(unix, 0).UTC()
}

// idOf is the id of a record.
func idOf(record string) (n id) {
	if len(record) >= idAt+len(n) {
		copy(n[:], record[idAt:])
	}
	return n
}

// decodeRecord returns the entry of a record, whose memory its texts share.
func decodeRecord(record string) (e Entry, err error) {
	const head = idAt + len(id{}) + 1
	if len(record) < head || record[0] != recordFormat {
		return e, errRecord
	}
	n := idOf(record)
	e.ID, e.Time = n.String(), n.time()
	e.ReadOnly = record[head-1]&flagReadOnly != 0
	in := reader{rest: record[head:]}
	texts := e.texts()
	for i := range int(in.byte()) { // an older record has fewer, a newer one more
		if s := in.text(); i < len(texts) {
			*texts[i].at = s
		}
	}
	e.Principal.SessionStart = timeOf(in.varint())
	e.Omitted = in.varint()
	if n := in.uvarint(); n > 0 && n <= maxResources {
		e.Resources = make([]Resource, n)
	}
	for i := range e.Resources {
		e.Resources[i] = Resource{in.text(), in.text()}
	}
	if in.bad {
		return Entry{}, errRecord
	}
	if e.Owner != "" && e.Shared == "" { // the caller's record; the owner's names it
		e.Shared = e.ID
	}
	return e, nil
}

// reader takes values off the front of a text, until one is bad.
type reader struct {
	rest string
	bad  bool
}

func (r *reader) varint() int64 {
	u := r.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

func (r *reader) uvarint() (u uint64) {
	for i := 0; i < len(r.rest) && i < binary.MaxVarintLen64; i++ {
		u |= uint64(r.rest[i]&0x7f) << (7 * i)
		if r.rest[i] < 0x80 {
			r.rest = r.rest[i+1:]
			return u
		}
	}
	r.bad = true
	return 0
}

func (r *reader) byte() byte {
	if len(r.rest) == 0 {
		r.bad = true
		return 0
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

func (r *reader) text() string {
	n := r.uvarint()
	if r.bad || n > uint64(len(r.rest)) {
		r.bad = true
		return ""
	}
	text := r.rest[:n]
	r.rest = r.rest[n:]
	return text
}
