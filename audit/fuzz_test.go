package audit

import (
	"testing"

	"slipway/internal/pack"
)

// FuzzRecord reads what may stand in a damaged chunk.
func FuzzRecord(f *testing.F) {
	e := runTask("r")
	f.Add(string(appendRecord(nil, &e)))
	f.Add("")
	f.Add("\x01" + string(make([]byte, 40)))
	f.Fuzz(func(t *testing.T, b string) {
		e, err := decodeRecord(b)
		if err != nil {
			return
		}
		if len(e.Resources) > maxResources {
			t.Errorf("%d resources", len(e.Resources))
		}
		for _, text := range e.texts() {
			if len(*text.at) > len(b) {
				t.Error("a text that is longer than the record")
			}
		}
	})
}

// FuzzFrames reads what may stand in a damaged spool: what is whole is found, whatever is before it.
func FuzzFrames(f *testing.F) {
	e := runTask("r")
	frame := appendRecord(make([]byte, frameHead), &e)
	sealFrame(frame, 7)
	f.Add([]byte{})
	f.Add(frame[:20])
	f.Add(append([]byte{1, 2, 3}, frame...))
	f.Fuzz(func(t *testing.T, before []byte) {
		if len(before) > 4096 {
			return
		}
		b := append(append([]byte{}, before...), frame...)
		records, n, lost := frames(b, 7, true)
		taken := lost
		for _, r := range records {
			taken += frameHead + len(r)
		}
		if n != len(b) || taken != n {
			t.Fatalf("%d of %d bytes, %d accounted for", n, len(b), taken)
		}
		if len(records) == 0 || records[len(records)-1] != string(frame[frameHead:]) {
			t.Fatalf("the record behind %x was not found", before)
		}
	})
}

// FuzzUnpack reads what may stand in the data of a chunk.
func FuzzUnpack(f *testing.F) {
	c, err := newCodec()
	must(f, err)
	f.Add(c.zip.EncodeAll(pack.AppendText(nil, "record"), []byte{chunkFormat}))
	f.Add([]byte{chunkFormat})
	f.Fuzz(func(t *testing.T, data []byte) {
		records, err := c.unpack(data)
		if err == nil && len(records) > maxUnpacked {
			t.Errorf("%d records", len(records))
		}
	})
}
