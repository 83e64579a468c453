package pack_test

import (
	"encoding/binary"
	"testing"

	"pgregory.net/rapid"

	"slipway/internal/pack"
)

func TestWhatIsWrittenIsReadAndNothingElse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, u, b, s := rapid.Int64().Draw(t, "n"), rapid.Uint64().Draw(t, "u"), rapid.Byte().Draw(t, "b"), rapid.String().Draw(t, "s")
		all := pack.AppendText(append(binary.AppendUvarint(binary.AppendVarint(nil, n), u), b), s)
		r := pack.Reader{Rest: string(all)}
		if r.Varint() != n || r.Uvarint() != u || r.Byte() != b || r.Text() != s || r.Bad || r.Rest != "" {
			t.Fatalf("read something else, and left %q", r.Rest)
		}
		cut := rapid.IntRange(0, len(all)-1).Draw(t, "cut")
		r = pack.Reader{Rest: string(all[:cut])}
		r.Varint()
		r.Uvarint()
		r.Byte()
		if r.Text(); !r.Bad {
			t.Fatalf("read all of it from %d bytes of %d", cut, len(all))
		}
	})
}
