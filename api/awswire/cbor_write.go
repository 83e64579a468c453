package awswire

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"strings"
	"time"
)

// cborWriter appends CBOR to out, with structures, lists and maps of indefinite length,
// so that no member need be counted before it is written.
type cborWriter struct{ out []byte }

func (w *cborWriter) head(major byte, n uint64) {
	first := major << 5
	switch {
	case n < 24:
		w.out = append(w.out, first|byte(n))
	case n <= math.MaxUint8:
		w.out = append(w.out, first|24, byte(n))
	case n <= math.MaxUint16:
		w.out = binary.BigEndian.AppendUint16(append(w.out, first|25), uint16(n))
	case n <= math.MaxUint32:
		w.out = binary.BigEndian.AppendUint32(append(w.out, first|26), uint32(n))
	default:
		w.out = binary.BigEndian.AppendUint64(append(w.out, first|27), n)
	}
}

func (w *cborWriter) begin(major byte) { w.out = append(w.out, major<<5|cborIndefinite) }
func (w *cborWriter) end()             { w.out = append(w.out, cborBreak) }

func (w *cborWriter) open()             { w.begin(cborMap) }
func (w *cborWriter) close()            { w.end() }
func (w *cborWriter) member(m *member)  { w.text(m.name) }
func (w *cborWriter) memberEnd(*member) {}
func (w *cborWriter) openList()         { w.begin(cborArray) }
func (w *cborWriter) item()             {}
func (w *cborWriter) itemEnd()          {}
func (w *cborWriter) closeList()        { w.end() }
func (w *cborWriter) openMap()          { w.begin(cborMap) }
func (w *cborWriter) entry(key string)  { w.text(key) }
func (w *cborWriter) entryEnd()         {}
func (w *cborWriter) closeMap()         { w.end() }

func (w *cborWriter) text(s string) {
	s = strings.ToValidUTF8(s, "\uFFFD")
	w.head(cborText, uint64(len(s)))
	w.out = append(w.out, s...)
}

func (w *cborWriter) blob(b []byte) {
	w.head(cborBytes, uint64(len(b)))
	w.out = append(w.out, b...)
}

func (w *cborWriter) boolean(b bool) {
	info := byte(cborFalse)
	if b {
		info = cborTrue
	}
	w.out = append(w.out, cborSimple<<5|info)
}

func (w *cborWriter) integer(n int64) {
	if n < 0 {
		w.head(cborNegative, uint64(-1-n))
		return
	}
	w.head(cborUint, uint64(n))
}

func (w *cborWriter) float(f float64, bits int) {
	if bits == 32 {
		w.out = binary.BigEndian.AppendUint32(append(w.out, cborSimple<<5|cborFloat32), math.Float32bits(float32(f)))
		return
	}
	w.out = binary.BigEndian.AppendUint64(append(w.out, cborSimple<<5|cborFloat64), math.Float64bits(f))
}

func (w *cborWriter) instant(t time.Time, _ timeFormat) {
	w.head(cborTag, 1)
	w.float(float64(t.UnixMilli())/1000, 64)
}

// document is in no model of a CBOR service; as text it is at least not lost.
func (w *cborWriter) document(d json.RawMessage) { w.text(string(d)) }
