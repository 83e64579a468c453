package awswire

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"math"
	"strconv"
	"time"
)

// xmlWriter appends awsQuery's XML to out: lists as <member>, maps as <entry><key/><value/></entry>.
type xmlWriter struct{ out []byte }

func (w *xmlWriter) tag(name string)    { w.out = append(append(append(w.out, '<'), name...), '>') }
func (w *xmlWriter) endTag(name string) { w.out = append(append(append(w.out, "</"...), name...), '>') }

// element writes <name>text</name>.
func (w *xmlWriter) element(name, text string) {
	w.tag(name)
	w.text(text)
	w.endTag(name)
}

func (w *xmlWriter) open()               {}
func (w *xmlWriter) close()              {}
func (w *xmlWriter) member(m *member)    { w.tag(m.name) }
func (w *xmlWriter) memberEnd(m *member) { w.endTag(m.name) }
func (w *xmlWriter) openList()           {}
func (w *xmlWriter) item()               { w.tag("member") }
func (w *xmlWriter) itemEnd()            { w.endTag("member") }
func (w *xmlWriter) closeList()          {}
func (w *xmlWriter) openMap()            {}
func (w *xmlWriter) closeMap()           {}

func (w *xmlWriter) entry(key string) {
	w.tag("entry")
	w.element("key", key)
	w.tag("value")
}

func (w *xmlWriter) entryEnd() {
	w.endTag("value")
	w.endTag("entry")
}

// text escapes what XML reserves; what it cannot carry becomes U+FFFD.
func (w *xmlWriter) text(s string) {
	b := bytes.NewBuffer(w.out)
	xml.EscapeText(b, []byte(s)) // a buffer takes everything
	w.out = b.Bytes()
}

func (w *xmlWriter) boolean(b bool)  { w.out = strconv.AppendBool(w.out, b) }
func (w *xmlWriter) integer(n int64) { w.out = strconv.AppendInt(w.out, n, 10) }
func (w *xmlWriter) blob(b []byte)   { w.out = base64.StdEncoding.AppendEncode(w.out, b) }

func (w *xmlWriter) float(f float64, bits int) {
	switch {
	case math.IsInf(f, 1):
		w.out = append(w.out, "Infinity"...)
	case math.IsInf(f, -1):
		w.out = append(w.out, "-Infinity"...)
	default:
		w.out = strconv.AppendFloat(w.out, f, 'g', -1, bits)
	}
}

func (w *xmlWriter) instant(t time.Time, f timeFormat) { w.out = appendTime(w.out, t, f.or(isoTime)) }

// document is in no model of an awsQuery service; as text it is at least not lost.
func (w *xmlWriter) document(d json.RawMessage) { w.text(string(d)) }
