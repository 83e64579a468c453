package awswire

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// jsonWriter appends JSON to out. It needs no state: a comma goes before whatever does not
// follow an opening brace or bracket.
type jsonWriter struct{ out []byte }

func (w *jsonWriter) comma() {
	if last := w.out[len(w.out)-1]; last != '{' && last != '[' {
		w.out = append(w.out, ',')
	}
}

func (w *jsonWriter) member(m *member) {
	w.comma()
	w.out = append(w.out, m.jsonKey...)
}

func (w *jsonWriter) entry(key string) {
	w.comma()
	w.text(key)
	w.out = append(w.out, ':')
}

func (w *jsonWriter) open()             { w.out = append(w.out, '{') }
func (w *jsonWriter) close()            { w.out = append(w.out, '}') }
func (w *jsonWriter) memberEnd(*member) {}
func (w *jsonWriter) openList()         { w.out = append(w.out, '[') }
func (w *jsonWriter) item()             { w.comma() }
func (w *jsonWriter) itemEnd()          {}
func (w *jsonWriter) closeList()        { w.out = append(w.out, ']') }
func (w *jsonWriter) openMap()          { w.out = append(w.out, '{') }
func (w *jsonWriter) entryEnd()         {}
func (w *jsonWriter) closeMap()         { w.out = append(w.out, '}') }

func (w *jsonWriter) boolean(b bool)             { w.out = strconv.AppendBool(w.out, b) }
func (w *jsonWriter) integer(n int64)            { w.out = strconv.AppendInt(w.out, n, 10) }
func (w *jsonWriter) document(d json.RawMessage) { w.out = append(w.out, d...) }

func (w *jsonWriter) float(f float64, bits int) {
	switch {
	case math.IsNaN(f):
		w.out = append(w.out, `"NaN"`...)
	case math.IsInf(f, 1):
		w.out = append(w.out, `"Infinity"`...)
	case math.IsInf(f, -1):
		w.out = append(w.out, `"-Infinity"`...)
	default:
		w.out = strconv.AppendFloat(w.out, f, 'g', -1, bits)
	}
}

func (w *jsonWriter) instant(t time.Time, f timeFormat) {
	if f = f.or(epochTime); f == epochTime {
		w.out = appendTime(w.out, t, f)
		return
	}
	w.out = append(appendTime(append(w.out, '"'), t, f), '"')
}

func (w *jsonWriter) blob(b []byte) {
	w.out = append(base64.StdEncoding.AppendEncode(append(w.out, '"'), b), '"')
}

// AppendText appends a text as JSON has it: quoted, with escapes only where there must be some.
func AppendText(b []byte, s string) []byte {
	w := jsonWriter{b}
	w.text(s)
	return w.out
}

// plainASCII are the bytes that stand for themselves in a string.
var plainASCII = func() (plain [256]bool) {
	for c := byte(' '); c < utf8.RuneSelf; c++ {
		plain[c] = c != '"' && c != '\\'
	}
	return plain
}()

// text writes a quoted string. What is not UTF-8 becomes U+FFFD, since JSON cannot carry it.
func (w *jsonWriter) text(s string) {
	b := append(w.out, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case plainASCII[c]:
			i++
		case c < utf8.RuneSelf:
			b = appendEscape(append(b, s[start:i]...), c)
			i++
			start = i
		default:
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				b = append(append(b, s[start:i]...), "\uFFFD"...)
				start = i + 1
			}
			i += n
		}
	}
	w.out = append(append(b, s[start:]...), '"')
}

func appendEscape(b []byte, c byte) []byte {
	const hex = "0123456789abcdef"
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\n':
		return append(b, '\\', 'n')
	case '\r':
		return append(b, '\\', 'r')
	case '\t':
		return append(b, '\\', 't')
	}
	return append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
}
