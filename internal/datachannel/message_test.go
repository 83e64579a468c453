package datachannel

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A message as the published source lays it out: every field at its place.
func TestLayout(t *testing.T) {
	m := Message{
		Type: Output, Created: time.UnixMilli(1700000000123), Sequence: 7, Flags: 1, Kind: Size, Payload: []byte(`{"cols":80,"rows":24}`),
		ID: ID{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
	}
	data := m.Append(nil)
	const want = "00000074" + // the head's length
		"6f75747075745f73747265616d5f64617461" + "2020202020202020202020202020" + // output_stream_data, and spaces
		"00000001" + "0000018bcfe5687b" + "0000000000000007" + "0000000000000001" +
		"08090a0b0c0d0e0f" + "0001020304050607" // the halves of the id
	if got := hex.EncodeToString(data[:digestAt]); got != want {
		t.Errorf("the head is\n%s, want\n%s", got, want)
	}
	if kind, size := binary.BigEndian.Uint32(data[kindAt:]), binary.BigEndian.Uint32(data[lengthAt:]); kind != 3 || size != 21 || len(data) != 120+21 {
		t.Errorf("payload of type %d with %d bytes, message of %d", kind, size, len(data))
	}
	if id := m.ID.String(); id != "00010203-0405-0607-0809-0a0b0c0d0e0f" {
		t.Errorf("id %s", id)
	}
}

func TestMessagesComeBackAsTheyWere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := Message{
			Type:     rapid.SampledFrom([]string{Input, Output, Acknowledge, ChannelClose}).Draw(t, "type"),
			Created:  time.UnixMilli(rapid.Int64Range(0, 1<<42).Draw(t, "created")),
			Sequence: rapid.Int64().Draw(t, "sequence"), Flags: rapid.Uint64().Draw(t, "flags"), ID: newID(),
			Kind: PayloadType(rapid.Uint32().Draw(t, "kind")), Payload: rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "payload"),
		}
		got, err := Parse(m.Append(nil))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Append(nil), m.Append(nil)) || !got.Created.Equal(m.Created) || got.Type != m.Type {
			t.Errorf("came back as %+v, was %+v", got, m)
		}
	})
}

func TestMalformedMessagesAreRefused(t *testing.T) {
	good := Message{Type: Input, Created: time.UnixMilli(1), Payload: []byte("ls")}.Append(nil)
	for name, spoil := range map[string]func([]byte) []byte{
		"nothing":            func([]byte) []byte { return nil },
		"half a head":        func(b []byte) []byte { return b[:60] },
		"a longer head":      func(b []byte) []byte { binary.BigEndian.PutUint32(b, 1<<31); return b },
		"less than is told":  func(b []byte) []byte { return b[:len(b)-1] },
		"more than is told":  func(b []byte) []byte { return append(b, '!') },
		"a payload spoiled":  func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
		"a digest spoiled":   func(b []byte) []byte { b[digestAt] ^= 1; return b },
		"more than is taken": func(b []byte) []byte { return append(b, make([]byte, MaxPayload)...) },
	} {
		if _, err := Parse(spoil(slices.Clone(good))); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(Message{Type: Input, Payload: []byte("ls")}.Append(nil))
	f.Add([]byte{0, 0, 0, 116})
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Parse(data)
		if err != nil {
			return
		}
		again, err := Parse(m.Append(nil))
		if err != nil || !bytes.Equal(again.Payload, m.Payload) || again.Sequence != m.Sequence || again.ID != m.ID {
			t.Errorf("%+v is read as %+v: %v", m, again, err)
		}
	})
}
