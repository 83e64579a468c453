package awswire

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"time"
)

// writer puts values into the form of one protocol.
type writer interface {
	open() // a structure
	member(*member)
	memberEnd(*member)
	close()
	openList()
	item()
	itemEnd()
	closeList()
	openMap()
	entry(key string)
	entryEnd()
	closeMap()
	text(string)
	boolean(bool)
	integer(int64)
	float(f float64, bits int)
	instant(time.Time, timeFormat)
	blob([]byte)
	document(json.RawMessage)
}

// encode writes v with all its members: only restJson1 sends some elsewhere than in the body.
func encode(w writer, s *shape, v reflect.Value) {
	switch s.kind {
	case kindString:
		w.text(v.String())
	case kindBool:
		w.boolean(v.Bool())
	case kindInt:
		w.integer(v.Int())
	case kindFloat:
		w.float(v.Float(), s.typ.Bits())
	case kindTime:
		w.instant(v.Interface().(time.Time), s.time)
	case kindBlob:
		w.blob(v.Bytes())
	case kindDocument:
		w.document(v.Bytes())
	case kindList:
		encodeList(w, s, v)
	case kindMap:
		encodeMap(w, s, v)
	case kindStruct:
		w.open()
		encodeMembers(w, s, v)
		w.close()
	}
}

func encodeMembers(w writer, s *shape, v reflect.Value) {
	for i := range s.members {
		m := &s.members[i]
		if value, ok := m.value(v); ok {
			w.member(m)
			encode(w, m.shape, value)
			w.memberEnd(m)
		}
	}
}

func encodeList(w writer, s *shape, v reflect.Value) {
	w.openList()
	for i := range v.Len() {
		w.item()
		encode(w, s.elem, v.Index(i))
		w.itemEnd()
	}
	w.closeList()
}

func encodeMap(w writer, s *shape, v reflect.Value) {
	w.openMap()
	for _, key := range sortedKeys(v) {
		w.entry(key.String())
		encode(w, s.elem, v.MapIndex(key))
		w.entryEnd()
	}
	w.closeMap()
}

// sortedKeys makes the same map look the same in every answer.
func sortedKeys(v reflect.Value) []reflect.Value {
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	return keys
}
