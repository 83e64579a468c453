package awswire

import (
	"encoding/binary"
	"hash/crc32"
	"io"
	"reflect"
)

// eventStreamType is the media type of a stream of events.
const eventStreamType = "application/vnd.amazon.eventstream"

// eventWriter frames events: lengths, their checksum, headers, payload, and the checksum of all.
//
// Source: Smithy, "Amazon Event Stream Specification".
type eventWriter struct {
	to   io.Writer
	head []byte // of the event that is written: kept for the next
}

// event writes one event, whose payload is sent as it is.
func (w *eventWriter) event(name, contentType string, payload []byte) error {
	return w.message(payload, ":message-type", "event", ":event-type", name, ":content-type", contentType)
}

// exception writes what ends a stream that failed.
func (w *eventWriter) exception(name string, payload []byte) error {
	return w.message(payload, ":message-type", "exception", ":exception-type", name, ":content-type", "application/json")
}

const (
	preludeSize  = 12 // both lengths and their checksum
	checksumSize = 4
	textHeader   = 7 // the type of a header's value
)

// message writes a message with headers, which are pairs of a name and a text.
func (w *eventWriter) message(payload []byte, headers ...string) error {
	b := append(w.head[:0], make([]byte, preludeSize)...)
	for i := 0; i < len(headers); i += 2 {
		b = append(append(b, byte(len(headers[i]))), headers[i]...)
		b = binary.BigEndian.AppendUint16(append(b, textHeader), uint16(len(headers[i+1])))
		b = append(b, headers[i+1]...)
	}
	binary.BigEndian.PutUint32(b, uint32(len(b)+len(payload)+checksumSize))
	binary.BigEndian.PutUint32(b[4:], uint32(len(b)-preludeSize))
	binary.BigEndian.PutUint32(b[8:], crc32.ChecksumIEEE(b[:8]))
	sum := crc32.Update(crc32.ChecksumIEEE(b), crc32.IEEETable, payload)
	w.head = b
	for _, part := range [][]byte{b, payload, binary.BigEndian.AppendUint32(nil, sum)} {
		if _, err := w.to.Write(part); err != nil {
			return err
		}
	}
	return nil
}

// union writes the one member of v that is there as an event: its payload, if it has one of its own, or itself
// as JSON.
func (w *eventWriter) union(s *shape, v reflect.Value) error {
	for i := range s.members {
		m := &s.members[i]
		value, ok := m.value(v)
		if !ok {
			continue
		}
		for j := range m.shape.members {
			if p := &m.shape.members[j]; p.place == inEventPayload {
				return w.event(m.name, "application/octet-stream", value.Field(p.field).Bytes())
			}
		}
		body := &jsonWriter{}
		encode(body, m.shape, value)
		return w.event(m.name, "application/json", body.out)
	}
	return nil
}
