package audit

import (
	"encoding/binary"
	"errors"
	"time"

	"slipway/internal/pack"
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
		b = pack.AppendText(b, *t.at)
	}
	b = binary.AppendVarint(b, unixOf(e.Principal.SessionStart))
	b = binary.AppendVarint(b, e.Omitted)
	b = binary.AppendUvarint(b, uint64(len(e.Resources)))
	for _, r := range e.Resources {
		b = pack.AppendText(pack.AppendText(b, r.ARN), r.Type)
	}
	return b
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
	in := pack.Reader{Rest: record[head:]}
	texts := e.texts()
	for i := range int(in.Byte()) { // an older record has fewer, a newer one more
		if s := in.Text(); i < len(texts) {
			*texts[i].at = s
		}
	}
	e.Principal.SessionStart = timeOf(in.Varint())
	e.Omitted = in.Varint()
	if n := in.Uvarint(); n > 0 && n <= maxResources {
		e.Resources = make([]Resource, n)
	}
	for i := range e.Resources {
		e.Resources[i] = Resource{in.Text(), in.Text()}
	}
	if in.Bad {
		return Entry{}, errRecord
	}
	if e.Owner != "" && e.Shared == "" { // the caller's record; the owner's names it
		e.Shared = e.ID
	}
	return e, nil
}
